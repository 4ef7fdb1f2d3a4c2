# Reports the start of each block of code that a processor translates: the address, in hexadecimal
# digits, a line each, in the file of the image that runs.
#
# Renode calls a function of the processor before it looks for a block that it does not have at
# hand, and passes the start; that is meant for its log, which would be flooded with the same blocks.
# The function is private, so a Renode that has none like it is refused. Block chaining stays on.

import clr
from System.IO import FileAccess, FileMode, FileShare, FileStream, StreamWriter
from System.Reflection import BindingFlags
from Antmicro.Renode.Logging import Logger, LogLevel


class BlockStarts(object):
    def __init__(self, cpu, output):
        self.cpu = cpu
        self.output = output
        self.seen = set()

    # Called on the thread that executes the guest, which must not see an exception.
    def fetched(self, address):
        if address in self.seen:
            return
        self.seen.add(address)
        try:
            self.output.WriteLine("%x" % address)
        except Exception as error:
            Logger.LogAs(self.cpu, LogLevel.Error, "coverage: %s" % error)


def callback_of(cpu):
    kind = clr.GetClrType(type(cpu))
    while kind is not None:
        field = kind.GetField("onTranslationBlockFetch", BindingFlags.NonPublic | BindingFlags.Instance)
        if field is not None:
            return field
        kind = kind.BaseType
    raise Exception("this Renode does not report which code runs: its %s has no onTranslationBlockFetch"
                    % type(cpu).__name__)


outputs = {}


# Begins with the image that the selected machine loads next.
def mc_coverage_begin(path):
    machine = monitor.Machine
    stream = StreamWriter(FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
    stream.AutoFlush = True
    # Several processors write on threads of their own.
    output = StreamWriter.Synchronized(stream)
    for cpu in machine.SystemBus.GetCPUs():
        field = callback_of(cpu)
        field.SetValue(cpu, clr.GetPythonType(field.FieldType)(BlockStarts(cpu, output).fetched))
        # Blocks of an earlier image that are the same in this one are looked for again.
        cpu.ClearTranslationCache()
        cpu.LogTranslationBlockFetch = True
    earlier = outputs.pop(machine, None)
    outputs[machine] = output
    if earlier is not None:
        earlier.Dispose()

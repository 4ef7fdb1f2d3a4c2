# The line to a UART: it carries bytes to the guest, one after the other, each in its time.
#
# Everything runs under the lock of the machine's clock, which the clock itself holds when it
# calls `carry`. In virtual time a guest that is stopped at its limit holds this lock, so bytes
# are passed on while the emulation is paused only.

import System
from System import Action, Byte
from System.Collections.Generic import Queue
from Antmicro.Renode.Time import ClockEntry, TimeInterval, WorkMode

NANOSECONDS_PER_TICK = 1000000000 // int(TimeInterval.TicksPerSecond)


class Lock(object):
    def __init__(self):
        self.held = System.Object()

    def __enter__(self):
        System.Threading.Monitor.Enter(self.held)

    def __exit__(self, *failure):
        System.Threading.Monitor.Exit(self.held)


# Rounds up to ticks; at least one, because an entry of 0 ticks would never fire.
def ticks(nanoseconds):
    return max(1, -(-nanoseconds // NANOSECONDS_PER_TICK))


class Line(object):
    # A byte takes `byte_time` nanoseconds. `telling` makes a function report its failure.
    def __init__(self, machine, uart, byte_time, telling):
        self.machine = machine
        self.uart = uart
        self.byte_time = byte_time
        self.waiting = Queue[Byte]()
        self.busy = False
        self.next = Action(telling(self.carry))
        # Some models have a buffer that can be full; a terminal of Renode does not overfill it either.
        self.has_buffer = hasattr(uart, "BufferState")

    def locked(self, act):
        self.machine.ClockSource.ExecuteInLock(Action(act))

    # Sends bytes, given as hexadecimal digits.
    def send(self, digits):
        data = [Byte(int(digits[at:at + 2], 16)) for at in range(0, len(digits), 2)]

        def add():
            for byte in data:
                self.waiting.Enqueue(byte)
            self.start()
        self.locked(add)

    def clear(self):
        self.locked(self.drop)

    # Called by the clock when the next byte is due.
    def carry(self):
        if self.has_buffer and str(self.uart.BufferState) == "Full":
            return
        self.uart.WriteChar(self.waiting.Dequeue())
        if self.waiting.Count == 0:
            self.stop()

    def start(self):
        if not self.busy and self.waiting.Count > 0:
            entry = ClockEntry(ticks(self.byte_time), TimeInterval.TicksPerSecond, self.next, self.machine,
                               "virtual-target-line", workMode=WorkMode.Periodic)
            self.machine.ClockSource.AddClockEntry(entry)
            self.busy = True

    def stop(self):
        if self.busy:
            self.machine.ClockSource.TryRemoveClockEntry(self.next)
            self.busy = False

    def drop(self):
        self.waiting.Clear()
        self.stop()

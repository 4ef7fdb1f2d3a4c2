# The output of the guest: it is reported line by line, with the time at which each line began.

import clr
from System import Action, AppDomain, Array, BitConverter, Boolean, Byte, Int32, UInt64
from System.Collections.Generic import List
from Antmicro.Renode.Peripherals.CPU import ICPU

# The limits for what waits in here while the emulation runs on: bytes, and the guest's time.
MAX_BYTES = 512
MAX_TICKS = UInt64(1000000 // NANOSECONDS_PER_TICK)
# The limit for a line whose text is known.
MAX_LINE = 4096

NANOSECONDS = UInt64(NANOSECONDS_PER_TICK)


def nanoseconds(ticks):
    return int(ticks) * NANOSECONDS_PER_TICK


# Returns a class of .NET by its name, if its assembly is loaded.
def loaded(name):
    for assembly in AppDomain.CurrentDomain.GetAssemblies():
        found = assembly.GetType(name)
        if found is not None:
            return clr.GetPythonType(found)


# IronPython itself is made of these.
Expression = loaded("System.Linq.Expressions.Expression")


class Uart(object):
    def __init__(self, lockstep, machine, uart, byte_time, number):
        self.lockstep = lockstep
        self.machine = machine
        self.source = machine.LocalTimeSource
        self.number = number
        # The processor that has sent the last byte, as a rule the only one.
        self.cpu = Array[ICPU]([None])
        self.stops = Stops.of("-")
        self.kinds = Array[Byte](KINDS)
        # The bytes that have not been reported, the time of the first, and the time from which on
        # they take no more.
        self.pending = List[Byte]()
        self.since = Array[UInt64]([0])
        self.full_at = Array[UInt64]([0])
        # What has been reported of the line that the guest prints, as hexadecimal digits; None
        # if its text is not known.
        self.text = ""
        self.line = Line(machine, uart, byte_time, lockstep.telling)
        self.set_stops(self.stops)
        uart.CharReceived += receiver(self)

    # Stops the guest at `stops` from now on.
    def set_stops(self, stops):
        self.stops = stops
        stops.kinds.CopyTo(self.kinds, 0)

    # Makes the time exact.
    def sync(self):
        cpu = self.cpu[0]
        known = cpu is not None and cpu.OnPossessedThread
        if not known:
            known, cpu = self.machine.SystemBus.TryGetCurrentCPU()
            if known:
                self.cpu[0] = cpu
        if known:
            cpu.SyncTime()

    # The exact time, in nanoseconds.
    def now(self):
        self.sync()
        return nanoseconds(self.source.ElapsedVirtualTime.Ticks)

    # Takes a byte that the guest sends, on the guest's thread; the time is exact.
    def sent(self, byte):
        pending, lockstep = self.pending, self.lockstep
        now = self.source.ElapsedVirtualTime.Ticks
        if pending.Count == 0 or pending.Count >= MAX_BYTES or now >= self.full_at[0]:
            lockstep.begin(self)
            self.since[0] = now
            self.full_at[0] = now + MAX_TICKS
        pending.Add(byte)
        kind = self.kinds[byte]
        if kind & CONTROL:
            self.text = None
        if kind & STOP and self.stops.include(byte, self.line_so_far()):
            lockstep.stop_at("stopped_at", self.machine, nanoseconds(now))
        elif kind & LINE_FEED:
            lockstep.flush()

    def line_so_far(self):
        return None if self.text is None else self.text + self.digits()

    def digits(self):
        return BitConverter.ToString(self.pending.ToArray()).Replace("-", "").lower()

    # Takes the pending bytes, as a report that may precede another one.
    def take(self):
        digits = self.digits()
        if digits.endswith("0a"):
            self.text = ""
        elif self.text is not None:
            self.text = self.text + digits if len(self.text) <= 2 * MAX_LINE else None
        self.pending.Clear()
        since = (self.since[0] * NANOSECONDS).ToString()
        return "out " + str(self.number) + " " + since + " " + digits + "\n"


# Returns the handler of the bytes that the guest sends over `uart`.
#
# Nearly all bytes are ordinary ones in the middle of a line. IronPython would need several times
# as long as the guest for each of them, so this function is made of .NET's expressions:
#
#     sending = True
#     if cpu runs this: cpu.SyncTime()
#     else: uart.sync()
#     sending = False
#     if no byte is pending and the last report was one of this UART's:
#         since = now; full_at = now + MAX_TICKS
#     if kinds[byte] is ORDINARY and now < full_at and less than MAX_BYTES are pending:
#         pending.Add(byte)
#     else: uart.sent(byte)
def receiver(uart):
    tell = uart.lockstep.telling

    def take(byte):
        uart.lockstep.sending[0] = True
        uart.sync()
        uart.lockstep.sending[0] = False
        uart.sent(byte)
    if Expression is None:
        return Action[Byte](tell(take))

    def value(array, index=Expression.Constant(0)):
        return Expression.ArrayAccess(Expression.Constant(array), index)

    def all_of(first, *others):
        for other in others:
            first = Expression.AndAlso(first, other)
        return first

    def call(function, *arguments):
        return Expression.Invoke(Expression.Constant(function), *arguments)
    constant, assign, equal = Expression.Constant, Expression.Assign, Expression.Equal
    byte, pending = Expression.Parameter(Byte, "byte"), constant(uart.pending)
    cpu, sending, since, full_at = [value(array) for array in (
        uart.cpu, uart.lockstep.sending, uart.since, uart.full_at)]
    kind = value(uart.kinds, Expression.Convert(byte, Int32))
    now = Expression.Property(Expression.Property(constant(uart.source), "ElapsedVirtualTime"), "Ticks")
    count = Expression.Property(pending, "Count")
    sync = Expression.IfThenElse(
        all_of(Expression.NotEqual(cpu, constant(None)), Expression.Property(cpu, "OnPossessedThread")),
        Expression.Call(cpu, "SyncTime", None),
        call(Action(tell(uart.sync))))
    begin = Expression.IfThen(
        all_of(equal(count, constant(0)), equal(value(uart.lockstep.pending_of), constant(uart.number))),
        Expression.Block(assign(since, now), assign(full_at, Expression.Add(now, constant(MAX_TICKS)))))
    add = Expression.IfThenElse(
        all_of(equal(kind, constant(Byte(ORDINARY))), Expression.LessThan(now, full_at),
               Expression.LessThan(count, constant(MAX_BYTES))),
        Expression.Call(pending, "Add", None, byte),
        call(Action[Byte](tell(uart.sent)), byte))
    steps = [assign(sending, constant(True)), sync, assign(sending, constant(False)), begin, add]
    return Expression.Lambda[Action[Byte]](Expression.Block(*steps), byte).Compile()

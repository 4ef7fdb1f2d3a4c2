# Noticing that a Cortex-M has locked up, and logging that, as Renode logs a processor that halts.
#
# Renode has no lock-up: a fault that the processor cannot take stays pending, and the same
# instruction is tried again without end, while hardly any of the guest's time passes (how much
# depends on Renode's runtime). A processor that can take a fault does so before its next
# instruction. So one whose fault stays pending, at the same place, has locked up.
#
# Nothing reports this, so a timer looks. Renode's model of the interrupt controller keeps the
# pending exceptions private; a Renode that keeps them differently is not looked at.

from System.Reflection import BindingFlags
from System.Threading import Timer, TimerCallback
from Antmicro.Renode.Logging import Logger, LogLevel

# The exceptions that the instruction that causes them cannot pass.
FAULTS = ((3, "HardFault"), (4, "MemManage fault"), (5, "BusFault"), (6, "UsageFault"),
          (7, "SecureFault"), (12, "breakpoint"))
# The time between two looks, in milliseconds, and the number of looks that must agree: one may
# see a fault in the moment before it is taken.
PAUSE = 100
LOOKS = 3


class LockUps(object):
    def __init__(self, emulation, telling):
        self.emulation = emulation
        self.lock = Lock()
        # The pending exceptions of each processor, None if it has none that are known.
        self.pending = {}
        # For each processor that may have locked up: its fault and place, and the number of
        # looks that have seen them.
        self.seen = {}
        self.timer = Timer(TimerCallback(telling(self.look)))
        self.looking = False

    # Looks at a running guest from now on.
    def start(self):
        with self.lock:
            if not self.looking:
                self.looking = True
                self.timer.Change(PAUSE, -1)

    # Lets go of the emulation.
    def end(self):
        with self.lock:
            self.looking = False
            self.timer.Dispose()

    def look(self, _):
        with self.lock:
            if not self.looking:
                return
            if self.emulation.IsStarted:
                for machine in self.emulation.Machines:
                    for cpu in machine.SystemBus.GetCPUs():
                        self.look_at(cpu)
            self.timer.Change(PAUSE, -1)

    def look_at(self, cpu):
        found = self.fault(cpu)
        if found is None:
            self.seen.pop(cpu, None)
            return
        known, looks = self.seen.get(cpu, (found, 0))
        looks = looks + 1 if known == found else 1
        self.seen[cpu] = found, looks
        if looks == LOOKS:
            self.report(cpu, found)

    # Looks at a processor that is stopped, which has taken each fault that it can take.
    def look_at_stopped(self, cpu):
        with self.lock:
            found = self.fault(cpu)
            if found is not None and self.seen.get(cpu, (None, 0))[1] < LOOKS:
                self.seen[cpu] = found, LOOKS
                self.report(cpu, found)

    # Returns the fault that is pending and its place, or None.
    def fault(self, cpu):
        if cpu not in self.pending:
            nvic = private_field(cpu, "nvic")
            pending = None if nvic is None else private_field(nvic, "pendingIRQs")
            self.pending[cpu] = pending if hasattr(pending, "Contains") else None
        pending = self.pending[cpu]
        if pending is None:
            return None
        for number, name in FAULTS:
            if pending.Contains(number):
                return name, cpu.PC.RawValue
        return None

    def report(self, cpu, found):
        Logger.LogAs(cpu, LogLevel.Error, "locked up at PC=0x%08x: a %s that it cannot take, because it "
                     "handles one of no lower priority, or masks it" % (found[1], found[0]))

    # Forgets all lock-ups: a reset has ended them.
    def forget(self):
        with self.lock:
            self.seen.clear()


def private_field(owner, name):
    kind = owner.GetType()
    while kind is not None:
        field = kind.GetField(name, BindingFlags.NonPublic | BindingFlags.Instance)
        if field is not None:
            return field.GetValue(owner)
        kind = kind.BaseType
    return None

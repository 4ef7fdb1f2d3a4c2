# Runs the emulation step by step, for a test that receives every byte.
#
# One FIFO carries orders, another one reports, line by line:
#
#   run NS STOPS...        runs the emulation for at most NS nanoseconds; - is no limit.
#                          STOPS are a byte map for each UART: 64 hexadecimal digits, the highest
#                          byte first, or - for none.
#   resume [NS STOPS...]   resumes behind the byte that the guest has stopped at; a new limit is
#                          no sooner than the one before
#   stop                   pauses the emulation
#   rx UART BYTES          passes bytes to the guest, at the pace of its line, as time passes
#   clear UART             drops the bytes that have not been passed to the guest
#   sync                   reports all pending bytes, and the time
#
#   out UART NS BYTES      the guest has sent these, the first of them at that time
#   stopped_at NS          the last byte is one to stop at: the guest waits for `resume` or `stop`
#   paused NS              the emulation has paused
#   synced NS              the answer to `sync`
#   error: TEXT            something that should not happen
#
# The thread that executes the guest handles a byte at the exact time at which it is sent; a
# thread of its own reads the orders.

from System.Threading import AutoResetEvent, ManualResetEvent, Thread, ThreadStart
from Antmicro.Renode.Core import EmulationManager

# The limits for output that is not reported yet while the emulation runs: the number of bytes,
# and the guest's time in nanoseconds.
MOST_BYTES = 512
LONGEST = 1000000


class Uart(object):
    def __init__(self, lockstep, machine, uart, byte_time, number):
        self.lockstep = lockstep
        self.machine = machine
        self.number = number
        self.stops = 0
        self.line = Line(machine, uart, byte_time, lockstep.telling)
        uart.CharReceived += lockstep.telling(self.sent)

    def now(self):
        known, cpu = self.machine.SystemBus.TryGetCurrentCPU()
        if known:
            cpu.SyncTime()
        return int(self.machine.ElapsedVirtualTime.TimeElapsed.Ticks) * NANOSECONDS_PER_TICK

    # Called when the guest has sent a byte.
    def sent(self, byte):
        self.lockstep.sent(self, byte)


class Lockstep(Fifos):
    def __init__(self, directory):
        Fifos.__init__(self, directory)
        self.emulation = EmulationManager.Instance.CurrentEmulation
        # Only the log reports a processor that halts; it must do so before time continues.
        self.emulation.CurrentLogger.SynchronousLogging = True
        self.uarts = []
        self.lock = Lock()
        # The bytes that have not been reported yet, their UART, and the time of the first.
        self.pending = []
        self.pending_of = None
        self.pending_since = 0
        # Set while the guest has stopped at a byte and waits.
        self.waiting = False
        # Set if the emulation is to pause, or is paused.
        self.stopping = True
        self.resumed = AutoResetEvent(False)
        self.started = ManualResetEvent(False)
        self.has_started = AutoResetEvent(False)
        self.deadline = Action(self.telling(self.deadline_passed))
        self.armed = False
        # The time at which the emulation is to pause; None is never.
        self.until = None
        self.stopped_at = 0
        self.step_ended = Action(self.telling(self.pause_all))
        self.emulation.IsStartedChanged += self.telling(self.started_changed)
        self.start_reading()

    # Reports `line` at once, after all pending bytes.
    def say(self, line):
        self.write(self.unsaid() + line + "\n")

    # Takes the pending bytes, as a report that may precede another one.
    def unsaid(self):
        pending, self.pending = self.pending, []
        if not pending:
            return ""
        return "out %d %d %s\n" % (self.pending_of, self.pending_since, "".join(pending))

    def flush(self):
        self.write(self.unsaid())

    # Runs on the guest's thread.
    def sent(self, uart, byte):
        now = uart.now()
        if self.pending and (self.pending_of != uart.number or now - self.pending_since >= LONGEST
                             or len(self.pending) >= MOST_BYTES):
            self.flush()
        if not self.pending:
            self.pending_of = uart.number
            self.pending_since = now
        self.pending.append("%02x" % byte)
        if uart.stops >> byte & 1:
            self.stop_at(uart.machine, now)
        elif byte == 10:
            self.flush()

    # The harness may read the byte and order `stop` before `stopped_at` is written: that order
    # counts.
    def stop_at(self, machine, now):
        with self.lock:
            if self.stopping:
                return
            self.waiting = True
        self.stopped_at = now
        self.say("stopped_at %d" % now)
        self.resumed.WaitOne()
        # The lock makes `stop` see the guest either waiting or running.
        with self.lock:
            self.waiting = False
            stop = self.stopping
        if stop:
            self.pause_at(machine)

    # Pauses on the guest's thread, at the current instruction.
    #
    # Renode's `PauseAndRequestEmulationPause` does the same, but stops the other machines
    # wherever they are by then; here they finish their step.
    def pause_at(self, machine):
        self.started.WaitOne()
        machine.TryRestartTranslationBlockOnCurrentCpu(True)
        self.emulation.MasterTimeSource.SinksReportedHook += self.step_ended
        machine.Pause()

    def pause_all(self):
        self.emulation.MasterTimeSource.SinksReportedHook -= self.step_ended
        self.emulation.PauseAll()

    # Runs on the guest's thread. The limit may have been raised in the meantime.
    def deadline_passed(self):
        self.disarm()
        if self.until is None:
            return
        left = self.until - self.uarts[0].now()
        if left > 0:
            self.arm(left)
            return
        # If the emulation is being paused already, that pause waits for this thread.
        with self.lock:
            if self.stopping:
                return
            self.stopping = True
        self.pause_at(self.uarts[0].machine)

    def arm(self, nanoseconds):
        machine = self.uarts[0].machine
        entry = ClockEntry(ticks(nanoseconds), TimeInterval.TicksPerSecond, self.deadline, machine,
                           "virtual-target-deadline", workMode=WorkMode.OneShot)
        machine.ClockSource.AddClockEntry(entry)
        self.armed = True

    def disarm(self):
        if self.armed:
            self.uarts[0].machine.ClockSource.TryRemoveClockEntry(self.deadline)
            self.armed = False

    def aim(self, now, limit, stops):
        self.until = None if limit == "-" else now + int(limit)
        for uart, stop in zip(self.uarts, stops):
            uart.stops = 0 if stop == "-" else int(stop, 16)

    def started_changed(self, emulation, is_started):
        if is_started:
            self.started.Set()
            self.has_started.Set()
            return
        self.started.Reset()
        self.stopping = True
        # The user's own commands may let the emulation run beyond the limit.
        self.until = None
        self.say("paused %d" % self.uarts[0].now())

    # Runs on the thread that reads the orders.
    def orders_ended(self):
        self.order(["stop"])

    def order(self, words):
        order = words[0]
        if order == "run":
            self.run(words[1], words[2:])
        elif order == "resume":
            if len(words) > 1:
                self.aim(self.stopped_at, words[1], words[2:])
            self.resumed.Set()
        elif order == "stop":
            self.stop()
        elif order == "rx":
            self.uarts[int(words[1])].line.send(words[2])
        elif order == "sync":
            self.say("synced %d" % self.uarts[0].now())
        elif order == "clear":
            self.uarts[int(words[1])].line.clear()

    def run(self, limit, stops):
        self.aim(self.uarts[0].now(), limit, stops)
        self.disarm()
        if limit != "-":
            self.arm(int(limit))
        if self.emulation.IsStarted:
            raise Exception("something else has started the emulation; with `clock: virtual` "
                            "leave `start` out of scripts and commands")
        self.stopping = False
        self.resumed.Reset()
        self.has_started.Reset()
        # `StartAll` sleeps for 100 ms after the start.
        starter = Thread(ThreadStart(self.emulation.StartAll))
        starter.IsBackground = True
        starter.Start()
        self.has_started.WaitOne()

    def stop(self):
        with self.lock:
            if self.stopping and not self.waiting:
                return
            self.stopping = True
            waiting = self.waiting
        if waiting:
            self.resumed.Set()
        else:
            self.emulation.PauseAll()


lockstep = None


def mc_lockstep_open(directory):
    global lockstep
    lockstep = Lockstep(directory)


def mc_lockstep_attach(path, byte_time):
    machine = monitor.Machine
    uart = machine[path]
    lockstep.uarts.append(Uart(lockstep, machine, uart, int(byte_time), len(lockstep.uarts)))

# Runs the emulation step by step, for a test that receives every byte.
#
# Orders arrive line by line over one FIFO, reports are sent over another:
#
#   run NS STOPS...        runs the emulation for at most NS nanoseconds; - is no limit.
#                          STOPS are a word for each UART, see `Stops`.
#   resume [NS STOPS...]   resumes a guest that is stopped, with a new limit from there
#   stop                   pauses the emulation
#   rx UART BYTES          passes bytes to the guest, at the pace of its line, as time passes
#   clear UART             drops the bytes that have not been passed to the guest
#   sync                   reports all pending bytes, and the time
#   end                    ends the work for this board
#
#   out UART NS BYTES      the guest has sent these, the first of them at that time
#   stopped_at NS          the guest is stopped at its last byte: it waits for `resume` or `stop`
#   limit_at NS            the guest is stopped at the limit: it waits for `resume` or `stop`
#   paused NS              the emulation has paused
#   synced NS              the answer to `sync`
#   ended                  the answer to `end`
#   error: TEXT            something that should not happen
#
# The thread that executes the guest handles a byte at the exact time at which it is sent; a
# thread of its own reads the orders.

from System.Threading import AutoResetEvent, ManualResetEvent, Thread, ThreadStart
from Antmicro.Renode.Core import EmulationManager


class Lockstep(Fifos):
    def __init__(self, directory):
        Fifos.__init__(self, directory)
        self.emulation = EmulationManager.Instance.CurrentEmulation
        # Only the log reports a processor that halts; it must do so before time continues.
        self.emulation.CurrentLogger.SynchronousLogging = True
        self.uarts = []
        self.lock_ups = LockUps(self.emulation, self.telling)
        self.lock = Lock()
        # The number of the UART whose bytes may not have been reported yet.
        self.pending_of = Array[Int32]([-1])
        # True while the time of a byte is determined, when the limit may turn out to have passed.
        self.sending = Array[Boolean]([False])
        # The guest is stopped and waits.
        self.waiting = False
        # Set if the emulation is to pause, or is paused.
        self.stopping = True
        self.resumed = AutoResetEvent(False)
        self.started = ManualResetEvent(False)
        self.has_started = AutoResetEvent(False)
        self.deadline = Action(self.telling(self.deadline_passed))
        self.armed = False
        self.armed_until = 0
        # When it is to stop; None is never.
        self.until = None
        self.stopped_at = 0
        self.step_ended = Action(self.telling(self.pause_all))
        self.on_started_changed = self.telling(self.started_changed)
        self.emulation.IsStartedChanged += self.on_started_changed
        self.start_reading()

    # Reports `line` at once, after all pending bytes.
    def say(self, line):
        self.write(self.unsaid() + line + "\n")

    # Takes the pending bytes, as a report that may precede another one.
    def unsaid(self):
        for uart in self.uarts:
            if uart.pending.Count > 0:
                return uart.take()
        return ""

    def flush(self):
        lines = self.unsaid()
        if lines:
            self.write(lines)

    # Reports the pending bytes, because those of `uart` follow.
    def begin(self, uart):
        self.flush()
        self.pending_of[0] = uart.number

    # On the guest's thread. Returns once the guest may go on.
    #
    # Whoever reads the byte may order `stop` before this is reported: that order counts.
    def stop_at(self, report, machine, now):
        with self.lock:
            if self.stopping:
                return
            self.waiting = True
        self.stopped_at = now
        self.say("%s %d" % (report, now))
        self.resumed.WaitOne()
        # The lock makes `stop` see the guest either waiting or running.
        with self.lock:
            self.waiting = False
            stop = self.stopping
        if stop:
            self.pause_at(machine)
        elif self.until is not None and (not self.armed or self.until < self.armed_until):
            self.disarm()
            self.arm(self.until - self.uarts[0].now())
            # The processor notices the nearer limit when it begins its next block.
            machine.TryRestartTranslationBlockOnCurrentCpu(True)

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

    # On the guest's thread, as a rule. The limit may have been raised in the meantime.
    def deadline_passed(self):
        self.disarm()
        if self.until is None:
            return
        machine = self.uarts[0].machine
        now = self.uarts[0].now()
        if self.until > now:
            self.arm(self.until - now)
            return
        runs, cpu = machine.SystemBus.TryGetCurrentCPU()
        # Hardly any time may have passed on the host.
        if runs:
            self.lock_ups.look_at_stopped(cpu)
        # Several machines pause, each at the end of its step, so that all have come to the limit.
        # Without a processor that runs, or in the middle of a byte, there is nothing to stop.
        if runs and not self.sending[0] and self.emulation.MachinesCount == 1:
            self.stop_at("limit_at", machine, now)
            return
        # If the emulation is being paused already, that pause waits for this thread.
        with self.lock:
            if self.stopping:
                return
            self.stopping = True
        self.pause_at(machine)

    def arm(self, delay):
        machine = self.uarts[0].machine
        entry = ClockEntry(ticks(delay), TimeInterval.TicksPerSecond, self.deadline, machine,
                           "virtual-target-deadline", workMode=WorkMode.OneShot)
        machine.ClockSource.AddClockEntry(entry)
        self.armed = True
        self.armed_until = self.until

    def disarm(self):
        if self.armed:
            self.uarts[0].machine.ClockSource.TryRemoveClockEntry(self.deadline)
            self.armed = False

    def aim(self, now, limit, stops):
        self.until = None if limit == "-" else now + int(limit)
        for uart, stop in zip(self.uarts, stops):
            uart.set_stops(Stops.of(stop))

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
        self.emulation.IsStartedChanged -= self.on_started_changed
        self.lock_ups.end()

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
        self.lock_ups.forget()
        self.lock_ups.start()
        self.stopping = False
        self.resumed.Reset()
        self.has_started.Reset()
        # `StartAll` sleeps for 100 ms after the start.
        starter = Thread(ThreadStart(self.telling(self.emulation.StartAll)))
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

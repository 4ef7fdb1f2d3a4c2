# Passes bytes to the UARTs of a guest that runs in real time.
#
# One FIFO carries orders, another one reports, line by line:
#
#   send UART BYTES     puts bytes on the line to the guest
#   tell UART           asks for `room`
#   clear UARTS...      drops the bytes that have not arrived at these UARTs
#   end                 ends the work for this board
#
#   room UART           no more than AHEAD bytes have yet to arrive at this UART
#   cleared             the answer to `clear`
#   ended               the answer to `end`
#   error: TEXT         something that should not happen
#
# A thread of its own reads the orders; bytes arrive on the thread that executes the guest.

from System.Threading import ManualResetEvent
from Antmicro.Renode.Core import EmulationManager


class Input(Line):
    def __init__(self, inputs, machine, uart, byte_time, number):
        Line.__init__(self, machine, uart, byte_time, inputs.telling)
        self.inputs = inputs
        self.number = number
        self.asked = False

    def carry(self):
        Line.carry(self)
        self.tell()

    def ask(self):
        self.asked = True
        self.tell()

    def tell(self):
        if self.asked and self.waiting.Count <= self.inputs.ahead:
            self.asked = False
            self.inputs.say("room %d" % self.number)

    def drop(self):
        Line.drop(self)
        self.asked = False


class Inputs(Fifos):
    def __init__(self, directory, ahead):
        Fifos.__init__(self, directory)
        self.ahead = ahead
        self.lines = []
        self.lock_ups = LockUps(EmulationManager.Instance.CurrentEmulation, self.telling)
        self.saying = Lock()

    def write(self, lines):
        with self.saying:
            Fifos.write(self, lines)

    def orders_ended(self):
        self.lock_ups.end()

    def order(self, words):
        order = words[0]
        if order == "clear":
            # A reset of their machine follows.
            self.lock_ups.forget()
            for uart in words[1:]:
                self.lines[int(uart)].clear()
            self.say("cleared")
            return
        line = self.lines[int(words[1])]
        if order == "send":
            line.send(words[2])
        elif order == "tell":
            line.locked(line.ask)


inputs = None


def mc_input_open(directory, ahead):
    global inputs
    inputs = Inputs(directory, int(ahead))


def mc_input_attach(path, byte_time):
    machine = monitor.Machine
    inputs.lines.append(Input(inputs, machine, machine[path], int(byte_time), len(inputs.lines)))


# Called once all UARTs are attached.
def mc_input_read():
    lengthen_steps()
    inputs.start_reading()
    if EmulationManager.Instance.CurrentEmulation.IsStarted:
        inputs.lock_ups.start()


# Starts the emulation without the 100 ms that `start` sleeps afterwards.
def mc_input_start():
    emulation = EmulationManager.Instance.CurrentEmulation
    inputs.lock_ups.start()
    started = ManualResetEvent(emulation.IsStarted)

    def started_changed(_, is_started):
        started.Set()
    emulation.IsStartedChanged += started_changed
    starter = Thread(ThreadStart(inputs.telling(emulation.StartAll)))
    starter.IsBackground = True
    starter.Start()
    # A command that follows may pause it.
    started.WaitOne()
    emulation.IsStartedChanged -= started_changed


# Renode's time passes in steps, at whose ends its processors wait for each other. At the default
# of 100 us an idle board keeps most of a host's core busy, and a line that is busy too is late.
# A single processor waits for no other; steps that the user has set are kept.
def lengthen_steps():
    emulation = EmulationManager.Instance.CurrentEmulation
    processors = [cpu for machine in emulation.Machines for cpu in machine.SystemBus.GetCPUs()]
    if len(processors) == 1 and emulation.MasterTimeSource.Quantum == TimeInterval.FromMicroseconds(100):
        monitor.Parse('emulation SetGlobalQuantum "0.001"')

# Reports what a board does apart from its UARTs, on the reports of the script that runs it:
#
#   event MACHINE PATH on|off NS       an LED has changed
#   event MACHINE PATH PIN high|low NS a pin of a GPIO port has changed
#   event MACHINE PATH reached NS      a processor is at the instruction, or has done the write, that it was to run to
#
# They happen on the thread that executes the guest. With a virtual clock the guest is stopped there,
# as at a byte that somebody waits for; else a processor that has reached its place pauses its machine.

from System import Array, Byte, UInt64
from Antmicro.Renode.Core import IGPIOReceiver, INumberedGPIOOutput
from Antmicro.Renode.Peripherals.Bus import Access, BusHookDelegate, SysbusAccessWidth
from Antmicro.Renode.Peripherals.CPU import CpuAddressHook

WIDTHS = {SysbusAccessWidth.Byte: 1, SysbusAccessWidth.Word: 2, SysbusAccessWidth.DoubleWord: 4,
          SysbusAccessWidth.QuadWord: 8}


class Watch(object):
    def __init__(self, is_virtual):
        self.is_virtual = is_virtual
        self.script = lockstep if is_virtual else inputs
        self.watched = set()
        self.unhook = None

    def tell(self, machine, text, pause):
        if not self.is_virtual:
            now = int(machine.LocalTimeSource.ElapsedVirtualTime.Ticks) * NANOSECONDS_PER_TICK
            if pause:
                self.pause_at(machine)
            self.script.say("event %s %d" % (text, now))
            return
        now = self.script.uarts[0].now()
        line = "event %s %d" % (text, now)
        # One report: whoever sees the event sees its time as well.
        self.script.stopped_at = -1
        self.script.stop_at(line + "\nstopped_at", machine, now)
        if self.script.stopped_at == -1:
            self.script.say(line)

    # Pauses the machine on the guest's thread, at the current instruction. Whoever hears of it pauses
    # the emulation: Renode's `PauseAndRequestEmulationPause`, which does so from here, waits forever
    # for the other machines, which wait for this one.
    def pause_at(self, machine):
        machine.TryRestartTranslationBlockOnCurrentCpu(True)
        machine.Pause()

    def watch_led(self, number, path):
        machine = monitor.Machine
        if (number, path) in self.watched:
            return
        self.watched.add((number, path))

        def changed(led, is_on):
            self.tell(machine, "%s %s %s" % (number, path, "on" if is_on else "off"), False)
        machine[path].StateChanged += self.script.telling(changed)

    # Returns the level of a pin, whose changes are reported from now on; else which pins there are.
    def watch_pin(self, number, path, pin):
        machine = monitor.Machine
        port = machine[path]
        if not isinstance(port, INumberedGPIOOutput):
            return "no pins"
        line = pin_of(port, pin)
        if line is None:
            return "no pin of " + " ".join(str(known) for known in sorted(port.Connections.Keys))
        if (number, path, pin) not in self.watched:
            self.watched.add((number, path, pin))

            def changed(is_high):
                self.tell(machine, "%s %s %d %s" % (number, path, pin, "high" if is_high else "low"), False)
            line.AddStateChangedHook(self.script.telling(changed))
        return "high" if line.IsSet else "low"

    # Drives an input; returns which pins there are, if it is none of them.
    def set_pin(self, path, pin, is_high):
        port = monitor.Machine[path]
        if not isinstance(port, INumberedGPIOOutput) or not isinstance(port, IGPIOReceiver):
            return "no pins"
        if pin_of(port, pin) is None:
            return "no pin of " + " ".join(str(known) for known in sorted(port.Connections.Keys))
        port.OnGPIO(pin, is_high)
        return "set"

    # Stops at the instruction at `address`, or at a write to `length` bytes.
    def run_until(self, number, path, address, length):
        machine = monitor.Machine
        cpu = machine[path]
        reached = []

        def at_place(*_):
            if not reached:
                reached.append(True)
                self.tell(machine, "%s %s reached" % (number, path), True)
        if length == 0:
            hook = CpuAddressHook(self.script.telling(at_place))
            cpu.AddHook(UInt64(address), hook)
            self.unhook = lambda: cpu.RemoveHook(UInt64(address), hook)
            return
        bus = machine.SystemBus

        # Renode calls this before the write, and the guest repeats the instruction when it goes on.
        def at_write(_, written, width, value):
            if not reached:
                value = int(value)
                data = [Byte(value >> 8 * byte & 255) for byte in range(WIDTHS[width])]
                reached.append(True)
                bus.WriteBytes(Array[Byte](data), written)
                self.tell(machine, "%s %s reached" % (number, path), True)
        hook = BusHookDelegate(self.script.telling(at_write))
        addresses = [UInt64(address + offset) for offset in range(length)]
        for written in addresses:
            for width in WIDTHS:
                bus.AddWatchpointHook(written, width, Access.Write, hook)
        self.unhook = lambda: [bus.RemoveWatchpointHook(written, hook) for written in addresses]

    def end_run_until(self):
        if self.unhook is not None:
            self.unhook()
            self.unhook = None


def pin_of(port, pin):
    for known in port.Connections:
        if known.Key == pin:
            return known.Value
    return None


watch = None


def mc_events_open(is_virtual):
    global watch
    watch = Watch(int(is_virtual) == 1)


def mc_events_led(number, path):
    watch.watch_led(int(number), path)


def mc_events_pin(number, path, pin):
    print(watch.watch_pin(int(number), path, int(pin)))


def mc_events_set_pin(path, pin, is_high):
    print(watch.set_pin(path, int(pin), int(is_high) == 1))


# Prints the path and the type of each peripheral.
def mc_events_peripherals():
    path = []
    for entry in monitor.Machine.GetRegisteredPeripherals():
        path = path[:entry.Level] + [entry.Name]
        print("%s %s" % (".".join(path), entry.Type.Name))


def mc_events_run_until(number, path, address, length):
    watch.run_until(int(number), path, int(address), int(length))


def mc_events_end_run_until():
    watch.end_run_until()

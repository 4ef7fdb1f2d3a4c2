# Has monitor commands done after each reset of the selected machine, whoever asks for it:
# behind the machine's `reset` macro, which stays what it is.

commands = {}


def after_reset(machine):
    selected = monitor.Machine
    monitor.Machine = machine
    monitor.Parse(commands[machine])
    monitor.Machine = selected


def mc_after_reset(command):
    machine = monitor.Machine
    if machine not in commands:
        machine.MachineReset += after_reset
    commands[machine] = command

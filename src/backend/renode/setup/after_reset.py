# Runs monitor commands after each reset of the selected machine, also after a reset that the
# guest asks for. They run after the machine's `reset` macro, which is not changed.

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

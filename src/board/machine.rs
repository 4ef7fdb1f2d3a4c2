//! [`Machine`]: one machine of a target, and the operations on this machine only.

use std::path::Path;

use super::machine_uarts::MachineUarts;
use super::peripherals::{Button, Led};
use super::pin::Pin;
use super::run_until::Written;
use super::target::VirtualTarget;
use crate::backend::Metrics;
use crate::caller::Call;
use crate::config::LoadCommand;
use crate::debug::{Frame, MemoryValue, Registers};
use crate::error::Result;
use crate::operation::Operation;
use crate::uart::Uart;

impl VirtualTarget {
    /// Returns the machine with this name in the description's `machines`.
    ///
    /// # Errors
    /// [`ConfigErrorKind::NoSuchMachine`](crate::config::ConfigErrorKind::NoSuchMachine) lists the known names.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("nodes.yaml").boot().wait()?;
    /// board.machine("node-a")?.uart().send_line("send 7").wait()?;
    /// board.machine("node-b")?.uart().expect_line("got 7").wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn machine(&self, name: &str) -> crate::Result<Machine<'_>> {
        self.shared.checked(Machine::new(self, name))
    }
}

/// One machine of a [`VirtualTarget`]; returned by [`VirtualTarget::machine`].
///
/// The target's operations act on all machines, those of `Machine` on one. All machines
/// share one power switch.
///
/// ```no_run
/// # fn main() -> virtual_target::Result<()> {
/// # let board = virtual_target::VirtualTarget::from_yaml("nodes.yaml").boot().wait()?;
/// let node = board.machine("node-b")?;
/// node.reset().wait()?;
/// node.uart().expect_line("joined").wait()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    target: &'a VirtualTarget,
    number: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(target: &'a VirtualTarget, name: &str) -> Result<Self> {
        let machines = &target.shared.machines;
        match machines.iter().position(|machine| machine.name == name) {
            Some(number) => Ok(Self { target, number }),
            None => Err(target.config().no_such_machine(name).into()),
        }
    }

    fn machine(self) -> &'a MachineUarts {
        &self.target.shared.machines[self.number]
    }

    /// Returns the machine's name in `machines`.
    pub fn name(self) -> &'a str {
        &self.machine().name
    }

    /// Returns the machine's UART: the first in the description. As [`VirtualTarget::uart`].
    pub fn uart(self) -> &'a Uart {
        self.machine().uart()
    }

    /// Returns one of the machine's UARTs. As [`VirtualTarget::uart_named`].
    ///
    /// # Errors
    /// [`ConfigErrorKind::NoSuchUart`](crate::config::ConfigErrorKind::NoSuchUart) lists the known names.
    #[track_caller]
    pub fn uart_named(self, name: &str) -> Result<&'a Uart> {
        let uart = self.machine().uart_named(name, self.target.config());
        self.target.shared.checked(uart)
    }

    /// Flashes new firmware: at the next power-on, or immediately, with a reset of this
    /// machine only. As [`VirtualTarget::flash`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::flash`].
    #[track_caller]
    pub fn flash(self, path: impl AsRef<Path>) -> Operation<()> {
        let call = Call::here("flash");
        self.target
            .flash_machine(call, Some(self.number), path.as_ref(), None)
    }

    /// Flashes new firmware with `load_command`. As [`VirtualTarget::flash_with`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::flash_with`].
    #[track_caller]
    pub fn flash_with(self, path: impl AsRef<Path>, load_command: LoadCommand) -> Operation<()> {
        let call = Call::here("flash_with");
        let load_command = Some(load_command);
        self.target
            .flash_machine(call, Some(self.number), path.as_ref(), load_command)
    }

    /// Resets this machine only: its firmware starts again. As [`VirtualTarget::reset`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::reset`].
    #[track_caller]
    pub fn reset(self) -> Operation<()> {
        let what = format!("{}: reset", self.name());
        self.target
            .reset_machines(Call::here("reset"), Some(self.number), what)
    }

    /// Returns the machine's metrics since power-on: its own instructions, and the times of the
    /// whole target. As [`VirtualTarget::metrics`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::metrics`].
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("nodes.yaml").boot().wait()?;
    /// let metrics = board.machine("node-b")?.metrics().wait()?;
    /// println!("{} instructions", metrics.total_instructions());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn metrics(self) -> Operation<Metrics> {
        self.target.metrics_of(Some(self.number))
    }

    /// Returns the registers of the machine's processor. As [`VirtualTarget::registers`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::registers`].
    #[track_caller]
    pub fn registers(self) -> Operation<Registers> {
        self.target.registers_of(self.number)
    }

    /// Returns the program counter of the machine's processor. As [`VirtualTarget::pc`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::pc`].
    #[track_caller]
    pub fn pc(self) -> Operation<u64> {
        self.target.pc_of(self.number)
    }

    /// Returns the functions that the machine's processor executes. As [`VirtualTarget::backtrace`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::backtrace`].
    #[track_caller]
    pub fn backtrace(self) -> Operation<Vec<Frame>> {
        self.target.backtrace_of(self.number)
    }

    /// Lets the target run until the machine's processor comes to a function. As
    /// [`VirtualTarget::run_until`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::run_until`].
    #[track_caller]
    pub fn run_until(self, function: &str) -> Operation<Vec<Frame>> {
        self.target.run_until_of(self.number, function)
    }

    /// Lets the target run until the machine's processor writes to an address. As
    /// [`VirtualTarget::watch`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::watch`].
    #[track_caller]
    pub fn watch<T: MemoryValue>(self, address: u64) -> Operation<Written<T>> {
        self.target.watch_of(self.number, address)
    }

    /// Returns an LED of the machine. As [`VirtualTarget::led`].
    pub fn led(self, path: &str) -> Led<'a> {
        self.target.led_of(self.number, path)
    }

    /// Returns a button of the machine. As [`VirtualTarget::button`].
    pub fn button(self, path: &str) -> Button<'a> {
        self.target.button_of(self.number, path)
    }

    /// Returns a pin of a GPIO port of the machine. As [`VirtualTarget::pin`].
    pub fn pin(self, port: &str, pin: u32) -> Pin<'a> {
        self.target.pin_of(self.number, port, pin)
    }

    /// Stops the target for a debugger of this machine. As [`VirtualTarget::gdb`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::gdb`].
    #[track_caller]
    pub fn gdb(self) -> Operation<()> {
        self.target.gdb_of(self.number)
    }

    /// Reads a number from the machine's memory. As [`VirtualTarget::read`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::read`].
    #[track_caller]
    pub fn read<T: MemoryValue>(self, address: u64) -> Operation<T> {
        self.target.read_of(self.number, address)
    }

    /// Reads bytes from the machine's memory. As [`VirtualTarget::read_bytes`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::read_bytes`].
    #[track_caller]
    pub fn read_bytes(self, address: u64, length: usize) -> Operation<Vec<u8>> {
        self.target.read_bytes_of(self.number, address, length)
    }

    /// Writes a number to the machine's memory. As [`VirtualTarget::write`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::write`].
    #[track_caller]
    pub fn write<T: MemoryValue>(self, address: u64, value: T) -> Operation<()> {
        let bytes = value.to_memory();
        self.target.write_bytes_of(self.number, address, bytes)
    }

    /// Writes bytes to the machine's memory. As [`VirtualTarget::write_bytes`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::write_bytes`].
    #[track_caller]
    pub fn write_bytes(self, address: u64, bytes: impl Into<Vec<u8>>) -> Operation<()> {
        self.target
            .write_bytes_of(self.number, address, bytes.into())
    }

    /// Returns the address of a symbol of the machine's firmware. As [`VirtualTarget::symbol`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::symbol`].
    #[track_caller]
    pub fn symbol(self, name: &str) -> Operation<u64> {
        self.target.symbol_of(self.number, name)
    }

    /// Reads a variable of the machine's firmware. As [`VirtualTarget::read_symbol`].
    ///
    /// # Errors
    /// Those of [`VirtualTarget::read_symbol`].
    #[track_caller]
    pub fn read_symbol<T: MemoryValue>(self, name: &str) -> Operation<T> {
        self.target.read_symbol_of(self.number, name)
    }
}

//! Looking inside the firmware: registers, memory, variables by name.

use super::inspect::{READ, StoppedMachine, WRITE, finished};
use super::target::VirtualTarget;
use super::{post_mortem, variable};
use crate::backend::BoxFuture;
#[cfg(doc)]
use crate::backend::EmulatorError;
#[cfg(doc)]
use crate::debug::DebugError;
use crate::debug::{Frame, MemoryValue, Registers};
use crate::error::Result;
use crate::operation::Operation;
use crate::runtime::spawn;

const REGISTERS: &str = "read the registers of";

impl VirtualTarget {
    /// Returns the registers of the board's processor, of several the one that runs the firmware.
    ///
    /// As all calls that look inside, it pauses the board for a moment; its own time stands still
    /// meanwhile, and no instruction is executed. With a [virtual](crate::config::ClockKind::Virtual)
    /// clock, this is an exact time.
    ///
    /// # Errors
    /// [`PowerError`](crate::PowerError) if the board is off; [`EmulatorError`] if it is a physical
    /// board, or its processor is neither a Cortex-M nor a RISC-V.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let registers = board.registers().wait()?;
    /// assert_eq!(registers.get("primask"), Some(0), "interrupts are disabled: {registers}");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn registers(&self) -> Operation<Registers> {
        self.registers_of(0)
    }

    /// Returns the program counter: the address of the next instruction.
    ///
    /// # Errors
    /// Those of [`registers`](Self::registers).
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let pc = board.pc().wait()?;
    /// assert!((0x0800_0000..0x0810_0000).contains(&pc), "{pc:#x} is outside the flash");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn pc(&self) -> Operation<u64> {
        self.pc_of(0)
    }

    /// Returns the functions that are executed: first the one at the program counter, then the one
    /// that has called it, and so on, over interrupts as well. They are from the ELF file that was
    /// flashed and from `symbols`; without one the frames have addresses only.
    ///
    /// # Errors
    /// Those of [`registers`](Self::registers).
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// for frame in board.backtrace().wait()? {
    ///     println!("{frame}"); // read_sensor (sensor.c:42)
    /// }
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn backtrace(&self) -> Operation<Vec<Frame>> {
        self.backtrace_of(0)
    }

    /// Reads a number from the board's memory.
    ///
    /// # Errors
    /// Those of [`registers`](Self::registers); [`DebugError`] where there is no memory: a
    /// peripheral is not touched.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let stack_pointer = board.read::<u32>(0x0800_0000).wait()?;
    /// assert_eq!(stack_pointer % 8, 0);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn read<T: MemoryValue>(&self, address: u64) -> Operation<T> {
        self.read_of(0, address)
    }

    /// Reads bytes from the board's memory. As [`read`](Self::read).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let buffer = board.symbol("rx_buffer").wait()?;
    /// assert_eq!(board.read_bytes(buffer, 4).wait()?, b"PING");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn read_bytes(&self, address: u64, length: usize) -> Operation<Vec<u8>> {
        self.read_bytes_of(0, address, length)
    }

    /// Writes a number to the board's memory.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let simulated_temperature = board.symbol("simulated_temperature").wait()?;
    /// board.write(simulated_temperature, 85_i32).wait()?;
    /// board.uart().expect_line("overheated").wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn write<T: MemoryValue>(&self, address: u64, value: T) -> Operation<()> {
        self.write_bytes_of(0, address, value.to_memory())
    }

    /// Writes bytes to the board's memory. As [`write`](Self::write).
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    #[track_caller]
    pub fn write_bytes(&self, address: u64, bytes: impl Into<Vec<u8>>) -> Operation<()> {
        self.write_bytes_of(0, address, bytes.into())
    }

    /// Returns the address of a function or variable, from the ELF file that was flashed, or else
    /// from the description's `symbols`. Names of C++ and Rust are as in the source,
    /// `sensor::COUNT`, or as in the file.
    ///
    /// # Errors
    /// [`DebugError`] if there is no such symbol, with the most similar one, or no file has symbols.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let counter = board.symbol("counter").wait()?;
    /// println!("it is at {counter:#x}");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn symbol(&self, name: &str) -> Operation<u64> {
        self.symbol_of(0, name)
    }

    /// Reads a `static` variable by its name; its size in the ELF file must be that of `T`.
    ///
    /// # Errors
    /// Those of [`symbol`](Self::symbol) and [`read`](Self::read), and [`DebugError`] for another size.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// assert_eq!(board.read_symbol::<u32>("overruns").wait()?, 0);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn read_symbol<T: MemoryValue>(&self, name: &str) -> Operation<T> {
        self.read_symbol_of(0, name)
    }

    #[track_caller]
    pub(super) fn registers_of(&self, machine: usize) -> Operation<Registers> {
        self.look(machine, REGISTERS, |mut machine| {
            Box::pin(async move { machine.registers().await })
        })
    }

    #[track_caller]
    pub(super) fn pc_of(&self, machine: usize) -> Operation<u64> {
        self.look(machine, REGISTERS, |mut machine| {
            Box::pin(async move {
                let pc = machine.registers().await?.get("pc");
                Ok(pc.unwrap_or_default())
            })
        })
    }

    #[track_caller]
    pub(super) fn backtrace_of(&self, machine: usize) -> Operation<Vec<Frame>> {
        self.operation(move |shared, limit| async move {
            let look = async move {
                let mut board = shared.board.lock().await;
                let files = board.program_files(machine);
                board
                    .inspect(machine, REGISTERS, (limit, limit), move |mut machine| {
                        Box::pin(async move { post_mortem::backtrace(&mut machine, files).await })
                    })
                    .await
            };
            finished(spawn(look)?).await
        })
    }

    #[track_caller]
    pub(super) fn read_of<T: MemoryValue>(&self, machine: usize, address: u64) -> Operation<T> {
        self.look(machine, READ, move |mut machine| {
            Box::pin(async move { machine.read_value(address).await })
        })
    }

    #[track_caller]
    pub(super) fn read_bytes_of(
        &self,
        machine: usize,
        address: u64,
        length: usize,
    ) -> Operation<Vec<u8>> {
        self.look(machine, READ, move |mut machine| {
            Box::pin(async move { machine.read_all(address, length as u64).await })
        })
    }

    #[track_caller]
    pub(super) fn write_bytes_of(
        &self,
        machine: usize,
        address: u64,
        bytes: Vec<u8>,
    ) -> Operation<()> {
        self.look(machine, WRITE, move |mut machine| {
            Box::pin(async move { machine.write(address, &bytes).await })
        })
    }

    #[track_caller]
    pub(super) fn symbol_of(&self, machine: usize, name: &str) -> Operation<u64> {
        let name = name.to_owned();
        self.operation(move |shared, _| async move {
            let files = shared.board.lock().await.program_files(machine);
            Ok(variable::find(files, name).await?.symbol.address)
        })
    }

    #[track_caller]
    pub(super) fn read_symbol_of<T: MemoryValue>(
        &self,
        machine: usize,
        name: &str,
    ) -> Operation<T> {
        let name = name.to_owned();
        self.operation(move |shared, limit| async move {
            let files = shared.board.lock().await.program_files(machine);
            let address = variable::find(files, name).await?.sized::<T>()?;
            let read = async move {
                let mut board = shared.board.lock().await;
                board
                    .inspect(machine, READ, (limit, limit), move |mut machine| {
                        Box::pin(async move { machine.read_value(address).await })
                    })
                    .await
            };
            finished(spawn(read)?).await
        })
    }

    /// Creates an operation that looks into one machine while the board is paused. The board goes
    /// on even if the operation is dropped.
    #[track_caller]
    fn look<T: Send + 'static>(
        &self,
        machine: usize,
        operation: &'static str,
        act: impl for<'a> FnOnce(StoppedMachine<'a>) -> BoxFuture<'a, Result<T>> + Send + 'static,
    ) -> Operation<T> {
        self.operation(move |shared, limit| async move {
            let look = async move {
                let mut board = shared.board.lock().await;
                board.inspect(machine, operation, (limit, limit), act).await
            };
            finished(spawn(look)?).await
        })
    }
}

//! `VirtualTarget`: the board that a test holds.

use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::inner::Inner;
use super::machine_uarts::MachineUarts;
use crate::artifacts::Traced;
use crate::backend::{EmulatorInfo, Image, Metrics};
use crate::config::{BackendKind, LoadCommand, Platform, TargetConfig};
use crate::firmware::Firmware;
use crate::operation::{Operation, Remote};
use crate::uart::{ExpectError, TranscriptLine, Uart};

/// A virtual board: an emulator of its own, its firmware and its UARTs; or a
/// [physical](crate::config::SerialConfig) one.
///
/// Made by [`VirtualTarget::from_yaml`]. Dropping it ends the emulator at once,
/// wherever that happens: in any runtime or none, in a panic, in the middle of
/// an operation. Should the test process be killed, a helper process does the
/// same.
///
/// ```no_run
/// use virtual_target::{Result, VirtualTarget, secs};
///
/// # fn main() -> Result<()> {
/// let board = VirtualTarget::from_yaml("fixtures/stm32f4.yaml")
///     .firmware("firmware-samples/prebuilt/stm32f4/shell.elf")
///     .boot()
///     .wait()?;
/// board.uart().expect_line("Hello from").within(secs(2)).wait()?;
/// board.uart().send_line("ping").wait()?;
/// board.uart().expect_line("pong").wait()?;
/// # Ok(()) }
/// ```
pub struct VirtualTarget {
    pub(super) shared: Arc<Inner>,
}

impl VirtualTarget {
    /// The board's UART; of several, the first in the description, and of several
    /// machines that of the first. All calls share
    /// one cursor; a clone has its own.
    ///
    /// When the target turns the board on, resets or flashes it, this cursor goes to
    /// the new start: what an earlier run left unread cannot be taken for an answer
    /// of this one. Clones still see it all.
    pub fn uart(&self) -> &Uart {
        self.main().uart()
    }

    /// The UART that `uarts` in the description calls `name`; otherwise as [`uart`](Self::uart).
    ///
    /// # Errors
    /// [`ConfigError::NoSuchUart`](crate::config::ConfigError::NoSuchUart) names those that there are.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// // uarts: {console: sysbus.usart2, modem: sysbus.usart3}
    /// let modem = board.uart_named("modem")?;
    /// modem.expect_line("AT+CSQ").wait()?;
    /// modem.send_line("OK").wait()?;
    /// # Ok(()) }
    /// ```
    pub fn uart_named(&self, name: &str) -> crate::Result<&Uart> {
        self.main().uart_named(name, &self.shared.config)
    }

    /// The main machine, which is the first.
    fn main(&self) -> &MachineUarts {
        &self.shared.machines[0]
    }

    /// What all UARTs of all machines have put out so far, line by line in the order in
    /// which the lines were complete, to the millisecond; a line that is not complete yet
    /// is the last of its UART.
    ///
    /// # Errors
    /// [`ExpectError::Unavailable`](crate::uart::ExpectError::Unavailable) if it is more than what is kept.
    pub fn transcript(&self) -> crate::Result<Vec<TranscriptLine>> {
        let lines = self.shared.ports.lines(u64::MAX);
        Ok(lines.map_err(ExpectError::from)?)
    }

    /// A handle of its own for [`uart`](Self::uart), whose cursor stands before the very first byte.
    pub fn uart_from_start(&self) -> Uart {
        self.uart().from_start()
    }

    /// What messages call the board: `machine_name`, which is its machine's name inside
    /// Renode, too; where a script makes the board and none is given, the script's name.
    /// Of several machines, the first one's.
    pub fn machine_name(&self) -> &str {
        &self.main().name
    }

    /// The main UART as messages call it, such as `sysbus.usart2`, or `serial 0` on QEMU.
    pub fn uart_name(&self) -> &str {
        self.shared.ports.main().label()
    }

    /// The board's description for Renode; none if the description is for
    /// other engines alone.
    /// Of several machines the first one's.
    pub fn platform(&self) -> Option<&Platform> {
        let renode = self.shared.config.renode().ok()?;
        Some(&renode.platform)
    }

    /// What the target was made from.
    pub fn config(&self) -> &TargetConfig {
        &self.shared.config
    }

    /// Which emulator runs the board, if it is a virtual one; its version and runtime are known
    /// once it has been turned on.
    pub fn engine(&self) -> Operation<EmulatorInfo> {
        self.operation(|shared, _| async move { Ok(shared.board.lock().await.engine().await) })
    }

    /// Turns the board on, with the firmware last flashed; does nothing when it is on. A virtual
    /// board has nothing in its memory but that.
    ///
    /// Limited by `timeouts.boot`. Dropped midway, it leaves the board off.
    ///
    /// # Errors
    /// [`EmulatorError`](crate::EmulatorError): the emulator is missing, ends before the firmware runs, or refuses something.
    #[track_caller]
    pub fn power_on(&self) -> Operation<()> {
        self.traced("power_on".to_owned(), |shared, limit| async move {
            shared.board.lock().await.power_on(limit).await?;
            shared.skip_to_last_start();
            Ok(())
        })
    }

    /// Turns the board off: the emulator ends, and a wait in progress fails. Does nothing when it is off.
    ///
    /// # Errors
    /// Only a physical board's: its `power_off` command failed. Its port is closed all the same.
    #[track_caller]
    pub fn power_off(&self) -> Operation<()> {
        self.traced("power_off".to_owned(), |shared, _| async move {
            shared
                .board
                .lock()
                .await
                .power_off("the target is off: power_off() was called")
                .await
        })
    }

    /// Turns the board off, if it is on, and on again at once.
    ///
    /// # Errors
    /// Those of [`power_off`](Self::power_off) and [`power_on`](Self::power_on).
    #[track_caller]
    pub fn power_cycle(&self) -> Operation<()> {
        self.power_cycle_after(Duration::ZERO, "power_cycle".to_owned())
    }

    /// Turns the board off, if it is on, leaves it off for `wait`, and turns it on again:
    /// so that the supply of a physical board discharges, or a clock of its own goes on.
    ///
    /// The time is that of the board's clock: a [virtual](crate::config::ClockKind::Virtual)
    /// one goes on by `wait` in no time of the host's. It is no part of the limit, which
    /// [`power_on`](Self::power_on) has for itself.
    ///
    /// # Errors
    /// Those of [`power_off`](Self::power_off) and [`power_on`](Self::power_on).
    ///
    /// ```no_run
    /// # use virtual_target::secs;
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.power_cycle_with_wait(secs(2)).wait()?;
    /// board.uart().expect_line("cold start").wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn power_cycle_with_wait(&self, wait: Duration) -> Operation<()> {
        self.power_cycle_after(wait, format!("power_cycle_with_wait({wait:?})"))
    }

    #[track_caller]
    fn power_cycle_after(&self, wait: Duration, what: String) -> Operation<()> {
        self.traced(what, move |shared, limit| async move {
            shared.board.lock().await.power_cycle(wait, limit).await?;
            shared.skip_to_last_start();
            Ok(())
        })
    }

    /// Gives the board new firmware: at the next power-on if it is off; at once,
    /// with a reset, if it is on. A virtual board's RAM is then as after a loss of power.
    ///
    /// `path` is relative to the current directory. Dropped midway, it leaves the board off.
    ///
    /// # Errors
    /// [`FirmwareError`](crate::firmware::FirmwareError): the file is missing, empty, damaged or built for
    /// another architecture; the board is then as it was.
    /// [`EmulatorError`](crate::EmulatorError) otherwise.
    #[track_caller]
    pub fn flash(&self, path: impl AsRef<Path>) -> Operation<()> {
        self.flash_machine(None, path.as_ref(), None)
    }

    /// As [`flash`](Self::flash), by that command whatever `load_command` in the description says.
    ///
    /// `load_address` stays the description's.
    ///
    /// # Errors
    /// Those of [`flash`](Self::flash), among them an image of a format that the command is not
    /// for; a physical board's own `flash` command cannot be told how to load.
    ///
    /// ```no_run
    /// use virtual_target::config::LoadCommand;
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").build()?;
    /// board.flash_with("build/shell.bin", LoadCommand::Binary).wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn flash_with(&self, path: impl AsRef<Path>, load_command: LoadCommand) -> Operation<()> {
        self.flash_machine(None, path.as_ref(), Some(load_command))
    }

    /// Flashes the machine of that number, or else the only one.
    #[track_caller]
    pub(super) fn flash_machine(
        &self,
        machine: Option<usize>,
        path: &Path,
        load_command: Option<LoadCommand>,
    ) -> Operation<()> {
        let what = match load_command {
            None => format!("flash({path:?})"),
            Some(command) => format!("flash_with({path:?}, {command:?})"),
        };
        let what = match machine {
            Some(number) => format!("{}: {what}", self.shared.machines[number].name),
            None => what,
        };
        let firmware = Firmware::open(path);
        self.traced(what, move |shared, limit| async move {
            let machine = match machine {
                Some(number) => number,
                None => shared.config.single_machine().map(|()| 0)?,
            };
            let mut board = shared.board.lock().await;
            let image = Image {
                firmware: firmware?,
                load_command,
            };
            board.flash(machine, image, limit).await?;
            shared.skip_to_last_start();
            Ok(())
        })
    }

    /// Resets the board, as its reset pin does: the firmware starts anew, and finds in RAM what it
    /// has left there.
    ///
    /// # Errors
    /// [`PowerError`](crate::PowerError) when the board is off. [`EmulatorError`](crate::EmulatorError) otherwise; a
    /// physical board without a `reset` command is then as it was.
    #[track_caller]
    pub fn reset(&self) -> Operation<()> {
        self.reset_machines(None, "reset".to_owned())
    }

    /// Resets one machine, or all.
    #[track_caller]
    pub(super) fn reset_machines(&self, machine: Option<usize>, what: String) -> Operation<()> {
        self.traced(what, move |shared, limit| async move {
            shared.board.lock().await.reset(machine, limit).await?;
            shared.skip_to_last_start();
            Ok(())
        })
    }

    /// Lets the board run for `duration`, whatever it says: in a
    /// [virtual clock](crate::config::ClockKind::Virtual) for exactly that long, and as fast
    /// as the host can; in real time at least until the guest has had that much.
    ///
    /// What it says meanwhile can be looked for afterwards: the cursors stay where they are.
    ///
    /// # Errors
    /// [`ExpectError::Ended`](crate::uart::ExpectError::Ended) if the board goes off or halts meanwhile,
    /// [`ExpectError::Forbidden`](crate::uart::ExpectError::Forbidden),
    /// [`ExpectError::Watchdog`](crate::uart::ExpectError::Watchdog) if the guest did not get that time.
    ///
    /// ```no_run
    /// # use virtual_target::secs;
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.uart().send_line("watchdog start 60").wait()?;
    /// board.run_for(secs(59)).wait()?;
    /// board.uart().expect_line("watchdog expired").within(secs(2)).wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn run_for(&self, duration: Duration) -> Operation<()> {
        self.uart().run_for(duration, Location::caller())
    }

    /// Whether the board is on and its emulator runs, or its serial port is there.
    pub fn is_on(&self) -> Operation<bool> {
        self.operation(|shared, _| async move { Ok(shared.board.lock().await.is_on()) })
    }

    /// What the board has done since power-on: instructions, virtual and host time. The
    /// instructions are those of all machines; [`Machine::metrics`](crate::Machine::metrics) has those of one.
    /// The figures of the last call are among the artifacts, in `metrics.txt`.
    ///
    /// # Errors
    /// * [`PowerError`](crate::PowerError) when the board is off.
    /// * [`EmulatorError`](crate::EmulatorError): the engine is not Renode, or a processor does not count.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let before = board.metrics().wait()?;
    /// board.uart().run("crc").wait()?;
    /// let after = board.metrics().wait()?;
    /// let taken = after.total_instructions() - before.total_instructions();
    /// assert!(taken < 1_000_000, "{taken} instructions");
    /// # Ok(()) }
    /// ```
    pub fn metrics(&self) -> Operation<Metrics> {
        self.metrics_of(None)
    }

    /// Measures one machine, or all.
    pub(super) fn metrics_of(&self, machine: Option<usize>) -> Operation<Metrics> {
        self.operation(
            move |shared, _| async move { shared.board.lock().await.metrics(machine).await },
        )
    }

    /// Has Renode do a monitor command, such as `sysbus.cpu PC`; what it printed.
    ///
    /// Monitor commands can read and write files of this host and run programs, so
    /// the description has to say `allow_raw_monitor: true`. Limited by
    /// `timeouts.command`, 30 s by default.
    ///
    /// # Errors
    /// * [`ConfigError::RawMonitor`](crate::config::ConfigError::RawMonitor) without that permission.
    /// * [`PowerError`](crate::PowerError) when the board is off.
    /// * [`EmulatorError`](crate::EmulatorError): Renode refused it (with the reason), it is
    ///   not plain ASCII on one line, or the engine is not Renode.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let pc = board.monitor("sysbus.cpu PC").wait()?;
    /// assert!(pc.starts_with("0x8"), "the program counter is {pc}, outside the flash");
    /// # Ok(()) }
    /// ```
    pub fn monitor(&self, command: impl Into<String>) -> Operation<String> {
        let command = command.into();
        self.operation(|shared, _| async move {
            let mut board = shared.board.lock().await;
            // The permission is about Renode's monitor: no advice where there is none.
            if board.backend.identity().engine().kind == BackendKind::Renode {
                shared.config.raw_monitor(&command)?;
            }
            board.monitor(&command).await
        })
    }

    /// Ends the target and waits until nothing of it is left.
    ///
    /// Dropping the target does the same, but can report a guard that found
    /// something only by a panic, and leaves a physical board powered.
    ///
    /// # Errors
    /// A pattern that was [forbidden](Uart::forbid) has appeared, and no error that says so lives;
    /// else those of [`power_off`](Self::power_off).
    pub fn shutdown(self) -> Operation<()> {
        let limit = self.shared.config.timeouts.boot;
        Operation::new(Remote::new(limit, move |_| async move {
            let mut board = self.shared.board.lock().await;
            let done = board
                .power_off("the target is off: shutdown() was called")
                .await;
            drop(board);
            match self.verdict() {
                Some(alarm) => Err(alarm),
                None => done,
            }
        }))
    }

    /// The error of a guard that found something, unless an error that says so lives.
    fn verdict(&self) -> Option<crate::Error> {
        let mut alarm = crate::Error::from(self.shared.ports.verdict()?);
        let at = self.shared.at;
        alarm.add_note(&format!("\n  target made at {}:{}", at.file(), at.line()));
        if let Some(report) = &self.shared.report {
            report.fail(&mut alarm);
        }
        Some(alarm)
    }

    /// An operation that changes the board: the report takes notes of it.
    #[track_caller]
    pub(super) fn traced<F>(
        &self,
        what: String,
        run: impl FnOnce(Arc<Inner>, Duration) -> F + Send + 'static,
    ) -> Operation<()>
    where
        F: Future<Output = crate::Result<()>> + Send + 'static,
    {
        let report = self.shared.report.as_ref();
        Operation::new(Traced::new(
            self.remote(run),
            report,
            Location::caller(),
            |_| what,
        ))
    }

    /// An operation that asks something of the board.
    pub(super) fn operation<T, F>(
        &self,
        run: impl FnOnce(Arc<Inner>, Duration) -> F + Send + 'static,
    ) -> Operation<T>
    where
        T: Send + 'static,
        F: Future<Output = crate::Result<T>> + Send + 'static,
    {
        Operation::new(self.remote(run))
    }

    pub(super) fn remote<T, F>(
        &self,
        run: impl FnOnce(Arc<Inner>, Duration) -> F + Send + 'static,
    ) -> Remote<T>
    where
        T: Send + 'static,
        F: Future<Output = crate::Result<T>> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let limit = shared.config.timeouts.boot;
        Remote::new(limit, move |limit| run(shared, limit))
    }
}

impl Drop for VirtualTarget {
    /// # Panics
    /// If a [forbidden](Uart::forbid) pattern has appeared and no error that says so
    /// lives, unless the thread panics already: a test must not pass then.
    #[allow(clippy::panic)]
    fn drop(&mut self) {
        // A forked child has a copy of the handle, but the board is its parent's.
        if std::process::id() != self.shared.owner {
            return;
        }
        self.shared
            .ports
            .power_off("the target is off: it was dropped");
        self.shared.supervisor.release();
        let alarm = self.verdict();
        let panicking = std::thread::panicking();
        if let Some(report) = &self.shared.report {
            report.finish(panicking);
        }
        if let Some(alarm) = alarm
            && !panicking
        {
            panic!("{alarm}");
        }
    }
}

impl fmt::Debug for VirtualTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualTarget")
            .field("machine_name", &self.shared.config.machine_name)
            .finish_non_exhaustive()
    }
}

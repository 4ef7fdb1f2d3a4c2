//! [`VirtualTarget`]: a test's board, and the operations on the whole board.

use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::concurrency;
use super::explained::explained;
use super::inner::Inner;
use super::machine_uarts::MachineUarts;
use super::transcript;
use crate::artifacts::{Traced, failed};
use crate::backend::{EmulatorInfo, Image, Metrics};
use crate::caller::Call;
use crate::config::{BackendKind, LoadCommand, Platform, TargetConfig};
use crate::firmware::Firmware;
use crate::notice::notice;
use crate::operation::{Operation, Remote};
use crate::runtime::io_thread;
#[cfg(doc)]
use crate::uart::UartErrorKind;
use crate::uart::{OffReason, TranscriptLine, Uart, UartError};

/// A virtual board with its own emulator, its firmware and its UARTs; or a
/// [physical](crate::config::SerialConfig) board.
///
/// Made by [`VirtualTarget::from_yaml`]. Dropping the target ends the emulator immediately,
/// anywhere: in any runtime or none, in a panic, during an operation. If the test process is
/// killed, a helper process ends the emulator.
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
    /// Returns the board's UART: the first in the description, and of several machines that of
    /// the first. All calls share one cursor; a clone has its own.
    ///
    /// When the target turns the board on, resets or flashes it, this cursor moves to the new
    /// start, so that unread output of an earlier run cannot be taken for an answer of this
    /// run. A clone keeps its cursor and can still find all output.
    pub fn uart(&self) -> &Uart {
        self.main().uart()
    }

    /// Returns the UART with this name in the description's `uarts`; otherwise as [`uart`](Self::uart).
    ///
    /// # Errors
    /// [`ConfigErrorKind::NoSuchUart`](crate::config::ConfigErrorKind::NoSuchUart) lists the known names.
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
    #[track_caller]
    pub fn uart_named(&self, name: &str) -> crate::Result<&Uart> {
        self.shared
            .checked(self.main().uart_named(name, &self.shared.config))
    }

    /// Returns the main machine, which is the first.
    fn main(&self) -> &MachineUarts {
        &self.shared.machines[0]
    }

    /// Returns the output of all UARTs of all machines so far, line by line, in the order in
    /// which the lines were completed, to the millisecond. An incomplete line is the last of its
    /// UART. The changes of LEDs and pins that the test has looked at or waited for stand in it as well,
    /// from the first look on.
    ///
    /// # Errors
    /// [`UartErrorKind::Unavailable`] if a part of it is no longer kept.
    #[track_caller]
    pub fn transcript(&self) -> crate::Result<Vec<TranscriptLine>> {
        let Inner {
            ports,
            events,
            machines,
            ..
        } = &*self.shared;
        let names: Vec<String> = machines.iter().map(|it| it.name.clone()).collect();
        let lines = transcript::lines(ports, events.as_deref(), &names, u64::MAX);
        self.shared.checked(lines.map_err(UartError::from))
    }

    /// Returns a new handle for [`uart`](Self::uart), with its own cursor before the first byte.
    pub fn uart_from_start(&self) -> Uart {
        self.uart().from_start()
    }

    /// Returns the board's name in messages: `machine_name`, which is also the name of its machine
    /// inside Renode; if a script makes the board and no name is given, the script's name.
    /// Of several machines, the name of the first.
    pub fn machine_name(&self) -> &str {
        &self.main().name
    }

    /// Returns the main UART's name in messages, such as `sysbus.usart2`, or `serial 0` on QEMU.
    pub fn uart_name(&self) -> &str {
        self.shared.ports.main().label()
    }

    /// Returns the board's description for Renode, or none if the description is only for other
    /// engines. Of several machines, that of the first.
    pub fn platform(&self) -> Option<&Platform> {
        let renode = self.shared.config.renode().ok()?;
        Some(&renode.platform)
    }

    /// Returns the configuration from which the target was made.
    pub fn config(&self) -> &TargetConfig {
        &self.shared.config
    }

    /// Returns the emulator that runs the board, if the board is virtual; its version and runtime
    /// are known once the board has been turned on.
    #[track_caller]
    pub fn engine(&self) -> Operation<EmulatorInfo> {
        self.operation(|shared, _| async move { Ok(shared.board.lock().await.engine().await) })
    }

    /// Turns the board on, with the firmware last flashed; does nothing if it is on. A virtual
    /// board's memory contains nothing else.
    ///
    /// Limited by `timeouts.boot`. If it is dropped midway, the board is off.
    ///
    /// # Errors
    /// [`EmulatorError`](crate::EmulatorError): the emulator is missing, ends before the firmware runs, or refuses something.
    #[track_caller]
    pub fn power_on(&self) -> Operation<()> {
        self.power_on_by(Call::here("power_on"))
    }

    pub(super) fn power_on_by(&self, call: Call) -> Operation<()> {
        self.traced(
            call.name().to_owned(),
            call,
            move |shared, limit| async move {
                shared.board.lock().await.power_on(call, limit).await?;
                shared.skip_to_last_start();
                Ok(())
            },
        )
    }

    /// Turns the board off: the emulator exits, and a wait in progress fails. Does nothing if it is off.
    ///
    /// # Errors
    /// Only of a physical board: its `power_off` command failed. Its port is closed nevertheless.
    #[track_caller]
    pub fn power_off(&self) -> Operation<()> {
        self.power_off_by(Call::here("power_off"))
    }

    pub(super) fn power_off_by(&self, call: Call) -> Operation<()> {
        self.traced(call.name().to_owned(), call, move |shared, _| async move {
            let why = OffReason::Call(call);
            shared.board.lock().await.power_off(why).await
        })
    }

    /// Turns the board off, if it is on, and immediately on again.
    ///
    /// If it is dropped midway, the board is off.
    ///
    /// # Errors
    /// Those of [`power_off`](Self::power_off) and [`power_on`](Self::power_on).
    #[track_caller]
    pub fn power_cycle(&self) -> Operation<()> {
        let call = Call::here("power_cycle");
        self.power_cycle_after(call, Duration::ZERO, call.name().to_owned())
    }

    /// Turns the board off, if it is on, leaves it off for `wait`, and turns it on again,
    /// so that the supply of a physical board discharges, or the board's own clock advances.
    ///
    /// The board's clock measures `wait`: a [virtual](crate::config::ClockKind::Virtual) clock
    /// advances by `wait` without a delay on the host. The time limit does not include `wait`;
    /// it is that of [`power_on`](Self::power_on).
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
        let call = Call::here("power_cycle_with_wait");
        self.power_cycle_after(call, wait, format!("{}({wait:?})", call.name()))
    }

    fn power_cycle_after(&self, call: Call, wait: Duration, what: String) -> Operation<()> {
        self.traced(what, call, move |shared, limit| async move {
            let mut board = shared.board.lock().await;
            board.power_cycle(call, wait, limit).await?;
            shared.skip_to_last_start();
            Ok(())
        })
    }

    /// Flashes new firmware: at the next power-on if the board is off; immediately, with a reset,
    /// if it is on. A virtual board's RAM is then as after a loss of power.
    ///
    /// `path` is relative to the current directory. If it is dropped midway, the board is off.
    ///
    /// # Errors
    /// [`FirmwareError`](crate::firmware::FirmwareError): the file is missing, empty, damaged or built for
    /// another architecture; the board is then unchanged.
    /// [`EmulatorError`](crate::EmulatorError) otherwise.
    #[track_caller]
    pub fn flash(&self, path: impl AsRef<Path>) -> Operation<()> {
        self.flash_machine(Call::here("flash"), None, path.as_ref(), None)
    }

    /// Flashes with this command instead of the description's `load_command`; otherwise as
    /// [`flash`](Self::flash).
    ///
    /// `load_address` is the description's.
    ///
    /// # Errors
    /// Those of [`flash`](Self::flash), also if the command does not load the image's format, and
    /// for a physical board, whose own `flash` command takes no load command.
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
        let call = Call::here("flash_with");
        self.flash_machine(call, None, path.as_ref(), Some(load_command))
    }

    /// Flashes the machine with this number; without a number, the only machine.
    pub(super) fn flash_machine(
        &self,
        call: Call,
        machine: Option<usize>,
        path: &Path,
        load_command: Option<LoadCommand>,
    ) -> Operation<()> {
        let what = match load_command {
            None => format!("{}({path:?})", call.name()),
            Some(command) => format!("{}({path:?}, {command:?})", call.name()),
        };
        let what = match machine {
            Some(number) => format!("{}: {what}", self.shared.machines[number].name),
            None => what,
        };
        let firmware = Firmware::open(path);
        self.traced(what, call, move |shared, limit| async move {
            let machine = match machine {
                Some(number) => number,
                None => shared.config.single_machine().map(|()| 0)?,
            };
            let mut board = shared.board.lock().await;
            let image = Image {
                firmware: firmware?,
                load_command,
                coverage: None,
            };
            board.flash(call, machine, image, limit).await?;
            shared.skip_to_last_start();
            Ok(())
        })
    }

    /// Resets the board, as its reset pin does: the firmware starts again, and the RAM keeps its
    /// contents.
    ///
    /// # Errors
    /// [`PowerError`](crate::PowerError) if the board is off. [`EmulatorError`](crate::EmulatorError) otherwise; a
    /// physical board without a `reset` command is then unchanged.
    #[track_caller]
    pub fn reset(&self) -> Operation<()> {
        self.reset_by(Call::here("reset"))
    }

    pub(super) fn reset_by(&self, call: Call) -> Operation<()> {
        self.reset_machines(call, None, call.name().to_owned())
    }

    /// Resets one machine, or all machines.
    pub(super) fn reset_machines(
        &self,
        call: Call,
        machine: Option<usize>,
        what: String,
    ) -> Operation<()> {
        self.traced(what, call, move |shared, limit| async move {
            let mut board = shared.board.lock().await;
            board.reset(call, machine, limit).await?;
            shared.skip_to_last_start();
            Ok(())
        })
    }

    /// Lets the board run for `duration`, whatever it prints: with a
    /// [virtual clock](crate::config::ClockKind::Virtual) for exactly that long, and as fast
    /// as the host can; in real time at least until the guest's time has advanced that much.
    ///
    /// The cursors do not move, so later operations can find the output of this time.
    ///
    /// # Errors
    /// [`UartErrorKind::Ended`] if the board is turned off, exits or halts meanwhile,
    /// [`UartErrorKind::Forbidden`],
    /// [`UartErrorKind::Watchdog`] if the guest's time did not advance that much.
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

    /// Returns true if the board is on and its emulator runs, or its serial port is present.
    #[track_caller]
    pub fn is_on(&self) -> Operation<bool> {
        self.operation(|shared, _| async move { Ok(shared.board.lock().await.is_on()) })
    }

    /// Returns the board's metrics since power-on: instructions, virtual and host time. The
    /// instructions are those of all machines; [`Machine::metrics`](crate::Machine::metrics) returns those of one.
    /// The figures of the last call are among the artifacts, in `metrics.txt`.
    ///
    /// # Errors
    /// * [`PowerError`](crate::PowerError) if the board is off.
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
    #[track_caller]
    pub fn metrics(&self) -> Operation<Metrics> {
        self.metrics_of(None)
    }

    /// Measures one machine, or all machines.
    #[track_caller]
    pub(super) fn metrics_of(&self, machine: Option<usize>) -> Operation<Metrics> {
        self.operation(
            move |shared, _| async move { shared.board.lock().await.metrics(machine).await },
        )
    }

    /// Runs a command in Renode's monitor, such as `sysbus.cpu PC`, and returns its output.
    ///
    /// Monitor commands can read and write files of this host and run programs, so
    /// the description must contain `allow_raw_monitor: true`. Limited by
    /// `timeouts.command`, 30 s by default.
    ///
    /// # Errors
    /// * [`ConfigErrorKind::RawMonitor`](crate::config::ConfigErrorKind::RawMonitor) without that permission.
    /// * [`PowerError`](crate::PowerError) if the board is off.
    /// * [`EmulatorError`](crate::EmulatorError): Renode refused the command (with the reason), the
    ///   command is not plain ASCII on one line, or the engine is not Renode.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let pc = board.monitor("sysbus.cpu PC").wait()?;
    /// assert!(pc.starts_with("0x8"), "the program counter is {pc}, outside the flash");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn monitor(&self, command: impl Into<String>) -> Operation<String> {
        let command = command.into();
        self.operation(|shared, _| async move {
            let mut board = shared.board.lock().await;
            // The permission is for Renode's monitor; other engines have none, so no advice on it.
            if board.backend.identity().engine().kind == BackendKind::Renode {
                shared.config.raw_monitor(&command)?;
            }
            board.monitor(&command).await
        })
    }

    /// Ends the target and waits until nothing of it is left.
    ///
    /// Dropping the target does the same, but can report the match of a guard only by a panic,
    /// and leaves a physical board powered.
    ///
    /// # Errors
    /// A pattern that was [forbidden](Uart::forbid) has appeared, and no error that reports it is alive;
    /// else those of [`power_off`](Self::power_off).
    #[track_caller]
    pub fn shutdown(self) -> Operation<()> {
        let call = Call::here("shutdown");
        let at = call.at();
        let limit = self.shared.config.timeouts.boot;
        let shutdown = Remote::new(limit, move |_| async move {
            let mut board = self.shared.board.lock().await;
            let done = board.power_off(OffReason::Call(call)).await;
            drop(board);
            match self.verdict() {
                Some(alarm) => Err(alarm),
                None => done.map_err(|e| failed(e, self.shared.report.as_ref(), at)),
            }
        });
        // The target records its error itself, before its report ends.
        Operation::new(Traced::without_entry(shutdown, None, at))
    }

    /// Returns the error of a guard that matched, unless an error that reports the match is alive.
    fn verdict(&self) -> Option<crate::Error> {
        let mut alarm = crate::Error::from(self.shared.ports.verdict()?);
        let at = self.shared.at;
        alarm.set_target_place(at);
        if let Some(report) = &self.shared.report {
            report.fail(&mut alarm);
        }
        Some(alarm)
    }

    /// Creates the operation of a `call` that changes the board; the report records it.
    pub(super) fn traced<F>(
        &self,
        what: String,
        call: Call,
        run: impl FnOnce(Arc<Inner>, Duration) -> F + Send + 'static,
    ) -> Operation<()>
    where
        F: Future<Output = crate::Result<()>> + Send + 'static,
    {
        let report = self.shared.report.as_ref();
        Operation::new(Traced::new(self.remote(run), report, call.at(), |_| what))
    }

    /// Creates an operation that waits for the board, by default for `limit`, or as long as for its
    /// output; the report records it.
    #[track_caller]
    pub(super) fn waiting<T, F>(
        &self,
        what: String,
        limit: Option<Duration>,
        run: impl FnOnce(Arc<Inner>, Duration) -> F + Send + 'static,
    ) -> Operation<T>
    where
        T: Send + 'static,
        F: Future<Output = crate::Result<T>> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let limit = limit.unwrap_or(shared.config.timeouts.expect);
        let wait = Remote::new(limit, move |limit| async move {
            let waited = run(Arc::clone(&shared), limit).await;
            match waited {
                Err(error) => Err(explained(&shared, error).await),
                done => done,
            }
        });
        let report = self.shared.report.as_ref();
        Operation::new(Traced::new(wait, report, Location::caller(), |_| what))
    }

    /// Creates an operation that queries the board; the timeline has no entry of it.
    #[track_caller]
    pub(super) fn operation<T, F>(
        &self,
        run: impl FnOnce(Arc<Inner>, Duration) -> F + Send + 'static,
    ) -> Operation<T>
    where
        T: Send + 'static,
        F: Future<Output = crate::Result<T>> + Send + 'static,
    {
        let report = self.shared.report.as_ref();
        let at = Location::caller();
        Operation::new(Traced::without_entry(self.remote(run), report, at))
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
    /// If a [forbidden](Uart::forbid) pattern has appeared and no error that reports it is alive,
    /// so that the test does not pass; not if the thread panics already.
    #[allow(clippy::panic)]
    fn drop(&mut self) {
        // A forked child has a copy of the handle, but the board belongs to its parent.
        if std::process::id() != self.shared.owner {
            return;
        }
        let given_back = self.shared.give_back();
        if given_back.is_none() {
            self.shared.read_log_to_its_end();
        }
        self.shared.ports.power_off(OffReason::Dropped);
        let alarm = self.verdict();
        let panicking = std::thread::panicking();
        if let Some(given_back) = given_back
            && alarm.is_none()
        {
            let slots = Arc::clone(&self.shared.slots);
            given_back(Arc::new(move || concurrency::take_free(&slots)));
        }
        self.shared.supervisor.release();
        if let Some(live) = &self.shared.live {
            live.end();
        }
        // A target whose boot has failed ends on the I/O thread, and the error says why it failed.
        if self.shared.is_in_test && !io_thread::is_current() {
            // Test harnesses show it for tests that fail. Whether this one does is not known yet.
            let machine = &self.shared.config.machine_name;
            for port in self.shared.ports.iter() {
                notice(format_args!("{machine}: {}", port.last_words()));
            }
        }
        self.shared.finish_coverage();
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

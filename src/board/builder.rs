//! [`TargetBuilder`]: makes a board from a description.
//!
//! Everything is checked here, before a process is started.

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::time::Duration;

use super::concurrency::slots;
use super::inner::Inner;
use super::machine_uarts::MachineUarts;
use super::post_mortem::explain_failures;
use super::power::Board;
use super::program_files::MachineProgram;
use super::select_backend::{self, Coverage, Selected};
use super::target::VirtualTarget;
use super::transcript;
use crate::artifacts::{Report, Sources, TestName, Traced, UartLogWriter, failed};
use crate::backend::{Backend, Image};
use crate::caller::{Call, Caller};
use crate::config::{BackendKind, ConfigError, EnvVariable, TargetConfig, env_flag};
use crate::coverage::{MachineFiles, Recorder};
use crate::error::{Error, ErrorKind, Result};
use crate::firmware::Firmware;
use crate::notice::notice;
use crate::operation::{Operation, Remote, Task};
use crate::process::Supervisor;
use crate::uart::{Live, LogGuards, Ports, UartError};

impl VirtualTarget {
    /// Creates a builder from the YAML file at `path`, which is relative to the current directory.
    ///
    /// The file is read immediately; if it is not valid, [`boot`](TargetBuilder::boot) returns the error.
    #[track_caller]
    pub fn from_yaml(path: impl AsRef<Path>) -> TargetBuilder {
        TargetBuilder::new(TargetConfig::from_file(path))
    }

    /// Creates a builder from `config`.
    #[track_caller]
    pub fn from_config(config: TargetConfig) -> TargetBuilder {
        TargetBuilder::new(Ok(config))
    }
}

/// A target that has not been started; see [`VirtualTarget::from_yaml`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `boot` or `build` is called"]
pub struct TargetBuilder {
    config: Result<TargetConfig, ConfigError>,
    firmware: Option<PathBuf>,
    symbols: Vec<PathBuf>,
    fail_on_log: Vec<String>,
    backend: Option<BackendKind>,
    keeps_artifacts: bool,
    /// The place in the test that made the builder.
    made_at: Caller,
}

impl TargetBuilder {
    #[track_caller]
    fn new(config: Result<TargetConfig, ConfigError>) -> Self {
        Self {
            config,
            firmware: None,
            symbols: Vec::new(),
            fail_on_log: Vec::new(),
            backend: None,
            keeps_artifacts: true,
            made_at: Location::caller(),
        }
    }

    /// Sets the firmware to flash, instead of the description's; `path` is relative to the current
    /// directory.
    pub fn firmware(mut self, path: impl AsRef<Path>) -> Self {
        self.firmware =
            Some(std::path::absolute(&path).unwrap_or_else(|_| path.as_ref().to_owned()));
        self
    }

    /// Adds an ELF file whose symbols and debug information are used in addition to the firmware's,
    /// as the description's `symbols`; `path` is relative to the current directory.
    ///
    /// A file is left out while another program is flashed: more than 64 bytes, and more than a 64th, of
    /// those that both have differ. Where only its names could help, this is an error.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// let board = virtual_target::VirtualTarget::from_yaml("board.yaml")
    ///     .firmware("build/app.hex")
    ///     .symbols("build/app.elf")
    ///     .boot()
    ///     .wait()?;
    /// assert_eq!(board.read_symbol::<u32>("overruns").wait()?, 0);
    /// # Ok(()) }
    /// ```
    pub fn symbols(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.symbols.push(path);
        self
    }

    /// Adds a pattern that must never appear in a line of the emulator's log, as the description's
    /// `fail_on_log`: waits end at once, and a test that waits for nothing more fails at its end.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// let board = virtual_target::VirtualTarget::from_yaml("board.yaml")
    ///     .fail_on_log("re:(?i)unhandled (read|write)")
    ///     .boot()
    ///     .wait()?;
    /// # Ok(()) }
    /// ```
    pub fn fail_on_log(mut self, pattern: impl Into<String>) -> Self {
        self.fail_on_log.push(pattern.into());
        self
    }

    /// Sets the engine to use, instead of the description's and of `VTARGET_BACKEND`'s.
    pub fn backend(mut self, backend: BackendKind) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Keeps no artifacts, whatever happens: for a program that is not a test.
    pub fn without_artifacts(mut self) -> Self {
        self.keeps_artifacts = false;
        self
    }

    /// Creates the report of the running test.
    fn report(&self, at: Caller) -> Result<Option<Arc<Report>>, ConfigError> {
        match self.keeps_artifacts {
            true => Report::new(&TestName::current(at)).map(Some),
            false => Ok(None),
        }
    }

    /// Flashes the board and turns it on.
    ///
    /// Limited by `timeouts.boot`, 60 s by default. If it is dropped midway, the emulator is killed
    /// immediately.
    ///
    /// # Errors
    /// [`ConfigError`] and [`FirmwareError`](crate::firmware::FirmwareError) before anything is
    /// started; then those of [`VirtualTarget::power_on`].
    #[track_caller]
    pub fn boot(self) -> Operation<VirtualTarget> {
        let at = Location::caller();
        let report = self.report(at);
        let known = report.as_ref().map_or(None, Option::clone);
        let supervisor = Arc::new(Supervisor::new());
        let limit = match &self.config {
            Ok(config) => config.timeouts.boot,
            Err(_) => Duration::ZERO,
        };
        let held = Arc::clone(&supervisor);
        let boot = Remote::new(limit, move |limit| {
            // In the thread that waits, so that the notices are in the output of its test.
            let report = report.map_err(Error::from);
            let target = report.and_then(|report| self.assemble(held, report, at));
            async move {
                let target = target?;
                let call = Call::new("boot", at);
                target
                    .shared
                    .board
                    .lock()
                    .await
                    .power_on(call, limit)
                    .await?;
                target.shared.skip_to_last_start();
                Ok(target)
            }
        });
        Operation::new(Boot {
            boot: Traced::new(boot, known.as_ref(), at, |_| "boot".to_owned()),
            report: known,
            supervisor: Some(supervisor),
        })
    }

    /// Creates the target without turning it on; no process is started.
    ///
    /// # Errors
    /// [`ConfigError`], [`FirmwareError`](crate::firmware::FirmwareError), or an
    /// [`EmulatorError`](crate::EmulatorError) if the emulator is missing.
    #[track_caller]
    pub fn build(self) -> Result<VirtualTarget> {
        let at = Location::caller();
        let report = self.report(at).map_err(|e| failed(e, None, at))?;
        let target = self.assemble(Arc::new(Supervisor::new()), report.clone(), at);
        target.map_err(|error| {
            let error = failed(error, report.as_ref(), at);
            if let Some(report) = &report {
                report.finish(true);
            }
            error
        })
    }

    /// Creates the target. An error of its configuration has the place that made the builder.
    fn assemble(
        self,
        supervisor: Arc<Supervisor>,
        report: Option<Arc<Report>>,
        at: Caller,
    ) -> Result<VirtualTarget> {
        let made_at = self.made_at;
        self.assemble_parts(supervisor, report, at)
            .map_err(|mut error| {
                if matches!(error.kind(), ErrorKind::Config(_)) {
                    error.set_place(made_at);
                }
                error
            })
    }

    fn assemble_parts(
        self,
        supervisor: Arc<Supervisor>,
        report: Option<Arc<Report>>,
        at: Caller,
    ) -> Result<VirtualTarget> {
        let mut config = self.config?;
        for pattern in self.fail_on_log {
            LogGuards::pattern(&pattern).map_err(UartError::from)?;
            config.fail_on_log.push(pattern);
        }
        for entry in config.skipped_entries() {
            let machine = &config.machine_name;
            notice(format_args!(
                "{machine}: the exporter's {entry} is skipped: it plays no part in this target"
            ));
        }
        if self.firmware.is_some() || !self.symbols.is_empty() {
            config.single_machine()?;
        }
        let images = config.images().into_iter();
        let images = images.map(|(name, image)| (name, self.firmware.as_deref().or(image)));
        let firmware: Vec<Option<Firmware>> = images
            .clone()
            .map(|(_, image)| image.map(Firmware::open).transpose())
            .collect::<Result<_, _>>()?;
        let programs = programs(&config, &self.symbols)?;
        let Selected { kind: wanted, by } = select_backend::select(&config, self.backend)?;
        let clock = match wanted {
            BackendKind::Renode | BackendKind::Auto => select_backend::clock(&config)?,
            BackendKind::Qemu | BackendKind::Serial => None,
        };
        let chosen = self.backend.is_some() || config.backend == BackendKind::Qemu;
        let reason = |error| match chosen {
            true => error,
            false => select_backend::blame_variable(error),
        };
        let ports = select_backend::ports(&config, wanted, report.as_ref(), clock.as_ref());
        let ports = ports.map_err(reason)?;
        let recorder = match select_backend::coverage(&config, wanted)? {
            Coverage::Nothing => None,
            Coverage::Lines(it) => Some(Recorder::new(it, machine_files(&programs))),
            Coverage::Impossible(why) => Some(Recorder::of_nothing(&config.machine_name, &why)),
        };
        let covered = recorder.as_ref();
        let backend = select_backend::create(&config, wanted, &supervisor, &ports, clock, covered)
            .map_err(reason)?;
        let machines: Vec<MachineUarts> = images
            .zip(ports)
            .map(|((name, _), ports)| MachineUarts::new(name, ports))
            .collect();
        if let Some(report) = &report {
            report.begin(sources(&config, &firmware, &*backend, by, &machines));
        }
        let image = |firmware| Image {
            firmware,
            load_command: None,
            coverage: None,
        };
        let mut images: Vec<Option<Image>> = firmware.into_iter().map(|it| it.map(image)).collect();
        for (machine, image) in images.iter().enumerate() {
            if let Some(image) = image {
                backend.accepts(machine, image)?;
            }
        }
        if let Some(recorder) = &recorder {
            for (machine, image) in images.iter_mut().enumerate() {
                if let Some(image) = image {
                    image.coverage = recorder.record(machine, Some(&image.firmware));
                }
            }
        }
        let ports = Ports::all(machines.iter().map(|machine| &machine.ports));
        ports.introduce();
        let live = Live::begin(ports.iter())?;
        let slots = slots()?;
        let debugs_failures = env_flag(EnvVariable::Gdb)?.unwrap_or_default();
        let events = backend.events();
        let mut board = Board::new(
            backend,
            ports.clone(),
            Arc::clone(&supervisor),
            config.machine_name.clone(),
            images,
            programs,
            Arc::clone(&slots),
        );
        board.set_recorder(recorder.clone());
        let shared = Arc::new(Inner {
            config,
            supervisor,
            ports,
            machines,
            board: tokio::sync::Mutex::new(board),
            post_mortems: tokio::sync::Mutex::default(),
            is_debugged: AtomicBool::new(false),
            debugs_failures,
            events,
            report,
            live,
            is_in_test: self.keeps_artifacts && TestName::runs_tests(),
            recorder,
            at,
            slots,
            owner: std::process::id(),
        });
        explain_failures(&shared);
        Ok(VirtualTarget { shared })
    }
}

/// Opens the ELF files with symbols of each machine: the description's, then those of the builder.
fn programs(config: &TargetConfig, added: &[PathBuf]) -> Result<Vec<MachineProgram>> {
    let names = config.images().into_iter().map(|(name, _)| name);
    let mut machines = Vec::new();
    let files = config
        .all_symbols()
        .into_iter()
        .zip(config.load_addresses());
    for (machine, (paths, load_address)) in names.zip(files) {
        let described = paths.iter().enumerate().map(|(index, path)| {
            let field = config.field_of(machine, &format!("symbols[{index}]"));
            Firmware::open_symbols(path).map_err(|error| config.invalid(&field, error).into())
        });
        let added = added
            .iter()
            .map(|path| Firmware::open_symbols(path).map_err(Error::from));
        machines.push(MachineProgram {
            name: machine.to_owned(),
            load_address,
            symbols: described.chain(added).collect::<Result<_>>()?,
        });
    }
    Ok(machines)
}

/// Returns what the coverage must know of each machine.
fn machine_files(programs: &[MachineProgram]) -> Vec<MachineFiles> {
    let files = programs.iter().map(|program| MachineFiles {
        name: program.name.clone(),
        symbols: program
            .symbols
            .iter()
            .map(|it| it.path().to_owned())
            .collect(),
        load_address: program.load_address,
    });
    files.collect()
}

/// Returns the sources of a target's report.
fn sources(
    config: &TargetConfig,
    firmware: &[Option<Firmware>],
    backend: &dyn Backend,
    selected_by: Option<&'static str>,
    machines: &[MachineUarts],
) -> Sources {
    let identity = backend.identity().clone();
    let selected = selected_by.map(|by| {
        let identity = identity.clone();
        let text = move || format!("{}, selected by {by}", identity.engine());
        Box::new(text) as Box<dyn Fn() -> String + Send>
    });
    let present = identity.clone();
    let image = |firmware: &Option<Firmware>| match firmware {
        Some(firmware) => firmware.path().display().to_string(),
        None => "none yet".to_owned(),
    };
    let firmware = firmware.iter().map(image).collect::<Vec<_>>().join(", ");
    let rest = format!("{config:#?}");
    let mut logs = backend.logs();
    let ports = Ports::all(machines.iter().map(|machine| &machine.ports));
    if ports.iter().count() > 1 {
        let names: Vec<String> = machines.iter().map(|it| it.name.clone()).collect();
        let events = backend.events();
        let text = move || transcript::text(&ports, events.as_deref(), &names);
        logs.push(("transcript.txt", Box::new(text)));
    }
    Sources {
        machine: config.machine_name.clone(),
        selected,
        earlier_boards: Box::new(move || present.engine().earlier_boards),
        configuration: Box::new(move || {
            let engine = identity.engine();
            let program = engine.program.display();
            format!("engine: {engine}\nprogram: {program}\nfirmware: {firmware}\n{rest}\n")
        }),
        uarts: uart_logs(machines),
        logs,
    }
}

/// Creates the logs of all UARTs. A file's name contains the machine if there are several, and the
/// UART if its machine has several.
fn uart_logs(machines: &[MachineUarts]) -> Vec<UartLogWriter> {
    let logs = machines.iter().flat_map(|machine| {
        let several = machine.ports.iter().count() > 1;
        machine.ports.iter().map(move |port| {
            let machine = (machines.len() > 1).then_some(machine.name.as_str());
            let uart = several.then(|| port.name());
            // The names contain no dots, so the joined names are distinct.
            let name: Vec<&str> = machine.into_iter().chain(uart).collect();
            let name = match name.is_empty() {
                true => "uart".to_owned(),
                false => format!("uart-{}", name.join(".")),
            };
            UartLogWriter::new(&name, port.uart_log())
        })
    });
    logs.collect()
}

/// A boot in progress. If it is dropped before it is done, the dropping thread ends the
/// processes of the boot.
struct Boot {
    boot: Traced<Remote<VirtualTarget>>,
    report: Option<Arc<Report>>,
    supervisor: Option<Arc<Supervisor>>,
}

impl Task for Boot {
    type Output = VirtualTarget;

    fn set_timeout(&mut self, timeout: Duration) {
        self.boot.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<VirtualTarget>> {
        let outcome = self.boot.poll(cx);
        if outcome.is_ready() {
            self.supervisor = None; // a target has its own reference; a failure has released it
        }
        if let (Poll::Ready(Err(_)), Some(report)) = (&outcome, &self.report) {
            report.finish(true);
        }
        outcome
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.release();
            if let Some(report) = &self.report {
                report.finish(std::thread::panicking());
            }
        }
    }
}

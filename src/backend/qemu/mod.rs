//! [`Qemu`]: the backend for QEMU, with one `qemu-system-…` process per power-on.
//!
//! The process inherits socket pairs, for QMP and for each UART. There is no TCP port and no
//! path, so there is no race for one. QEMU starts paused and runs once QMP is ready. New firmware
//! needs a new process, which takes about 30 ms.

mod command_line;
mod complaint;
mod debugger;
mod executed;
mod gdb_client;
mod hmp;
mod inspect;
mod log_reader;
mod qmp;
mod serials;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::unix::{OwnedWriteHalf, pipe};
use tokio::sync::oneshot;

use super::emulator::{Emulator, OUTPUT_DRAIN_TIMEOUT};
use super::error::{ErrorPlace, RefusalReason, Unexpected, Unsupported};
use super::{
    Backend, BoxFuture, EmulatorError, EmulatorErrorKind, EmulatorExit, EmulatorLog, GuestAccess,
    Identity, Image, LogText, Outcome, OutputTail, Place, Reached, executable,
};
use crate::config::{BackendKind, ConfigError, LoadCommand, QemuConfig, QemuPort, TargetConfig};
use crate::coverage::BlockStarts;
use crate::firmware::Format;
use crate::process::{PrivateDir, SpawnSpec, Supervisor};
use crate::runtime::Clock;
use crate::uart::Ports;
use gdb_client::GdbClient;
use log_reader::LogReader;
use qmp::{Qmp, QmpError, Reply};

const KIND: BackendKind = BackendKind::Qemu;

/// The variable that names QEMU's program.
const VARIABLE: &str = "VTARGET_QEMU";
/// The program for the default architecture.
const DEFAULT: &str = "qemu-system-arm";

/// Returns the emulator's program for an architecture, such as `arm`.
///
/// It is the one that `VTARGET_QEMU` names. If that is `qemu-system-arm` and another architecture
/// is wanted, it is the program beside it. Else it is the program in `PATH`.
pub(crate) fn find(arch: &str) -> Result<PathBuf, EmulatorError> {
    let program = format!("qemu-system-{arch}");
    let of_another = |named: &PathBuf| named.ends_with(DEFAULT) && program != DEFAULT;
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let found = match named.filter(of_another) {
        Some(named) => executable::check(&named.with_file_name(&program)),
        None => executable::find(VARIABLE, &program, None),
    };
    found
        .map_err(|looked| EmulatorError::new(KIND, EmulatorErrorKind::NotFound { program, looked }))
}

/// Returns true if this project was tried with this version, such as `7.2.22`.
pub(crate) fn was_tried(version: &str) -> bool {
    const TRIED: [&str; 1] = ["7.2"];
    let main = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    TRIED.contains(&main.as_str())
}

/// A board that QEMU emulates.
pub(crate) struct Qemu {
    program: PathBuf,
    identity: Identity,
    config: QemuConfig,
    /// The places where the description names the machine and the CPU, for messages.
    places: complaint::Places,
    /// The directory of the description, at which relative paths in its `args` start.
    directory: PathBuf,
    load_command: Option<LoadCommand>,
    load_address: Option<u64>,
    supervisor: Arc<Supervisor>,
    ports: Ports,
    output: OutputTail,
    /// What QEMU logs, if it is told to.
    log: EmulatorLog,
    running: Option<Running>,
    /// The place to which the board runs, and the client that has set it.
    runs_until: Option<(Place, Arc<tokio::sync::Mutex<GdbClient>>)>,
}

struct Running {
    emulator: Emulator,
    /// The directory of the log of the code that runs, if the coverage is wanted.
    private: Option<Arc<PrivateDir>>,
    qmp: Qmp<OwnedWriteHalf>,
    /// The command that runs the board. `None` without firmware: the CPU would lock up at once.
    run_command: Option<&'static str>,
    /// Is ready when all that QEMU has logged has been read.
    log_end: oneshot::Receiver<()>,
}

impl Qemu {
    pub(crate) fn new(
        program: PathBuf,
        config: &TargetConfig,
        supervisor: Arc<Supervisor>,
        ports: Ports,
    ) -> Result<Self, ConfigError> {
        let qemu = config.qemu()?;
        Ok(Self {
            identity: Identity::of(KIND, program.clone()),
            program,
            config: qemu.clone(),
            places: complaint::Places {
                machine: config.place("qemu.machine"),
                cpu: config.place("qemu.cpu"),
                uarts: qemu
                    .uarts
                    .iter()
                    .map(|uart| config.place(&uart.field))
                    .collect(),
                args: (0..qemu.args.len())
                    .map(|index| config.place(&format!("qemu.args[{index}]")))
                    .collect(),
            },
            directory: config.directory().to_owned(),
            load_command: config.load_command,
            load_address: config.load_address,
            supervisor,
            ports,
            output: OutputTail::default(),
            log: EmulatorLog::default(),
            running: None,
            runs_until: None,
        })
    }

    async fn start(&mut self, image: Option<&Image>) -> Result<(), EmulatorError> {
        const STEP: &str = "starting QEMU";
        let firmware = image.map(|image| &image.firmware);
        let io = |source| EmulatorError::io(KIND, STEP, source);
        let of_process = |source| EmulatorError::process(KIND, source);
        let (stdin, gate) = std::io::pipe().map_err(io)?;
        let (stderr, stderr_theirs) = std::io::pipe().map_err(io)?;
        let (qmp, qmp_theirs) = UnixStream::pair().map_err(io)?;
        let mut stdout = stderr_theirs.try_clone().map_err(io)?;
        let mut inherited = vec![qmp_theirs.into()];
        for (uart, port) in self.config.uarts.iter().zip(self.ports.iter()) {
            match uart.port {
                QemuPort::Serial(_) => {
                    let (uart, uart_theirs) = UnixStream::pair().map_err(io)?;
                    port.attach(uart).map_err(io)?;
                    inherited.push(uart_theirs.into());
                }
                QemuPort::Semihosting => {
                    let (output, output_theirs) = std::io::pipe().map_err(io)?;
                    port.attach_output_only(output).map_err(io)?;
                    stdout = output_theirs;
                }
            }
        }
        let mut args = command_line::arguments(
            &self.config,
            firmware,
            self.load_address,
            self.ports.guard_the_log(),
        );
        let private = match image.and_then(|image| image.coverage.as_ref()) {
            Some(recording) => {
                let private = self.supervisor.private_dir().map_err(of_process)?;
                let log = BlockStarts::create_in(private.path(), executed::read_starts);
                let (starts, log) = log.map_err(io)?;
                recording.begin(starts).map_err(io)?;
                args.extend(executed::arguments(&log));
                Some(private)
            }
            None => None,
        };
        let launch = SpawnSpec {
            program: self.program.clone(),
            args,
            env: std::env::vars_os().collect(),
            gate: gate.into(),
            stdin: stdin.into(),
            stdout: stdout.into(),
            stderr: stderr_theirs.into(),
            inherited,
            directory: Some(self.directory.clone()),
        };
        let stderr = pipe::Receiver::from_owned_fd(stderr.into()).map_err(io)?;
        self.output.clear();
        let output = self.output.clone();
        let (log_read, log_end) = oneshot::channel();
        let drained = output.clone();
        let reader = || LogReader::new(self.ports.clone(), self.log.clone());
        let mut log = self.logs_guest().then(reader);
        let drained = async move {
            let read = |bytes: &[u8]| {
                if let Some(log) = &mut log {
                    log.read(bytes);
                }
            };
            drained.drain(stderr, read).await;
            // Nobody waits for it unless QEMU logs something.
            let _ = log_read.send(());
        };
        let process = self.supervisor.spawn(launch).map_err(of_process)?;
        let emulator = Emulator::watch(KIND, process, output, drained, Arc::default());
        emulator.set_ports(Some(self.ports.clone()));

        qmp.set_nonblocking(true).map_err(io)?;
        let (from_qemu, to_qemu) = tokio::net::UnixStream::from_std(qmp)
            .map_err(io)?
            .into_split();
        let (mut qmp, greeting) = Qmp::new(from_qemu, to_qemu);
        let run_command = firmware.map(|_| "cont");
        self.ports.set_bare(run_command.is_none());
        let begin = "qmp_capabilities";
        let (begun, runs) = send(&mut qmp, begin, run_command).await;
        self.running = Some(Running {
            emulator,
            private,
            qmp,
            run_command,
            log_end,
        });
        let begun = self.wait_for_reply(STEP, begin, begun).await;
        if let Err(error) = begun {
            return Err(self.with_cause(error).await);
        }
        self.identity.set_version(greeting.await.ok());
        self.check_cpu(STEP).await?;
        self.check_serials(STEP).await?;
        let Some((run, reply)) = runs else {
            return Ok(());
        };
        match self.wait_for_reply(STEP, run, reply).await {
            // The firmware has caused the exit. The next operation reports it, with the board's
            // output, as it reports any later exit.
            Err(error) if matches!(error.kind(), EmulatorErrorKind::Exited { .. }) => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Returns true if QEMU logs what the guest does, on its standard error.
    fn logs_guest(&self) -> bool {
        self.ports.guard_the_log() || self.config.logs_to_standard_error()
    }

    /// Adds the cause to the error of a start: the place in the description if QEMU names the
    /// machine or the CPU, else the program.
    async fn with_cause(&self, error: EmulatorError) -> EmulatorError {
        let EmulatorErrorKind::Exited { exit, .. } = error.kind() else {
            return error;
        };
        let place = match complaint::Complaint::parse(&exit.output, &self.config) {
            Some(complaint) => {
                complaint
                    .place(&self.places, &self.program, &self.supervisor)
                    .await
            }
            None => ErrorPlace::Program {
                path: self.program.clone(),
            },
        };
        error.at(place)
    }

    /// Checks that the board has the configured CPU: some machines always have the same one and
    /// ignore the option.
    async fn check_cpu(&mut self, step: &'static str) -> Result<(), EmulatorError> {
        let Some(wanted) = self.config.cpu.clone() else {
            return Ok(());
        };
        let cpus = self.query(step, "query-cpus-fast", json!({})).await;
        let Some(path) = cpus.pointer("/0/qom-path").and_then(Value::as_str) else {
            return Ok(());
        };
        let of_first = json!({ "path": path, "property": "type" });
        let kind = self.query(step, "qom-get", of_first).await;
        // The type is `cortex-m3-arm-cpu` or `sifive-e31-riscv-cpu`; properties are no part of it.
        let found = kind.as_str().and_then(|it| {
            let it = it.strip_suffix("-cpu")?;
            Some(it.rsplit_once('-')?.0)
        });
        match found {
            Some(found) if Some(found) != wanted.split(',').next() => {
                let request = Unsupported::Cpu {
                    machine: self.config.machine.clone(),
                    wanted,
                    found: found.to_owned(),
                };
                let error = EmulatorError::unsupported(KIND, request);
                Err(error.at(ErrorPlace::Field(self.places.cpu.clone())))
            }
            _ => Ok(()),
        }
    }

    /// Returns the reply to `command`, or null if there is none.
    async fn query(&mut self, step: &'static str, command: &str, arguments: Value) -> Value {
        let Some(running) = &mut self.running else {
            return Value::Null;
        };
        let reply = running.qmp.send_with(command, arguments).await;
        self.wait_for_reply(step, command, reply)
            .await
            .unwrap_or_default()
    }

    /// Sends `command` and then `next`, if there is one, and waits for both replies.
    async fn execute(
        &mut self,
        step: &'static str,
        command: &'static str,
        next: Option<&'static str>,
    ) -> Result<(), EmulatorError> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let (reply, next) = send(&mut running.qmp, command, next).await;
        self.wait_for_reply(step, command, reply).await?;
        if let Some((next, reply)) = next {
            self.wait_for_reply(step, next, reply).await?;
        }
        Ok(())
    }

    /// Waits for the reply to `command`, or for QEMU's exit.
    async fn wait_for_reply(
        &self,
        step: &'static str,
        command: &str,
        reply: Reply,
    ) -> Result<Value, EmulatorError> {
        let Some(running) = &self.running else {
            return Ok(Value::Null);
        };
        match reply.received().await {
            Ok(value) => Ok(value),
            Err(QmpError::Refused(reason)) => Err(EmulatorError::new(
                KIND,
                EmulatorErrorKind::Refused {
                    command: command.to_owned(),
                    reason: RefusalReason::Refused(reason),
                },
            )),
            Err(QmpError::Closed) => Err(running.emulator.exit(step).await),
            Err(QmpError::Garbage(got)) => Err(EmulatorError::new(
                KIND,
                EmulatorErrorKind::Protocol {
                    step,
                    got: Unexpected::Text(got),
                    program: self.program.clone(),
                },
            )),
        }
    }
}

/// Sends `command` and then `next`, if there is one, without waiting for a reply in between.
async fn send(
    qmp: &mut Qmp<OwnedWriteHalf>,
    command: &'static str,
    next: Option<&'static str>,
) -> (Reply, Option<(&'static str, Reply)>) {
    let reply = qmp.send(command).await;
    let next = match next {
        Some(next) => Some((next, qmp.send(next).await)),
        None => None,
    };
    (reply, next)
}

impl Backend for Qemu {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn logs(&self) -> Vec<(&'static str, LogText)> {
        vec![("emulator.log", self.output.reader())]
    }

    fn emulator_log(&self) -> Result<EmulatorLog, EmulatorError> {
        match self.logs_guest() {
            true => Ok(self.log.clone()),
            false => Err(self.unsupported(Unsupported::SilentLog)),
        }
    }

    fn accepts(&self, _machine: usize, image: &Image) -> crate::Result<()> {
        let firmware = &image.firmware;
        firmware.check_architecture(self.config.arch, &self.config.machine)?;
        firmware.check_load_address(self.load_address)?;
        let path = || firmware.path().to_owned();
        let unsupported = |request| Err(EmulatorError::unsupported(KIND, request).into());
        if firmware.format() == Format::SRecord {
            return unsupported(Unsupported::SRecord { path: path() });
        }
        match image.load_command(self.load_command, KIND)? {
            Some(LoadCommand::SymbolsFrom) => {
                unsupported(Unsupported::SymbolsAlone { path: path() })
            }
            _ => Ok(()),
        }
    }

    fn power_on<'a>(&'a mut self, images: &'a [Option<Image>]) -> Outcome<'a> {
        let image = images.first().and_then(Option::as_ref);
        self.log.begin();
        Box::pin(self.start(image))
    }

    fn power_off(&mut self) -> Outcome<'_> {
        Box::pin(async {
            self.runs_until = None;
            let logs_guest = self.logs_guest();
            if let Some(running) = self.running.take() {
                running.emulator.end().await;
                if logs_guest {
                    // An error is the end as well.
                    let _ = tokio::time::timeout(OUTPUT_DRAIN_TIMEOUT, running.log_end).await;
                }
                if let Some(private) = running.private {
                    private.remove();
                }
            }
            Ok(())
        })
    }

    fn reload<'a>(&'a mut self, _machine: usize, image: &'a Image) -> Outcome<'a> {
        Box::pin(async {
            self.power_off().await?;
            self.start(Some(image)).await
        })
    }

    fn reset(&mut self, _machine: Option<usize>) -> Outcome<'_> {
        const STEP: &str = "resetting the board";
        Box::pin(async {
            // The board is paused in between, so that its output before the reset and after it
            // can be told apart.
            self.execute(STEP, "stop", None).await?;
            self.ports.restart();
            let running = self.running.as_ref();
            let run_command = running.and_then(|running| running.run_command);
            self.execute(STEP, "system_reset", run_command).await
        })
    }

    fn run_until(
        &mut self,
        _machine: usize,
        place: Place,
    ) -> BoxFuture<'_, Result<Reached, EmulatorError>> {
        Box::pin(self.begin_run_until(place))
    }

    fn end_run_until(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.finish_run_until())
    }

    fn guest_access(&mut self) -> Option<&mut dyn GuestAccess> {
        Some(self)
    }

    fn ended(&self) -> Option<Arc<EmulatorExit>> {
        self.running.as_ref()?.emulator.ended()
    }

    fn clock(&self) -> Option<Arc<dyn Clock>> {
        None
    }
}

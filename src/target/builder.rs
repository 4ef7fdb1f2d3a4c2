//! From a description to a board: everything is checked here, before anything starts.

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::board::Board;
use super::slots::slots;
use super::{Shared, VirtualTarget, engine};
use crate::backend::Backend;
use crate::config::{BackendKind, ConfigError, TargetConfig};
use crate::custody::Custody;
use crate::error::Result;
use crate::firmware::Firmware;
use crate::report::{Copy, Recorded, Report, Subject, TestName};
use crate::runtime::{Operation, Remote, Task};
use crate::uart::{Port, Ports};

/// A target that has not been started; see [`VirtualTarget::from_yaml`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `boot` or `build` is called"]
pub struct TargetBuilder {
    config: Result<TargetConfig, ConfigError>,
    firmware: Option<PathBuf>,
    backend: Option<BackendKind>,
}

impl TargetBuilder {
    pub(super) fn new(config: Result<TargetConfig, ConfigError>) -> Self {
        Self {
            config,
            firmware: None,
            backend: None,
        }
    }

    /// The firmware to flash, instead of the description's; relative to the current directory.
    pub fn firmware(mut self, path: impl AsRef<Path>) -> Self {
        self.firmware =
            Some(std::path::absolute(&path).unwrap_or_else(|_| path.as_ref().to_owned()));
        self
    }

    /// The emulator to use, instead of the description's and of `VTARGET_BACKEND`'s.
    pub fn backend(mut self, backend: BackendKind) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Flashes the board and turns it on.
    ///
    /// Limited by `timeouts.boot`, 60 s by default. Dropped midway, it ends the emulator at once.
    ///
    /// # Errors
    /// [`ConfigError`] and [`FirmwareError`](crate::firmware::FirmwareError) before anything is
    /// started; then those of [`VirtualTarget::power_on`].
    #[track_caller]
    pub fn boot(self) -> Operation<VirtualTarget> {
        let report = Report::new(&TestName::current(Location::caller()));
        let known = report.as_ref().map_or(None, Option::clone);
        let custody = Arc::new(Custody::new());
        let limit = match &self.config {
            Ok(config) => config.timeouts.boot,
            Err(_) => Duration::ZERO,
        };
        let held = Arc::clone(&custody);
        let boot = Remote::new(limit, move |limit| async move {
            let target = self.assemble(held, report?)?;
            target.shared.board.lock().await.power_on(limit).await?;
            target.shared.skip_to_last_start();
            Ok(target)
        });
        Operation::new(Boot {
            boot: Recorded::new(boot, known.as_ref(), |_| "boot".to_owned()),
            report: known,
            custody: Some(custody),
        })
    }

    /// Makes the target without turning it on; starts nothing.
    ///
    /// # Errors
    /// [`ConfigError`], [`FirmwareError`](crate::firmware::FirmwareError), or that the emulator is missing.
    #[track_caller]
    pub fn build(self) -> Result<VirtualTarget> {
        let report = Report::new(&TestName::current(Location::caller()))?;
        self.assemble(Arc::new(Custody::new()), report)
    }

    fn assemble(self, custody: Arc<Custody>, report: Option<Arc<Report>>) -> Result<VirtualTarget> {
        let config = self.config?;
        for entry in config.skipped_entries() {
            let machine = &config.machine_name;
            eprintln!(
                "virtual-target: {machine}: the exporter's {entry} is skipped: it is not a Renode target"
            );
        }
        let firmware = match self.firmware.or_else(|| config.firmware.clone()) {
            Some(path) => Some(Firmware::open(path)?),
            None => None,
        };
        let wanted = engine::wanted(&config, self.backend)?;
        let ports = engine::ports(&config, wanted, report.as_ref())?;
        let backend = engine::choose(&config, wanted, &custody, &ports)?;
        if let Some(report) = &report {
            report.begin(subject(&config, firmware.as_ref(), &*backend, &ports));
        }
        if let Some(firmware) = &firmware {
            backend.accepts(firmware)?;
        }
        let board = Board::new(
            backend,
            ports.clone(),
            Arc::clone(&custody),
            config.machine_name.clone(),
            firmware,
            slots()?,
        );
        let uarts = ports.iter().map(Port::uart).collect();
        Ok(VirtualTarget {
            shared: Arc::new(Shared {
                config,
                custody,
                ports,
                uarts,
                board: tokio::sync::Mutex::new(board),
                report,
                owner: std::process::id(),
            }),
        })
    }
}

/// What the report on a target is made of.
fn subject(
    config: &TargetConfig,
    firmware: Option<&Firmware>,
    backend: &dyn Backend,
    ports: &Ports,
) -> Subject {
    let engine = backend.engine();
    let firmware = firmware.map_or("none yet".to_owned(), |firmware| {
        firmware.path().display().to_string()
    });
    Subject {
        machine: config.machine_name.clone(),
        configuration: format!(
            "engine: {} ({})\nfirmware: {firmware}\n{config:#?}\n",
            engine.kind,
            engine.program.display()
        ),
        uarts: copies(ports),
        logs: backend.logs(),
    }
}

/// The copies of what all UARTs say; only where there are several are the files named after them.
fn copies(ports: &Ports) -> Vec<Copy> {
    let alone = ports.iter().count() == 1;
    let copy = |port: &Port| match alone {
        true => Copy::new("uart", port.console()),
        false => Copy::new(&format!("uart-{}", port.name()), port.console()),
    };
    ports.iter().map(copy).collect()
}

/// A boot under way: dropped before it is done, it ends what it started in the dropping thread.
struct Boot {
    boot: Recorded<Remote<VirtualTarget>>,
    report: Option<Arc<Report>>,
    custody: Option<Arc<Custody>>,
}

impl Task for Boot {
    type Output = VirtualTarget;

    fn set_timeout(&mut self, timeout: Duration) {
        self.boot.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<VirtualTarget>> {
        let outcome = self.boot.poll(cx);
        if outcome.is_ready() {
            self.custody = None; // a target has its own hold, a failure has let go
        }
        if let (Poll::Ready(Err(_)), Some(report)) = (&outcome, &self.report) {
            report.finish(true);
        }
        outcome
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        if let Some(custody) = self.custody.take() {
            custody.release();
            if let Some(report) = &self.report {
                report.finish(std::thread::panicking());
            }
        }
    }
}

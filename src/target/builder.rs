//! From a description to a board: everything is checked here, before anything starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::board::Board;
use super::{Shared, VirtualTarget, engine};
use crate::config::{BackendKind, ConfigError, TargetConfig};
use crate::custody::Custody;
use crate::error::Result;
use crate::firmware::Firmware;
use crate::runtime::{Operation, Remote, Task};

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
    pub fn boot(self) -> Operation<VirtualTarget> {
        let custody = Arc::new(Custody::new());
        let limit = match &self.config {
            Ok(config) => config.timeouts.boot,
            Err(_) => Duration::ZERO,
        };
        let held = Arc::clone(&custody);
        let boot = Remote::new(limit, move |limit| async move {
            let target = self.assemble(held)?;
            target.shared.board.lock().await.power_on(limit).await?;
            Ok(target)
        });
        Operation::new(Boot {
            boot,
            custody: Some(custody),
        })
    }

    /// Makes the target without turning it on; starts nothing.
    ///
    /// # Errors
    /// [`ConfigError`], [`FirmwareError`](crate::firmware::FirmwareError), or that the emulator is missing.
    pub fn build(self) -> Result<VirtualTarget> {
        self.assemble(Arc::new(Custody::new()))
    }

    fn assemble(self, custody: Arc<Custody>) -> Result<VirtualTarget> {
        let config = self.config?;
        let firmware = match self.firmware.or_else(|| config.firmware.clone()) {
            Some(path) => Some(Firmware::open(path)?),
            None => None,
        };
        let port = engine::port(&config)?;
        let backend = engine::choose(&config, self.backend, &custody, &port)?;
        if let Some(firmware) = &firmware {
            backend.accepts(firmware)?;
        }
        let board = Board::new(
            backend,
            port.clone(),
            Arc::clone(&custody),
            config.machine_name.clone(),
            firmware,
        );
        let uart = port.uart();
        Ok(VirtualTarget {
            shared: Arc::new(Shared {
                config,
                custody,
                port,
                uart,
                board: tokio::sync::Mutex::new(board),
                owner: std::process::id(),
            }),
        })
    }
}

/// A boot under way: dropped before it is done, it ends what it started in the dropping thread.
struct Boot {
    boot: Remote<VirtualTarget>,
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
        outcome
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        if let Some(custody) = self.custody.take() {
            custody.release();
        }
    }
}

//! What a board's handle and its operations in flight hold together.

use std::sync::Arc;

use super::machine_uarts::MachineUarts;
use super::power::Board;
use crate::artifacts::{Caller, Report};
use crate::config::TargetConfig;
use crate::process::Supervisor;
use crate::uart::{Ports, Uart};

/// What a target and its operations in flight hold together.
pub(super) struct Inner {
    pub(super) config: TargetConfig,
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) ports: Ports,
    /// In the order of the description; there is at least one. `ports` are all of theirs.
    pub(super) machines: Vec<MachineUarts>,
    pub(super) board: tokio::sync::Mutex<Board>,
    pub(super) report: Option<Arc<Report>>,
    /// Where in the test it was made.
    pub(super) at: Caller,
    pub(super) owner: u32,
}

impl Inner {
    /// Moves the cursors that the target shares to where the board was last started.
    pub(super) fn skip_to_last_start(&self) {
        let uarts = self.machines.iter().flat_map(|machine| &machine.uarts);
        uarts.for_each(Uart::skip_to_last_start);
    }
}

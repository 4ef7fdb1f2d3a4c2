//! Giving back the Renode of a target that is dropped.

use std::sync::Arc;
use std::time::Duration;

use super::check;
use super::key::Key;
use super::limits;
use super::pool::{Pool, Warm, discard};
use crate::backend::renode::launch::version::Version;
use crate::backend::renode::monitor::client::MonitorError;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::monitor::protocol::Refusal;
use crate::backend::renode::session::Session;
use crate::backend::renode::setup::emulation::Emulation;
use crate::backend::renode::setup::prepared_board::PreparedBoard;
use crate::backend::{EmulatorError, TakeSlot};
use crate::config::TargetConfig;
use crate::process::Supervisor;
use crate::runtime::{self, Hold};

/// The time after which a Renode that does not answer is ended.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

const CLEARING: &str = "clearing the last board";

/// A Renode whose guest is paused for good.
pub(crate) struct Paused {
    pub(crate) session: Session,
    pub(crate) version: Version,
    pub(crate) runtime: Option<String>,
    pub(crate) key: Key,
    /// Keeps a guest with a virtual clock paused.
    pub(crate) hold: Option<Hold>,
    /// The owner of the process.
    pub(crate) supervisor: Arc<Supervisor>,
}

impl Paused {
    /// Makes the board of `config` again and parks the Renode, in the background.
    pub(crate) fn park(self, pool: &'static Pool, config: TargetConfig, take_slot: TakeSlot) {
        if !self.hand_over(&pool.supervisor) {
            return;
        }
        let key = self.key.clone();
        pool.expect(&key, &take_slot);
        let parking = runtime::spawn(async move {
            let warm = self.prepare(pool, &config).await;
            pool.arrive(&key, warm, &take_slot);
        });
        // Without an I/O thread there is no session.
        drop(parking);
    }

    /// Makes `heir` the owner of the Renode; returns false if it is not to run another board.
    pub(super) fn hand_over(&self, heir: &Supervisor) -> bool {
        let (process, directory) = (self.session.process(), self.session.private());
        let memory = || Some(process.activity()?.memory);
        limits::allow_another_board(self.session.earlier_boards() + 1, memory)
            && self.supervisor.hand_over(&process, directory, heir)
    }

    /// Removes the board from Renode, or returns why that failed.
    pub(super) async fn clear(&mut self) -> Result<(), String> {
        // The target has ended its clock: nothing lets the guest run any more.
        self.hold = None;
        match tokio::time::timeout(PATIENCE, clear(&mut self.session)).await {
            Ok(cleared) => cleared.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it has not cleared its board in {PATIENCE:?}")),
        }
    }

    /// Returns the Renode, prepared for the same board; or only cleared, if a boot waits for it.
    async fn prepare(mut self, pool: &Pool, config: &TargetConfig) -> Option<Warm> {
        let mut prepared = None;
        let done = match self.clear().await {
            Ok(()) if !pool.is_awaited(&self.key) => {
                let made = make_again(&mut self.session, &self.version, config, &self.key).await;
                made.map(|made| prepared = Some(made))
            }
            cleared => cleared,
        };
        if let Err(why) = done {
            give_up(self.session, &why);
            return None;
        }
        Some(Warm {
            session: self.session,
            version: self.version,
            runtime: self.runtime,
            key: self.key,
            prepared,
        })
    }
}

/// Ends a Renode that cannot be used again.
pub(crate) fn give_up(session: Session, why: &str) {
    tracing::debug!("a Renode is not used again: {why}");
    discard(session);
}

/// Removes the last board from Renode.
pub(crate) async fn clear(session: &mut Session) -> Result<(), EmulatorError> {
    session.end_board().await;
    let command = MonitorCommand::clear();
    match session.monitor().send(&command).within(PATIENCE).await {
        // Renode forgets the rest of the line with the board.
        Ok(_) | Err(MonitorError::Refused(Refusal::Ignored)) => Ok(()),
        Err(error) => session
            .judge(CLEARING, &command, Err(error))
            .await
            .map(drop),
    }
}

/// Makes the board of `config` after another one.
async fn make_again(
    session: &mut Session,
    version: &Version,
    config: &TargetConfig,
    key: &Key,
) -> Result<PreparedBoard, String> {
    let is_virtual = session.has_virtual_clock();
    session
        .begin_board(is_virtual)
        .map_err(|error| error.to_string())?;
    make(session, version, config, key).await
}

/// Makes the board of `config` in a Renode without one, with its UARTs' input.
pub(super) async fn make(
    session: &mut Session,
    version: &Version,
    config: &TargetConfig,
    key: &Key,
) -> Result<PreparedBoard, String> {
    let mut emulation = Emulation::without_target(config).map_err(|e| e.to_string())?;
    let text = |error: EmulatorError| error.to_string();
    let prepared = emulation.prepare(session, version).await.map_err(text)?;
    emulation.prepare_input(session).await.map_err(text)?;
    match check::difference(session, &prepared, key).await {
        Ok(None) => Ok(prepared),
        Ok(Some(difference)) => Err(difference.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

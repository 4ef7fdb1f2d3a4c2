//! Checks that a Renode which has run boards before has a board like a new Renode's.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::key::Key;
use crate::backend::EmulatorError;
use crate::backend::error::BoardDifference;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::session::Session;
use crate::backend::renode::setup::prepared_board::PreparedBoard;
use crate::backend::renode::time::guest_clock;
use crate::sync::lock;

const CHECKING: &str = "checking a board that is made again";

/// What the boards of a Renode looked like when they were made for the first time, by their keys.
pub(crate) type Portraits = BTreeMap<String, String>;

/// What a prepared board's processors and machines look like, by the board's key.
static SEEN: Mutex<Option<HashMap<Arc<str>, String>>> = Mutex::new(None);

/// Returns the difference between a prepared board and a new one, if there is any.
pub(crate) async fn difference(
    session: &Session,
    prepared: &PreparedBoard,
    key: &Key,
) -> Result<Option<BoardDifference>, EmulatorError> {
    if let Some(found) = has_run(session, prepared).await? {
        return Ok(Some(found));
    }
    let seen = portrait(session, prepared).await?;
    let mut all = lock(&SEEN);
    let first = all.get_or_insert_default().entry(Arc::clone(&key.board));
    let same = *first.or_insert_with(|| seen.clone()) == seen;
    Ok((!same).then_some(BoardDifference::Content))
}

/// As [`difference`], with a board that was made in the same Renode before, in any process of the
/// run.
pub(crate) async fn difference_in_run(
    session: &Session,
    prepared: &PreparedBoard,
    key: &Key,
    portraits: &mut Portraits,
) -> Result<Option<BoardDifference>, EmulatorError> {
    if let Some(found) = has_run(session, prepared).await? {
        return Ok(Some(found));
    }
    let seen = portrait(session, prepared).await?;
    let first = portraits.entry(key.board.to_string());
    let same = *first.or_insert_with(|| seen.clone()) == seen;
    Ok((!same).then_some(BoardDifference::Content))
}

/// Returns what a board's machines and processors look like.
async fn portrait(session: &Session, prepared: &PreparedBoard) -> Result<String, EmulatorError> {
    let mut commands = vec![MonitorCommand::machines()];
    let processors = prepared.machines.iter().flat_map(|it| &it.processors);
    commands.extend(processors.map(|it| MonitorCommand::registers(&it.name)));
    let mut seen = String::new();
    for command in commands {
        seen += &session.run(CHECKING, &command).await?.text;
    }
    Ok(seen)
}

/// Returns why a prepared board is no new one, as far as that shows at once.
pub(crate) async fn has_run(
    session: &Session,
    prepared: &PreparedBoard,
) -> Result<Option<BoardDifference>, EmulatorError> {
    let (time, started) = (MonitorCommand::time_source(), MonitorCommand::is_started());
    let (time, started) = tokio::try_join!(
        session.run(CHECKING, &time),
        session.run(CHECKING, &started)
    )?;
    let elapsed = guest_clock::field(&time.text, "Elapsed Virtual Time");
    if elapsed.is_none_or(|elapsed| !elapsed.is_zero()) {
        return Ok(Some(BoardDifference::Time));
    }
    if started.text.trim() != "False" {
        return Ok(Some(BoardDifference::Runs));
    }
    if prepared.outputs.iter().any(has_output) {
        return Ok(Some(BoardDifference::Output));
    }
    Ok(None)
}

fn has_output(stream: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    // An error is no fresh stream either.
    poll(&mut asked, PollTimeout::ZERO) != Ok(0)
}

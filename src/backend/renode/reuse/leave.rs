//! Leaving a Renode to the other processes of a run.
//!
//! Between two processes a Renode makes the next board, as far as [`first_commands`] say, so that
//! the time for that does not count for a test. Tests that follow one another closely have two
//! Renodes in turn: while one of them makes a board, the other runs one.
//!
//! [`first_commands`]: crate::backend::renode::setup::emulation::Emulation::first_commands

use std::path::Path;

use super::check::Portraits;
use super::give_back::{Paused, give_up};
use super::key::Key;
use super::limits::{self, LONGEST_IDLE};
use super::notes::{NextBoard, Notes};
use super::pool::discard;
use super::run::RunPool;
use crate::backend::renode::board_drivers::directory_of;
use crate::backend::renode::context::KIND;
use crate::backend::renode::launch::cache::Kept;
use crate::backend::renode::launch::downloads;
use crate::backend::renode::monitor::unanswered::Unanswered;
use crate::backend::renode::session::{Session, Start};
use crate::backend::renode::setup::emulation::Emulation;
use crate::backend::{EmulatorError, TakeSlot};
use crate::config::TargetConfig;
use crate::process::write_to;
use crate::runtime;

/// The number of boards that a Renode runs before a second one is started: a run of ten tests would end
/// before that is ready.
const BOARDS_ALONE: u32 = 4;

const LEAVING: &str = "leaving Renode to other tests";

/// A board that a target no longer has, for the next process of the run.
pub(crate) struct LastBoard {
    pub(crate) config: TargetConfig,
    pub(crate) portraits: Portraits,
    /// Set if it followed closely on the board before it.
    pub(crate) followed_closely: bool,
}

impl Paused {
    /// Clears the board and leaves the Renode to its keeper, in the background.
    pub(crate) fn leave(self, pool: &'static RunPool, last: LastBoard, take_slot: TakeSlot) {
        if !self.hand_over(&pool.supervisor) {
            return;
        }
        pool.expect();
        // The target still has its own slot.
        let is_worth_it = last.followed_closely && self.session.earlier_boards() >= BOARDS_ALONE;
        let slot_of_another = match is_worth_it && is_only_one(pool) {
            true => take_slot(),
            false => None,
        };
        // The test may have changed a file or the environment.
        let is_same = Key::of(self.session.program(), &last.config).as_ref() == Some(&self.key);
        let next = is_same.then_some(last.config);
        let (program, key) = (self.session.program().to_owned(), self.key.clone());
        let leaving = runtime::spawn(async move {
            let starting = async {
                if let (Some(config), Some(_slot)) = (&next, slot_of_another) {
                    start_another(pool, &program, &key, config).await;
                }
            };
            let leaving = self.clear_and_leave(pool, last.portraits, next.as_ref());
            tokio::join!(starting, leaving);
            pool.arrive();
        });
        // Without an I/O thread there is no session.
        drop(leaving);
    }

    async fn clear_and_leave(
        mut self,
        pool: &RunPool,
        portraits: Portraits,
        next: Option<&TargetConfig>,
    ) {
        let left = match self.clear().await {
            Ok(()) => {
                let notes = Notes {
                    process: self.key.process.to_string(),
                    version: Some(self.version.to_string()),
                    runtime: self.runtime,
                    boards: self.session.earlier_boards() + 1,
                    portraits,
                    next: None,
                };
                let parked = pool.run.parked();
                let parked: Vec<u32> = parked.iter().map(|it| it.longest_idle).collect();
                // Another process must not get the answer to a command of this one.
                let is_silent = self.session.monitor().busy_with().is_none();
                match limits::longest_idle(&parked).filter(|_| is_silent) {
                    None => Ok(false),
                    Some(longest_idle) => {
                        let next = next.map(|config| (&self.key, config));
                        leave_making(&self.session, notes, next, pool, longest_idle)
                            .map_err(|error| error.to_string())
                    }
                }
            }
            Err(why) => Err(why),
        };
        match left {
            Ok(true) => {}
            Ok(false) => discard(self.session),
            Err(why) => give_up(self.session, &why),
        }
    }
}

/// Starts a second Renode for boards like that of `config`, and leaves it to its keeper.
async fn start_another(pool: &RunPool, program: &Path, key: &Key, config: &TargetConfig) {
    let kept = Kept::of(program);
    let start = Start {
        program,
        kept: &kept,
        downloads_may_succeed: downloads::may_succeed().await,
        config,
        run: Some(&pool.run),
    };
    let notes = Notes {
        process: key.process.to_string(),
        version: None,
        runtime: None,
        boards: 0,
        portraits: Portraits::new(),
        next: None,
    };
    let left = Session::start(start, &pool.supervisor).and_then(|(session, _)| {
        // Its next owner makes its own drivers for the first board.
        std::fs::remove_dir_all(session.directory()).map_err(io)?;
        // This task has not waited since: nothing of the greeting has been read.
        leave_making(&session, notes, Some((key, config)), pool, LONGEST_IDLE)
    });
    if let Err(error) = left {
        tracing::debug!(%error, "no second Renode is started");
    }
}

/// Returns true if the run has no other Renode, and may have a second one.
fn is_only_one(pool: &RunPool) -> bool {
    pool.run.emulators().len() == 1 && limits::allow_ahead(1)
}

/// Leaves a Renode without a board to its keeper, and lets it make the `next` one; returns false if its
/// run is over.
fn leave_making(
    session: &Session,
    mut notes: Notes,
    next: Option<(&Key, &TargetConfig)>,
    pool: &RunPool,
    longest_idle: u32,
) -> Result<bool, EmulatorError> {
    session.stop_reading();
    let private = session.private().path();
    let directory = directory_of(private, notes.boards + 1);
    std::fs::create_dir(&directory).map_err(io)?;
    if let Some((key, config)) = next
        // The board was made from this description.
        && let Ok(emulation) = Emulation::without_target(config)
    {
        let (commands, lines) = Unanswered::new(&emulation.first_commands(&directory)?);
        write_to(private, &lines).map_err(io)?;
        let board = key.board.to_string();
        notes.next = Some(NextBoard { board, commands });
    }
    notes.write(private).map_err(io)?;
    let directory = session.private();
    let parked = pool
        .supervisor
        .park(&pool.run, &session.process(), directory, longest_idle);
    parked.map_err(|source| EmulatorError::process(KIND, source))
}

fn io(source: std::io::Error) -> EmulatorError {
    EmulatorError::io(KIND, LEAVING, source)
}

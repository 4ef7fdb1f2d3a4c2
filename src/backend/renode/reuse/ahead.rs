//! Starting a Renode before a boot asks for it.
//!
//! Tests that follow one another closely have two Renodes in turn: while one of them is cleared
//! and prepared, the other runs a board.

use std::path::Path;

use super::give_back::{give_up, make};
use super::key::Key;
use super::limits;
use super::pool::{Pool, Warm};
use crate::backend::renode::launch::cache::Kept;
use crate::backend::renode::launch::downloads;
use crate::backend::renode::session::{Session, Start};
use crate::config::TargetConfig;
use crate::runtime;

impl Pool {
    /// Starts a Renode for boards like that of `config` in the background, if a boot of such a
    /// board would wait for the last one's.
    pub(crate) fn start_ahead(&'static self, program: &Path, config: &TargetConfig, key: &Key) {
        let Some(take_slot) = self.take_slot_if_busy(key) else {
            return;
        };
        if !limits::allow_ahead(Session::running()) {
            return;
        }
        let Some(slot) = take_slot() else { return };
        self.expect(key, &take_slot);
        let (program, config, key) = (program.to_owned(), config.clone(), key.clone());
        let starting = runtime::spawn(async move {
            let warm = start(self, &program, &config, &key).await;
            // A boot may wait for the slot.
            drop(slot);
            self.arrive(&key, warm, &take_slot);
        });
        // Without an I/O thread there is no pool of Renodes.
        drop(starting);
    }
}

async fn start(pool: &Pool, program: &Path, config: &TargetConfig, key: &Key) -> Option<Warm> {
    let kept = Kept::of(program);
    let start = Start {
        program,
        kept: &kept,
        downloads_may_succeed: downloads::may_succeed().await,
        config,
        run: None,
    };
    let started = Session::start(start, &pool.supervisor);
    let (mut session, arrival) = started
        .inspect_err(|error| tracing::debug!(%error, "no Renode is started ahead"))
        .ok()?;
    let made = match session.greeted(arrival).await {
        Ok(version) => {
            kept.has_started();
            let made = make(&mut session, &version, config, key).await;
            made.map(|prepared| (version, prepared))
        }
        Err(error) => Err(error.to_string()),
    };
    match made {
        Ok((version, prepared)) => Some(Warm {
            session,
            version,
            runtime: None,
            key: key.clone(),
            prepared: Some(prepared),
        }),
        Err(why) => {
            give_up(session, &why);
            None
        }
    }
}

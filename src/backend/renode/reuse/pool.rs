//! [`Pool`]: the Renodes of this process that no target has at present.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::oneshot;

use super::key::Key;
use super::limits;
use crate::backend::renode::launch::version::Version;
use crate::backend::renode::session::Session;
use crate::backend::renode::setup::prepared_board::PreparedBoard;
use crate::backend::{Slot, TakeSlot};
use crate::process::Supervisor;
use crate::runtime;
use crate::sync::lock;

/// A Renode between two boards.
pub(crate) struct Warm {
    pub(crate) session: Session,
    pub(crate) version: Version,
    /// The runtime of Renode, if it is known.
    pub(crate) runtime: Option<String>,
    /// The key of its last board.
    pub(crate) key: Key,
    /// The board that it has been prepared for; `None` if it is only cleared.
    pub(crate) prepared: Option<PreparedBoard>,
}

/// The Renodes that no target has.
pub(crate) struct Pool {
    /// The process that made the pool: a forked child has none.
    owner: u32,
    /// Owns the processes and directories.
    pub(crate) supervisor: Supervisor,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    parked: Vec<Parked>,
    /// The processes' keys of the Renodes that are being cleared or prepared.
    coming: Vec<Arc<str>>,
    waiters: VecDeque<Waiter>,
    /// Takes a slot for a Renode that is started ahead; known once one has been given back.
    take_slot: Option<TakeSlot>,
}

struct Parked {
    warm: Warm,
    /// Its slot; `None` if a boot has taken it.
    slot: Option<Slot>,
}

/// A boot that waits for a Renode that is coming.
struct Waiter {
    process: Arc<str>,
    sender: oneshot::Sender<Warm>,
}

/// Returns the pool of this process, or `None` in a forked child.
pub(crate) fn pool() -> Option<&'static Pool> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        if !shutdown_hooks::add_shutdown_hook(end_all) {
            tracing::debug!("parked Renodes are ended by the reaper");
        }
        Pool {
            owner: std::process::id(),
            supervisor: Supervisor::new(),
            state: Mutex::default(),
        }
    });
    (pool.owner == std::process::id()).then_some(pool)
}

/// Ends the parked Renodes when the process ends.
extern "C" fn end_all() {
    if let Some(pool) = pool() {
        pool.supervisor.release();
    }
}

impl Pool {
    /// Returns a Renode for a board with this key: one that is prepared for it, else one that runs
    /// the same program in the same environment. Waits for one that is being cleared.
    pub(crate) async fn take(&self, key: &Key) -> Option<Warm> {
        loop {
            let coming = {
                let mut state = lock(&self.state);
                match state.take(key) {
                    Some(warm) => Ok(warm),
                    None => Err(state.wait(key)?),
                }
            };
            let warm = match coming {
                Ok(warm) => warm,
                Err(coming) => coming.await.ok()?,
            };
            if warm.session.ended().is_none() {
                return Some(warm);
            }
            discard(warm.session);
        }
    }

    /// Announces a Renode that is being cleared, or started ahead.
    pub(super) fn expect(&self, key: &Key, take_slot: &TakeSlot) {
        let mut state = lock(&self.state);
        state.coming.push(Arc::clone(&key.process));
        state.take_slot = Some(Arc::clone(take_slot));
    }

    /// Returns how to take a slot, if a boot with this key would wait for the only Renode that is
    /// coming.
    pub(super) fn take_slot_if_busy(&self, key: &Key) -> Option<TakeSlot> {
        let state = lock(&self.state);
        let is_only = state.parked.is_empty() && state.coming == [Arc::clone(&key.process)];
        state.take_slot.clone().filter(|_| is_only)
    }

    /// Returns true if a boot waits for a Renode with this key's process.
    pub(crate) fn is_awaited(&self, key: &Key) -> bool {
        let mut state = lock(&self.state);
        state.waiters.retain(|waiter| !waiter.sender.is_closed());
        let mut waiters = state.waiters.iter();
        waiters.any(|waiter| waiter.process == key.process)
    }

    /// Takes a Renode that was [announced](Self::expect), or nothing if it could not be used.
    pub(crate) fn arrive(&self, key: &Key, warm: Option<Warm>, take_slot: &TakeSlot) {
        let mut state = lock(&self.state);
        let announced = state.coming.iter().position(|it| *it == key.process);
        if let Some(at) = announced {
            state.coming.swap_remove(at);
        }
        let left = warm.and_then(|warm| state.give(warm));
        state.release_waiters(&key.process);
        let Some(warm) = left else { return };
        // A board that is only cleared was for a boot that no longer waits.
        if warm.prepared.is_some()
            && limits::allow_another(state.parked.len())
            && let Some(slot) = take_slot()
        {
            let slot = Some(slot);
            return state.parked.push(Parked { warm, slot });
        }
        drop(state);
        discard(warm.session);
    }

    /// Takes the slot of a parked Renode, for a boot that has none.
    pub(crate) fn take_slot(&self) -> Option<Slot> {
        let mut state = lock(&self.state);
        state.parked.iter_mut().find_map(|it| it.slot.take())
    }

    /// Ends the parked Renodes that have no slot, because a new one takes their place.
    pub(crate) fn end_those_without_slot(&self) {
        let mut state = lock(&self.state);
        for parked in state.parked.extract_if(.., |it| it.slot.is_none()) {
            discard(parked.warm.session);
        }
    }
}

impl State {
    fn take(&mut self, key: &Key) -> Option<Warm> {
        let same = self.parked.iter().position(|it| it.warm.key == *key);
        let similar = || {
            let mut parked = self.parked.iter();
            parked.position(|it| it.warm.key.process == key.process)
        };
        let at = same.or_else(similar)?;
        Some(self.parked.swap_remove(at).warm)
    }

    /// Returns the place of a new waiter, if there are more Renodes to come than waiters.
    fn wait(&mut self, key: &Key) -> Option<oneshot::Receiver<Warm>> {
        self.waiters.retain(|waiter| !waiter.sender.is_closed());
        let is_same = |process: &Arc<str>| *process == key.process;
        let coming = self.coming.iter().filter(|it| is_same(it)).count();
        let waiters = self.waiters.iter().filter(|it| is_same(&it.process));
        if coming <= waiters.count() {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let process = Arc::clone(&key.process);
        self.waiters.push_back(Waiter { process, sender });
        Some(receiver)
    }

    /// Gives a Renode to the first boot that waits for one; returns it if there is none.
    fn give(&mut self, mut warm: Warm) -> Option<Warm> {
        let process = Arc::clone(&warm.key.process);
        while let Some(at) = self.waiters.iter().position(|it| it.process == process) {
            let Some(waiter) = self.waiters.remove(at) else {
                break;
            };
            match waiter.sender.send(warm) {
                Ok(()) => return None,
                Err(back) => warm = back,
            }
        }
        Some(warm)
    }

    /// Lets the waiters go for which no Renode comes any more.
    fn release_waiters(&mut self, process: &Arc<str>) {
        let mut coming = self.coming.iter().filter(|it| *it == process).count();
        self.waiters.retain(|waiter| {
            if waiter.process != *process {
                return true;
            }
            let stays = coming > 0;
            coming = coming.saturating_sub(1);
            stays
        });
    }
}

/// Ends a Renode in the background.
pub(crate) fn discard(session: Session) {
    // Without an I/O thread there is no session; dropping it kills the process.
    drop(runtime::spawn(session.end()));
}

//! Limits the number of emulators that this process runs at once: `VTARGET_MAX_PARALLEL`.
//!
//! A board takes a [`Slot`] before it is turned on, and returns the slot when its emulator has
//! exited. The wait for a slot does not count towards the time limit of a boot.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::backend::{Slot, renode};
use crate::config::{ConfigError, EnvVariable};
use crate::notice::aloud;

const VARIABLE: EnvVariable = EnvVariable::MaxParallel;

/// The time without a slot after which a notice tells the user the reason for the wait.
const NOTICE_AFTER: Duration = Duration::from_secs(5);

/// Waits for a slot for `machine`; prints one notice if the wait is long.
pub(crate) async fn take(slots: &Arc<Semaphore>, machine: &str) -> Option<Slot> {
    if let Some(slot) = take_free(slots).or_else(renode::slot_of_a_parked_one) {
        return Some(slot);
    }
    let taken = aloud(Arc::clone(slots).acquire_owned(), NOTICE_AFTER, || {
        let allowed = std::env::var(VARIABLE.name()).unwrap_or_default();
        format!(
            "{machine} waits for a turn: {}={allowed}, and as many boards of this process are on; \
             it boots when one of them is powered off or dropped",
            VARIABLE.name()
        )
    });
    let taken = taken.await;
    // The semaphore is never closed, so there is no error.
    taken.ok()
}

/// Takes a slot, if one is free.
pub(crate) fn take_free(slots: &Arc<Semaphore>) -> Option<Slot> {
    Arc::clone(slots).try_acquire_owned().ok()
}

/// Returns the process's slots; the first call reads their number from the variable.
pub(crate) fn slots() -> Result<Arc<Semaphore>, ConfigError> {
    static SLOTS: OnceLock<Arc<Semaphore>> = OnceLock::new();
    if let Some(slots) = SLOTS.get() {
        return Ok(Arc::clone(slots));
    }
    let count = from_environment()?;
    Ok(Arc::clone(
        SLOTS.get_or_init(|| Arc::new(Semaphore::new(count))),
    ))
}

fn from_environment() -> Result<usize, ConfigError> {
    let value = std::env::var_os(VARIABLE.name()).unwrap_or_default();
    if value.is_empty() {
        return Ok(Semaphore::MAX_PERMITS);
    }
    let digits = value
        .to_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let count = digits.and_then(|digits| digits.parse().ok());
    match count {
        Some(count @ 1..=Semaphore::MAX_PERMITS) => Ok(count),
        _ => Err(ConfigError::environment(VARIABLE, &value)),
    }
}

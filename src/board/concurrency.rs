//! How many emulators this process may run at once: `VTARGET_MAX_PARALLEL`.
//!
//! A board takes a slot before it is turned on, and gives it back when its
//! emulator is gone. Waiting for one is no part of the time a boot has.

use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::ConfigError;

const VARIABLE: &str = "VTARGET_MAX_PARALLEL";

/// The right to run one emulator.
pub(crate) type Slot = OwnedSemaphorePermit;

/// After this long without a slot, the user is told what is waited for.
const NOTICE_AFTER: Duration = Duration::from_secs(5);

/// Waits for a slot for `machine`; prints once that it waits if that takes long.
pub(crate) async fn take(slots: &Arc<Semaphore>, machine: &str) -> Option<Slot> {
    let mut slot = std::pin::pin!(Arc::clone(slots).acquire_owned());
    let taken = match tokio::time::timeout(NOTICE_AFTER, &mut slot).await {
        Ok(taken) => taken,
        Err(_) => {
            let allowed = std::env::var(VARIABLE).unwrap_or_default();
            // Past the test runner's capture, which shows nothing as long as a test hangs; where
            // standard error is closed, there is nobody to tell.
            let _ = writeln!(
                std::io::stderr(),
                "virtual-target: {machine} waits for a turn: {VARIABLE}={allowed}, and as many boards \
                 of this process are on; it boots when one of them is powered off or dropped"
            );
            slot.await
        }
    };
    // Nobody closes the slots, so there is no error.
    taken.ok()
}

/// The process's slots, as many as the variable said when they were first asked for.
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
    let value = std::env::var_os(VARIABLE).unwrap_or_default();
    if value.is_empty() {
        return Ok(Semaphore::MAX_PERMITS);
    }
    let digits = value
        .to_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let count = digits.and_then(|digits| digits.parse().ok());
    match count {
        Some(count @ 1..=Semaphore::MAX_PERMITS) => Ok(count),
        _ => Err(ConfigError::Environment {
            variable: VARIABLE,
            value: value.to_string_lossy().into_owned(),
            allowed: "a whole number from 1 on: how many emulators may run at once",
        }),
    }
}

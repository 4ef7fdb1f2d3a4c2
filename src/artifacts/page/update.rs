//! [`update`]: makes the page anew, one process at a time.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::failures::{Failure, unfailed};
use super::render::render;
use crate::artifacts::dir_lock::DirLock;
use crate::files::replace;

/// The name of the page.
pub(in crate::artifacts) const PAGE: &str = "index.html";

/// The longest time that a test waits for its failure to be in the page: another process, which
/// is stopped perhaps, may hold the lock.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Makes the page of the tests in the directory `root`; removes it if there is none to show.
///
/// Returns true if the page was made within a few seconds. A failure to do so is no error of the
/// test: the directories have all that the page shows.
pub(in crate::artifacts) fn update(root: &Path) -> bool {
    let (done, outcome) = mpsc::channel();
    let root = root.to_owned();
    let thread = thread::Builder::new().name("vtarget-page".to_owned());
    let started = thread.spawn(move || {
        let made = locked_update(&root);
        if let Err(e) = &made {
            tracing::debug!("no page of the failed tests in {}: {e}", root.display());
        }
        // The test may have stopped to wait.
        let _ = done.send(made.unwrap_or(false));
    });
    started.is_ok() && outcome.recv_timeout(MAX_WAIT).unwrap_or(false)
}

/// Returns true if there is a page now.
fn locked_update(root: &Path) -> io::Result<bool> {
    let _lock = DirLock::wait(root)?;
    // After the lock, so that the last process sees the directories of all others.
    let (failures, unfailed) = (Failure::all(root), unfailed(root));
    let page = root.join(PAGE);
    if failures.is_empty() && unfailed.is_empty() {
        return match fs::remove_file(page) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(false),
        };
    }
    replace(&page, render(&failures, &unfailed))?;
    Ok(true)
}

//! The end of the process for boards that are never dropped, such as those in a `static`.

use std::sync::{Mutex, Once, Weak};

use crate::sync::lock;

/// A report of a board that may never be dropped.
pub(super) trait AtExit: Send + Sync {
    /// Finishes the report, unless it was finished before.
    fn exit(&self);
}

/// The reports of all boards, and the ids of the processes that own them.
static REPORTS: Mutex<Vec<(u32, Weak<dyn AtExit>)>> = Mutex::new(Vec::new());

/// Finishes a report when the process exits. A process that is killed leaves the test's directory
/// as it is.
pub(super) fn finish(report: Weak<impl AtExit + 'static>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        if !shutdown_hooks::add_shutdown_hook(finish_all) {
            tracing::debug!("the end of the process cannot be caught");
        }
    });
    let mut reports = lock(&REPORTS);
    reports.retain(|(_, known)| known.strong_count() > 0);
    reports.push((std::process::id(), report));
}

extern "C" fn finish_all() {
    let reports = std::mem::take(&mut *lock(&REPORTS));
    let ours = reports
        .iter()
        .filter(|(owner, _)| *owner == std::process::id());
    for report in ours.filter_map(|(_, report)| report.upgrade()) {
        report.exit();
    }
}

//! Compares a message with its snapshot, after what differs from run to run has been replaced.

use std::path::Path;

use insta::Settings;

/// Asserts that `message` is the one in the snapshot `name`. `places` are directories and the
/// names that they get.
#[track_caller]
pub fn assert_message(snapshots: &str, name: &str, message: &str, places: &[(&Path, &str)]) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(snapshots);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, instead) in [
        (r"(\n +artifacts: ).*", "${1}[directory]"),
        (r"(\.rs):\d+", "${1}:[line]"),
        (r"(?i)(\bpid |process )\d+", "${1}[pid]"),
        // The time that was waited, of which the limit is a part, and moments of it.
        (r"\b(after|within) [\d.]+m?s\b", "${1} [time]"),
    ] {
        settings.add_filter(pattern, instead);
    }
    let message = places
        .iter()
        .fold(message.to_owned(), |text, (path, name)| {
            text.replace(&*path.to_string_lossy(), name)
        });
    settings.bind(|| insta::assert_snapshot!(name, message));
}

//! Compares a message with its snapshot, after the parts that differ between runs are replaced.

use std::path::Path;

use insta::Settings;

/// Asserts that `message` equals the snapshot `name`. `places` lists directories and the names
/// that replace them.
#[track_caller]
pub fn assert_message(snapshots: &str, name: &str, message: &str, places: &[(&Path, &str)]) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(snapshots);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, instead) in [
        (r"(\n +artifacts: ).*", "${1}[directory]"),
        (r"(at \S+/\S+\.rs):\d+", "${1}:[line]"),
        (r"(?i)(\bpid |process )\d+", "${1}[pid]"),
        ("/[^ \"`@]*/virtual-target-(?:run-)?[0-9a-f-]+", "[private]"),
        // Parts that depend on the version of the emulator or on its timing.
        (r"(?m)^(engine: \w+|program:).*", "$1 [version]"),
        (r"(locked up at PC=\w+: )[^;]*", "${1}[reason]"),
        (
            r"(?s)(its last words:\n)    qemu.*?(; (?:nothing|last sent|no unread|\d+ unread)|\z)",
            "${1}    [words]$2",
        ),
        (r"    the end of its log:(\n    [^\n;]*)+", "    [log]"),
        (r"\d\d:\d\d:\d\d\.\d+", "[time of day]"),
        // The waited time, which includes the limit, and points in time.
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

//! What the user is told beside the results of operations.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::panic::catch_unwind;
use std::pin::pin;
use std::time::Duration;

/// The host's time after which a wait says what it waits for: longer than its default time limit, whose
/// error says more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);

/// Prints a line where the test's own messages go, if it can be printed at all.
pub(crate) fn notice(text: impl Display) {
    let line = format!("virtual-target: {text}");
    // Only this macro's output is what test harnesses capture; it panics where nobody reads it.
    let _ = catch_unwind(|| eprintln!("{line}"));
}

/// Prints lines for a person who waits for them: past the capture of a test harness, and on the
/// terminal if the standard error goes elsewhere.
pub(crate) fn announce(text: impl Display) {
    let text: String = text
        .to_string()
        .lines()
        .map(|line| format!("virtual-target: {line}\n"))
        .collect();
    let mut stderr = io::stderr();
    // Without a reader there is nobody to tell.
    let _ = stderr.write_all(text.as_bytes());
    if !stderr.is_terminal()
        && let Ok(mut terminal) = OpenOptions::new().write(true).open("/dev/tty")
    {
        let _ = terminal.write_all(text.as_bytes());
    }
}

/// Prints a line to standard error at once, where test harnesses do not hold it back: it says what
/// takes long while it does.
pub(crate) fn say(text: impl Display) {
    // If standard error is closed, nobody reads it.
    let _ = io::stderr().write_all(format!("virtual-target: {text}\n").as_bytes());
}

/// Waits for `future`; says `text` once if that takes longer than `patience` of the host's time.
pub(crate) async fn aloud<F: Future>(
    future: F,
    patience: Duration,
    text: impl FnOnce() -> String,
) -> F::Output {
    let mut future = pin!(future);
    match tokio::time::timeout(patience, &mut future).await {
        Ok(output) => output,
        Err(_) => {
            say(text());
            future.await
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::process::Command;

    use super::notice;

    const ALONE: &str = "VTARGET_TEST_NOTICE_ALONE";

    struct Dropped;

    impl Drop for Dropped {
        fn drop(&mut self) {
            notice("dropped");
        }
    }

    #[test]
    fn a_notice_to_a_closed_stderr_fails_no_test() {
        if env::var_os(ALONE).is_some() {
            drop(Dropped);
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let _dropped = Dropped;
                panic!("the test's own");
            }));
            let panic = unwound.unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&"the test's own"));
            return;
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("notice::tests::a_notice_to_a_closed_stderr_fails_no_test")
            .env(ALONE, "1")
            .stderr(writer)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {text}", output.status);
        assert!(text.contains("1 passed"), "{text}");
    }
}

//! Noticing at once that a processor of the board has halted or locked up.
//!
//! Renode reports a halt only in its log, with the processor, the place and the reason; the
//! guest's time stops. A script of ours (`time/lock_up.py`) reports a lock-up there as well. So
//! [`follow`] reads the log as it grows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::file_watch::FileWatch;

/// The length of the longest line of a log that is read whole.
const LONGEST: u64 = 64 << 10;

/// Renode's message about a processor that finds nothing at its start address.
const HALTED: &str = "CPU was halted";

/// The script's message about a processor that has locked up.
const LOCKED_UP: &str = "locked up at PC=";

/// The number of lines that are read before other tasks of the I/O thread run.
const AT_ONCE: usize = 1000;

/// Returns a future that calls `visit` with every line that is written to `log` from now on,
/// until it is dropped.
///
/// Must be called on the I/O thread.
pub(crate) fn follow(
    log: &Path,
    visit: impl Fn(&str) + Send + 'static,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut watch = FileWatch::of(log)?;
    let mut log = File::open(log)?;
    log.seek(SeekFrom::End(0))?;
    let mut log = BufReader::new(log);
    Ok(async move {
        let mut line = Vec::new();
        loop {
            for _ in 0..AT_ONCE {
                let left = LONGEST - line.len() as u64;
                // A file of our own can be read; if not, the log cannot be followed.
                if log
                    .by_ref()
                    .take(left)
                    .read_until(b'\n', &mut line)
                    .is_err()
                {
                    return;
                }
                if !line.ends_with(b"\n") && (line.len() as u64) < LONGEST {
                    if watch.more().await.is_err() {
                        return;
                    }
                    continue;
                }
                visit(&String::from_utf8_lossy(&line));
                line.clear();
            }
            tokio::task::yield_now().await;
        }
    })
}

/// Returns the halt that a line of the log reports, such as
/// `21:57:16.2593 [ERROR] cpu: CPU abort [PC=0xF0000000]: Trying to execute code outside RAM or ROM.`
/// or `… cpu: locked up at PC=0x0800001e: …`
/// (Renode's `TranslationCPU.ReportAbort`, `CPUCore.Abort` and `CortexM.InitPCAndSP`).
pub(crate) fn halt(line: &str) -> Option<&str> {
    let (_, text) = line.split_once(" [ERROR] ")?;
    let (_processor, message) = text.split_once(": ")?;
    let halts = message.starts_with("CPU abort")
        || message.starts_with(LOCKED_UP)
        || message.contains(HALTED);
    halts.then(|| text.trim_end().trim_end_matches('.'))
}

/// Returns true if the processor has not run at all, because it found nothing to run.
pub(crate) fn found_nothing(halt: &str) -> bool {
    halt.contains(HALTED)
}

/// Returns what has locked up and where, if the halt is a lock-up.
pub(crate) fn lock_up(halt: &str) -> Option<String> {
    let (processor, message) = halt.split_once(": ")?;
    let is_lock_up = message.starts_with(LOCKED_UP);
    is_lock_up.then(|| format!("{processor} {message}"))
}

/// Returns true if the halt stops the time of all machines: the others wait for the processor,
/// whose thread has ended, or whose time hardly passes.
pub(crate) fn stops_all(halt: &str) -> bool {
    !found_nothing(halt)
}

/// Returns the machine of a halt; Renode names it if the board has several.
pub(crate) fn machine(halt: &str) -> Option<&str> {
    let (processor, _) = halt.split_once(": ")?;
    Some(processor.rsplit_once('/')?.0)
}

/// Returns the processor of a halt, by its name in the machine.
pub(crate) fn processor(halt: &str) -> &str {
    let processor = halt
        .split_once(": ")
        .map_or(halt, |(processor, _)| processor);
    processor
        .rsplit_once('/')
        .map_or(processor, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;

    const ABORT: &str = "21:57:16.2593 [ERROR] cpu: CPU abort [PC=0xF0000000]: Trying to execute \
                         code outside RAM or ROM at 0xF0000000.";

    #[test]
    fn a_halt_is_recognised_by_its_log_line() {
        assert_eq!(
            halt(ABORT),
            Some(
                "cpu: CPU abort [PC=0xF0000000]: Trying to execute code outside RAM or ROM at 0xF0000000"
            )
        );
        let no_vectors = "22:05:39.7110 [ERROR] m/cpu0: PC does not lay in memory or PC and SP are \
                          equal to zero. CPU was halted.\n";
        let no_vectors = halt(no_vectors).unwrap();
        assert!(no_vectors.starts_with("m/cpu0: PC does not"));
        assert_eq!(machine(no_vectors), Some("m"));
        assert!(!stops_all(no_vectors));
        assert!(stops_all(halt(ABORT).unwrap()));
        assert!(found_nothing(no_vectors) && !found_nothing(halt(ABORT).unwrap()));
        assert!(lock_up(no_vectors).is_none());
        let locked_up = "22:05:39.7110 [ERROR] m/cpu0: locked up at PC=0x0800001e: a fault.\n";
        let locked_up = halt(locked_up).unwrap();
        assert_eq!(machine(locked_up), Some("m"));
        assert!(stops_all(locked_up) && !found_nothing(locked_up));
        let what = "m/cpu0 locked up at PC=0x0800001e: a fault";
        assert_eq!(lock_up(locked_up).unwrap(), what);
        assert_eq!(processor(no_vectors), "cpu0");
        assert_eq!(processor("cpu: CPU abort [PC=0x0]: in /x: y"), "cpu");
        assert_eq!(machine("cpu: CPU abort [PC=0x0]: in /x: y"), None);
        for other in [
            "21:57:13.2952 [ERROR] Download failed 5 times, aborting.",
            "21:57:13.2952 [INFO] usart2: [host: 1s] CPU abort [PC=0x0]",
            "21:57:13.2952 [ERROR] sysbus: the CPU aborted something",
            "",
        ] {
            assert_eq!(halt(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_halt_written_later_is_found_however_it_is_cut() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{ABORT} Before.").unwrap();
        let (sender, told) = mpsc::channel();
        let following = follow(file.path(), move |line| {
            if let Some(halt) = super::halt(line) {
                sender.send(halt.to_owned()).unwrap();
            }
        });
        let following = tokio::spawn(following.unwrap());
        let (first, rest) = ABORT.split_at(40);
        for part in [&"x".repeat(LONGEST as usize + 1), "\n", first, rest, "\n"] {
            file.write_all(part.as_bytes()).unwrap();
            tokio::task::yield_now().await;
        }
        let halt = tokio::task::spawn_blocking(move || told.recv().unwrap());
        assert_eq!(halt.await.unwrap(), super::halt(ABORT).unwrap());
        following.abort();
    }
}

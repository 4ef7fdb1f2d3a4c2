//! The logs of a board's Renode processes; each power-on starts new ones.

use std::sync::{Arc, Mutex};

use super::log_file::LogFile;
use crate::backend::{LogText, OutputTail};
use crate::sync::lock;

/// The logs of one board on one Renode process; clones are the same logs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs {
    /// The output of the process.
    pub(crate) output: OutputTail,
    /// The monitor's commands and answers.
    pub(crate) monitor: OutputTail,
    /// The metrics that were read last.
    pub(crate) metrics: OutputTail,
    /// Renode's own log.
    pub(crate) log: LogFile,
}

impl Logs {
    /// Begins the logs of another board.
    pub(crate) fn begin(&self) {
        self.output.clear();
        self.monitor.clear();
        self.metrics.clear();
        self.metrics
            .push(b"none: the test has not called `metrics()`\n");
        self.log.clear();
    }
}

/// The logs of the Renode process that runs now, or ran last; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentLogs(Arc<Mutex<Logs>>);

impl CurrentLogs {
    pub(crate) fn set(&self, logs: Logs) {
        *lock(&self.0) = logs;
    }

    pub(crate) fn get(&self) -> Logs {
        lock(&self.0).clone()
    }

    /// Returns a function that reads one of the logs, at any later time.
    pub(crate) fn reader(&self, read: impl Fn(&Logs) -> String + Send + 'static) -> LogText {
        let logs = self.clone();
        Box::new(move || read(&logs.get()))
    }
}

/// Adds the end of Renode's log to its output, with all failed downloads in one line.
pub(crate) fn append_log(log: &str, output: &OutputTail) {
    const LINES: usize = 10;
    let about_download = |line: &&str| {
        let text = line.split_once("] ").map_or(*line, |(_, text)| text);
        [
            "Downloading ",
            "Failed to download from ",
            "Download failed ",
        ]
        .iter()
        .any(|begin| text.starts_with(begin))
    };
    let (downloads, lines): (Vec<&str>, Vec<&str>) =
        log.trim_end().lines().partition(about_download);
    let last = &lines[lines.len().saturating_sub(LINES)..];
    if !last.is_empty() {
        output.push(format!("the end of its log:\n{}\n", last.join("\n")).as_bytes());
    }
    if downloads
        .iter()
        .any(|line| line.contains("Failed to download"))
    {
        output.push(b"(it has gone on without a file that it could not download)\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_downloads_are_reported_once_at_the_end() {
        let output = OutputTail::default();
        append_log("", &output);
        assert_eq!(output.text(), "");
        let attempt = "08:27:16.8717 [INFO] Downloading https://a/b.gz.\n\
             08:27:16.8717 [ERROR] Failed to download from https://a/b.gz, reason: x (attempt 1/5)\n";
        let log = format!(
            "08:27:16.1 [WARNING] cpu: why\n{}08:27:16.9 [ERROR] Download failed 5 times, aborting.\n",
            attempt.repeat(5)
        );
        append_log(&log, &output);
        assert_eq!(
            output.text(),
            "the end of its log:\n08:27:16.1 [WARNING] cpu: why\n\
             (it has gone on without a file that it could not download)\n"
        );
    }
}

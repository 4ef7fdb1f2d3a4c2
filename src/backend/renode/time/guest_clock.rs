//! The guest's clock, read over the monitor.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::backend::renode::monitor::client::Monitor;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::runtime::{Clock, Reading};

/// The virtual time of a machine, which is never faster than the host's clock.
#[derive(Debug)]
pub(crate) struct GuestClock {
    questions: mpsc::UnboundedSender<Question>,
}

/// The sender for a reading that begins after the question was asked.
type Question = oneshot::Sender<Option<Duration>>;

impl GuestClock {
    /// Creates a clock; a reading takes Renode at most `limit`.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn new(monitor: Monitor, limit: Duration) -> Self {
        let (questions, asked) = mpsc::unbounded_channel();
        tokio::spawn(answer(asked, monitor, limit));
        Self { questions }
    }
}

impl Clock for GuestClock {
    /// Asks for the time; the question waits while the monitor is busy.
    fn read(&self) -> Reading {
        let (question, answer) = oneshot::channel();
        // The task runs until this clock is dropped.
        let _ = self.questions.send(question);
        Box::pin(async move { answer.await.ok()? })
    }
}

/// Answers all questions that have arrived in the meantime with one reading: each wait asks
/// as it begins, and waits may begin faster than the monitor answers.
async fn answer(mut asked: mpsc::UnboundedReceiver<Question>, monitor: Monitor, limit: Duration) {
    while let Some(first) = asked.recv().await {
        let mut questions = vec![first];
        while let Ok(question) = asked.try_recv() {
            questions.push(question);
        }
        let answer = monitor
            .send(&MonitorCommand::elapsed_time())
            .within(limit)
            .await;
        let time = answer.ok().and_then(|it| time_elapsed(&it.text));
        // A monitor that has timed out has no answer for the others either.
        while time.is_none()
            && let Ok(question) = asked.try_recv()
        {
            questions.push(question);
        }
        for question in questions {
            // The wait may have ended.
            let _ = question.send(time);
        }
    }
}

/// Returns the time in `… TimeElapsed = 00:00:10.002000000]`.
fn time_elapsed(text: &str) -> Option<Duration> {
    let (_, rest) = text.rsplit_once("TimeElapsed = ")?;
    let (time, _) = rest.split_once(']')?;
    interval(time)
}

/// Returns the time in `NAME: 00:00:10.002000000`, a line of Renode's answer about a time
/// source.
pub(crate) fn field(text: &str, name: &str) -> Option<Duration> {
    let mut lines = text.lines();
    lines.find_map(|line| interval(line.trim().strip_prefix(name)?.strip_prefix(": ")?))
}

/// Returns the time in `00:00:10.002000000`; before 1.15.2 the fraction has six digits.
fn interval(time: &str) -> Option<Duration> {
    let (clock, fraction) = time.split_once('.')?;
    let mut seconds = 0u64;
    for part in clock.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_elapsed_time_is_read_from_renodes_output() {
        let printed = "[Domain = Elapsed Virtual Time: 00:00:00.114600000\n\
                       Quantum: 00:00:00.000100000, TimeElapsed = 01:02:10.002000000]";
        let expected = Duration::from_secs(3600 + 120 + 10) + Duration::from_millis(2);
        assert_eq!(time_elapsed(printed), Some(expected));
        let short = "TimeElapsed = 00:00:01.5]";
        assert_eq!(time_elapsed(short), Some(Duration::from_millis(1500)));
        assert_eq!(time_elapsed("0x0"), None);
        assert_eq!(time_elapsed("TimeElapsed = soon.]"), None);
    }
}

//! [`Live`]: what the UARTs of a board send, line by line as it comes, for a person and for `tracing`.

use std::future::poll_fn;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Instant;

use tokio::task::AbortHandle;

use super::expect::wait::reader_id;
use super::merged::TranscriptLine;
use super::port::Port;
use super::shown::shown;
use super::state::UartState;
use super::transcript::chunk::View;
use super::transcript::slice::TranscriptSlice;
use super::transcript::split::Splitter;
use crate::config::{ConfigError, EnvVariable, env_flag};
use crate::runtime;
use crate::sync::lock;

/// The target of the events.
const EVENTS: &str = "virtual_target::uart";
/// The longest line that is held back until it ends.
const LONGEST: usize = 64 << 10;
/// The colours of the UARTs' names, in turn.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 31];

/// The printed lines of a board. Its end prints what is left.
pub(crate) struct Live {
    printers: Vec<(Arc<Printer>, Option<AbortHandle>)>,
}

/// The lines of a UART.
struct Printer {
    uart: Arc<UartState>,
    reader: u64,
    /// The beginning of the board's time.
    began: Instant,
    /// True if the lines go to standard error.
    prints: bool,
    colour: Option<u8>,
    /// The subscriber of the thread that made the board.
    events: tracing::Dispatch,
    progress: Mutex<Progress>,
}

struct Progress {
    /// The end of the output that was fed to the splitter.
    at: u64,
    lines: Splitter,
}

impl Live {
    /// Begins to follow `ports`, if somebody wants to see their output.
    ///
    /// # Errors
    /// `VTARGET_LIVE` has another value than its values.
    pub(crate) fn begin<'a>(
        ports: impl Iterator<Item = &'a Port>,
    ) -> Result<Option<Self>, ConfigError> {
        let prints = env_flag(EnvVariable::Live)?.unwrap_or_default();
        if !prints && !tracing::enabled!(target: EVENTS, tracing::Level::DEBUG) {
            return Ok(None);
        }
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let colours = !is_plain && std::io::stderr().is_terminal();
        let events = tracing::dispatcher::get_default(Clone::clone);
        let began = Instant::now();
        let printers = ports.enumerate().map(|(number, port)| {
            let printer = Arc::new(Printer {
                uart: port.state(),
                reader: reader_id(),
                began,
                prints,
                colour: colours.then(|| COLOURS[number % COLOURS.len()]),
                events: events.clone(),
                progress: Mutex::new(Progress {
                    at: 0,
                    lines: Splitter::up_to(LONGEST),
                }),
            });
            // Without an I/O thread there is no output.
            let task = runtime::spawn(follow(Arc::clone(&printer))).ok();
            (printer, task.map(|task| task.abort_handle()))
        });
        Ok(Some(Self {
            printers: printers.collect(),
        }))
    }

    /// Shows the rest of the output of a board that has ended.
    pub(crate) fn end(&self) {
        for (printer, task) in &self.printers {
            if let Some(task) = task {
                task.abort();
            }
            printer.show();
            printer.show_rest(&mut lock(&printer.progress));
        }
    }
}

/// Shows each line when it is complete.
async fn follow(printer: Arc<Printer>) {
    poll_fn(|cx| {
        // Before the output is read, so that none is missed.
        let transcript = &printer.uart.transcript;
        transcript.watch(printer.reader, cx.waker());
        printer.show();
        Poll::<()>::Pending
    })
    .await;
}

impl Printer {
    /// Shows the lines that have arrived.
    fn show(&self) {
        let transcript = &*self.uart.transcript;
        let mut progress = lock(&self.progress);
        let (start, end) = (
            transcript.segment_start().offset,
            transcript.end_position().offset,
        );
        if (progress.at + 1..=end).contains(&start) {
            self.feed(&mut progress, start);
            self.show_rest(&mut progress);
        }
        self.feed(&mut progress, end);
    }

    fn feed(&self, progress: &mut Progress, end: u64) {
        let slice = TranscriptSlice {
            transcript: &self.uart.transcript,
            range: progress.at..end,
            view: View::Text,
        };
        let lines = &mut progress.lines;
        // Output that is no longer kept is not shown.
        let _ = slice.forwards(|piece| {
            lines.feed(piece, |line| {
                self.print(line.bytes, line.end);
                None::<()>
            });
            if lines.too_long().is_some() {
                lines.restart();
            }
            ControlFlow::<()>::Continue(())
        });
        progress.at = end;
    }

    /// Shows a line that has no end.
    fn show_rest(&self, progress: &mut Progress) {
        if let Some(rest) = progress.lines.unfinished() {
            self.print(rest, progress.at.saturating_sub(1));
        }
        progress.lines.restart();
    }

    fn print(&self, line: &[u8], end: u64) {
        let line = TranscriptLine {
            at: self.uart.transcript.time_since(end, self.began),
            uart: self.uart.name.clone(),
            text: shown(line),
        };
        let TranscriptLine { at, uart, text } = &line;
        tracing::dispatcher::with_default(&self.events, || {
            tracing::debug!(target: EVENTS, uart, at = at.as_secs_f64(), "{text}");
        });
        if self.prints {
            let line = match self.colour {
                Some(colour) => format!(
                    "{:11.6} \x1b[{colour}m{uart}\x1b[0m | {text}\n",
                    at.as_secs_f64()
                ),
                None => format!("{line}\n"),
            };
            // Not through the capture of a test's output, which shows nothing while the test runs.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.uart.transcript.unwatch(self.reader);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::os::unix::net::UnixStream;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;
    use crate::uart::state::Settings;

    /// The events' fields.
    #[derive(Clone, Default)]
    struct Events(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Events {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == EVENTS
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            event.record(&mut self.clone());
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    impl Visit for Events {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            if field.name() != "at" {
                lock(&self.0).push(format!("{field}={value:?}"));
            }
        }
    }

    #[test]
    fn each_line_is_an_event_and_so_is_the_rest() {
        let port = Port::new("console", "u", Settings::default());
        let (ours, mut board) = UnixStream::pair().unwrap();
        let events = Events::default();
        let live = tracing::subscriber::with_default(events.clone(), || {
            Live::begin([&port].into_iter()).unwrap().unwrap()
        });
        port.attach(ours).unwrap();
        board
            .write_all(b"one\r\n\x1b[1mtwo\x1b[0m\x01\n> ")
            .unwrap();
        port.power_off(crate::uart::OffReason::Off);
        live.end();
        let events = lock(&events.0).clone();
        let lines = events.chunks(2).map(|it| it.join(" "));
        let lines: Vec<_> = lines.collect();
        let expected = [
            r#"message=one uart="u""#,
            r#"message=two\x01 uart="u""#,
            r#"message=>  uart="u""#,
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn nobody_is_shown_what_nobody_wants_to_see() {
        let port = Port::new("console", "u", Settings::default());
        assert!(Live::begin([&port].into_iter()).unwrap().is_none());
    }
}

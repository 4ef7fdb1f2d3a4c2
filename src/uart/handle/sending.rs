//! The operations of a [`Uart`] that send, and `run`, which sends a command and reads its answer.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::uart::Uart;
use crate::caller::Caller;
use crate::operation::Operation;
use crate::sync::lock;
use crate::uart::error::{NotSent, UartError, UartErrorKind};
use crate::uart::expect::EchoedLine;
use crate::uart::expect::command::{Run, RunRequest};
use crate::uart::expect::diagnose;
use crate::uart::expect::send::{PacedSend, Rejected, SendBytes, SendThenExpect};
use crate::uart::expect::wait::Wait;
use crate::uart::pattern::PatternError;

impl Uart {
    /// Sends bytes, and waits until all have been written.
    ///
    /// The first poll hands over all bytes: an operation that is dropped before sends nothing,
    /// one that is dropped later sends them all.
    ///
    /// # Errors
    /// [`UartErrorKind::NotSent`] if the board is off or the stream is broken,
    /// [`UartErrorKind::Timeout`] if the other end did not accept the bytes in time.
    #[track_caller]
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Operation<()> {
        self.sending("send", bytes.as_ref().to_vec())
    }

    /// Sends a line: its text and the line ending.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    #[track_caller]
    pub fn send_line(&self, line: impl AsRef<[u8]>) -> Operation<()> {
        self.sending("send_line", self.with_ending(line.as_ref()))
    }

    /// Sends bytes one by one, with `delay` in the target's clock after each, for UARTs that
    /// overrun.
    ///
    /// The time limit is the default timeout plus the delays. An operation that is dropped sends
    /// no further bytes.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    #[track_caller]
    pub fn send_paced(&self, bytes: impl AsRef<[u8]>, delay: Duration) -> Operation<()> {
        let timeout = lock(&self.local).timeout;
        let bytes = bytes.as_ref().to_vec();
        let paced = PacedSend::new(&self.shared, bytes, delay, timeout);
        self.traced(paced, |_| format!("send_paced({delay:?})"))
    }

    /// Sends a line and waits for its echo: the first later line that ends with it. Moves the
    /// cursor behind the echo.
    ///
    /// # Errors
    /// Those of [`send`](Self::send); [`UartErrorKind::Timeout`] if the board does not echo the line
    /// as it was sent.
    #[track_caller]
    pub fn send_line_echoed(&self, line: impl AsRef<[u8]>) -> Operation<()> {
        const NAME: &str = "send_line_echoed";
        let line = line.as_ref();
        let name = format!("{NAME}(\"{}\")", line.escape_ascii());
        if let Err(error) = self.check_single_line(&name, line) {
            return self.rejected(name, error);
        }
        let timeout = lock(&self.local).timeout;
        let send = SendBytes::new(&self.shared, NAME, self.with_ending(line), timeout);
        let echo = Ok(EchoedLine::new(line));
        let wait = Wait::new(&self.shared, &self.local, timeout, echo);
        self.traced(
            SendThenExpect::new(send, wait, timeout),
            SendThenExpect::describe,
        )
    }

    /// Sends a line and returns the output up to the next prompt, without the line's echo and
    /// without the last line end. Moves the cursor behind the prompt.
    ///
    /// The prompt is the one of [`set_prompt`](Self::set_prompt) or of the target's YAML. Output
    /// from before the command is skipped. If no prompt has followed the board's start, or the
    /// last bytes sent, `run` waits for one before it sends: so the rest of an earlier answer is
    /// not taken for the answer to this command, even if an earlier `run` was dropped or timed
    /// out. Of several lines sent in a row, only the prompt of the last one is recognized: wait
    /// for the others yourself. The time limit applies to that prompt and to the answer, each.
    ///
    /// The answer begins behind the command's echo. A board may draw the echo in any way that a
    /// terminal shows as the command behind a prompt: redrawn with each character, wrapped at the
    /// terminal's width, or printed again behind a log line. A prompt before the end of the echo
    /// does not end the answer; a prompt inside the answer does, so choose a pattern that answers
    /// do not contain.
    ///
    /// Whether the board echoes is detected with the first command after each start, unless
    /// [`set_echo`](Self::set_echo) or the target's YAML (`echo`) sets it. During detection a line
    /// that equals the command is taken for its echo, and a prompt without an echo before it
    /// counts after half a second of the board's time. Without an echo, all output up to the
    /// prompt is the answer, log lines included, and a board that prints more than one prompt for
    /// a line cannot be understood.
    ///
    /// The answer has no empty lines at its start and end, and no log lines of
    /// [`set_ignore_lines`](Self::set_ignore_lines). Its lines end as the board ends them, most
    /// often in `\r\n`.
    ///
    /// # Errors
    /// * Those of [`send`](Self::send) and [`expect`](Self::expect);
    ///   [`UartErrorKind::Pattern`] also if no prompt is set, [`UartErrorKind::NotSent`] also if
    ///   the command contains a line end.
    /// * [`UartErrorKind::Ambiguous`] if the output can be read in more than one way.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # use std::io::{Read, Write};
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # board.write_all(b"> ").unwrap();
    /// # let shell = std::thread::spawn(move || {
    /// #     board.read_exact(&mut [0; 5]).unwrap();
    /// #     board.write_all(b"ping\r\npong\r\n> ").unwrap();
    /// #     board
    /// # });
    /// uart.set_prompt("> ")?;
    /// uart.expect("> ").wait()?;
    /// assert_eq!(uart.run("ping").wait()?, "pong");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn run(&self, command: impl AsRef<[u8]>) -> Operation<String> {
        let line = command.as_ref();
        let (prompt, echo, ignored, timeout) = {
            let local = lock(&self.local);
            let ignored = local.ignored.clone();
            (local.prompt.clone(), local.echo, ignored, local.timeout)
        };
        let name = format!("run(\"{}\")", line.escape_ascii());
        if let Err(error) = self.check_single_line(&name, line) {
            return self.rejected(name, error);
        }
        let Some(prompt) = prompt else {
            let error = UartErrorKind::Pattern(PatternError::NoPrompt);
            let error = UartError::new(&self.shared.name, name.clone(), error);
            return self.rejected(name, error);
        };
        let send = SendBytes::new(&self.shared, "run", self.with_ending(line), timeout);
        let command = RunRequest {
            line: line.to_vec(),
            prompt,
            echo,
            ignored,
        };
        let run = Run::new(&self.shared, &self.local, command, send, timeout);
        self.traced(run, Run::describe)
    }

    /// Checks that `line`, which the operation `wanted` sends, has no line end.
    fn check_single_line(&self, wanted: &str, line: &[u8]) -> Result<(), UartError> {
        if memchr::memchr2(b'\r', b'\n', line).is_none() {
            return Ok(());
        }
        let why = NotSent::SeveralLines;
        Err(diagnose::not_sent(&self.shared, wanted.to_owned(), why))
    }

    /// Creates an operation that fails with `error`.
    #[track_caller]
    fn rejected<T: Send + 'static>(&self, name: String, error: UartError) -> Operation<T> {
        self.traced(Rejected::new(error), |_| name)
    }

    #[track_caller]
    fn sending(&self, name: &'static str, bytes: Vec<u8>) -> Operation<()> {
        self.sending_at(Location::caller(), name, bytes)
    }

    /// As [`send`](Self::send), for a call at `at`.
    pub(in crate::uart) fn send_at(&self, at: Caller, bytes: &[u8]) -> Operation<()> {
        self.sending_at(at, "send", bytes.to_vec())
    }

    fn sending_at(&self, at: Caller, name: &'static str, bytes: Vec<u8>) -> Operation<()> {
        let timeout = lock(&self.local).timeout;
        let send = SendBytes::new(&self.shared, name, bytes, timeout);
        self.traced_at(at, send, SendBytes::preview)
    }

    fn with_ending(&self, line: &[u8]) -> Vec<u8> {
        let ending = Arc::clone(&lock(&self.local).line_ending);
        [line, ending.as_bytes()].concat()
    }
}

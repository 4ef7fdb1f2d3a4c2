//! The whole output of a [`Uart`]: the cursor's moves, standing guards, the transcript, and a
//! pseudo-terminal for other programs.

use super::uart::Uart;
use crate::error::Result;
use crate::runtime::HostError;
use crate::sync::lock;
use crate::uart::cursor::Cursor;
use crate::uart::error::UartError;
#[cfg(doc)]
use crate::uart::error::UartErrorKind;
use crate::uart::guard::Guard;
use crate::uart::pattern::IntoPattern;
use crate::uart::pattern::decode::lossy;
use crate::uart::pattern::stops::stream_stops;
use crate::uart::pattern::stream::Engine;
use crate::uart::pty::UartPty;
use crate::uart::transcript::chunk::View;
use crate::uart::transcript::guards::ActiveGuard;
use crate::uart::transcript::slice::TranscriptSlice;
use crate::uart::verdict::verdict_at_exit;

impl Uart {
    /// Moves the cursor behind all output that has arrived.
    pub fn clear(&self) {
        lock(&self.local).cursor = Cursor {
            at: self.shared.transcript.end_position(),
            after_cr: false,
        };
    }

    /// Moves the cursor to the board's last start, unless it is further ahead.
    pub(crate) fn skip_to_last_start(&self) {
        let start = self.shared.transcript.segment_start();
        let cursor = &mut lock(&self.local).cursor;
        if cursor.at < start {
            *cursor = Cursor {
                at: start,
                after_cr: false,
            };
        }
    }

    /// Sets a standing guard: from this handle's cursor on, `pattern` must never appear on the
    /// UART.
    ///
    /// Once it appears, every operation fails that has not found its match before it. The error
    /// shows the whole line and the output that follows: it waits for 20 lines, or 100 ms in the
    /// board's time. Guards are literals or `re:` patterns. The returned [`Guard`] lifts the guard,
    /// for a test that provokes the fault.
    ///
    /// The test also fails if it discards that error, or if no operation reports the match: the
    /// drop of the target, or of the last handle of a UART without a target, panics, unless such
    /// an error is alive (because the test returns it, for example) or the thread already panics.
    /// A `static` is never dropped: there the process aborts when it exits. A process that is
    /// killed or aborts reports nothing.
    ///
    /// # Errors
    /// [`UartErrorKind::Pattern`] for any other pattern, [`UartErrorKind::Unavailable`] if output
    /// from the cursor on is no longer available.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// let guard = uart.forbid("HardFault")?;
    /// # std::io::Write::write_all(&mut board, b"ok\nHardFault at 0\nready\n").unwrap();
    /// uart.expect_line("ok").wait()?;
    /// assert!(uart.expect_line("ready").wait().is_err());
    /// guard.lift(); // or the end of this test would fail it
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn forbid(&self, pattern: impl IntoPattern) -> Result<Guard> {
        self.checked(self.add_guard(pattern))
    }

    /// As [`forbid`](Self::forbid), for a guard of the description: its error has no place in the test.
    pub(crate) fn add_guard(&self, pattern: impl IntoPattern) -> Result<Guard> {
        let pattern = self.visible(pattern)?;
        let active = ActiveGuard::new(pattern.source(), Engine::guard(&pattern)?);
        let guard = Guard::new(&self.shared, &active);
        let (id, _) = active.identity();
        self.shared.stop_for_guard(id, stream_stops(&pattern));
        verdict_at_exit(&self.shared);
        let from = lock(&self.local).cursor.at;
        let added = self.shared.transcript.add_guard(active, from);
        added.map_err(UartError::from)?;
        Ok(guard)
    }

    /// Returns all output so far as text, without escape sequences.
    ///
    /// # Errors
    /// [`UartErrorKind::Unavailable`] if there is more output than is kept
    /// (`kept_output` in the target's description, 256 MiB by default).
    #[track_caller]
    pub fn transcript_text(&self) -> Result<String> {
        let text = self.checked(self.everything(View::Text))?;
        Ok(lossy(&text).into_owned())
    }

    /// Returns all output so far, escape sequences included.
    ///
    /// # Errors
    /// [`UartErrorKind::Unavailable`] if there is more output than is kept
    /// (`kept_output` in the target's description, 256 MiB by default).
    #[track_caller]
    pub fn transcript(&self) -> Result<Vec<u8>> {
        self.checked(self.everything(View::Raw))
    }

    fn everything(&self, view: View) -> Result<Vec<u8>, UartError> {
        let transcript = &self.shared.transcript;
        let slice = TranscriptSlice {
            transcript,
            range: 0..transcript.end_position().offset,
            view,
        };
        Ok(slice.bytes()?)
    }

    /// Opens a pseudo-terminal through which other programs, such as PySerial or `minicom`, talk to
    /// the board in addition to the test: they receive its output from now on, and their input is
    /// sent to it.
    ///
    /// The transcript still records all output, and none is lost while no program reads. The
    /// pseudo-terminal survives power cycles; it closes when the result is dropped, and forwards
    /// no output behind a [forbidden](Self::forbid) pattern. A board with a
    /// [virtual clock](crate::config::ClockKind::Virtual) runs while the test waits, not while
    /// another program waits.
    ///
    /// # Errors
    /// [`HostError::Pty`](crate::HostError::Pty) if the host has no free pseudo-terminal.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, _board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// let pty = uart.open_pty()?;
    /// println!("picocom {}", pty.path().display());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn open_pty(&self) -> Result<UartPty> {
        self.checked(UartPty::open(&self.shared).map_err(|e| HostError::Pty(e.to_string())))
    }
}

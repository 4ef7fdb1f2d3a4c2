//! What all handles of a UART share, and what a board's description says about it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::error::Ending;
use super::expect::conversation::{Before, Conversation};
use super::expect::ignored_lines::IgnoredLines;
use super::link::Link;
use super::pattern::Pattern;
use super::transcript::{Limits, Transcript};
use crate::artifacts::Report;
use crate::config::{Echo, KEPT_OUTPUT};
use crate::runtime::{ByteSet, Clock, Deadline, Stepped, VirtualClock, Wants};
use crate::sync::lock;

/// What a target's configuration says about a UART.
pub(crate) struct Settings {
    /// Whether matching passes over ANSI escape sequences.
    pub(crate) strip_ansi: bool,
    /// How long operations wait by default.
    pub(crate) timeout: Duration,
    /// What `send_line` appends.
    pub(crate) line_ending: String,
    /// What ends the output of a command.
    pub(crate) prompt: Option<Pattern>,
    /// Whether the board echoes.
    pub(crate) echo: Echo,
    /// Log lines that are no part of an answer.
    pub(crate) ignored: IgnoredLines,
    /// Who takes notes of operations on it.
    pub(crate) report: Option<Arc<Report>>,
    /// The clock of a board that runs only while it is waited for, and the UART's
    /// number among those of the board.
    pub(crate) virtual_clock: Option<(Arc<VirtualClock>, usize)>,
    /// How many bytes of its output are kept in a file.
    pub(crate) kept_output: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strip_ansi: true,
            timeout: Duration::from_secs(10),
            line_ending: "\n".to_owned(),
            prompt: None,
            echo: Echo::Auto,
            ignored: IgnoredLines::default(),
            report: None,
            virtual_clock: None,
            kept_output: KEPT_OUTPUT,
        }
    }
}

/// What all handles of a UART share.
pub(super) struct UartState {
    /// As in messages, such as `sysbus.usart2`.
    pub(super) name: String,
    pub(super) transcript: Arc<Transcript>,
    pub(super) link: Mutex<Option<Link>>,
    pub(super) conversation: Mutex<Conversation>,
    pub(super) clock: Mutex<Option<Arc<dyn Clock>>>,
    pub(super) stopped: Mutex<Option<Box<dyn Fn() -> bool + Send>>>,
    /// Whether the board was started without firmware.
    pub(super) is_bare: AtomicBool,
    pub(super) settings: Settings,
}

impl UartState {
    pub(super) fn new(name: &str, settings: Settings, ending: Option<Ending>) -> Self {
        let limits = Limits {
            disk: settings.kept_output,
            ..Limits::default()
        };
        Self::limited(name, settings, ending, limits)
    }

    pub(super) fn limited(
        name: &str,
        settings: Settings,
        ending: Option<Ending>,
        limits: Limits,
    ) -> Self {
        let transcript = Transcript::new(settings.strip_ansi, limits, ending)
            .with_own_clock(settings.virtual_clock.is_some());
        if let Some(report) = &settings.report {
            transcript.set_follower(report.changed());
        }
        Self {
            name: name.to_owned(),
            transcript: Arc::new(transcript),
            link: Mutex::default(),
            conversation: Mutex::default(),
            clock: Mutex::default(),
            stopped: Mutex::default(),
            is_bare: AtomicBool::new(false),
            settings,
        }
    }

    /// These bytes are about to be sent.
    pub(super) fn note_sent(&self, bytes: &[u8]) {
        let at = self.transcript.end_position();
        lock(&self.conversation).note_sent(at, bytes);
    }

    /// What there was before the next command.
    pub(super) fn before(&self) -> Before {
        let start = self.transcript.segment_start();
        lock(&self.conversation).before(start)
    }

    /// Whether the board, as it was started last, has been seen to echo.
    pub(super) fn echoes(&self) -> Option<bool> {
        let segment = self.transcript.end_position().segment;
        lock(&self.conversation).echoes(segment)
    }

    /// A UART that is on, over what `attach` makes of its transcript.
    pub(super) fn over(
        name: &str,
        attach: impl FnOnce(&Arc<Transcript>) -> io::Result<Link>,
    ) -> io::Result<Self> {
        let shared = Self::new(name, Settings::default(), None);
        *lock(&shared.link) = Some(attach(&shared.transcript)?);
        Ok(shared)
    }

    /// Takes what the kernel holds of the board's output.
    pub(super) fn take_pending(&self) {
        // The link is not locked meanwhile: whoever is woken may send at once.
        let source = lock(&self.link).as_ref().and_then(Link::source);
        if let Some(source) = source {
            source.take_pending();
        }
    }

    /// How long ago, in the board's clock, the byte at `offset` came.
    pub(super) fn since(&self, offset: u64) -> Duration {
        let now = match self.virtual_clock() {
            Some(clock) => clock.now(),
            None => self.transcript.began().elapsed(),
        };
        now.saturating_sub(self.transcript.time(offset))
    }

    /// The clock of a guest that may be slower than the host, while it is on.
    pub(super) fn clock(&self) -> Option<Arc<dyn Clock>> {
        lock(&self.clock).clone()
    }

    /// A deadline in the board's clock; the board runs on to it, but not beyond a byte
    /// of `stops`.
    pub(super) fn deadline(&self, timeout: Duration, stops: impl FnOnce() -> ByteSet) -> Deadline {
        let stepped = self.settings.virtual_clock.as_ref().map(|(clock, uart)| {
            let (uart, bytes) = (*uart, stops());
            Stepped::new(clock, Wants { uart, bytes })
        });
        Deadline::stepping(timeout, self.clock(), stepped)
    }

    /// A deadline for what takes no time of the board's if that is a virtual one.
    pub(super) fn deadline_standing(&self, timeout: Duration) -> Deadline {
        match &self.settings.virtual_clock {
            Some((clock, _)) => Deadline::new(clock.watchdog(timeout), None),
            None => Deadline::new(timeout, self.clock()),
        }
    }

    /// The clock of a board that runs only while it is waited for.
    pub(super) fn virtual_clock(&self) -> Option<&VirtualClock> {
        let (clock, _) = self.settings.virtual_clock.as_ref()?;
        Some(clock)
    }

    /// The board stops at each byte of `stops` from now on, if it is one that can.
    pub(super) fn always_stop_at(&self, stops: ByteSet) {
        if let Some((clock, uart)) = &self.settings.virtual_clock {
            let (uart, bytes) = (*uart, stops);
            clock.stop_always_at(Wants { uart, bytes });
        }
    }

    /// Whether what feeds it has been stopped by somebody else.
    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.stopped).as_ref().is_some_and(|asked| asked())
    }

    /// Whether the board was started without firmware.
    pub(super) fn is_bare(&self) -> bool {
        self.is_bare.load(Ordering::Relaxed)
    }
}

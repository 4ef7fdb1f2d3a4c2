//! The state that all handles of a UART share ([`UartState`]), and the settings of a UART in the
//! board's description ([`Settings`]).

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::error::Ending;
use super::expect::conversation::{Before, Conversation};
use super::expect::ignored_lines::IgnoredLines;
use super::explain::Explain;
use super::link::Link;
use super::log_guards::LogGuards;
use super::pattern::Pattern;
use super::transcript::{Limits, Transcript};
use crate::artifacts::Report;
use crate::caller::Call;
use crate::config::{Echo, KEPT_OUTPUT};
use crate::runtime::{Clock, Deadline, Debugging, Hold, Stepped, Stops, VirtualClock, Wants};
use crate::sync::lock;

/// The settings of a UART in the target's configuration.
pub(crate) struct Settings {
    /// True if matching skips ANSI escape sequences.
    pub(crate) strip_ansi: bool,
    /// The default time limit of operations.
    pub(crate) timeout: Duration,
    /// The text that `send_line` appends.
    pub(crate) line_ending: String,
    /// The prompt, which ends the output of a command.
    pub(crate) prompt: Option<Pattern>,
    /// Whether the board echoes.
    pub(crate) echo: Echo,
    /// The log lines that are not part of an answer.
    pub(crate) ignored: IgnoredLines,
    /// The patterns that must not appear in the emulator's log.
    pub(crate) log_guards: LogGuards,
    /// The report that records the operations.
    pub(crate) report: Option<Arc<Report>>,
    /// The clock of a board that runs only while a test waits, and the UART's index among those
    /// of the board.
    pub(crate) virtual_clock: Option<(Arc<VirtualClock>, usize)>,
    /// True if the board's clock could be virtual, and is not.
    pub(crate) could_be_virtual: bool,
    /// The number of bytes of output that are kept in a file.
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
            log_guards: LogGuards::default(),
            report: None,
            virtual_clock: None,
            could_be_virtual: false,
            kept_output: KEPT_OUTPUT,
        }
    }
}

/// The state that all handles of a UART share.
pub(super) struct UartState {
    /// The name in messages, such as `sysbus.usart2`.
    pub(super) name: String,
    pub(super) transcript: Arc<Transcript>,
    pub(super) link: Mutex<Option<Link>>,
    pub(super) conversation: Mutex<Conversation>,
    pub(super) clock: Mutex<Option<Arc<dyn Clock>>>,
    pub(super) stopped: Mutex<Option<Box<dyn Fn() -> bool + Send>>>,
    /// The board, which says what it does when an operation fails.
    pub(super) explain: Mutex<Option<Arc<dyn Explain>>>,
    /// The other UARTs of the board.
    pub(super) others: Mutex<Vec<Weak<UartState>>>,
    /// True if the board was started without firmware.
    pub(super) is_bare: AtomicBool,
    /// The call that starts the board or resets it, or did so last.
    pub(super) started_by: Mutex<Option<Call>>,
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
            explain: Mutex::default(),
            others: Mutex::default(),
            is_bare: AtomicBool::new(false),
            started_by: Mutex::default(),
            settings,
        }
    }

    /// Records that these bytes are about to be sent.
    pub(super) fn note_sent(&self, bytes: &[u8]) {
        let at = self.transcript.end_position();
        lock(&self.conversation).note_sent(at, bytes);
    }

    /// Returns the state of the conversation before the next command.
    pub(super) fn before(&self) -> Before {
        let start = self.transcript.segment_start();
        lock(&self.conversation).before(start)
    }

    /// Returns whether the board echoes, if that was seen since its last start.
    pub(super) fn echoes(&self) -> Option<bool> {
        let segment = self.transcript.end_position().segment;
        lock(&self.conversation).echoes(segment)
    }

    /// Creates a UART that is on, over the link that `attach` creates for its transcript.
    pub(super) fn over(
        name: &str,
        attach: impl FnOnce(&Arc<Transcript>) -> io::Result<Link>,
    ) -> io::Result<Self> {
        let shared = Self::new(name, Settings::default(), None);
        *lock(&shared.link) = Some(attach(&shared.transcript)?);
        Ok(shared)
    }

    /// Reads the output that the kernel still holds.
    pub(super) fn take_pending(&self) {
        // Without the link's lock: a waker may send at once.
        let source = lock(&self.link).as_ref().and_then(Link::source);
        if let Some(source) = source {
            source.take_pending();
        }
    }

    /// Returns the time since the byte at `offset` arrived, in the board's clock.
    pub(super) fn since(&self, offset: u64) -> Duration {
        let now = match self.virtual_clock() {
            Some(clock) => clock.now(),
            None => self.transcript.began().elapsed(),
        };
        now.saturating_sub(self.transcript.time(offset))
    }

    /// Returns the guest's clock while the board is on, if it may be slower than the host's.
    pub(super) fn clock(&self) -> Option<Arc<dyn Clock>> {
        lock(&self.clock).clone()
    }

    /// Creates a deadline in the board's clock; a stepped board runs up to it, or to the first
    /// of its `stops`.
    pub(super) fn deadline(&self, timeout: Duration, stops: impl FnOnce() -> Stops) -> Deadline {
        let stepped = self.settings.virtual_clock.as_ref().map(|(clock, uart)| {
            let (uart, stops) = (*uart, stops());
            Stepped::new(clock, Wants { uart, stops })
        });
        Deadline::stepping(timeout, self.clock(), stepped)
    }

    /// Creates a deadline for an operation that takes no time in a virtual clock.
    pub(super) fn paused_deadline(&self, timeout: Duration) -> Deadline {
        match &self.settings.virtual_clock {
            Some((clock, _)) => Deadline::new(clock.watchdog(timeout), None),
            None => Deadline::new(timeout, self.clock()),
        }
    }

    /// Returns the clock of a board that runs only while a test waits.
    pub(super) fn virtual_clock(&self) -> Option<&VirtualClock> {
        let (clock, _) = self.settings.virtual_clock.as_ref()?;
        Some(clock)
    }

    /// Allows a stepped guest to stand still in a run until the result is dropped.
    pub(super) fn begin_debugging(&self) -> Option<Debugging> {
        let (clock, _) = self.settings.virtual_clock.as_ref()?;
        Some(clock.begin_debugging())
    }

    /// Keeps a stepped board paused until the result is dropped.
    pub(super) fn begin_hold(&self) -> Option<Hold> {
        let (clock, _) = self.settings.virtual_clock.as_ref()?;
        Some(clock.begin_hold())
    }

    /// Stops a stepped board at the `stops` of this guard from now on, whoever waits.
    pub(super) fn stop_for_guard(&self, guard: u64, stops: Stops) {
        if let Some((clock, uart)) = &self.settings.virtual_clock {
            clock.guard(guard, Wants { uart: *uart, stops });
        }
    }

    /// Removes a guard and its match.
    pub(super) fn remove_guard(&self, guard: u64) {
        self.transcript.remove_guard(guard);
        if let Some(clock) = self.virtual_clock() {
            clock.lift_guard(guard);
        }
    }

    /// Returns true if the emulator is stopped by a signal.
    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.stopped)
            .as_ref()
            .is_some_and(|is_stopped| is_stopped())
    }

    /// Returns true if the board was started without firmware.
    pub(super) fn is_bare(&self) -> bool {
        self.is_bare.load(Ordering::Relaxed)
    }
}

//! The side of a UART that a backend holds.
//!
//! A backend makes one [`Port`] per UART of its board, for the board's whole
//! life, and tells it what happens:
//!
//! * [`Port::attach`] when the emulator's end of the UART is there: the segment
//!   of a new power cycle begins;
//! * [`Port::begin_segment`] when the board starts anew on the same stream;
//! * [`Port::power_off`] or [`Port::died`] when it ends: what the kernel still
//!   holds is taken first, then every wait fails with that reason.
//!
//! All calls return at once and work from any thread. Handles come from
//! [`Port::uart`]; they survive power cycles.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::error::ExpectError;
use super::handle::Uart;
use super::link::Link;
use super::lock;
use super::pattern::Pattern;
use super::transcript::{Ending, Limits, Transcript};
use crate::runtime::Clock;

/// How long a backend has to say why its stream ended.
const GRACE: Duration = Duration::from_millis(500);

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
    /// The clock that timeouts are in; the host's if there is none.
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strip_ansi: true,
            timeout: Duration::from_secs(10),
            line_ending: "\n".to_owned(),
            prompt: None,
            clock: None,
        }
    }
}

/// What all handles of a UART share.
pub(super) struct Shared {
    /// Such as `sysbus.usart2`.
    pub(super) name: String,
    pub(super) transcript: Arc<Transcript>,
    pub(super) link: Mutex<Option<Link>>,
    pub(super) settings: Settings,
}

impl Shared {
    pub(super) fn new(name: &str, settings: Settings, ending: Option<Ending>) -> Self {
        let transcript = Transcript::new(settings.strip_ansi, Limits::default(), ending);
        Self {
            name: name.to_owned(),
            transcript: Arc::new(transcript),
            link: Mutex::default(),
            settings,
        }
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

    pub(super) fn clock(&self) -> Option<Arc<dyn Clock>> {
        self.settings.clock.clone()
    }
}

/// A UART of a board, as its backend sees it.
pub(crate) struct Port {
    shared: Arc<Shared>,
}

impl Port {
    /// The UART called `name` of a board that is off.
    pub(crate) fn new(name: &str, settings: Settings) -> Self {
        let shared = Shared::new(name, settings, Some(Ending::NotStarted));
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A handle of its own at the beginning of the transcript.
    pub(crate) fn uart(&self) -> Uart {
        Uart::at_start(&self.shared)
    }

    /// Begins a power cycle on this stream: `read` brings what the board puts
    /// out, `write` takes what is sent to it.
    pub(crate) fn attach(&self, read: OwnedFd, write: OwnedFd) -> io::Result<()> {
        self.detach(Ending::PoweredOff);
        self.begin_segment();
        let link = Link::over_fds(read, write, &self.shared.transcript, GRACE)?;
        *lock(&self.shared.link) = Some(link);
        Ok(())
    }

    /// The board starts anew, on the stream that is attached.
    pub(crate) fn begin_segment(&self) {
        self.shared.transcript.begin_segment(Ending::PoweredOff);
    }

    /// The board was powered off.
    pub(crate) fn power_off(&self) {
        self.detach(Ending::PoweredOff);
    }

    /// The board went by itself, for this reason.
    pub(crate) fn died(&self, reason: &str) {
        self.detach(Ending::Died(reason.into()));
    }

    /// The error of a guard that found something, if no operation has failed of it yet.
    ///
    /// A target returns it when it is shut down, and panics with it when it is dropped.
    pub(crate) fn unnoticed_alarm(&self) -> Option<ExpectError> {
        let transcript = &self.shared.transcript;
        let alarm = transcript.unnoticed_alarm()?;
        transcript.notice();
        Some(ExpectError::forbidden(
            &self.shared,
            &alarm,
            "the end of the test",
        ))
    }

    fn detach(&self, ending: Ending) {
        let link = lock(&self.shared.link).take();
        if let Some(link) = &link {
            link.drain();
        }
        self.shared.transcript.end(ending);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::secs;

    fn attach(port: &Port) -> UnixStream {
        let (ours, board) = UnixStream::pair().unwrap();
        port.attach(ours.try_clone().unwrap().into(), ours.into())
            .unwrap();
        board
    }

    #[test]
    fn a_handle_survives_power_cycles_and_a_match_does_not_span_them() {
        let port = Port::new("sysbus.usart2", Settings::default());
        let uart = port.uart();
        assert_eq!(
            uart.expect("x").wait().unwrap_err().to_string(),
            "UART sysbus.usart2: expect(\"x\") cannot succeed: the target is off; power it on or boot it first; \
             nothing has arrived at all"
        );
        let mut board = attach(&port);
        board.write_all(b"first ab").unwrap();
        port.power_off();
        let error = uart.expect("never").wait().unwrap_err().to_string();
        assert!(
            error.contains("cannot succeed: the target was powered off; 8 bytes"),
            "{error}"
        );
        let mut board = attach(&port);
        board.write_all(b"cd second abcd").unwrap();
        uart.expect("first").wait().unwrap();
        assert_eq!(uart.expect("abcd").wait().unwrap().range(), 18..22);
        port.died("QEMU exited with status 1");
        let error = uart.send("x").wait().unwrap_err().to_string();
        assert_eq!(
            error,
            "UART sysbus.usart2: send of 1 bytes failed: QEMU exited with status 1"
        );
    }

    #[test]
    fn powering_off_fails_a_wait_even_if_the_board_is_back_at_once() {
        let port = Port::new("u", Settings::default());
        let _board = attach(&port);
        let uart = port.uart();
        let waiting = std::thread::spawn(move || uart.expect("never").within(secs(60)).wait());
        while !port.shared.transcript.has_readers() {
            std::thread::yield_now();
        }
        port.power_off();
        let _board = attach(&port);
        let error = waiting.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("the target was powered off"), "{error}");
    }

    #[test]
    fn what_the_kernel_still_holds_is_not_lost_when_the_board_goes() {
        let port = Port::new("u", Settings::default());
        let mut board = attach(&port);
        board.write_all(&[b'x'; 50_000]).unwrap();
        board.write_all(b"panic").unwrap();
        port.died("it crashed");
        port.uart().expect("panic").wait().unwrap();
    }

    #[test]
    fn an_alarm_that_no_operation_has_failed_of_is_told_once() {
        let port = Port::new("u", Settings::default());
        port.uart().forbid("HardFault").unwrap();
        let mut board = attach(&port);
        board.write_all(b"ok HardFault").unwrap();
        port.power_off();
        port.uart().expect("ok").wait().unwrap();
        assert_eq!(
            port.unnoticed_alarm().unwrap().to_string(),
            "UART u: the forbidden pattern \"HardFault\" appeared, noticed by the end of the test; \
             the output up to there:\n  | ok HardFault"
        );
        assert!(port.unnoticed_alarm().is_none());
    }
}

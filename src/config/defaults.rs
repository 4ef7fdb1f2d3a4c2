//! How tests talk to a board: what ends a line, and how long to wait.

use std::time::Duration;

/// What ends a line that is sent to the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnding {
    /// `\n`
    Lf,
    /// `\r`
    Cr,
    /// `\r\n`
    CrLf,
}

impl LineEnding {
    /// The bytes to send.
    ///
    /// ```
    /// use virtual_target::config::LineEnding;
    /// assert_eq!(LineEnding::CrLf.as_str(), "\r\n");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Cr => "\r",
            Self::CrLf => "\r\n",
        }
    }
}

/// Whether a board sends back the lines that it is sent, as [`Uart::run`](crate::uart::Uart::run)
/// has to know: an answer begins behind the echo of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Echo {
    /// `auto`: known from the first command after each start of the board on.
    #[default]
    Auto,
    /// `on`: the board echoes; an answer without an echo before it is none.
    On,
    /// `off`: the board does not echo; what comes up to the prompt is the answer.
    Off,
}

/// How long to wait before giving up.
///
/// In YAML a whole number and its unit, `ms`, `s` or `min`: `500ms`, `10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// `timeouts.expect`: for output of the firmware, in the board's clock. Default 10 s.
    pub expect: Duration,
    /// `timeouts.boot`: for the board to be loaded and started, in host time. Default 60 s.
    pub boot: Duration,
    /// `timeouts.command`: for one command to the emulator or of a physical board's, in
    /// host time. Default 30 s.
    pub command: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            expect: Duration::from_secs(10),
            boot: Duration::from_secs(60),
            command: Duration::from_secs(30),
        }
    }
}

/// What `kept_output` is by default: a UART of 115200 baud fills it in six hours.
pub(crate) const KEPT_OUTPUT: u64 = 256 << 20;

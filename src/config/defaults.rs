//! The settings of a board's console, and their defaults: [`LineEnding`], [`Echo`], [`Timeouts`].

use std::time::Duration;

use serde::Serialize;

/// The end of a line that is sent to the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineEnding {
    /// `\n`
    Lf,
    /// `\r`
    Cr,
    /// `\r\n`
    CrLf,
}

impl LineEnding {
    /// Returns the bytes to send.
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

/// The echo of a board, which sends back the lines it receives or does not.
///
/// [`Uart::run`](crate::uart::Uart::run) needs it: an answer begins after the echo of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Echo {
    /// `auto`: detected at the first command after each start of the board.
    #[default]
    Auto,
    /// `on`: the board echoes; output without an echo before it is not an answer.
    On,
    /// `off`: the board does not echo; the output up to the prompt is the answer.
    Off,
}

/// The time limits of operations.
///
/// In YAML, a whole number and its unit, `ms`, `s` or `min`: `500ms`, `10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    pub(crate) expect: Duration,
    pub(crate) boot: Duration,
    pub(crate) command: Duration,
}

impl Timeouts {
    /// Returns `timeouts.expect`: for output of the firmware, in the board's clock. Default 10 s.
    pub fn expect(&self) -> Duration {
        self.expect
    }

    /// Returns `timeouts.boot`: for loading and starting the board, in host time. Default 60 s.
    pub fn boot(&self) -> Duration {
        self.boot
    }

    /// Returns `timeouts.command`: for one command to the emulator, or one command of a physical
    /// board, in host time. Default 30 s.
    pub fn command(&self) -> Duration {
        self.command
    }
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

/// The default of `kept_output`: a UART of 115200 baud fills it in six hours.
pub(crate) const KEPT_OUTPUT: u64 = 256 << 20;

//! The settings of a [`Uart`], which apply to one handle.

use std::time::Duration;

use super::uart::Uart;
use crate::config::Echo;
use crate::error::Result;
use crate::sync::lock;
#[cfg(doc)]
use crate::uart::error::UartErrorKind;
use crate::uart::expect::ignored_lines::IgnoredLines;
use crate::uart::pattern::IntoPattern;
use crate::uart::pattern::stream::on_stream;

impl Uart {
    /// Sets the default time limit of this handle's operations; 10 s at first.
    pub fn set_timeout(&self, timeout: Duration) {
        lock(&self.local).timeout = timeout;
    }

    /// Sets the text that [`send_line`](Self::send_line) of this handle appends; `"\n"` at first.
    pub fn set_line_ending(&self, line_ending: &str) {
        lock(&self.local).line_ending = line_ending.into();
    }

    /// Sets the prompt for [`run`](Self::run) of this handle.
    ///
    /// # Errors
    /// [`UartErrorKind::Pattern`] if it is not a valid pattern for a stream.
    #[track_caller]
    pub fn set_prompt(&self, prompt: impl IntoPattern) -> Result<()> {
        let prompt = on_stream(prompt, self.shared.settings.strip_ansi);
        let prompt = self.checked(prompt)?;
        lock(&self.local).prompt = Some(prompt);
        Ok(())
    }

    /// Sets whether the board echoes what [`run`](Self::run) of this handle sends; by default this
    /// is detected with the first command.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// use virtual_target::config::Echo;
    /// uart.set_echo(Echo::Off);
    /// # Ok(()) }
    /// ```
    pub fn set_echo(&self, echo: Echo) {
        lock(&self.local).echo = echo;
    }

    /// Sets the patterns of log lines that the board may print during an answer:
    /// [`run`](Self::run) of this handle removes them.
    ///
    /// A line in which a pattern matches is left out. A log line may interrupt another line, which
    /// then continues behind it: for this case the pattern should match from the start of the log
    /// line, with its time or its level.
    ///
    /// # Errors
    /// [`UartErrorKind::Pattern`] if one is not a valid pattern, or a text with an end-of-line.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// uart.set_ignore_lines([r"re:\[\d\d:\d\d:\d\d\.\d+,\d+\] <\w+> "])?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn set_ignore_lines<P: IntoPattern>(
        &self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<()> {
        let strip_ansi = self.shared.settings.strip_ansi;
        let patterns = patterns.into_iter();
        let patterns = patterns.map(|pattern| IgnoredLines::pattern(pattern, strip_ansi));
        let patterns = self.checked(patterns.collect::<Result<_, _>>())?;
        let ignored = IgnoredLines::new(patterns);
        lock(&self.local).ignored = ignored;
        Ok(())
    }
}

//! [`VirtualTarget::expect_log`] and [`VirtualTarget::expect_no_log`]: the log of the board's emulator.

use std::time::Duration;

use super::inner::Inner;
use super::target::VirtualTarget;
use crate::backend::{EmulatorLog, Searched};
use crate::config::ClockKind;
use crate::debug::DebugError;
use crate::error::Result;
use crate::operation::Operation;
use crate::uart::{IntoPattern, LogGuards, Pattern, PatternError, UartError};

const LOOK: &str = "look at the emulator's log of";

/// The first time that a virtual clock advances between two looks at the log, and the part of all time
/// so far that it advances later.
const FIRST_STEP: Duration = Duration::from_millis(1);
const PART: u32 = 8;

/// The number of the last lines that an error shows.
const LAST_LINES: usize = 10;

impl VirtualTarget {
    /// Waits for a line of the emulator's log in which `pattern` matches, and returns the line.
    ///
    /// It looks at what has been logged since the line that the last `expect_log` has found, or since
    /// the board was turned on; a reset or new firmware is no boundary. A failed wait moves nothing.
    /// With several machines it is the log of all; Renode names the machine in each line.
    ///
    /// On QEMU it needs `qemu: {args: [-d, "guest_errors,unimp"]}` in the description, or
    /// [`fail_on_log`](crate::config::TargetConfig::fail_on_log): otherwise QEMU logs nothing.
    ///
    /// The time limit is that of output, by default, in the board's clock. With a virtual clock the
    /// board has stood still whenever the log is looked at, first after 1 ms and then each time that an
    /// eighth more has passed: it ends at the same time in each run, and not at the instruction that
    /// caused the line.
    ///
    /// # Errors
    /// [`DebugError::NotLogged`] after the time limit, with the last lines;
    /// [`DebugError::LogLost`] if lines are no longer kept: 1 MiB is;
    /// [`UartErrorKind::Pattern`](crate::uart::UartErrorKind::Pattern) also for a closure and for a
    /// text with an end-of-line; [`EmulatorError`](crate::EmulatorError) if nothing is logged;
    /// those of a wait if the board stops.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.uart().send_line("rng init").wait()?;
    /// let line = board.expect_log("re:(?i)non existing peripheral|unimplemented device").wait()?;
    /// assert!(line.contains("0x50060"), "another peripheral is missing: {line}");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect_log(&self, pattern: impl IntoPattern) -> Operation<String> {
        let pattern = LogGuards::pattern(pattern);
        let what = format!("expect_log({})", source(&pattern));
        self.waiting(what, None, move |shared, limit| async move {
            let pattern = pattern.map_err(UartError::from)?;
            let log = log(&shared).await?;
            let from = log.cursor();
            if let Some((number, line)) = find(&shared, &log, &pattern, limit).await? {
                log.skip(number);
                return Ok(line);
            }
            Err(DebugError::NotLogged {
                machine: shared.config.machine_name.clone(),
                pattern: pattern.to_string(),
                waited: limit,
                last: log.last(from, LAST_LINES),
            }
            .into())
        })
    }

    /// Checks that no line of the emulator's log in which `pattern` matches is logged within
    /// `duration` in the board's clock, or has been since the line that the last
    /// [`expect_log`](Self::expect_log) has found. The next `expect_log` looks at the same lines.
    ///
    /// # Errors
    /// [`DebugError::Logged`] as soon as there is one; the others of [`expect_log`](Self::expect_log).
    ///
    /// ```no_run
    /// # use virtual_target::millis;
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.uart().send_line("adc start").wait()?;
    /// board.expect_no_log("re:(?i)unhandled (read|write)", millis(100)).wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect_no_log(&self, pattern: impl IntoPattern, duration: Duration) -> Operation<()> {
        let pattern = LogGuards::pattern(pattern);
        let what = format!("expect_no_log({}, {duration:?})", source(&pattern));
        self.waiting(what, Some(duration), move |shared, limit| async move {
            let pattern = pattern.map_err(UartError::from)?;
            let log = log(&shared).await?;
            match find(&shared, &log, &pattern, limit).await? {
                None => Ok(()),
                Some((_, line)) => Err(DebugError::Logged {
                    machine: shared.config.machine_name.clone(),
                    pattern: pattern.to_string(),
                    line,
                }
                .into()),
            }
        })
    }
}

/// Returns the pattern as written, for the name of an operation.
fn source(pattern: &Result<Pattern, PatternError>) -> String {
    match pattern {
        Ok(pattern) => format!("{:?}", pattern.to_string()),
        Err(_) => "…".to_owned(),
    }
}

/// Returns the log of the board, if it has one.
async fn log(shared: &Inner) -> Result<EmulatorLog> {
    let board = shared.board.lock().await;
    Ok(board.backend.emulator_log()?)
}

/// Waits for a line with the pattern from the cursor on, and returns it with its number; none after the
/// time limit.
async fn find(
    shared: &Inner,
    log: &EmulatorLog,
    pattern: &Pattern,
    limit: Duration,
) -> Result<Option<(u64, String)>> {
    let is_virtual = shared.config.clock == ClockKind::Virtual;
    let mut search = Search {
        log,
        pattern,
        machine: &shared.config.machine_name,
        from: log.cursor(),
    };
    if let Some(found) = search.now()? {
        return Ok(Some(found));
    }
    shared.board.lock().await.check_runs(LOOK)?;
    let mut passed = Duration::ZERO;
    loop {
        if let Some(found) = search.all(shared).await? {
            return Ok(Some(found));
        }
        let left = limit.saturating_sub(passed);
        if left.is_zero() {
            return Ok(None);
        }
        let step = match is_virtual {
            true => left.min(FIRST_STEP.max(passed / PART)),
            false => left,
        };
        let mut time = shared.machines[0].uart().let_pass(step);
        loop {
            tokio::select! {
                biased;
                // With a virtual clock the line comes at any time of the guest's.
                () = log.reached(search.from), if !is_virtual => {
                    if let Some(found) = search.now()? {
                        return Ok(Some(found));
                    }
                }
                ended = &mut time => match ended {
                    Ok(()) => break,
                    // What has ended it is in the log, perhaps.
                    Err(error) => return search.all(shared).await?.map(Some).ok_or(error),
                },
            }
        }
        passed += step;
    }
}

/// A search for a line, from line number `from` on.
struct Search<'a> {
    log: &'a EmulatorLog,
    pattern: &'a Pattern,
    machine: &'a str,
    from: u64,
}

impl Search<'_> {
    /// Looks at the lines that have been read, and returns the number and text of the first with the
    /// pattern.
    fn now(&mut self) -> Result<Option<(u64, String)>> {
        let searched = self.log.search(self.pattern, self.from);
        match searched.map_err(UartError::from)? {
            Searched::Found { number, line } => Ok(Some((number, line))),
            Searched::NotBefore(end) => {
                self.from = end;
                Ok(None)
            }
            Searched::Lost(lines) => Err(DebugError::LogLost {
                machine: self.machine.to_owned(),
                lines,
            }
            .into()),
        }
    }

    /// As [`now`](Self::now), with all lines that have been logged.
    async fn all(&mut self, shared: &Inner) -> Result<Option<(u64, String)>> {
        shared.board.lock().await.backend.read_log().await;
        self.now()
    }
}

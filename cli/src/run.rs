//! `vtarget run`: a console of a board, or, without a terminal, its output and a verdict.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use virtual_target::config::TargetConfig;
use virtual_target::uart::{Pattern, PatternError, Uart, UartPty};
use virtual_target::{Result, VirtualTarget};

use crate::failure::{Failure, Outcome};
use crate::output;

/// Boots a board and connects its UART to this terminal
///
/// In a terminal the session is interactive; the keys are shown at its start. Without one, or
/// with --expect or --for, the output of the UART goes to the standard output.
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 the user has left, or the pattern was found, or the time has passed,
            1 the pattern was not found, or the board failed or has ended, 2 wrong arguments")]
pub(crate) struct Run {
    /// The board file
    file: PathBuf,
    /// The image to flash, instead of the file's `firmware`
    firmware: Option<PathBuf>,
    /// Wait for this text, or `re:` and a regular expression, in the output
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    expect: Option<String>,
    /// Run for so long, such as 500ms, 10s or 2min, in the board's time; with --expect at most
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    limit: Option<Duration>,
    /// The UART to talk to, by its name in `uarts`, instead of the first
    #[arg(long, value_name = "NAME")]
    uart: Option<String>,
    /// The clock to use, instead of the file's
    #[arg(long)]
    clock: Option<Clock>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Clock {
    Realtime,
    Virtual,
}

/// The time limit where none is given and the session is not interactive.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let mut config = TargetConfig::from_file(&self.file)?;
        if let Some(clock) = self.clock {
            let word = match clock {
                Clock::Realtime => "realtime",
                Clock::Virtual => "virtual",
            };
            config = config.to_builder().field("clock", word).build()?;
        }
        let mut builder = VirtualTarget::from_config(config).without_artifacts();
        if let Some(firmware) = &self.firmware {
            builder = builder.firmware(firmware);
        }
        let board = builder.build()?;
        let is_script = self.expect.is_some() || self.limit.is_some();
        let (outcome, copied) = match !is_script && stdin().is_terminal() {
            true => {
                let powered = board.power_on().wait();
                let outcome = powered.and_then(|()| match &self.uart {
                    Some(name) => board.interact_on(name),
                    None => board.interact(),
                });
                (outcome, Ok(()))
            }
            false => {
                let uart = match &self.uart {
                    Some(name) => board.uart_named(name)?,
                    None => board.uart(),
                };
                let copy = Copy::begin(uart)?;
                let powered = board.power_on().wait();
                let outcome = powered.and_then(|()| self.observe(&board, uart));
                (outcome, copy.finish(uart))
            }
        };
        // First, because it gives the verdict on forbidden output, unless `outcome` has it.
        let ended = board.shutdown().wait();
        outcome.and(ended)?;
        copied?;
        Ok(ExitCode::SUCCESS)
    }

    fn observe(&self, board: &VirtualTarget, uart: &Uart) -> Result<()> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        match &self.expect {
            Some(pattern) => uart.expect(pattern.as_str()).within(limit).wait().map(drop),
            None => board.run_for(limit).wait(),
        }
    }
}

/// A step of the copying thread, with its number of bytes.
enum Step {
    Read(usize),
    Written(usize),
}

/// A thread that copies the output of the UART to the standard output.
///
/// It reads a pseudo-terminal: that does not let the board's time pass, as a wait would.
struct Copy {
    steps: Receiver<Step>,
    _pty: UartPty,
}

impl Copy {
    fn begin(uart: &Uart) -> Result<Self, Failure> {
        let pty = uart.open_pty()?;
        let mut output = File::open(pty.path())?;
        let (tell, steps) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                // Nobody receives it if the program is about to end.
                let _ = tell.send(Step::Read(count));
                let mut stdout = stdout().lock();
                let written = stdout.write_all(&buffer[..count]);
                if written.and_then(|()| stdout.flush()).is_err() {
                    return;
                }
                let _ = tell.send(Step::Written(count));
            }
        });
        Ok(Self { steps, _pty: pty })
    }

    /// Waits until all output so far has been copied, however slowly it is read at the other end.
    fn finish(self, uart: &Uart) -> Result<(), Failure> {
        // No output behind a forbidden pattern arrives.
        const IDLE: Duration = Duration::from_millis(500);
        let all = uart.transcript().map_or(0, |all| all.len());
        let (mut read, mut written) = (0, 0);
        while written < all {
            let step = match read > written {
                true => self.steps.recv().ok(),
                false => self.steps.recv_timeout(IDLE).ok(),
            };
            match step {
                Some(Step::Read(count)) => read += count,
                Some(Step::Written(count)) => written += count,
                None => break,
            }
        }
        // A message on the standard error begins on a line of its own.
        if stdout().is_terminal() || stderr().is_terminal() {
            output::line("")?;
        }
        Ok(())
    }
}

/// Checks a pattern before the boot.
fn pattern(text: &str) -> Result<String, PatternError> {
    Pattern::new(text).map(|_| text.to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let hint = "write a whole number and its unit (ms, s or min), such as 500ms or 10s";
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(hint)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| hint)?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "min" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(hint.to_owned()),
    }
}

//! [`DebugError`]: what a test cannot look at, or has not seen inside of the board.

use std::path::PathBuf;
use std::time::Duration;

/// What a test cannot look at, or has not seen inside of the board.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DebugError {
    /// Some of the addresses are not those of a memory.
    #[error(
        "cannot {operation} `{machine}`: {length} bytes at {address:#010x} are not all in one of its memories; \
         a peripheral is not touched, because reading a register can change it"
    )]
    NoMemory {
        /// The requested operation.
        operation: &'static str,
        /// The machine's name.
        machine: String,
        /// The first address.
        address: u64,
        /// The number of bytes.
        length: u64,
    },
    /// The machine's firmware has no symbols.
    #[error("no variables are known of `{machine}`: {}", no_symbols(file.as_ref()))]
    NoSymbols {
        /// The machine's name.
        machine: String,
        /// The firmware, if there is one.
        file: Option<PathBuf>,
    },
    /// The firmware has no symbol of this name.
    #[error("{file:?} has no symbol `{name}`{}", did_you_mean(similar.as_ref()))]
    NoSymbol {
        /// The name.
        name: String,
        /// The firmware.
        file: PathBuf,
        /// The known name that is most like it.
        similar: Option<String>,
    },
    /// An ELF file that is given for its symbols is of another program than the flashed image.
    #[error(
        "{file:?} in `symbols` is of another program than the flashed {image:?}: {differing} of {common} bytes \
         differ, the first at {first:#010x}; build both anew, or correct `symbols`"
    )]
    OtherProgram {
        /// The ELF file.
        file: PathBuf,
        /// The flashed image.
        image: PathBuf,
        /// The number of bytes that both have.
        common: u64,
        /// The number of those that differ.
        differing: u64,
        /// The address of the first that differs.
        first: u64,
    },
    /// The processor has not come to a function.
    #[error("`{machine}` has not reached `{function}` in {waited:?}")]
    NotReached {
        /// The machine's name.
        machine: String,
        /// The function.
        function: String,
        /// The time waited, in the board's clock.
        waited: Duration,
    },
    /// The processor has not written to an address.
    #[error("nothing has written to {address:#010x} of `{machine}` in {waited:?}")]
    NotWritten {
        /// The machine's name.
        machine: String,
        /// The address.
        address: u64,
        /// The time waited, in the board's clock.
        waited: Duration,
    },
    /// An LED has not changed.
    #[error("the LED `{led}` of `{machine}` has not gone {} in {waited:?}", on_or_off(*wanted))]
    NoChange {
        /// The machine's name.
        machine: String,
        /// The path of the LED.
        led: String,
        /// True if it was to go on.
        wanted: bool,
        /// The time waited, in the board's clock.
        waited: Duration,
    },
    /// A pin has not changed.
    #[error(
        "pin {pin} of `{port}` of `{machine}` has not gone {} in {waited:?}",
        if *wanted { "high" } else { "low" }
    )]
    NoLevel {
        /// The machine's name.
        machine: String,
        /// The path of the GPIO port.
        port: String,
        /// The number of the pin.
        pin: u32,
        /// True if it was to go high.
        wanted: bool,
        /// The time waited, in the board's clock.
        waited: Duration,
    },
    /// The emulator has not logged a line.
    #[error(
        "the emulator of `{machine}` has logged no line with {pattern:?} in {waited:?}{}",
        last_lines(last)
    )]
    NotLogged {
        /// The machine's name.
        machine: String,
        /// The pattern.
        pattern: String,
        /// The time waited, in the board's clock.
        waited: Duration,
        /// The last lines that were looked at.
        last: Vec<String>,
    },
    /// The emulator has logged a line that it was not to log.
    #[error(
        "the emulator of `{machine}` has logged a line with {pattern:?}:{}",
        quoted(line)
    )]
    Logged {
        /// The machine's name.
        machine: String,
        /// The pattern.
        pattern: String,
        /// The line.
        line: String,
    },
    /// Lines of the emulator's log are no longer kept, in which a pattern was to be looked for.
    #[error(
        "{lines} lines of the emulator's log of `{machine}` are no longer kept, and no test has looked at them: \
         look earlier (`expect_log`), or forbid what must not appear (`fail_on_log`)"
    )]
    LogLost {
        /// The machine's name.
        machine: String,
        /// The number of lines.
        lines: u64,
    },
    /// A variable has another size than the type by which it is read or written.
    #[error("`{name}` has {size} bytes in {file:?}, not the {wanted} of {of_type}")]
    WrongSize {
        /// The name.
        name: String,
        /// The firmware.
        file: PathBuf,
        /// The size in the firmware.
        size: u64,
        /// The size of the type.
        wanted: u64,
        /// The type.
        of_type: &'static str,
    },
}

fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

/// The number of characters of a line of the log that are shown.
const SHOWN: usize = 400;

fn last_lines(lines: &[String]) -> String {
    match lines {
        [] => "; it has logged nothing since the last `expect_log`".to_owned(),
        lines => format!(
            "; its last lines:{}",
            lines.iter().map(|it| quoted(it)).collect::<String>()
        ),
    }
}

fn quoted(line: &str) -> String {
    let shown: String = line.chars().take(SHOWN).collect();
    format!("\n  | {}", shown.escape_debug())
}

fn no_symbols(file: Option<&PathBuf>) -> String {
    match file {
        Some(file) => {
            format!("{file:?} has no symbols; flash the ELF file, or name it in `symbols`")
        }
        None => "it has no firmware; flash an ELF file, or name it in `symbols`".to_owned(),
    }
}

fn did_you_mean(similar: Option<&String>) -> String {
    similar.map_or(String::new(), |it| format!("; did you mean `{it}`?"))
}

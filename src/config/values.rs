//! The grammar of single values: each function checks one value and returns its meaning.
//!
//! An error has no place; the caller adds the field and its place in the file. Text
//! that becomes part of an emulator's command is checked against the characters that are
//! allowed there, not against a list of harmful ones.

use std::path::Path;
use std::time::Duration;

use serde_yaml::Value;

use super::defaults::Echo;
use super::error::{BadValue, BuiltIn, Explanation};

pub(super) const LONGEST_NAME: usize = 64;
const LARGEST_SIZE: u64 = 1 << 40;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the value of `word`, one of the `choices`.
pub(super) fn choice<T: Copy>(word: &str, choices: &[(&str, T)]) -> Result<T, Explanation> {
    if let Some((_, value)) = choices.iter().find(|(known, _)| *known == word) {
        return Ok(*value);
    }
    let known = choices.iter().map(|(known, _)| *known).collect();
    Err(BadValue::UnknownWord { word, known }.into())
}

/// Checks a machine's name, which appears in Renode's prompt and, in quotes, in its commands.
pub(super) fn machine_name(name: &str) -> Result<String, Explanation> {
    only_allowed(name, "letters, digits, spaces, `_`, `-` and `.`", |c| {
        c.is_ascii_alphanumeric() || " _-.".contains(c)
    })?;
    if name.trim() != name {
        return Err(BadValue::OuterSpace { name }.into());
    }
    Ok(name.to_owned())
}

/// Checks a name that the user has chosen, which appears in messages and in file names.
pub(super) fn plain_name(name: &str) -> Result<String, Explanation> {
    only_allowed(name, "letters, digits, `_` and `-`", |c| {
        c.is_ascii_alphanumeric() || "_-".contains(c)
    })?;
    Ok(name.to_owned())
}

/// Checks a peripheral's path, such as `sysbus.usart2`.
pub(super) fn uart(path: &str) -> Result<String, Explanation> {
    only_allowed(path, "letters, digits, `_` and `.`", |c| {
        c.is_ascii_alphanumeric() || "_.".contains(c)
    })?;
    let named = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !path.split('.').all(named) {
        return Err(BadValue::NotAPeripheral { path }.into());
    }
    Ok(path.to_owned())
}

/// Checks the name of a script's file, which becomes part of a monitor command.
pub(super) fn script_name(name: &str) -> Result<(), Explanation> {
    only_allowed(name, "letters, digits, `_`, `-`, `+` and `.`", |c| {
        c.is_ascii_alphanumeric() || "_-+.".contains(c)
    })
}

/// Checks the name of a script's variable, without the `$`.
pub(super) fn variable_name(name: &str) -> Result<String, Explanation> {
    only_allowed(name, "letters, digits and `_`", |c| {
        c.is_ascii_alphanumeric() || c == '_'
    })?;
    if ["ORIGIN", "CWD"].contains(&name) {
        return Err(BadValue::ReservedVariable { name }.into());
    }
    Ok(name.to_owned())
}

/// Checks a text that Renode accepts between double quotes.
pub(super) fn variable_text(text: &str) -> Result<String, Explanation> {
    let bad = |c: char| !(' '..='~').contains(&c) || c == '"' || c == '\\';
    if let Some((position, bad)) = find_char(text, bad) {
        return Err(BadValue::VariableCharacter { position, bad }.into());
    }
    Ok(text.to_owned())
}

/// Checks the path of a file that comes with Renode; the project has no such `file`.
pub(super) fn built_in(kind: BuiltIn, path: &str, file: &Path) -> Result<String, Explanation> {
    let hidden = |part: &str| part.is_empty() || part.starts_with('.');
    let is_plain =
        path.contains('/') && path.chars().all(BuiltIn::allows) && !path.split('/').any(hidden);
    match is_plain {
        true => Ok(path.to_owned()),
        false => Err(BadValue::NotBuiltIn { kind, path, file }.into()),
    }
}

/// Checks the name of a QEMU machine or CPU, and its properties.
pub(super) fn qemu_name(name: &str) -> Result<String, Explanation> {
    only_allowed(name, "letters, digits, `_`, `-`, `.`, `,` and `=`", |c| {
        c.is_ascii_alphanumeric() || "_-.,=".contains(c)
    })?;
    if name.starts_with('-') {
        return Err(BadValue::OptionName { name }.into());
    }
    let is_word = |text: &str| !text.is_empty() && !text.contains('=');
    let mut parts = name.split(',');
    let is_named = parts.next().is_some_and(is_word);
    let is_property = |part: &str| matches!(part.split_once('='), Some((name, value)) if is_word(name) && is_word(value));
    match is_named && parts.all(is_property) {
        true => Ok(name.to_owned()),
        false => Err(BadValue::Properties { name }.into()),
    }
}

/// Checks the index of a serial port.
pub(super) fn serial_index(index: i64) -> Result<u8, Explanation> {
    match u8::try_from(index) {
        Ok(index) if index < 16 => Ok(index),
        _ => Err(BadValue::SerialIndex { index }.into()),
    }
}

/// Checks a TCP port.
pub(super) fn port(port: i64) -> Result<u16, Explanation> {
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(BadValue::Port { port }.into()),
    }
}

/// The default speed of a console, in bits per second.
pub(super) const DEFAULT_BAUD: u32 = 115_200;

/// The slowest and the fastest speed, in bits per second.
pub(super) const SLOWEST: u32 = 50;
pub(super) const FASTEST: u32 = 20_000_000;

/// Checks the speed of a serial port, in bits per second. Only the operating system knows the
/// speeds that the port supports.
pub(super) fn baud(baud: i64) -> Result<u32, Explanation> {
    match u32::try_from(baud) {
        Ok(baud @ SLOWEST..=FASTEST) => Ok(baud),
        _ => Err(BadValue::Baud {
            baud,
            slowest: SLOWEST,
            fastest: FASTEST,
        }
        .into()),
    }
}

/// Checks a path or a program's name.
pub(super) fn host_text(text: &str) -> Result<(), Explanation> {
    if text.is_empty() {
        return Err(BadValue::EmptyText.into());
    }
    no_nul(text)
}

/// Returns true if a command's argument contains `{firmware}`, the only placeholder.
///
/// A lower-case word in braces is a placeholder; other text in braces is literal.
pub(super) fn placeholder(argument: &str) -> Result<bool, Explanation> {
    no_nul(argument)?;
    let is_word =
        |word: &&str| !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_'));
    let braced = argument.split('{').skip(1);
    let mut words = braced
        .filter_map(|rest| Some(rest.split_once('}')?.0))
        .filter(is_word)
        .peekable();
    let has_one = words.peek().is_some();
    match words.find(|&word| word != "firmware") {
        None => Ok(has_one),
        Some(word) => Err(BadValue::Placeholder { word, argument }.into()),
    }
}

fn no_nul(text: &str) -> Result<(), Explanation> {
    match text.contains('\0') {
        true => Err(BadValue::Nul { text }.into()),
        false => Ok(()),
    }
}

/// Checks a line for Renode's monitor, which accepts printable ASCII only.
pub(super) fn monitor_command(command: &str) -> Result<String, Explanation> {
    if command.trim().is_empty() {
        return Err(BadValue::EmptyCommand.into());
    }
    if let Some((position, bad)) = find_char(command, |c| !(' '..='~').contains(&c)) {
        return Err(BadValue::CommandCharacter { position, bad }.into());
    }
    Ok(command.to_owned())
}

pub(super) const ECHOES: [(&str, Echo); 3] =
    [("auto", Echo::Auto), ("on", Echo::On), ("off", Echo::Off)];

/// Reads the value of `echo`. Some readers of YAML turn `on` and `off` into booleans.
pub(super) fn echo(value: &Value) -> Result<Echo, Explanation> {
    match value {
        Value::Bool(true) => Ok(Echo::On),
        Value::Bool(false) => Ok(Echo::Off),
        Value::String(word) => choice(word, &ECHOES),
        value => Err(BadValue::Echo { value }.into()),
    }
}

/// Reads an address, a number or text such as `0x08000000`.
pub(super) fn address(value: &Value) -> Result<u64, Explanation> {
    let parsed = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
            // `from_str_radix` would accept a sign.
            Some(digits) if digits.starts_with('+') => None,
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => None,
        },
        _ => None,
    };
    parsed.ok_or_else(|| BadValue::NotAnAddress { value }.into())
}

/// Reads a duration, a whole number and its unit.
pub(super) fn duration(value: &Value) -> Result<Duration, Explanation> {
    let wrong = || Explanation::from(BadValue::NotADuration { value });
    let Value::String(text) = value else {
        return Err(wrong());
    };
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        _ => return Err(wrong()),
    };
    if digits.is_empty() {
        return Err(wrong());
    }
    let millis = digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(millis_per_unit));
    match millis.map(Duration::from_millis) {
        Some(Duration::ZERO) => Err(BadValue::NoDuration { text }.into()),
        Some(duration) if duration <= LONGEST_TIMEOUT => Ok(duration),
        _ => Err(BadValue::LongDuration { text }.into()),
    }
}

/// Reads a number of bytes, a whole number and its unit.
pub(super) fn size(value: &Value) -> Result<u64, Explanation> {
    let wrong = || Explanation::from(BadValue::NotASize { value });
    let Value::String(text) = value else {
        return Err(wrong());
    };
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let shift = match unit {
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(wrong()),
    };
    if digits.is_empty() {
        return Err(wrong());
    }
    match digits.parse::<u64>() {
        Ok(0) => Err(BadValue::NoSize { text }.into()),
        Ok(number) if number <= LARGEST_SIZE >> shift => Ok(number << shift),
        _ => Err(BadValue::LargeSize { text }.into()),
    }
}

/// Checks a pattern of paths below a directory, such as `hal/**`.
pub(super) fn glob(pattern: &str) -> Result<glob::Pattern, Explanation> {
    let bad = |why| BadValue::Glob { pattern, why }.into();
    let below = pattern.trim_start_matches("./");
    if below.is_empty() {
        return Err(BadValue::EmptyPattern.into());
    }
    if below.starts_with('/') || below.split('/').any(|it| it == "..") {
        return Err(bad("it leads out of the project"));
    }
    glob::Pattern::new(below).map_err(|error| bad(error.msg))
}

/// Checks a pattern: literal text, or a regular expression after `re:`.
pub(super) fn pattern(pattern: &str) -> Result<String, Explanation> {
    if pattern.is_empty() || pattern == "re:" {
        return Err(BadValue::EmptyPattern.into());
    }
    if let Some(expression) = pattern.strip_prefix("re:") {
        // A regular expression for bytes, because `(?-u)` may match bytes that are not UTF-8.
        regex::bytes::Regex::new(expression)?;
    }
    Ok(pattern.to_owned())
}

fn only_allowed(
    name: &str,
    allowed: &'static str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), Explanation> {
    if name.is_empty() {
        return Err(BadValue::EmptyName.into());
    }
    if let Some((position, bad)) = find_char(name, |c| !is_allowed(c)) {
        let bad = BadValue::NameCharacter {
            name,
            position,
            bad,
            allowed,
        };
        return Err(bad.into());
    }
    if name.len() > LONGEST_NAME {
        let limit = LONGEST_NAME;
        return Err(BadValue::NameLength { name, limit }.into());
    }
    Ok(())
}

/// Returns the first character for which `is_it` is true, and its position, counted from 1.
fn find_char(text: &str, is_it: impl Fn(char) -> bool) -> Option<(usize, char)> {
    (1..).zip(text.chars()).find(|&(_, c)| is_it(c))
}

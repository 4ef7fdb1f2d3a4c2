//! The grammar of single values: each function checks one value and returns its meaning.
//!
//! An error is only a message; the caller adds the field and its place in the file. Text
//! that becomes part of an emulator's command is checked against the characters that are
//! allowed there, not against a list of harmful ones.

use std::path::Path;
use std::time::Duration;

use serde_yaml::Value;

use super::defaults::Echo;

pub(super) const LONGEST_NAME: usize = 64;
const LARGEST_SIZE: u64 = 1 << 40;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the value of `word`, one of the `choices`.
pub(super) fn choice<T: Copy>(word: &str, choices: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = choices.iter().find(|(known, _)| *known == word) {
        return Ok(*value);
    }
    let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
    Err(format!("unknown value {word:?}{}", suggest(word, &known)))
}

/// Returns the end of a message about an unknown word: a suggestion and the known words.
pub(super) fn suggest(word: &str, known: &[impl AsRef<str>]) -> String {
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let hint =
        nearest(word, &known).map_or(String::new(), |best| format!("; did you mean `{best}`?"));
    format!("{hint} (known: {})", known.join(", "))
}

/// Returns the word of `known` that is most similar to `word`, if one is similar enough.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let similarity =
        |candidate: &str| strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase());
    let rated = known.iter().map(|it| (similarity(it), *it));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(similarity, _)| *similarity > 0.8)
        .map(|(_, best)| best)
}

/// Checks a machine's name, which appears in Renode's prompt and, in quotes, in its commands.
pub(super) fn machine_name(name: &str) -> Result<String, String> {
    only_allowed(name, "letters, digits, spaces, `_`, `-` and `.`", |c| {
        c.is_ascii_alphanumeric() || " _-.".contains(c)
    })?;
    if name.trim() != name {
        return Err(format!("{name:?} begins or ends with a space: remove it"));
    }
    Ok(name.to_owned())
}

/// Checks a name that the user has chosen, which appears in messages and in file names.
pub(super) fn plain_name(name: &str) -> Result<String, String> {
    only_allowed(name, "letters, digits, `_` and `-`", |c| {
        c.is_ascii_alphanumeric() || "_-".contains(c)
    })?;
    Ok(name.to_owned())
}

/// Checks a peripheral's path, such as `sysbus.usart2`.
pub(super) fn uart(path: &str) -> Result<String, String> {
    only_allowed(path, "letters, digits, `_` and `.`", |c| {
        c.is_ascii_alphanumeric() || "_.".contains(c)
    })?;
    let named = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !path.split('.').all(named) {
        return Err(format!(
            "{path:?} is not a peripheral's path: write names joined by dots, such as `sysbus.usart2`"
        ));
    }
    Ok(path.to_owned())
}

/// Checks the name of a script's file, which becomes part of a monitor command.
pub(super) fn script_name(name: &str) -> Result<(), String> {
    only_allowed(name, "letters, digits, `_`, `-`, `+` and `.`", |c| {
        c.is_ascii_alphanumeric() || "_-+.".contains(c)
    })
}

/// Checks the name of a script's variable, without the `$`.
pub(super) fn variable_name(name: &str) -> Result<String, String> {
    only_allowed(name, "letters, digits and `_`", |c| {
        c.is_ascii_alphanumeric() || c == '_'
    })?;
    if ["ORIGIN", "CWD"].contains(&name) {
        return Err(format!("`{name}` is set by Renode: choose another name"));
    }
    Ok(name.to_owned())
}

/// Checks a text that Renode accepts between double quotes.
pub(super) fn variable_text(text: &str) -> Result<String, String> {
    let bad = |c: char| !(' '..='~').contains(&c) || c == '"' || c == '\\';
    if let Some((position, bad)) = find_char(text, bad) {
        return Err(format!(
            "character {position} is {bad:?}: only printable ASCII without `\"` and `\\` is allowed"
        ));
    }
    Ok(text.to_owned())
}

/// Checks the path of a file that comes with Renode; the project has no such `file`.
/// `kind` is `platform` or `script`, and `example` such a path; they are for messages.
pub(super) fn built_in(
    kind: &str,
    example: &str,
    path: &str,
    file: &Path,
) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.+/".contains(c);
    let hidden = |part: &str| part.is_empty() || part.starts_with('.');
    let why = if !path.contains('/') {
        format!("the {kind}s that come with Renode are in directories, such as `{example}`")
    } else if let Some(named) = path.strip_prefix('@') {
        format!("the name of a {kind} that comes with Renode is written without `@`: `{named}`")
    } else if let Some(bad) = path.chars().find(|&c| !allowed(c)) {
        format!("no {kind} that comes with Renode has {bad:?} in its path")
    } else if path.split('/').any(hidden) {
        format!(
            "{path:?} is not the plain path of a {kind} that comes with Renode, such as `{example}`"
        )
    } else {
        return Ok(path.to_owned());
    };
    Err(format!("there is no file {file:?}, and {why}"))
}

/// Checks the name of a QEMU machine or CPU.
pub(super) fn qemu_name(name: &str) -> Result<String, String> {
    only_allowed(name, "letters, digits, `_`, `-` and `.`", |c| {
        c.is_ascii_alphanumeric() || "_-.".contains(c)
    })?;
    if name.starts_with('-') {
        return Err(format!(
            "{name:?} begins with `-`: name a machine or a CPU, not an option"
        ));
    }
    Ok(name.to_owned())
}

/// Checks the index of a serial port.
pub(super) fn serial_index(index: i64) -> Result<u8, String> {
    match u8::try_from(index) {
        Ok(index) if index < 16 => Ok(index),
        _ => Err(format!(
            "{index} is out of range: serial ports are counted from 0 to 15"
        )),
    }
}

/// Checks a TCP port.
pub(super) fn port(port: i64) -> Result<u16, String> {
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!(
            "{port} is out of range: ports are counted from 1 to 65535"
        )),
    }
}

/// The default speed of a console, in bits per second.
pub(super) const DEFAULT_BAUD: u32 = 115_200;

/// The slowest and the fastest speed, in bits per second.
pub(super) const SLOWEST: u32 = 50;
pub(super) const FASTEST: u32 = 20_000_000;

/// Checks the speed of a serial port, in bits per second. Only the operating system knows the
/// speeds that the port supports.
pub(super) fn baud(baud: i64) -> Result<u32, String> {
    match u32::try_from(baud) {
        Ok(baud @ SLOWEST..=FASTEST) => Ok(baud),
        _ => Err(format!(
            "{baud} is out of range: a serial port does {SLOWEST} to {FASTEST} bits a second, usually 115200"
        )),
    }
}

/// Checks a path or a program's name.
pub(super) fn host_text(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("the text is empty: write a name or a path".to_owned());
    }
    no_nul(text)
}

/// Returns true if a command's argument contains `{firmware}`, the only placeholder.
///
/// A lower-case word in braces is a placeholder; other text in braces is literal.
pub(super) fn placeholder(argument: &str) -> Result<bool, String> {
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
        Some(word) => Err(format!(
            "unknown placeholder `{{{word}}}` in {argument:?}: the only one is `{{firmware}}`"
        )),
    }
}

fn no_nul(text: &str) -> Result<(), String> {
    match text.contains('\0') {
        true => Err(format!(
            "{text:?} has a NUL in it, which the host does not take"
        )),
        false => Ok(()),
    }
}

/// Checks a line for Renode's monitor, which accepts printable ASCII only.
pub(super) fn monitor_command(command: &str) -> Result<String, String> {
    if command.trim().is_empty() {
        return Err("the command is empty: write one or remove the entry".to_owned());
    }
    if let Some((position, bad)) = find_char(command, |c| !(' '..='~').contains(&c)) {
        let why = match bad {
            '\n' | '\r' => "one command is one line: make two entries of it",
            _ => "Renode's monitor takes printable ASCII only",
        };
        return Err(format!("character {position} is {bad:?}: {why}"));
    }
    Ok(command.to_owned())
}

pub(super) const ECHOES: [(&str, Echo); 3] =
    [("auto", Echo::Auto), ("on", Echo::On), ("off", Echo::Off)];

/// Reads the value of `echo`. Some readers of YAML turn `on` and `off` into booleans.
pub(super) fn echo(value: &Value) -> Result<Echo, String> {
    match value {
        Value::Bool(true) => Ok(Echo::On),
        Value::Bool(false) => Ok(Echo::Off),
        Value::String(word) => choice(word, &ECHOES),
        other => Err(format!("{} is not auto, on or off", shown(other))),
    }
}

/// Reads an address, a number or text such as `0x08000000`.
pub(super) fn address(value: &Value) -> Result<u64, String> {
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
    parsed.ok_or_else(|| {
        format!(
            "{} is not an address: write it like 0x08000000",
            shown(value)
        )
    })
}

/// Reads a duration, a whole number and its unit.
pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    let hint = "write a whole number and its unit (ms, s or min), such as `500ms` or `10s`";
    let Value::String(text) = value else {
        return Err(format!("{} is not a duration: {hint}", shown(value)));
    };
    let wrong = || format!("{text:?} is not a duration: {hint}");
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
        Some(Duration::ZERO) => Err(format!(
            "{text:?} leaves no time at all: write at least `1ms`"
        )),
        Some(duration) if duration <= LONGEST_TIMEOUT => Ok(duration),
        _ => Err(format!("{text:?} is too long: write at most `1440min`")),
    }
}

/// Reads a number of bytes, a whole number and its unit.
pub(super) fn size(value: &Value) -> Result<u64, String> {
    let wrong = || {
        let value = shown(value);
        format!(
            "{value} is not a size: write a whole number and its unit (MiB or GiB), such as `512MiB`"
        )
    };
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
        Ok(0) => Err(format!("{text:?} is nothing at all: write at least `1MiB`")),
        Ok(number) if number <= LARGEST_SIZE >> shift => Ok(number << shift),
        _ => Err(format!("{text:?} is too large: write at most `1024GiB`")),
    }
}

/// Checks a pattern: literal text, or a regular expression after `re:`.
pub(super) fn pattern(pattern: &str) -> Result<String, String> {
    if pattern.is_empty() || pattern == "re:" {
        return Err("an empty pattern matches everything: write one or remove it".to_owned());
    }
    if let Some(expression) = pattern.strip_prefix("re:") {
        // A regular expression for bytes, because `(?-u)` may match bytes that are not UTF-8.
        regex::bytes::Regex::new(expression).map_err(|error| error.to_string())?;
    }
    Ok(pattern.to_owned())
}

fn only_allowed(
    name: &str,
    allowed: &str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), String> {
    if name.is_empty() {
        return Err("the name is empty: write one or remove the field".to_owned());
    }
    if let Some((position, bad)) = find_char(name, |c| !is_allowed(c)) {
        return Err(format!(
            "character {position} of {name:?} is {bad:?}: only {allowed} are allowed"
        ));
    }
    if name.len() > LONGEST_NAME {
        return Err(format!(
            "{name:?} has {} characters: at most {LONGEST_NAME} are allowed",
            name.len()
        ));
    }
    Ok(())
}

/// Returns the first character for which `is_it` is true, and its position, counted from 1.
fn find_char(text: &str, is_it: impl Fn(char) -> bool) -> Option<(usize, char)> {
    (1..).zip(text.chars()).find(|&(_, c)| is_it(c))
}

/// Formats a value for a message.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("`{number}`"),
        Value::String(text) => format!("{text:?}"),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Null => "nothing".to_owned(),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) | Value::Tagged(_) => "a mapping".to_owned(),
    }
}

//! The fields of the YAML file and their types.
//!
//! [`document`] parses the text, and [`fields`] turns the result into [`Raw`], a target before
//! its values are checked.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_path_to_error::deserialize;
use serde_yaml::{Deserializer, Mapping, Value};

use super::error::Problem;
use super::{locate, values};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct Raw {
    pub(super) backend: Option<String>,
    pub(super) clock: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) script: Option<String>,
    pub(super) variables: Option<Mapping>,
    pub(super) platform_fragments: Option<Vec<String>>,
    pub(super) uart: Option<RawUart>,
    pub(super) uarts: Option<Named<RawUart>>,
    pub(super) uart_transport: Option<String>,
    pub(super) machine_name: Option<String>,
    pub(super) extra_commands: Option<Vec<String>>,
    pub(super) control: Option<String>,
    pub(super) monitor_port: Option<i64>,
    pub(super) allow_raw_monitor: Option<bool>,
    pub(super) firmware: Option<String>,
    pub(super) load_command: Option<String>,
    pub(super) load_address: Option<Value>,
    pub(super) qemu: Option<RawQemu>,
    pub(super) serial: Option<RawSerial>,
    pub(super) timeouts: Option<RawTimeouts>,
    pub(super) line_ending: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) echo: Option<Value>,
    pub(super) ignore_lines: Option<Vec<String>>,
    pub(super) forbid: Option<Vec<String>>,
    pub(super) strip_ansi: Option<bool>,
    pub(super) kept_output: Option<Value>,
    pub(super) machines: Option<Named<RawMachine>>,
    pub(super) uart_hubs: Option<Named<Vec<String>>>,
    pub(super) switches: Option<Named<Vec<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawMachine {
    pub(super) platform: Option<String>,
    pub(super) uart: Option<RawUart>,
    pub(super) uarts: Option<Named<RawUart>>,
    pub(super) extra_commands: Option<Vec<String>>,
    pub(super) firmware: Option<String>,
    pub(super) load_command: Option<String>,
    pub(super) load_address: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawQemu {
    pub(super) machine: Option<String>,
    pub(super) cpu: Option<String>,
    pub(super) serial: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawSerial {
    pub(super) port: Option<String>,
    pub(super) baud: Option<i64>,
    pub(super) flash: Option<Vec<String>>,
    pub(super) reset: Option<Vec<String>>,
    pub(super) power_on: Option<Vec<String>>,
    pub(super) power_off: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawTimeouts {
    pub(super) expect: Option<Value>,
    pub(super) boot: Option<Value>,
    pub(super) command: Option<Value>,
}

/// A UART, given as its path or as fields.
#[derive(Debug)]
pub(super) struct RawUart {
    pub(super) path: Option<String>,
    pub(super) baud: Option<i64>,
}

impl RawUart {
    /// Returns the UART that is given by its path alone.
    pub(super) fn at(path: &str) -> Self {
        let path = Some(path.to_owned());
        Self { path, baud: None }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawUartFields {
    path: Option<String>,
    baud: Option<i64>,
}

impl<'de> Deserialize<'de> for RawUart {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathOrFields)
    }
}

struct PathOrFields;

impl<'de> Visitor<'de> for PathOrFields {
    type Value = RawUart;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UART's path, such as `sysbus.usart2`, or `{path: …, baud: …}`")
    }

    fn visit_str<E>(self, path: &str) -> Result<RawUart, E> {
        Ok(RawUart::at(path))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawUart, A::Error> {
        let fields = de::value::MapAccessDeserializer::new(map);
        let RawUartFields { path, baud } = RawUartFields::deserialize(fields)?;
        Ok(RawUart { path, baud })
    }
}

/// Values by names that the user has chosen, in the order of the file.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names(PhantomData))
    }
}

struct Names<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Names<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields (`name: value`)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut named = Vec::new();
        while let Some(entry) = map.next_entry()? {
            named.push(entry);
        }
        Ok(Named(named))
    }
}

/// Parses text into YAML values, from which [`fields`] makes [`Raw`]. A direct conversion
/// would accept a number wherever text is expected.
pub(super) fn document(text: &str) -> Result<Value, Problem> {
    check_depth(text)?;
    deserialize(Deserializer::from_str(text)).map_err(|error| not_yaml(text, &error))
}

/// Rejects deeply nested text, because the parser's time grows with the square of the depth.
///
/// Brackets in strings and comments count as well: no real file has so many unclosed ones.
fn check_depth(text: &str) -> Result<(), Problem> {
    const DEEPEST: usize = 1000;
    let mut depth: usize = 0;
    for (number, line) in (1..).zip(text.lines()) {
        for (column, c) in (1..).zip(line.chars()) {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                let mut problem =
                    Problem::new("", format!("more than {DEEPEST} brackets are open here"));
                problem.place = Some((number, column));
                return Err(problem);
            }
        }
    }
    Ok(())
}

/// Reads the fields of a target.
pub(super) fn fields(value: Value) -> Result<Raw, Problem> {
    if value.is_null() {
        return Err(Problem::new(
            "",
            "it is empty: a target needs a board, such as `platform` and `uart`, or `backend: qemu` and `qemu: {machine: …}`",
        ));
    }
    deserialize(value).map_err(|error| {
        let field = known_part(error.path());
        let message = match error.inner().to_string() {
            message if message.starts_with("unknown field") => unknown_field(&field, &message),
            message => reword(message),
        };
        Problem::new(field, message)
    })
}

type PathError = serde_path_to_error::Error<serde_yaml::Error>;

fn not_yaml(text: &str, error: &PathError) -> Problem {
    let field = known_part(error.path());
    let mut message = error.inner().to_string();
    let place = error.inner().location().map(|l| (l.line(), l.column()));
    if let Some((line, column)) = place {
        message = message.replacen(&format!(" at line {line} column {column}"), "", 1);
    }
    if let Some(rest) = message.strip_prefix(&format!("{field}: ")) {
        message = rest.to_owned();
    }
    if let Some(key) = message.strip_prefix("duplicate entry with key ") {
        return Problem {
            message: format!("{key} is given twice: remove one of the two"),
            place: locate::repeated_key(text, &field),
            field,
        };
    }
    if message.contains("recursion limit exceeded") {
        return Problem {
            field: String::new(),
            message: "it is nested too deeply".to_owned(),
            place,
        };
    }
    if message.contains("more than one document") {
        return Problem::new(field, "the file holds several documents (`---`): keep one");
    }
    Problem {
        field,
        message: format!("not valid YAML: {}", reword(message)),
        place,
    }
}

/// Returns the path without the end that serde could not name: a key that is not text.
fn known_part(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    path.trim_end_matches(['.', '?']).to_owned()
}

/// Rewords serde's message: unknown field `x`, expected one of `a`, `b`.
fn unknown_field(field: &str, message: &str) -> String {
    let name = field.rsplit('.').next().unwrap_or_default();
    let expected = message
        .rsplit_once(", expected ")
        .map_or("", |(_, list)| list);
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    format!("unknown field{}", values::suggest(name, &known))
}

/// Replaces serde's names for types with words for users.
fn reword(message: String) -> String {
    [
        ("expected a string", "expected text (put it in quotes)"),
        ("expected a boolean", "expected `true` or `false`"),
        ("expected a sequence", "expected a list (`- item`)"),
        (
            "found character that cannot start any token",
            "found a character that cannot stand here (YAML indents with spaces, not tabs)",
        ),
        ("expected i64", "expected a whole number"),
        ("expected any YAML value", "expected a smaller number"),
        ("expected a YAML mapping", "expected fields (`name: value`)"),
        ("expected field identifier", "expected a field name"),
    ]
    .iter()
    .fold(message, |message, (from, to)| message.replace(from, to))
}

//! What the readers of YAML report, in the words of users.

use std::path::Path;

use super::super::locate;
use super::config_error::ConfigError;
use super::explanation::Explanation;
use super::kind::ConfigErrorKind;
use super::place::FieldPlace;
use super::problem::Problem;

type PathError = serde_path_to_error::Error<serde_yaml::Error>;

/// What is wrong with the text of a file.
#[derive(Debug)]
pub(in super::super) enum BadYaml {
    Empty,
    Brackets { limit: usize },
    Merge,
}

impl From<BadYaml> for Explanation {
    fn from(bad: BadYaml) -> Self {
        match bad {
            BadYaml::Empty => Self::of("it is empty").fix(
                "a target needs a board, such as `platform` and `uart`, or `backend: qemu` and `qemu: {machine: …}`",
            ),
            BadYaml::Brackets { limit } => {
                Self::of(format!("more than {limit} brackets are open here"))
            }
            BadYaml::Merge => {
                Self::of("`<<` puts in the fields of a mapping, or of several in a list")
                    .fix("name one by `*anchor`")
            }
        }
    }
}

impl ConfigError {
    /// Creates the error of a file whose `bytes` are UTF-8 only up to `valid_up_to`.
    pub(in super::super) fn not_utf8(file: &Path, bytes: &[u8], valid_up_to: usize) -> Self {
        let good = bytes.get(..valid_up_to).unwrap_or_default();
        let line = good.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        let place = FieldPlace::new(file, (line, column), "");
        let why = Explanation::of("this is not UTF-8").fix("save the file as UTF-8");
        Self::new(file, ConfigErrorKind::Invalid { place, why })
    }
}

impl Problem {
    /// Creates the problem of `text` that is not YAML.
    pub(in super::super) fn not_yaml(text: &str, error: &PathError) -> Self {
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
            return Self {
                why: Explanation::of(format!("{key} is given twice")).fix("remove one of the two"),
                place: locate::repeated_key(text, &field),
                field,
            };
        }
        if message.contains("recursion limit exceeded") {
            return Self {
                field: String::new(),
                why: Explanation::of("it is nested too deeply"),
                place,
            };
        }
        if message.contains("more than one document") {
            let why = Explanation::of("the file holds several documents (`---`)");
            return Self::new(field, why.fix("keep one"));
        }
        Self {
            field,
            why: Explanation::of(format!("not valid YAML: {}", reword(message))),
            place,
        }
    }

    /// Creates the problem of a field that a target does not have, or that has a value of another type.
    pub(in super::super) fn mistyped(error: &PathError) -> Self {
        let field = known_part(error.path());
        let why = match error.inner().to_string() {
            message if message.starts_with("unknown field") => unknown_field(&field, &message),
            message => Explanation::of(reword(message)),
        };
        Self::new(field, why)
    }
}

/// Returns the path without the end that serde could not name: a key that is not text.
fn known_part(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    path.trim_end_matches(['.', '?']).to_owned()
}

/// Rewords serde's message: unknown field `x`, expected one of `a`, `b`.
fn unknown_field(field: &str, message: &str) -> Explanation {
    let name = field.rsplit('.').next().unwrap_or_default();
    let expected = message
        .rsplit_once(", expected ")
        .map_or("", |(_, list)| list);
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    Explanation::of("unknown field").suggest(name, &known)
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

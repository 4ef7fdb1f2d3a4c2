//! [`Problem`]: an invalid field whose place in the file may not be known yet.

use std::path::Path;

use super::super::locate;
use super::config_error::ConfigError;
use super::explanation::Explanation;
use super::kind::ConfigErrorKind;
use super::place::FieldPlace;

/// An invalid field whose place in the file may not be known yet.
#[derive(Debug, Clone)]
pub(in super::super) struct Problem {
    /// The field's path, such as `qemu.serial` or `extra_commands[2]`; empty for the whole file.
    pub(super) field: String,
    pub(super) why: Explanation,
    /// Line and column, if they are already known.
    pub(super) place: Option<(usize, usize)>,
}

impl Problem {
    pub(in super::super) fn new(field: impl Into<String>, why: impl Into<Explanation>) -> Self {
        Self {
            field: field.into(),
            why: why.into(),
            place: None,
        }
    }

    /// Returns the same problem at a known line and column.
    pub(in super::super) fn at(self, line: usize, column: usize) -> Self {
        let place = Some((line, column));
        Self { place, ..self }
    }

    /// Returns the same problem for a target whose fields are at `path` in the file; an empty path
    /// is the whole file.
    pub(in super::super) fn under(mut self, path: &str) -> Self {
        self.field = below(path, &self.field);
        self
    }

    pub(in super::super) fn locate(self, file: &Path, text: &str) -> ConfigError {
        // The text is searched only if it must be: it may be nested too deeply for that.
        let place = match self.place {
            Some(place) => FieldPlace::new(file, place, &self.field),
            None => FieldPlace::find(&self.field, file, text),
        };
        let kind = ConfigErrorKind::Invalid {
            place,
            why: self.why,
        };
        ConfigError::new(file, kind)
    }
}

impl FieldPlace {
    /// Returns the place of `field` in the target at `target`, an empty path for the whole file.
    pub(in super::super) fn of(field: &str, target: &str, file: &Path, text: &str) -> Self {
        Self::find(&below(target, field), file, text)
    }

    fn find(field: &str, file: &Path, text: &str) -> Self {
        // A merged field (`<<`) has no place of its own, but its parents have one.
        let mut fields = std::iter::successors(Some(field), |field| {
            let (parent, _) = field.rsplit_once(['.', '['])?;
            Some(parent)
        });
        let located = fields.find_map(|field| locate::field(text, field));
        Self::new(file, located.unwrap_or((1, 1)), field)
    }
}

/// Returns the path of `field` in the target at `path`.
fn below(path: &str, field: &str) -> String {
    match field {
        _ if path.is_empty() => field.to_owned(),
        "" => path.to_owned(),
        field if field.starts_with('[') => format!("{path}{field}"),
        field => format!("{path}.{field}"),
    }
}

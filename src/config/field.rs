//! Checks single fields; the errors name the field.

use std::path::Path;

use super::error::{BadValue, Explanation, Problem};
use crate::files;

/// Checks the value of `field` if it is given; an error names the field.
pub(super) fn given<V, T>(
    field: &str,
    value: &Option<V>,
    check: impl FnOnce(&V) -> Result<T, Explanation>,
) -> Result<Option<T>, Problem> {
    value
        .as_ref()
        .map(check)
        .transpose()
        .map_err(|why| Problem::new(field, why))
}

/// Checks the values of a list; an error names the field and the index.
pub(super) fn each<T>(
    field: &str,
    values: Option<&[String]>,
    check: impl Fn(&str) -> Result<T, Explanation>,
) -> Result<Vec<T>, Problem> {
    (0..)
        .zip(values.unwrap_or_default())
        .map(|(index, value)| {
            check(value).map_err(|why| Problem::new(format!("{field}[{index}]"), why))
        })
        .collect()
}

/// Returns true if `file` exists; fails if it has more than `limit` bytes or cannot be read.
pub(super) fn is_file(file: &Path, limit: u64) -> Result<bool, Explanation> {
    files::check(file, limit).map_err(|why| BadValue::UnusableFile { file, why }.into())
}

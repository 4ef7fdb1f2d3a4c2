//! The features of YAML 1.1 that YAML 1.2 lacks: merge keys, and more words for true and false.
//!
//! Jumpstarter reads its files with PyYAML, which supports 1.1; our own files are 1.2.

use serde_yaml::{Mapping, Value};

use super::error::{BadYaml, Problem};

const MERGE: &str = "<<";

/// Adds the fields that `<<: *anchor` names to the mapping around it, whose own fields take
/// precedence. `path` is the path of `value`.
pub(super) fn merge(value: &mut Value, path: &str) -> Result<(), Problem> {
    match value {
        Value::Mapping(mapping) => {
            for (key, value) in mapping.iter_mut() {
                let key = key.as_str().unwrap_or_default();
                let path = match path {
                    "" => key.to_owned(),
                    path => format!("{path}.{key}"),
                };
                merge(value, &path)?;
            }
            match mapping.remove(MERGE) {
                None => Ok(()),
                Some(Value::Sequence(several)) => several
                    .into_iter()
                    .try_for_each(|one| add_missing(mapping, one, path)),
                Some(one) => add_missing(mapping, one, path),
            }
        }
        Value::Sequence(values) => {
            let mut values = (0..).zip(values);
            values.try_for_each(|(index, value)| merge(value, &format!("{path}[{index}]")))
        }
        _ => Ok(()),
    }
}

fn add_missing(mapping: &mut Mapping, merged: Value, path: &str) -> Result<(), Problem> {
    let Value::Mapping(merged) = merged else {
        return Err(Problem::new(path, BadYaml::Merge));
    };
    for (key, value) in merged {
        mapping.entry(key).or_insert(value);
    }
    Ok(())
}

/// Reads a boolean, or a word for true or false.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value.as_str() {
        None => value.as_bool(),
        Some("yes" | "Yes" | "YES" | "on" | "On" | "ON") => Some(true),
        Some("no" | "No" | "NO" | "off" | "Off" | "OFF") => Some(false),
        Some(_) => None,
    }
}

//! Finds the line and column of a field, given its path.
//!
//! The YAML parser gives positions only with errors. So [`field`] walks the document once
//! more and fails, on purpose, at the requested place.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Returns the line and column, from 1, of a field such as `qemu.serial` or `extra_commands[2]`.
pub(super) fn field(text: &str, path: &str) -> Option<(usize, usize)> {
    let at = String::new();
    let error = Walk { goal: path, at }
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .err()?;
    let location = error.location()?;
    Some((location.line(), location.column()))
}

/// Returns the line and column of the first repeated key in the mapping at `path`.
pub(super) fn repeated_key(text: &str, path: &str) -> Option<(usize, usize)> {
    field(text, &format!("{path}."))
}

/// A walk from the value at path `at` to the `goal`; values that cannot contain it are skipped.
struct Walk<'a> {
    goal: &'a str,
    at: String,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.goal.strip_prefix(&self.at) {
            Some("") => deserializer.deserialize_any(FailHere),
            Some(rest) if rest.starts_with('[') => deserializer.deserialize_seq(self),
            Some(rest) if rest.starts_with('.') || self.at.is_empty() => {
                deserializer.deserialize_map(self)
            }
            _ => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(at) = map.next_key_seed(Key {
            walk: &self,
            seen: &mut seen,
        })? {
            let goal = self.goal;
            map.next_value_seed(Walk { goal, at })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for index in 0.. {
            let goal = self.goal;
            let at = format!("{}[{index}]", self.at);
            if seq.next_element_seed(Walk { goal, at })?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// A visitor that rejects every value, so that the error has the value's position.
struct FailHere;

impl Visitor<'_> for FailHere {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

/// A reader of one key in the current mapping: returns the path of the key's value, and
/// fails at the goal and at a repeated key.
struct Key<'a> {
    walk: &'a Walk<'a>,
    seen: &'a mut HashSet<String>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        let path = match self.walk.at.as_str() {
            "" => key.to_owned(),
            parent => format!("{parent}.{key}"),
        };
        if path == self.walk.goal || !self.seen.insert(path.clone()) {
            return Err(E::custom("here"));
        }
        Ok(path)
    }
}

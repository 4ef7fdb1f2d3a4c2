//! Finds the line and column of a field, given its path.
//!
//! Of a YAML document, only errors have a position. So this walks the document
//! once more and fails, on purpose, at the place that is looked for. It knows
//! nothing of which fields there are.

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

/// Returns the line and column of the first key that the mapping at `path` has twice.
pub(super) fn repeated_key(text: &str, path: &str) -> Option<(usize, usize)> {
    field(text, &format!("{path}."))
}

/// Walks from the value at path `at` to the `goal`, if that is the way.
struct Walk<'a> {
    goal: &'a str,
    at: String,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.goal.strip_prefix(&self.at) {
            Some("") => deserializer.deserialize_any(Here),
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

/// Takes no value at all, so that the error stands where the value does.
struct Here;

impl Visitor<'_> for Here {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

/// A key of the mapping that is being walked: gives the path of its value, and
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

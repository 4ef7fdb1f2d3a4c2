//! Values that may be part of a command: [`PlainPath`] and [`Name`].
//!
//! Each allows only text that is known to be plain; nothing is escaped. So Renode cannot
//! read a value as anything else.

use std::fmt;
use std::path::Path;

use crate::backend::EmulatorError;
use crate::backend::error::{Unsupported, ValueFlaw, ValueRole};
use crate::backend::renode::context::KIND;

/// A value that cannot be part of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotPlain {
    pub(crate) value: String,
    pub(crate) role: ValueRole,
    pub(crate) why: ValueFlaw,
}

impl From<NotPlain> for EmulatorError {
    fn from(NotPlain { value, role, why }: NotPlain) -> Self {
        Self::unsupported(KIND, Unsupported::Value { value, role, why })
    }
}

/// An absolute path for `@…` and `"…"`: printable ASCII without the characters that end or
/// change either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlainPath(pub(super) String);

impl PlainPath {
    pub(crate) fn new(path: &Path) -> Result<Self, NotPlain> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.+,=~ ".contains(c);
        let not_plain = |value: &str, why| NotPlain {
            value: value.to_owned(),
            role: ValueRole::Path,
            why,
        };
        let Some(text) = path.to_str() else {
            return Err(not_plain(&path.to_string_lossy(), ValueFlaw::NotUtf8));
        };
        if let Some(why) = why_not(text, plain) {
            return Err(not_plain(text, why));
        }
        if !text.starts_with('/') {
            return Err(not_plain(text, ValueFlaw::NotAbsolute));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the path as a token: quotes do not work behind `@`, a space needs a backslash.
    pub(super) fn token(&self) -> String {
        format!("@{}", self.0.replace(' ', "\\ "))
    }
}

/// The name of a machine or the path of a peripheral, without characters that could end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// Makes a machine's name, which is quoted in commands.
    pub(crate) fn machine(name: &str) -> Result<Self, NotPlain> {
        let plain = |c: char| c.is_ascii_alphanumeric() || " _-.".contains(c);
        allow(name, ValueRole::Machine, plain)?;
        Ok(Self(name.to_owned()))
    }

    /// Makes the name of a hub or a switch, which is not quoted in commands.
    pub(crate) fn hub(name: &str) -> Result<Self, NotPlain> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        allow(name, ValueRole::Hub, plain)?;
        Ok(Self(name.to_owned()))
    }

    /// Makes a peripheral's path, which is not quoted in commands.
    pub(crate) fn peripheral(path: &str) -> Result<Self, NotPlain> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
        allow(path, ValueRole::Peripheral, plain)?;
        Ok(Self(path.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn allow(
    value: &str,
    role: ValueRole,
    plain: impl Fn(char) -> bool,
) -> Result<(), NotPlain> {
    let Some(why) = why_not(value, plain) else {
        return Ok(());
    };
    Err(NotPlain {
        value: value.to_owned(),
        role,
        why,
    })
}

pub(super) fn why_not(value: &str, plain: impl Fn(char) -> bool) -> Option<ValueFlaw> {
    match value.chars().find(|&c| !plain(c)) {
        Some(bad) => Some(ValueFlaw::Contains(bad)),
        None if value.is_empty() => Some(ValueFlaw::Empty),
        None => None,
    }
}

/// Checks the name of a file that is part of Renode: all such files have a plain path.
pub(super) fn allow_built_in(name: &str, role: ValueRole) -> Result<(), NotPlain> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.+".contains(c);
    allow(name, role, plain)
}

//! [`BadValue`]: what can be wrong with a single value, and the texts.

use std::path::Path;

use serde_yaml::Value;

use super::explanation::Explanation;
use crate::files::Unusable;

/// What is wrong with a single value.
#[derive(Debug)]
pub(in super::super) enum BadValue<'a> {
    UnknownWord {
        word: &'a str,
        known: Vec<&'a str>,
    },
    EmptyName,
    EmptyText,
    EmptyPath,
    EmptyCommand,
    EmptyFragment,
    EmptyPattern,
    NameCharacter {
        name: &'a str,
        position: usize,
        bad: char,
        allowed: &'static str,
    },
    NameLength {
        name: &'a str,
        limit: usize,
    },
    OuterSpace {
        name: &'a str,
    },
    OptionName {
        name: &'a str,
    },
    NotAPeripheral {
        path: &'a str,
    },
    ReservedVariable {
        name: &'a str,
    },
    VariableCharacter {
        position: usize,
        bad: char,
    },
    VariableNumber {
        text: &'a str,
    },
    VariableValue {
        value: &'a Value,
    },
    VariableName,
    CommandCharacter {
        position: usize,
        bad: char,
    },
    NotBuiltIn {
        kind: BuiltIn,
        path: &'a str,
        file: &'a Path,
    },
    NotAScript {
        name: &'a str,
    },
    NoFile {
        file: &'a Path,
    },
    UnusableFile {
        file: &'a Path,
        why: Unusable,
    },
    SerialIndex {
        index: i64,
    },
    Properties {
        name: &'a str,
    },
    OwnOption {
        option: &'a str,
        instead: &'static str,
    },
    Port {
        port: i64,
    },
    Baud {
        baud: i64,
        slowest: u32,
        fastest: u32,
    },
    Nul {
        text: &'a str,
    },
    Placeholder {
        word: &'a str,
        argument: &'a str,
    },
    Glob {
        pattern: &'a str,
        why: &'static str,
    },
    Echo {
        value: &'a Value,
    },
    NotAnAddress {
        value: &'a Value,
    },
    NotADuration {
        value: &'a Value,
    },
    NoDuration {
        text: &'a str,
    },
    LongDuration {
        text: &'a str,
    },
    NotASize {
        value: &'a Value,
    },
    NoSize {
        text: &'a str,
    },
    LargeSize {
        text: &'a str,
    },
}

/// The files that come with Renode.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum BuiltIn {
    Platform,
    Script,
}

impl BadValue<'_> {
    fn explanation(&self) -> Explanation {
        let reason = Explanation::of::<String>;
        let is = Explanation::of::<&str>;
        match self {
            Self::UnknownWord { word, known } => {
                reason(format!("unknown value {word:?}")).suggest(word, known)
            }
            Self::EmptyName => is("the name is empty").fix("write one or remove the field"),
            Self::EmptyText => is("the text is empty").fix("write a name or a path"),
            Self::EmptyPath => is("the path is empty").fix("name a file or remove the field"),
            Self::EmptyCommand => is("the command is empty").fix("write one or remove the entry"),
            Self::EmptyFragment => is("the fragment is empty").fix("write one or remove the entry"),
            Self::EmptyPattern => {
                is("an empty pattern matches everything").fix("write one or remove it")
            }
            Self::NameCharacter {
                name,
                position,
                bad,
                allowed,
            } => reason(format!("character {position} of {name:?} is {bad:?}"))
                .fix(format!("only {allowed} are allowed")),
            Self::NameLength { name, limit } => {
                reason(format!("{name:?} has {} characters", name.len()))
                    .fix(format!("at most {limit} are allowed"))
            }
            Self::OuterSpace { name } => {
                reason(format!("{name:?} begins or ends with a space")).fix("remove it")
            }
            Self::OptionName { name } => reason(format!("{name:?} begins with `-`"))
                .fix("name a machine or a CPU, not an option"),
            Self::NotAPeripheral { path } => reason(format!("{path:?} is not a peripheral's path"))
                .fix("write names joined by dots, such as `sysbus.usart2`"),
            Self::ReservedVariable { name } => {
                reason(format!("`{name}` is set by Renode")).fix("choose another name")
            }
            Self::VariableCharacter { position, bad } => {
                reason(format!("character {position} is {bad:?}"))
                    .fix("only printable ASCII without `\"` and `\\` is allowed")
            }
            Self::VariableNumber { text } => {
                reason(format!("`{text}` is not a number that Renode can read"))
            }
            Self::VariableValue { value } => {
                reason(format!("{} is no value of a variable", shown(value)))
                    .fix("write text, a number, `true`, `false`, or `@` and a file's path")
            }
            Self::VariableName => is("a variable's name is text").fix("put it in quotes"),
            Self::CommandCharacter { position, bad } => {
                reason(format!("character {position} is {bad:?}")).fix(match bad {
                    '\n' | '\r' => "one command is one line: make two entries of it",
                    _ => "Renode's monitor takes printable ASCII only",
                })
            }
            Self::NotBuiltIn { kind, path, file } => reason(format!(
                "there is no file {file:?}, and {}",
                kind.no_path(path)
            )),
            Self::NotAScript { name } => {
                reason(format!("{name:?} does not end in `.resc`")).fix("name a Renode script")
            }
            Self::NoFile { file } => reason(format!("there is no file `{}`", file.display())),
            Self::UnusableFile { file, why } => {
                reason(format!("`{}` cannot be used: {why}", file.display()))
            }
            Self::SerialIndex { index } => reason(format!("{index} is out of range"))
                .fix("serial ports are counted from 0 to 15"),
            Self::Properties { name } => {
                reason(format!("{name:?} is not a name and its properties"))
                    .fix("write `name`, or `name,property=value`")
            }
            Self::OwnOption { option, instead } => {
                reason(format!("`-{option}` is set by virtual-target")).fix(*instead)
            }
            Self::Port { port } => {
                reason(format!("{port} is out of range")).fix("ports are counted from 1 to 65535")
            }
            Self::Baud {
                baud,
                slowest,
                fastest,
            } => reason(format!("{baud} is out of range")).fix(format!(
                "a serial port does {slowest} to {fastest} bits a second, usually 115200"
            )),
            Self::Nul { text } => reason(format!(
                "{text:?} has a NUL in it, which the host does not take"
            )),
            Self::Placeholder { word, argument } => {
                reason(format!("unknown placeholder `{{{word}}}` in {argument:?}"))
                    .fix("the only one is `{firmware}`")
            }
            Self::Glob { pattern, why } => {
                reason(format!("{pattern:?} is no pattern of paths: {why}"))
                    .fix("write one such as `hal/**`, relative to the root of the project")
            }
            Self::Echo { value } => reason(format!("{} is not auto, on or off", shown(value))),
            Self::NotAnAddress { value } => reason(format!("{} is not an address", shown(value)))
                .fix("write it like 0x08000000"),
            Self::NotADuration { value } => reason(format!("{} is not a duration", shown(value)))
                .fix("write a whole number and its unit (ms, s or min), such as `500ms` or `10s`"),
            Self::NoDuration { text } => {
                reason(format!("{text:?} leaves no time at all")).fix("write at least `1ms`")
            }
            Self::LongDuration { text } => {
                reason(format!("{text:?} is too long")).fix("write at most `1440min`")
            }
            Self::NotASize { value } => reason(format!("{} is not a size", shown(value)))
                .fix("write a whole number and its unit (MiB or GiB), such as `512MiB`"),
            Self::NoSize { text } => {
                reason(format!("{text:?} is nothing at all")).fix("write at least `1MiB`")
            }
            Self::LargeSize { text } => {
                reason(format!("{text:?} is too large")).fix("write at most `1024GiB`")
            }
        }
    }
}

impl BuiltIn {
    /// Returns true if a path of a file that comes with Renode may contain `c`.
    pub(in super::super) fn allows(c: char) -> bool {
        c.is_ascii_alphanumeric() || "_-.+/".contains(c)
    }

    /// Describes why `path` is not the path of such a file.
    fn no_path(self, path: &str) -> String {
        let (kind, example) = match self {
            Self::Platform => ("platform", "platforms/boards/stm32f4_discovery-kit.repl"),
            Self::Script => ("script", "scripts/single-node/stm32f4_discovery.resc"),
        };
        if !path.contains('/') {
            format!("the {kind}s that come with Renode are in directories, such as `{example}`")
        } else if let Some(named) = path.strip_prefix('@') {
            format!("the name of a {kind} that comes with Renode is written without `@`: `{named}`")
        } else if let Some(bad) = path.chars().find(|&c| !Self::allows(c)) {
            format!("no {kind} that comes with Renode has {bad:?} in its path")
        } else {
            format!(
                "{path:?} is not the plain path of a {kind} that comes with Renode, such as `{example}`"
            )
        }
    }
}

/// Formats a value for a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("`{number}`"),
        Value::String(text) => format!("{text:?}"),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Null => "nothing".to_owned(),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) | Value::Tagged(_) => "a mapping".to_owned(),
    }
}

impl From<BadValue<'_>> for Explanation {
    fn from(bad: BadValue<'_>) -> Self {
        bad.explanation()
    }
}

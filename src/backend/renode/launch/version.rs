//! The version of a Renode, and everything that differs between versions and runtimes.
//!
//! Everything else is the same from 1.14 on, by Renode's sources: the console, the option
//! `--disable-xwt` (1.15 added `--disable-gui` for it), the macros and the listings. Renode
//! prints virtual time to the microsecond before 1.15.2 and to the nanosecond since;
//! [`guest_clock`](crate::backend::renode::time::guest_clock) reads any number of digits.

use std::fmt;

use crate::backend::EmulatorError;
use crate::backend::error::Unsupported;
use crate::backend::renode::context::KIND;
use crate::config::{LoadCommand, Platform};

/// The oldest version whose console works through pipes on every runtime.
const OLDEST: Number = (1, 14, 0);

/// The load commands that versions after [`OLDEST`] have added.
const LOAD_COMMANDS: [(LoadCommand, Number); 1] = [(LoadCommand::SRecord, (1, 15, 0))];

/// The platforms that versions after [`OLDEST`] have added, of those that this project is
/// tested with.
const PLATFORMS: [(&str, Number); 2] = [
    ("platforms/boards/nucleo_h753zi.repl", (1, 15, 0)),
    ("platforms/cpus/nxp-s32k388.repl", (1, 15, 0)),
];

/// The versions that this project was tried with; the last one as Renode's main branch.
const TRIED: [Number; 2] = [(1, 16, 1), (1, 17, 0)];

/// The text of [`TRIED`] for messages.
pub(crate) const TRIED_ARE: &str =
    "1.16.1 and the main branch of August 2026 (becomes 1.17), see docs/renode.md";

type Number = (u32, u32, u32);

/// A version of Renode, as Renode prints it: `1.16.1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    text: String,
    number: Number,
}

impl Version {
    /// Returns the version in Renode's banner: `Renode, version 1.16.1 (…)`.
    pub(crate) fn announced(banner: &str) -> Option<Self> {
        let (_, rest) = banner.split_once("Renode, version ")?;
        Self::parse(rest.split([' ', '\n']).next()?)
    }

    /// Returns the version with this text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next();
            digits.and_then(|digits| digits.parse().ok())
        });
        let major = parts.next()??;
        let mut minor = || parts.next().flatten().unwrap_or(0);
        Some(Self {
            text: text.to_owned(),
            number: (major, minor(), minor()),
        })
    }

    pub(crate) fn is_too_old(&self) -> bool {
        self.number < OLDEST
    }

    /// Returns true if this project was tried with this version.
    pub(crate) fn was_tried(&self) -> bool {
        TRIED.contains(&self.number)
    }

    /// Checks that this version has `command`.
    pub(crate) fn check_command(&self, command: LoadCommand) -> Result<(), EmulatorError> {
        let late = LOAD_COMMANDS.iter().find(|(late, _)| *late == command);
        self.check(late, |since, version| Unsupported::NewCommand {
            command,
            since,
            version,
        })
    }

    /// Checks that this version includes `platform`, if that is a built-in one.
    pub(crate) fn check_platform(&self, platform: &Platform) -> Result<(), EmulatorError> {
        let Platform::BuiltIn(name) = platform else {
            return Ok(());
        };
        let late = PLATFORMS.iter().find(|(late, _)| late == name);
        self.check(late, |since, version| Unsupported::NewPlatform {
            platform: name.clone(),
            since,
            version,
        })
    }

    fn check<T>(
        &self,
        late: Option<&(T, Number)>,
        request: impl FnOnce(String, String) -> Unsupported,
    ) -> Result<(), EmulatorError> {
        match late {
            Some((_, (major, minor, patch))) if self.number < (*major, *minor, *patch) => {
                let request = request(format!("{major}.{minor}.{patch}"), self.text.clone());
                Err(EmulatorError::unsupported(KIND, request))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the runtime in the answer to
/// [`MonitorCommand::runtime`](crate::backend::renode::monitor::command::MonitorCommand::runtime).
pub(crate) fn runtime(answer: &str) -> Option<String> {
    answer.lines().find_map(runtime_in)
}

/// Returns the name of the runtime that Renode prints with `--version`.
pub(crate) fn runtime_name(printed: &str) -> String {
    // Mono adds the version of the .NET that it replaces.
    match printed.starts_with("Mono") {
        true => "Mono".to_owned(),
        false => printed.to_owned(),
    }
}

fn runtime_in(line: &str) -> Option<String> {
    let (mono, version) = line.trim().split_once(' ')?;
    let numbers = version.chars().all(|c| c.is_ascii_digit() || c == '.');
    match mono {
        // Mono reports the version of the .NET that it replaces.
        "Mono.Runtime" => Some("Mono".to_owned()),
        "None" if numbers => Some(format!(".NET {version}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::announced(&format!(
            "Renode, version {text} (d66b0c2a-202611221651)\n\n"
        ))
        .unwrap()
    }

    #[test]
    fn the_version_is_read_from_the_banner() {
        assert_eq!(version("1.16.1").to_string(), "1.16.1");
        assert_eq!(version("1.16.1").number, (1, 16, 1));
        for other in [
            "Welcome!\n",
            "Renode, version \n",
            "Renode, version x.1 (y)\n",
        ] {
            assert_eq!(Version::announced(other), None, "{other}");
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        for old in ["1.9.0", "1.13.3", "0.99", "1.13.3.25732", "1"] {
            assert!(version(old).is_too_old(), "{old}");
        }
        for good in [
            "1.14.0",
            "1.16.1",
            "2.0",
            "1.15.3.1234",
            "1.14-beta",
            "1.100.0",
        ] {
            assert!(!version(good).is_too_old(), "{good}");
        }
    }

    #[test]
    fn tried_versions_are_known() {
        assert!(version("1.16.1").was_tried() && version("1.17.0").was_tried());
        assert!(!version("1.16.0").was_tried() && !version("1.18.0").was_tried());
    }

    #[test]
    fn an_older_renode_lacks_later_features() {
        let record = |text| version(text).check_command(LoadCommand::SRecord);
        assert_eq!(
            record("1.14.0").unwrap_err().to_string(),
            "Renode cannot do `sysbus LoadSRecord`, which came with 1.15.0: this is 1.14.0; \
             use a newer one (scripts/install-renode installs one)"
        );
        assert!(record("1.15.0").is_ok());
        assert!(version("1.14.0").check_command(LoadCommand::Elf).is_ok());
        let platform =
            |text, name: &str| version(text).check_platform(&Platform::BuiltIn(name.to_owned()));
        assert!(platform("1.14.0", PLATFORMS[1].0).is_err());
        assert!(platform("1.17.0", PLATFORMS[1].0).is_ok());
        assert!(platform("1.14.0", "platforms/cpus/stm32f4.repl").is_ok());
    }

    #[test]
    fn the_runtime_is_read_from_the_answer() {
        assert_eq!(runtime("Mono.Runtime 4.0.30319.42000\n").unwrap(), "Mono");
        assert_eq!(runtime("a message\nNone 8.0.14").unwrap(), ".NET 8.0.14");
        for other in ["", "None", "None of it", "True 8.0.14"] {
            assert_eq!(runtime(other), None, "{other}");
        }
    }
}

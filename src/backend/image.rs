//! [`Image`]: firmware and its load command, as a target passes them to its backend.

use std::sync::Arc;

use super::EmulatorError;
use super::error::Unsupported;
use crate::config::{BackendKind, LoadCommand};
use crate::coverage::Recording;
use crate::firmware::{Firmware, Format};

/// An image for one machine.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) firmware: Firmware,
    /// The load command that the test names. Without it, the description or the file's format
    /// decides.
    pub(crate) load_command: Option<LoadCommand>,
    /// What records the code that runs, if the coverage is wanted and lines are known.
    pub(crate) coverage: Option<Arc<Recording>>,
}

impl Image {
    /// Returns the load command that the test or the description names. It is checked before
    /// anything is started.
    ///
    /// # Errors
    /// The command is for another format.
    pub(crate) fn load_command(
        &self,
        described: Option<LoadCommand>,
        kind: BackendKind,
    ) -> Result<Option<LoadCommand>, EmulatorError> {
        let Some(command) = self.load_command.or(described) else {
            return Ok(None);
        };
        let format = self.firmware.format();
        // The symbols are those of an ELF file.
        if command.format().unwrap_or(Format::Elf) == format {
            return Ok(Some(command));
        }
        let request = Unsupported::LoadCommand {
            format,
            path: self.firmware.path().to_owned(),
            command,
            by_test: self.load_command.is_some(),
        };
        Err(EmulatorError::unsupported(kind, request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_command_requires_an_image_of_its_format() {
        let directory = tempfile::tempdir().unwrap();
        let raw = directory.path().join("image.bin");
        std::fs::write(&raw, [1, 2, 3, 4]).unwrap();
        let image = |load_command| Image {
            firmware: Firmware::open(&raw).unwrap(),
            load_command,
            coverage: None,
        };
        let command = |named, described| image(named).load_command(described, BackendKind::Renode);
        let (binary, elf) = (Some(LoadCommand::Binary), Some(LoadCommand::Elf));
        assert_eq!(command(None, None).unwrap(), None);
        assert_eq!(command(None, binary).unwrap(), binary);
        assert_eq!(
            command(binary, elf).unwrap(),
            binary,
            "the test's own comes first"
        );
        for other in LoadCommand::ALL {
            if other != LoadCommand::Binary {
                let what = format!("image.bin\" by `{}`; ", other.as_str());
                for (named, described, advice) in [
                    (
                        Some(other),
                        binary,
                        "name the command of that format in `flash_with`",
                    ),
                    (None, Some(other), "leave `load_command` out"),
                ] {
                    let error = command(named, described).unwrap_err().to_string();
                    assert!(
                        error.starts_with("Renode cannot load the raw binary file "),
                        "{error}"
                    );
                    assert!(error.contains(&format!("{what}{advice}")), "{error}");
                }
            }
        }
    }
}

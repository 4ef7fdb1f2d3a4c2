//! Reads a board's description from a file or text.

use std::path::Path;

use serde_yaml::Value;

use super::builder::{ConfigBuilder, absolute_dir};
use super::description::{Source, TargetConfig};
use super::error::{BadFields, ConfigError, Problem};
use super::{exporter, raw};
use crate::files::{self, LARGEST_TEXT};

impl TargetConfig {
    /// Reads a target from a YAML file. Paths in it are relative to that file;
    /// `path` itself to the current directory.
    ///
    /// The configuration file of a Jumpstarter exporter is accepted as well. If one of its
    /// drivers is Renode's, that entry's `config` is the target. Otherwise a serial port
    /// (PySerial's driver) makes a physical board, together with the probe (probe-rs) next to
    /// it in the file. Other drivers of that board have no equivalent here and are skipped.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a value is not valid: the message
    /// names file, line, column and field.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::read_file(path.as_ref(), None)
    }

    /// Reads one target of several from the configuration file of a Jumpstarter exporter.
    ///
    /// `entry` is the target's name below `export:`. The name of a nested driver begins with
    /// its parents' names: `bench.ecu`.
    ///
    /// # Errors
    ///
    /// As for [`from_file`](Self::from_file), or there is no such entry.
    ///
    /// ```no_run
    /// use virtual_target::{VirtualTarget, config::TargetConfig};
    ///
    /// # fn main() -> virtual_target::Result<()> {
    /// let config = TargetConfig::from_exporter("exporter.yaml", "ecu")?;
    /// let board = VirtualTarget::from_config(config).boot().wait()?;
    /// # Ok(()) }
    /// ```
    pub fn from_exporter(path: impl AsRef<Path>, entry: &str) -> Result<Self, ConfigError> {
        Self::read_file(path.as_ref(), Some(entry))
    }

    /// Reads a target from YAML text. Paths in it are relative to `base_dir`, and `base_dir`
    /// to the current directory.
    ///
    /// # Errors
    ///
    /// As for [`from_file`](Self::from_file), with `<yaml>` in place of the file's name.
    pub fn from_yaml_str(text: &str, base_dir: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::read(text, Path::new("<yaml>"), base_dir.as_ref(), None)
    }

    fn read_file(path: &Path, entry: Option<&str>) -> Result<Self, ConfigError> {
        let bytes =
            files::read(path, LARGEST_TEXT).map_err(|why| ConfigError::unusable(path, why))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| ConfigError::not_utf8(path, &bytes, error.valid_up_to()))?;
        let base_dir = path.parent().unwrap_or(Path::new(""));
        Self::read(text, path, base_dir, entry)
    }

    fn read(
        text: &str,
        file: &Path,
        base_dir: &Path,
        entry: Option<&str>,
    ) -> Result<Self, ConfigError> {
        // Some editors begin a UTF-8 file with this mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let base_dir =
            absolute_dir(base_dir).map_err(|error| ConfigError::unreadable(file, error))?;
        let source = Source {
            file: file.to_path_buf(),
            text: text.to_owned(),
            base_dir,
            ..Source::default()
        };
        raw::document(text)
            .and_then(|document| target(document, entry, source))
            .map_err(|problem| problem.locate(file, text))
    }
}

/// Checks the target in `document`: its `entry` for an exporter's file, else the whole document.
fn target(
    mut document: Value,
    entry: Option<&str>,
    source: Source,
) -> Result<TargetConfig, Problem> {
    let Some(entries) = exporter::entries(&mut document)? else {
        return match entry {
            None => ConfigBuilder::new(Source {
                settings: document,
                ..source
            })
            .check(),
            Some(entry) => Err(Problem::new("", BadFields::NoExport { entry })),
        };
    };
    let (entry, skipped) = entries.choose(entry)?;
    let source = Source {
        settings: entry.settings,
        target: entry.path,
        is_renode_driver: entry.is_renode,
        skipped,
        ..source
    };
    ConfigBuilder::new(source).check()
}

//! Descriptions made or changed by a program: [`ConfigBuilder`].

use std::io;
use std::path::{self, Path, PathBuf};

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use super::description::{Source, TargetConfig};
use super::error::{BadFields, ConfigError, Explanation, Problem};
use super::{exporter, raw, validate};

/// The settings of a board, by the names of the YAML fields; made by
/// [`TargetConfig::builder`] or [`TargetConfig::to_builder`].
///
/// [`build`](Self::build) checks them as those of a file.
///
/// ```
/// use virtual_target::config::{BackendKind, TargetConfig};
///
/// let config = TargetConfig::builder(".")
///     .field("backend", "qemu")
///     .field("qemu.machine", "netduinoplus2")
///     .field("forbid", ["HardFault"])
///     .build()?;
/// assert_eq!(config.backend(), BackendKind::Qemu);
///
/// let quiet = config.to_builder().field("echo", false).build()?;
/// assert_eq!(quiet.forbid(), ["HardFault"]);
/// # Ok::<(), virtual_target::config::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConfigBuilder {
    source: Source,
    problem: Option<Problem>,
}

impl ConfigBuilder {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            problem: None,
        }
    }

    /// Sets a field, such as `clock` or `timeouts.boot`, to a value as it is written in YAML.
    pub fn field(mut self, name: &str, value: impl Serialize) -> Self {
        let set = serde_yaml::to_value(value)
            .map_err(Explanation::from)
            .and_then(|value| set(&mut self.source.settings, name, value));
        if let Err(why) = set {
            self.problem.get_or_insert(Problem::new(name, why));
        }
        self
    }

    /// Checks all fields.
    ///
    /// # Errors
    /// [`ConfigErrorKind::Invalid`](super::ConfigErrorKind::Invalid) as for a file. Its place is that of the field in the file that the
    /// settings are from, or the file's beginning; the file of a [new](TargetConfig::builder)
    /// builder is called `<builder>`.
    pub fn build(mut self) -> Result<TargetConfig, ConfigError> {
        let Source { file, text, .. } = self.source.clone();
        self.source.base_dir = absolute_dir(&self.source.base_dir)
            .map_err(|error| ConfigError::unreadable(&file, error))?;
        self.check().map_err(|problem| problem.locate(&file, &text))
    }

    pub(super) fn check(self) -> Result<TargetConfig, Problem> {
        let Self { source, problem } = self;
        let path = source.target.clone();
        let raw = match problem {
            Some(problem) => Err(problem),
            None => raw::fields(source.settings.clone()),
        };
        let config = raw.and_then(|mut raw| {
            if source.is_renode_driver {
                exporter::complete(&mut raw);
            }
            validate::validate(raw, source)
        });
        config.map_err(|problem| problem.under(&path))
    }
}

impl TargetConfig {
    /// Returns a builder without any field. Relative paths start at `base_dir`, and `base_dir` at
    /// the current directory.
    pub fn builder(base_dir: impl AsRef<Path>) -> ConfigBuilder {
        let source = Source {
            file: PathBuf::from("<builder>"),
            settings: Value::Mapping(Mapping::new()),
            base_dir: base_dir.as_ref().to_path_buf(),
            ..Source::default()
        };
        ConfigBuilder::new(source)
    }

    /// Returns a builder with the fields of this target.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder::new(self.source.clone())
    }
}

/// Sets the field at the path `name`; the mappings on the way are added.
fn set(settings: &mut Value, name: &str, value: Value) -> Result<(), Explanation> {
    let mut place = settings;
    for key in name.split('.') {
        if place.is_null() {
            *place = Value::Mapping(Mapping::new());
        }
        let Value::Mapping(mapping) = place else {
            return Err(BadFields::NoMapping { key }.into());
        };
        place = mapping.entry(Value::from(key)).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

pub(super) fn absolute_dir(dir: &Path) -> io::Result<PathBuf> {
    if dir.as_os_str().is_empty() {
        return path::absolute(".");
    }
    path::absolute(dir)
}

//! [`CoverageConfig`]: which sources the coverage is of.

use std::fmt;
use std::path::Path;

use glob::{MatchOptions, Pattern};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

#[cfg(feature = "schema")]
use schemars::JsonSchema;

/// The word that selects all sources.
pub(super) const LINES: &str = "lines";

/// The settings of the [coverage](crate::coverage) of a board's firmware.
///
/// ```
/// use virtual_target::config::TargetConfig;
///
/// let text = "qemu: {machine: netduinoplus2}\nbackend: qemu\ncoverage: {exclude: ['hal/**']}\n";
/// let config = TargetConfig::from_yaml_str(text, ".")?;
/// let coverage = config.coverage().expect("the file turns it on");
/// assert_eq!(coverage.exclude().collect::<Vec<_>>(), ["hal/**"]);
/// # Ok::<(), virtual_target::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoverageConfig {
    exclude: Vec<Pattern>,
}

impl CoverageConfig {
    pub(super) fn new(exclude: Vec<Pattern>) -> Self {
        Self { exclude }
    }

    /// Returns `exclude`: the patterns of sources that are left out, relative to the root of the
    /// project. Default: none.
    pub fn exclude(&self) -> impl Iterator<Item = &str> {
        self.exclude.iter().map(Pattern::as_str)
    }

    /// Returns true if the source at `path`, relative to the root of the project, is left out.
    pub(crate) fn excludes(&self, path: &Path) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        let mut all = self.exclude.iter();
        // A directory stands for all that is in it.
        all.any(|it| it.matches_path_with(path, options) || path.starts_with(it.as_str()))
    }

    #[cfg(test)]
    pub(crate) fn excluding(patterns: &[&str]) -> Self {
        let patterns = patterns.iter().map(|it| Pattern::new(it).unwrap());
        Self::new(patterns.collect())
    }
}

/// The field as it is written: a word, or fields.
#[derive(Debug)]
pub(super) enum RawCoverage {
    Word(String),
    Fields(RawCoverageFields),
}

/// What is left out of the coverage.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Coverage"))]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCoverageFields {
    /// Patterns of sources, relative to the root of the project, such as `hal/**`.
    pub(super) exclude: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for RawCoverage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrFields)
    }
}

struct WordOrFields;

impl<'de> Visitor<'de> for WordOrFields {
    type Value = RawCoverage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`lines` or `{exclude: [\"hal/**\"]}`")
    }

    fn visit_str<E>(self, word: &str) -> Result<RawCoverage, E> {
        Ok(RawCoverage::Word(word.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawCoverage, A::Error> {
        let fields = RawCoverageFields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(RawCoverage::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_paths() {
        let patterns = [
            "hal/**",
            "src/*_test.c",
            "**/vendor/**",
            "gen",
            "mid dle/[1]/",
        ];
        let config = CoverageConfig::excluding(&patterns);
        for (path, excluded) in [
            ("hal/clock.c", true),
            ("hal/deep/clock.c", true),
            ("src/hal/clock.c", false),
            ("src/a_test.c", true),
            ("src/deep/a_test.c", false),
            ("lib/vendor/x/y.c", true),
            ("src/main.c", false),
            ("gen/deep/table.c", true),
            ("generator/table.c", false),
            ("mid dle/[1]/a.c", true),
        ] {
            assert_eq!(config.excludes(Path::new(path)), excluded, "{path}");
        }
    }
}

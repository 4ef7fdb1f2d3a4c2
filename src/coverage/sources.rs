//! [`Sources`]: which sources are the project's own.

use std::path::{Path, PathBuf};

use crate::config::CoverageConfig;
use crate::files;

/// The sources of the project that `image` was built from: they are on this host, below the root
/// of the project, and not excluded.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    root: PathBuf,
    image: &'a Path,
    config: &'a CoverageConfig,
}

impl<'a> Sources<'a> {
    pub(super) fn new(root: PathBuf, image: &'a Path, config: &'a CoverageConfig) -> Self {
        let root = root.canonicalize().unwrap_or(root);
        Self {
            root,
            image,
            config,
        }
    }

    /// Returns the directory of the project.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of a source if it is the project's own; none inside if it is excluded.
    ///
    /// A relative path, as `-ffile-prefix-map` makes it, is looked for in the directories of the
    /// image, from its own upwards.
    pub(super) fn own(&self, path: &Path) -> Option<Option<String>> {
        let relative = match path.is_absolute() {
            true => below_rustc(path),
            false => Some(path),
        };
        let found = match relative {
            None => path.canonicalize().ok(),
            Some(path) => {
                let directories = self.image.ancestors().skip(1);
                let mut places = directories.map(|it| files::tidy(&it.join(path)));
                places.find_map(|it| it.canonicalize().ok())
            }
        };
        let found = found.filter(|it| it.is_file())?;
        let below = found.strip_prefix(&self.root).ok()?;
        let excluded = self.config.excludes(below);
        Some((!excluded).then(|| found.to_string_lossy().into_owned()))
    }
}

/// Returns a path without `/rustc/HASH`, which stands for the directory of Rust's own sources and is on
/// no host. The project's code that is inlined into a function of the library has such a path, too, if
/// the project's paths are relative.
fn below_rustc(path: &Path) -> Option<&Path> {
    let mut components = path.strip_prefix("/rustc").ok()?.components();
    components.next()?;
    Some(components.as_path())
}

/// Returns the root of the project that is tested: the closest directory with a `.git`, from the
/// current one upwards, else the one that has `target`, Cargo's directory.
pub(super) fn project_root(target: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let repository = here.ancestors().find(|it| it.join(".git").exists());
    // A target directory may be anywhere.
    let beside = target.parent().filter(|parent| here.starts_with(parent));
    match repository.or(beside) {
        Some(root) => root.to_owned(),
        None => here,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_sources_are_below_the_root_and_not_excluded() {
        let project = tempfile::tempdir().unwrap();
        let at = |path: &str| project.path().join(path);
        for file in ["src/main.c", "hal/clock.c", "build/app.elf"] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), "").unwrap();
        }
        let config = CoverageConfig::excluding(&["hal/**"]);
        let image = at("build/app.elf");
        let sources = Sources::new(project.path().to_owned(), &image, &config);
        let main = at("src/main.c").canonicalize().unwrap();
        let main = Some(Some(main.to_string_lossy().into_owned()));
        assert_eq!(sources.own(&at("src/main.c")), main);
        assert_eq!(sources.own(&at("hal/../src/main.c")), main);
        assert_eq!(sources.own(Path::new("./src/main.c")), main);
        assert_eq!(sources.own(Path::new("/rustc/5980/./src/main.c")), main);
        assert_eq!(
            sources.own(Path::new("/rustc/5980/library/core/src/lib.rs")),
            None
        );
        assert_eq!(sources.own(&at("hal/clock.c")), Some(None));
        assert_eq!(sources.own(&at("src")), None);
        assert_eq!(sources.own(&at("src/gone.c")), None);
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(sources.own(elsewhere.path()), None);
    }
}

//! The files of the template `examples/firmware-suite`, for `vtarget init`.

/// Includes files of the template under their own names.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../examples/firmware-suite/", $name)))),+]
    };
}

/// The names and texts of all files.
pub(crate) const FILES: [(&str, &str); 15] = files![
    ".cargo/config.toml",
    ".config/nextest.toml",
    ".github/workflows/firmware-tests.yml",
    ".gitignore",
    ".gitlab-ci.yml",
    "Cargo.toml",
    "README.md",
    "boards/netduino2.yaml",
    "boards/stm32f4-discovery.yaml",
    "boards/virtual-target.schema.json",
    "build.rs",
    "scripts/install-renode",
    "src/lib.rs",
    "tests/boot.rs",
    "tests/shell.rs",
];

/// The firmware that the template's tests talk to.
pub(crate) const SAMPLE: &[u8] =
    include_bytes!("../../firmware-samples/prebuilt/stm32f4/shell.elf");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn every_file_of_the_template_is_included() {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/firmware-suite");
        let mut found = BTreeSet::new();
        let mut open: Vec<PathBuf> = vec![template.clone()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => open.push(path),
                    false => {
                        let name = path.strip_prefix(&template).unwrap();
                        found.insert(name.to_str().unwrap().to_owned());
                    }
                }
            }
        }
        assert_eq!(found, FILES.map(|(name, _)| name.to_owned()).into());
    }
}

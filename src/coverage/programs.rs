//! [`Programs`]: the ELF files whose code a machine runs with one image.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::blocks::cover;
use super::error::NoLines;
use super::known;
use super::lcov::Lines;
use super::program::{Fit, Program};
use crate::config::CoverageConfig;
use crate::firmware::{Contents, Firmware, Format};

/// What is known of a machine apart from its image.
#[derive(Debug)]
pub(crate) struct MachineFiles {
    pub(crate) name: String,
    /// The ELF files that are given for their symbols.
    pub(crate) symbols: Vec<PathBuf>,
    /// The address of an image that is a raw binary.
    pub(crate) load_address: Option<u64>,
}

/// The image, and those of `symbols` that belong to it or are elsewhere in the memory, such as a
/// boot loader.
#[derive(Debug)]
pub(super) struct Programs(Vec<Arc<Program>>);

impl Programs {
    /// Returns the programs of a machine, into which `firmware` is loaded by the harness, and the
    /// reasons for which others are left out.
    pub(super) fn find(
        firmware: Option<&Firmware>,
        machine: &MachineFiles,
        config: &CoverageConfig,
    ) -> (Self, Vec<NoLines>) {
        let (mut all, mut left_out) = (Vec::new(), Vec::new());
        let mut missing = match firmware {
            None => Some(NoLines::NotFlashed {
                machine: machine.name.clone(),
            }),
            Some(image) if image.format() != Format::Elf => Some(NoLines::NotElf {
                path: image.path().to_owned(),
                format: image.format(),
            }),
            Some(image) => match known::program(image.path(), config) {
                Ok(program) => {
                    all.push(program);
                    None
                }
                Err(why) => Some(why),
            },
        };
        let contents = firmware.filter(|_| !machine.symbols.is_empty());
        let contents = contents.and_then(|image| {
            let address = machine.load_address;
            Contents::read(image.path(), image.format(), address).ok()
        });
        let contents = contents.unwrap_or_default();
        let in_image = |address, length| contents.bytes(address, length);
        let mut others = Vec::new();
        for path in &machine.symbols {
            let program = match known::program(path, config) {
                Ok(program) => program,
                Err(why) => {
                    left_out.push(why);
                    continue;
                }
            };
            match program.fit(in_image) {
                // The file of another image, which a test may flash as well.
                Fit::Other => {
                    others.push(path.clone());
                    continue;
                }
                Fit::Same => missing = None,
                Fit::Elsewhere if firmware.is_none() => missing = None,
                Fit::Elsewhere => {}
            }
            let contradicts =
                |it: &&Arc<Program>| program.fit(|at, length| it.bytes(at, length)) == Fit::Other;
            match all.iter().find(contradicts) {
                Some(earlier) => left_out.push(NoLines::Contradicts {
                    path: path.clone(),
                    earlier: earlier.path().to_owned(),
                }),
                None => all.push(program),
            }
        }
        let missing = match (missing, firmware) {
            (Some(_), Some(image)) if !others.is_empty() => Some(NoLines::OtherCode {
                path: image.path().to_owned(),
                others,
            }),
            (missing, _) => missing,
        };
        left_out.extend(missing);
        (Self(all), left_out)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if both have the same files, as they were read once.
    pub(super) fn are_same(&self, other: &Self) -> bool {
        let pairs = || self.0.iter().zip(&other.0);
        self.0.len() == other.0.len() && pairs().all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// Returns the lines and functions; hit are those whose code is in blocks that start at `starts`.
    pub(super) fn lines(&self, starts: &BTreeSet<u64>) -> Lines {
        let half_word = |address| self.0.iter().find_map(|it| it.half_word(address));
        let mut covered = BTreeSet::new();
        for start in starts {
            let mut having = self.0.iter().filter(|it| it.half_word(*start).is_some());
            if let Some(program) = having.next() {
                cover(program.set(), *start, half_word, &mut covered);
            }
        }
        let mut lines = Lines::default();
        for program in &self.0 {
            lines.merge(program.lines(&covered));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sample(name: &str) -> PathBuf {
        Path::new("firmware-samples/prebuilt").join(name)
    }

    /// Returns the names of the programs, and of what is left out.
    fn find(image: Option<&str>, symbols: &[&str]) -> (Vec<String>, Vec<String>) {
        let firmware = image.map(|image| Firmware::open(sample(image)).unwrap());
        let machine = MachineFiles {
            name: "stm32f4".to_owned(),
            symbols: symbols.iter().map(|it| sample(it)).collect(),
            load_address: Some(0x0800_0000),
        };
        let config = CoverageConfig::default();
        let (programs, left_out) = Programs::find(firmware.as_ref(), &machine, &config);
        let name = |it: &Arc<Program>| {
            let name = it.path().file_name().unwrap();
            name.to_string_lossy().into_owned()
        };
        (
            programs.0.iter().map(name).collect(),
            left_out.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn a_binary_has_the_lines_of_the_elf_file_with_its_code() {
        let (shell, compute) = ("stm32f4/shell-debug.elf", "stm32f4/compute-debug.elf");
        let both = [compute, shell];
        for image in ["shell.bin", "shell.hex", "shell.srec", "shell.stripped"] {
            let image = format!("stm32f4/{image}");
            let (programs, left_out) = find(Some(&image), &both);
            assert_eq!(programs, ["shell-debug.elf"], "{image}: {left_out:?}");
            assert!(left_out.is_empty(), "{left_out:?}");
        }
        for (image, symbols, why) in [
            (
                "stm32f4/hello.bin",
                &both[..],
                "hello.bin\" has other code than ",
            ),
            (
                "stm32f4/hello.bin",
                &[],
                "hello.bin\" is no ELF file but raw binary",
            ),
            (
                "stm32f4/hello.elf",
                &[],
                "hello.elf\" has no debug information",
            ),
            (
                "stm32f4/hello.elf",
                &[shell],
                "hello.elf\" has other code than ",
            ),
        ] {
            let (programs, left_out) = find(Some(image), symbols);
            assert!(programs.is_empty(), "{programs:?}");
            assert!(
                left_out.len() == 1 && left_out[0].contains(why),
                "{left_out:?}"
            );
        }
    }

    #[test]
    fn files_elsewhere_in_the_memory_count_as_well() {
        let (app, boot) = ("stm32f4/shell-debug.elf", "sifive-fe310/shell-debug.elf");
        let (programs, left_out) = find(Some(app), &[boot]);
        assert_eq!(programs.len(), 2, "{left_out:?}");
        let (programs, left_out) = find(Some("stm32f4/shell.bin"), &[boot]);
        assert_eq!(programs.len(), 1);
        assert!(left_out[0].contains("is no ELF file"), "{left_out:?}");
        // A file without lines is named, and the others count.
        let (programs, left_out) = find(Some(app), &["stm32f4/hello.elf"]);
        assert_eq!(programs.len(), 1);
        assert!(
            left_out[0].contains("has no debug information"),
            "{left_out:?}"
        );
    }

    #[test]
    fn a_board_that_loads_its_firmware_itself_has_the_lines_of_symbols() {
        let (shell, compute) = ("stm32f4/shell-debug.elf", "stm32f4/compute-debug.elf");
        let (programs, left_out) = find(None, &[shell, compute]);
        assert_eq!(programs, ["shell-debug.elf"]);
        let why = "compute-debug.elf\" in `symbols` has other code than ";
        assert!(
            left_out.len() == 1 && left_out[0].contains(why),
            "{left_out:?}"
        );
        let (programs, left_out) = find(None, &[]);
        assert!(programs.is_empty());
        let why =
            "machine \"stm32f4\" runs firmware that its script or `extra_commands` have loaded";
        assert!(left_out[0].starts_with(why), "{left_out:?}");
    }
}

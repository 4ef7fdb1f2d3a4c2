//! [`Key`]: everything that decides what a prepared board is.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::backend::renode::launch::{cache, environment};
use crate::backend::renode::monitor::users::sets_numbers;
use crate::config::{Control, Fragment, MachineConfig, Platform, TargetConfig};

/// The largest number of files of a platform that are read.
const MOST_FILES: usize = 64;

/// Words in a description of a platform that may leave something behind in a Renode: code in
/// Python or C#, and the monitor's own commands.
const LEAVES_TRACES: [&str; 5] = ["python", "hook", "include", ".cs", "emulation"];

/// The content of everything that made a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Renode's program, and what it gets of this process's environment.
    pub(crate) process: Arc<str>,
    /// The board's description, and the files that it names.
    pub(crate) board: Arc<str>,
}

impl Key {
    /// Returns the key of a board, or `None` if its Renode must not run another board: only a board
    /// that leaves nothing behind has a key.
    pub(crate) fn of(program: &Path, config: &TargetConfig) -> Option<Self> {
        if config.control != Control::Console {
            return None;
        }
        let machines = config.machines().ok()?;
        let mut board = format!(
            "{:?} {:?} {:?} {:?}\n",
            config.clock,
            config.uart_transport,
            config.uart_hubs(),
            config.switches()
        );
        let mut files = BTreeMap::new();
        for machine in &machines {
            let commands = &machine.extra_commands;
            if !commands.iter().all(|command| sets_numbers(command)) {
                return None;
            }
            let MachineConfig { name, renode, .. } = machine;
            writeln!(board, "{name} {renode:?} {commands:?}").ok()?;
            match &renode.platform {
                Platform::Script(_) => return None,
                Platform::BuiltIn(_) => {}
                Platform::File(file) => read(file, &mut files)?,
            }
            for fragment in &renode.fragments {
                match fragment {
                    Fragment::Text(text) => leaves_nothing(text).then_some(())?,
                    Fragment::File(file) => read(file, &mut files)?,
                }
            }
        }
        for (file, text) in files {
            writeln!(board, "{file:?}\n{text}").ok()?;
        }
        let mut process = format!("{:?} {:?}\n", program, cache::identity(program).ok()?);
        let mut environment: Vec<_> = environment::passed_on(std::env::vars_os()).collect();
        environment.sort();
        for (name, value) in environment {
            writeln!(process, "{name:?}={value:?}").ok()?;
        }
        Some(Self {
            process: process.into(),
            board: board.into(),
        })
    }
}

/// Reads a description and those that it includes; `None` if one may leave something behind.
fn read(file: &Path, files: &mut BTreeMap<std::path::PathBuf, String>) -> Option<()> {
    if files.contains_key(file) {
        return Some(());
    }
    if files.len() >= MOST_FILES {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    if !leaves_nothing(&text) {
        return None;
    }
    let included: Vec<_> = text.lines().filter_map(included).collect();
    let included: Vec<_> = included
        .iter()
        .map(|path| file.parent().unwrap_or(Path::new("/")).join(path))
        .collect();
    // Renode reads the file later: one that is replaced, and then again, is another one.
    let stat = std::fs::metadata(file).ok()?;
    let version = (stat.ino(), stat.ctime(), stat.ctime_nsec());
    files.insert(file.to_owned(), format!("{version:?}\n{text}"));
    // A file that is not there is one of Renode's own.
    let mut present = included.iter().filter(|path| path.exists());
    present.try_for_each(|path| read(path, files))
}

/// Returns the path of the description that a line such as `using "./cpu.repl"` includes.
fn included(line: &str) -> Option<&str> {
    let path = line.trim().strip_prefix("using")?;
    let (path, _) = path.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(path)
}

fn leaves_nothing(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    !LEAVES_TRACES.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(directory: &Path, more: &str) -> Option<Key> {
        let text = format!("platform: ./board.repl\nuart: sysbus.uart0\n{more}");
        let config = TargetConfig::from_yaml_str(&text, directory).unwrap();
        Key::of(Path::new("/bin/sh"), &config)
    }

    #[test]
    fn the_key_changes_with_every_file_of_a_platform() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name, text| std::fs::write(directory.path().join(name), text).unwrap();
        write(
            "board.repl",
            "using \"./cpu.repl\"\nuart0: UART.PL011 @ sysbus 0x0\n",
        );
        write("cpu.repl", "cpu: CPU.CortexM @ sysbus\n");
        let first = key(directory.path(), "").unwrap();
        assert_eq!(key(directory.path(), "").as_ref(), Some(&first));
        let text = std::fs::read(directory.path().join("cpu.repl")).unwrap();
        std::fs::remove_file(directory.path().join("cpu.repl")).unwrap();
        std::fs::write(directory.path().join("another"), "").unwrap();
        std::fs::write(directory.path().join("cpu.repl"), text).unwrap();
        let first = {
            let again = key(directory.path(), "").unwrap();
            assert_ne!(again, first, "it was replaced by the same text");
            again
        };
        let limit = "timeouts: {expect: 3s}\nforbid: [HardFault]\n";
        assert_eq!(key(directory.path(), limit).as_ref(), Some(&first));
        write(
            "cpu.repl",
            "cpu: CPU.CortexM @ sysbus\n    cpuType: \"cortex-m4\"\n",
        );
        let second = key(directory.path(), "").unwrap();
        assert_eq!(second.process, first.process);
        assert_ne!(second.board, first.board);
        let register = "extra_commands: [\"sysbus WriteDoubleWord 0x40090030 0x0301\"]\n";
        assert_ne!(key(directory.path(), register).unwrap().board, second.board);
    }

    #[test]
    fn a_board_that_may_leave_something_behind_has_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let write = |text| std::fs::write(directory.path().join("board.repl"), text).unwrap();
        write("uart0: UART.PL011 @ sysbus 0x0\n");
        assert!(key(directory.path(), "").is_some());
        for more in [
            "control: telnet\n",
            "extra_commands: [\"emulation SetSeed 5\"]\n",
            "extra_commands: [\"logLevel 3\"]\n",
            "platform_fragments: [\"x: Python.PythonPeripheral @ sysbus 0x0\"]\n",
        ] {
            assert_eq!(key(directory.path(), more), None, "{more}");
        }
        write("cpu: CPU.CortexM @ sysbus\n    init:\n        AddHook 0x0 \"x = 1\"\n");
        assert_eq!(key(directory.path(), ""), None);
    }
}

//! The platforms that come with Renode, and the UARTs in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A peripheral of a platform.
struct Peripheral {
    kind: String,
    /// The name of the peripheral that it is registered on.
    on: String,
}

type Peripherals = BTreeMap<String, Peripheral>;

/// The directory of an installed Renode that has `platforms` in it.
pub(crate) struct Installation(PathBuf);

impl Installation {
    /// Returns the installation of a program, which may be a script that starts Renode.
    pub(crate) fn of(program: &Path) -> Option<Self> {
        let program = program.canonicalize().ok()?;
        let mut start = Vec::new();
        let script = File::open(&program)
            .ok()?
            .take(4096)
            .read_to_end(&mut start);
        let text = script.map(|_| String::from_utf8_lossy(&start)).ok()?;
        let words = text.split(|c: char| c.is_whitespace() || "\"'=:;".contains(c));
        let named = words.filter(|word| text.starts_with("#!") && word.starts_with('/'));
        let places = [program.clone()]
            .into_iter()
            .chain(named.map(PathBuf::from));
        let root = |place: PathBuf| {
            let place = place.canonicalize().ok()?;
            let mut roots = place.ancestors();
            roots
                .find(|root| root.join("platforms/boards").is_dir())
                .map(Path::to_owned)
        };
        places.filter_map(root).next().map(Self)
    }

    /// Returns the paths of all platforms, as a board file names them.
    pub(crate) fn platforms(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.0.join("platforms")];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                match path.extension() {
                    _ if path.is_dir() => open.push(path),
                    Some(extension) if extension == "repl" => {
                        let name = path.strip_prefix(&self.0).unwrap_or(&path);
                        found.push(name.display().to_string());
                    }
                    _ => {}
                }
            }
        }
        found.sort();
        found
    }

    /// Returns the UARTs of a platform, as a board file names them.
    pub(crate) fn uarts(&self, platform: &str) -> Vec<String> {
        let mut peripherals = Peripherals::new();
        self.read(&self.0.join(platform), "", &mut peripherals, 0);
        let is_uart = |it: &&String| {
            let kind = &peripherals[*it].kind;
            ["UART", "Uart", "USART"]
                .iter()
                .any(|name| kind.contains(name))
        };
        let uarts = peripherals.keys().filter(is_uart);
        uarts.filter_map(|name| path(name, &peripherals)).collect()
    }

    /// Adds the peripherals of a file and of the files that it uses.
    fn read(&self, file: &Path, prefix: &str, into: &mut Peripherals, depth: usize) {
        const DEEPEST: usize = 8;
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(without_comment).collect();
        for (number, line) in lines.iter().enumerate() {
            if let Some(used) = line.strip_prefix("using ") {
                let mut quoted = used.split('"').skip(1).step_by(2);
                let used = quoted.next().unwrap_or_default();
                let prefix = format!("{prefix}{}", quoted.next().unwrap_or_default());
                let beside = file.parent().unwrap_or(file).join(used);
                let used = match used.starts_with('.') {
                    true => beside,
                    false => self.0.join(used),
                };
                if depth < DEEPEST {
                    self.read(&used, &prefix, into, depth + 1);
                }
            } else {
                let next = lines.get(number + 1).copied().unwrap_or_default();
                into.extend(entry(line, next, prefix));
            }
        }
    }
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Reads a line such as `usart2: UART.STM32_UART @ sysbus <0x40004400, +0x100>`. A list of places
/// in braces may begin on the `next` line.
fn entry(line: &str, next: &str, prefix: &str) -> Option<(String, Peripheral)> {
    let (name, rest) = line.split_once(':')?;
    let (kind, place) = rest.split_once('@')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let place = place.trim_start().trim_start_matches('{').trim_start();
    let place = if place.is_empty() {
        next.trim_start()
    } else {
        place
    };
    let on = place.split(|c| !plain(c)).next()?;
    let prefix_of_on = if on == "sysbus" { "" } else { prefix };
    let peripheral = Peripheral {
        kind: kind.trim().to_owned(),
        on: format!("{prefix_of_on}{on}"),
    };
    let is_name = !name.is_empty() && name.chars().all(plain);
    is_name.then(|| (format!("{prefix}{name}"), peripheral))
}

/// Returns the path of a peripheral, such as `sysbus.usart2`.
fn path(name: &str, peripherals: &Peripherals) -> Option<String> {
    let mut path = name.to_owned();
    let mut name = name;
    for _ in 0..=peripherals.len() {
        let on = &peripherals.get(name)?.on;
        path = format!("{on}.{path}");
        if on == "sysbus" {
            return Some(path);
        }
        name = on;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uarts_are_found_through_the_files_that_a_platform_uses() {
        let root = tempfile::tempdir().unwrap();
        let boards = root.path().join("platforms/boards");
        let cpus = root.path().join("platforms/cpus");
        fs::create_dir_all(&boards).unwrap();
        fs::create_dir_all(&cpus).unwrap();
        let board = "using \"platforms/cpus/c.repl\"\nusing \"./b.repl\" prefixed \"second_\"\n\n\
                     // uart9: UART.X @ sysbus 0\nled: Miscellaneous.LED @ gpio 1\n";
        fs::write(boards.join("a.repl"), board).unwrap();
        fs::write(
            boards.join("b.repl"),
            "uart: UART.PL011 @ {\n    sysbus 0x1000;\n    sysbus 0x2000\n}\n",
        )
        .unwrap();
        let cpu = "cpu: CPU.CortexM @ sysbus\n    cpuType: \"m4\"\nsemihosting: UART.SemihostingUart @ cpu\n\
                   usart2: UART.STM32_UART @ sysbus <0x40004400, +0x100>\n    -> nvic@38\n";
        fs::write(cpus.join("c.repl"), cpu).unwrap();
        fs::write(root.path().join("renode"), "").unwrap();

        let installation = Installation::of(&root.path().join("renode")).unwrap();
        let names = [
            "platforms/boards/a.repl",
            "platforms/boards/b.repl",
            "platforms/cpus/c.repl",
        ];
        assert_eq!(installation.platforms(), names);
        let uarts = [
            "sysbus.second_uart",
            "sysbus.cpu.semihosting",
            "sysbus.usart2",
        ];
        assert_eq!(installation.uarts(names[0]), uarts);

        let launcher = root.path().join("bin");
        fs::write(
            &launcher,
            format!(
                "#!/bin/sh\nexec mono {}/renode \"$@\"\n",
                root.path().display()
            ),
        )
        .unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let moved = elsewhere.path().join("renode");
        fs::rename(&launcher, &moved).unwrap();
        assert_eq!(Installation::of(&moved).unwrap().platforms(), names);
        fs::write(&moved, "#!/bin/sh\n").unwrap();
        assert!(Installation::of(&moved).is_none());
    }
}

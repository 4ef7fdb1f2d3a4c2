//! The machines of an installed QEMU, and their serial ports.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::failure::Failure;

/// A machine of QEMU's.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) about: String,
    /// The number of serial ports, if it can be known.
    pub(crate) serials: Option<usize>,
}

/// Returns those machines of the program for `arch` whose name or description `is_wanted`. It may
/// have some that are `known` already.
pub(crate) fn of_program(
    arch: &str,
    program: &Path,
    known: &[Machine],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Machine>, Failure> {
    let help = output(program, &["-machine", "help"], "")?;
    let lines = help.lines().skip(1).filter_map(|line| line.split_once(' '));
    let wanted = lines.filter(|(name, about)| is_wanted(name) || is_wanted(about));
    let machines = wanted.filter(|(name, _)| *name != "none");
    let mut machines: Vec<Machine> = machines
        .map(|(name, about)| Machine {
            name: name.to_owned(),
            about: about.trim().to_owned(),
            serials: None,
        })
        .collect();
    let counts = on_all_processors(machines.len(), |index| {
        let name = &machines[index].name;
        match known.iter().find(|machine| machine.name == *name) {
            Some(machine) => machine.serials,
            None => serials(arch, program, name),
        }
    });
    for (index, count) in counts {
        machines[index].serials = count;
    }
    Ok(machines)
}

/// Calls `act` with each number below `count`, and returns what it has returned.
fn on_all_processors<T: Send>(count: usize, act: impl Fn(usize) -> T + Sync) -> Vec<(usize, T)> {
    let next = AtomicUsize::new(0);
    let some = || {
        let taken = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let mine = taken.take_while(|index| *index < count);
        mine.map(|index| (index, act(index))).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        let done = threads.into_iter().filter_map(|thread| thread.join().ok());
        done.flatten().collect()
    })
}

/// Returns the number of serial ports of a machine, if it can be known: the devices of a machine that
/// starts without further options say which of the host's serials they have taken.
fn serials(arch: &str, program: &Path, machine: &str) -> Option<usize> {
    const MOST: usize = 16;
    const COMMANDS: &str = r#"{"execute": "qmp_capabilities"}
        {"execute": "query-chardev"}
        {"execute": "human-monitor-command", "arguments": {"command-line": "info qtree"}}
        {"execute": "quit"}
    "#;
    let mut arguments = vec!["-M", machine, "-S", "-display", "none", "-qmp", "stdio"];
    arguments.extend(["-serial", "null"].repeat(MOST));
    if arch.starts_with("riscv") {
        // The usual one is in a package of its own.
        arguments.extend(["-bios", "none"]);
    }
    let printed = output(program, &arguments, COMMANDS).ok()?;
    let answers = printed
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut taken = BTreeSet::new();
    for answer in answers.map(|answer: Value| answer["return"].clone()) {
        for end in answer.as_array().into_iter().flatten() {
            if end["frontend-open"] == true {
                taken.extend(end["label"].as_str().map(str::to_owned));
            }
        }
        for line in answer.as_str().unwrap_or_default().lines() {
            let device = line.trim().strip_prefix("chardev = ");
            taken.extend(device.map(|name| name.trim_matches('"').to_owned()));
        }
    }
    let count = (0..MOST)
        .filter(|number| taken.contains(&format!("serial{number}")))
        .count();
    // Some models show none of the ports that they have.
    (count > 0).then_some(count)
}

fn output(program: &Path, arguments: &[&str], input: &str) -> Result<String, Failure> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Failure(format!("cannot run {}: {error}", program.display())))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that has ended already takes no input.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

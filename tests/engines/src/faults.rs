//! The faults of Renode at every step of a board's life: the table of
//! steps and faults, and the message that a test must get in each cell.
//!
//! The steps are those of the recordings; the stand-in for Renode misbehaves.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::emulator_variant::{fake_renode, program, write_launcher};
use crate::leftovers::{gone_within, processes_with_tmpdir};
use crate::{root, sample};

/// The limit of a cell, on a busy host. The longest of the cell's own time limits is a
/// tenth of it.
const DEADLINE: Duration = Duration::from_secs(60);

/// One cell of the table.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    pub step: &'static str,
    pub fault: &'static str,
    /// Texts that the error must contain, each in one of its forms; without any form, the cell must succeed.
    expected: [&'static [&'static str]; 2],
    /// The last output of the emulator, which the error must contain as well.
    final_output: &'static str,
}

/// A step, and the names that an error gives it.
type Step = (&'static str, &'static [&'static str]);

/// Steps that are commands of the console.
const COMMANDS: [Step; 13] = [
    ("banner", &["while starting Renode"]),
    ("log", &["setting up the board", "logFile"]),
    ("create", &["setting up the board", "mach create"]),
    (
        "platform",
        &["setting up the board", "LoadPlatformDescription"],
    ),
    ("pty", &["setting up the board", "CreateUartPtyTerminal"]),
    ("connect", &["setting up the board", "connector Connect"]),
    ("peripherals", &["setting up the board", "peripherals"]),
    ("macro", &["loading the firmware", "macro reset"]),
    ("load", &["loading the firmware", "sysbus LoadELF"]),
    (
        "start",
        &[
            "expect_line(",
            "loading the firmware",
            "resetting the board",
        ],
    ),
    (
        "input",
        &["expect_line(", "send_line of", "resetting the board"],
    ),
    ("reset", &["resetting the board", "machine Reset"]),
    ("reflash", &["loading the firmware", "macro reset"]),
];

/// Steps on the UART, while the board runs.
const TALK: [Step; 2] = [
    ("send", &["expect_line(", "send of"]),
    ("wait", &["expect_line(", "send of"]),
];

const LATE: &[&str] = &["has not done `", "took longer than", "it never came back"];
const CUT: &[&str] = &[
    "the end of its output, though it runs",
    "it never came back",
    "failed: it",
];

/// Faults in the answer to a command, and the texts that an error must contain.
const OF_COMMANDS: [(&str, &[&str]); 13] = [
    ("exit", &["exited with status 2; its last words:"]),
    ("die", &["exited with status 1; its last words:"]),
    ("kill", &["was killed by SIGKILL"]),
    ("stop", LATE),
    ("hang", LATE),
    ("close", CUT),
    (
        "garbage",
        &[
            "something unexpected",
            "has not done `",
            "it never came back",
            "failed: it read",
        ],
    ),
    ("cut0", CUT),
    ("cut20", CUT),
    ("cut40", CUT),
    ("cut60", CUT),
    ("cut80", CUT),
    ("cut95", CUT),
];

/// Faults while no command is pending.
const OF_TALK: [(&str, &[&str]); 7] = [
    ("exit", &["exited with status 2; its last words:"]),
    ("die", &["exited with status 1; its last words:"]),
    ("kill", &["was killed by SIGKILL"]),
    (
        "halt",
        &[
            "a processor of the board has halted: cpu: CPU abort [PC=0x0]: Trying to execute code outside RAM",
        ],
    ),
    (
        "lockup",
        &["processor cpu locked up at PC=0x08000000: a UsageFault"],
    ),
    ("stop", &["its emulator is stopped"]),
    ("hang", &["nothing matched within", "timed out", "within"]),
];

/// Faults of the program itself.
const OF_PROGRAM: [(&str, [&[&str]; 2]); 8] = [
    (
        "missing",
        [&["cannot find Renode: VTARGET_RENODE"], &["does not exist"]],
    ),
    (
        "not executable",
        [
            &["cannot find Renode: VTARGET_RENODE"],
            &["is not executable (chmod +x it)"],
        ],
    ),
    (
        "directory",
        [&["cannot find Renode: VTARGET_RENODE"], &["is not a file"]],
    ),
    (
        "not a program",
        [&["while starting Renode"], &["exited with status"]],
    ),
    (
        "wrong version",
        [
            &["is Renode 1.13.0, which is too old"],
            &["use 1.14 or newer"],
        ],
    ),
    (
        "garbage",
        [&["while starting Renode"], &["something unexpected"]],
    ),
    (
        "silent",
        [&["while starting Renode"], &["took longer than 2s"]],
    ),
    (
        "exits at once",
        [
            &["while starting Renode"],
            &["exited with status 2; its last words:"],
        ],
    ),
];

/// Faults that must not disturb the shutdown of the board.
const OF_SHUTDOWN: [&str; 3] = ["stop", "hang", "ignores SIGTERM"];

/// Returns the whole table.
pub fn cells() -> Vec<Cell> {
    let cell = |step, fault, expected| Cell {
        step,
        fault,
        expected,
        final_output: match fault {
            "exit" | "exits at once" => "\n    cannot open assembly 'Renode.exe'",
            "die" => "\n    it was told to",
            _ => "",
        },
    };
    let mut cells = Vec::new();
    for (fault, expected) in OF_PROGRAM {
        cells.push(cell("spawn", fault, expected));
    }
    for (steps, faults) in [(&COMMANDS[..], &OF_COMMANDS[..]), (&TALK, &OF_TALK)] {
        for (step, names) in steps {
            cells.extend(
                faults
                    .iter()
                    .map(|(fault, causes)| cell(step, fault, [names, causes])),
            );
        }
    }
    cells.extend(OF_SHUTDOWN.map(|fault| cell("shutdown", fault, [&[], &[]])));
    cells
}

/// Runs `cells`, several at a time; returns those that failed, and why.
pub fn failed(cells: &[Cell]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = play(*cell) {
                        let error = format!("{} × {}: {error}", cell.step, cell.fault);
                        failed.lock().expect("no panic").push(error);
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no panic")
}

fn play(cell: Cell) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let tmp = directory.path().join("tmp");
    fs::create_dir(&tmp).map_err(|e| e.to_string())?;
    let since = Instant::now();
    let child = Command::new(program("boot_once"))
        .arg(target(directory.path()))
        .env(
            "VTARGET_RENODE",
            misbehaving_program(cell, directory.path()),
        )
        .env("TMPDIR", &tmp)
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let pid = child.id().cast_signed();
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if since.elapsed() > DEADLINE {
        return Err(format!("it took {:?}: {error}", since.elapsed()));
    }
    gone_within(
        Duration::from_secs(5),
        &processes_with_tmpdir(&tmp),
        &tmp,
        pid,
    )?;
    let well = cell.expected.iter().all(|forms| forms.is_empty());
    if output.status.success() != well {
        return Err(format!("ended with {}: {error}", output.status));
    }
    let missing = |forms: &&&[&str]| !forms.iter().any(|form| error.contains(form));
    let mut lacking = cell.expected.iter().filter(missing);
    if let Some(forms) = lacking.next().filter(|_| !well) {
        return Err(format!("none of {forms:?} in: {error}"));
    }
    if !well && !error.contains(cell.final_output) {
        return Err(format!("no {:?} in: {error}", cell.final_output));
    }
    Ok(())
}

/// Writes the program that simulates Renode in `cell`.
fn misbehaving_program(cell: Cell, directory: &Path) -> std::path::PathBuf {
    let cue = |cue: &str| write_launcher(directory, &fake_renode(cue));
    match (cell.step, cell.fault) {
        ("spawn", "missing") => directory.join("nothing"),
        ("spawn", "directory") => directory.to_owned(),
        ("spawn", "not executable") => root().join("README.md"),
        ("spawn", "not a program") => {
            let path = write_launcher(directory, "");
            fs::write(&path, [0x7f, b'E', b'L', b'F', 0, 0, 0, 0]).expect("a file");
            path
        }
        ("spawn", "wrong version") => cue("version=1.13.0"),
        ("spawn", "exits at once") => cue("exit"),
        ("spawn", fault) => cue(fault),
        ("shutdown", "ignores SIGTERM") => write_launcher(
            directory,
            &format!(
                "trap '' TERM; '{}' \"$@\"",
                program("fake-renode").display()
            ),
        ),
        (step, fault) => cue(&format!("{fault}@{step}")),
    }
}

fn target(directory: &Path) -> std::path::PathBuf {
    let target = directory.join("target.yaml");
    let text = format!(
        "backend: renode\nplatform: platforms/boards/stm32f4_discovery-kit.repl\n\
         uart: sysbus.usart2\nmachine_name: stm32f4\nfirmware: {:?}\n\
         timeouts: {{command: 2s, expect: 4s}}\n",
        sample("shell.elf")
    );
    fs::write(&target, text).expect("a file");
    target
}

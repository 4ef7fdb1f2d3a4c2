//! `vtarget doctor`.

use std::env;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use virtual_target::config::{BackendKind, QemuConfig, TargetConfig};
use virtual_target::{EmulatorErrorKind, EmulatorInfo, ErrorKind, VirtualTarget};

use crate::colours::{bad, good};
use crate::failure::{Failure, Outcome};
use crate::output;

/// Shows which emulators are here, and boots each board file
///
/// The board files are the YAML files in this directory and in `boards`, `fixtures` and `tests`
/// below it. Those of physical boards are not booted.
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 an emulator is here and every board boots, 1 otherwise, 2 wrong arguments")]
pub(crate) struct Doctor {
    /// Print one JSON object: `emulators` and `boards`
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self) -> Outcome {
        let show = |text: String| match self.json {
            true => Ok(()),
            false => output::line(text),
        };
        let mut is_well = false;
        let mut emulators = Vec::new();
        for Emulator {
            name,
            arch,
            found,
            install,
        } in emulators_here()
        {
            is_well |= found.is_ok();
            match found {
                Ok(info) => {
                    show(format!("{}: {}", described(&info), info.program.display()))?;
                    emulators.push(json!({
                        "name": name, "arch": arch, "program": info.program.to_string_lossy(),
                        "version": info.version, "runtime": info.runtime, "tried": info.was_tried(),
                    }));
                }
                Err(error) => {
                    let missing = bad("missing");
                    let of = arch.map_or(String::new(), |arch| format!(" for {arch}"));
                    show(format!("{name}{of}: {missing}; to install it: {install}"))?;
                    emulators.push(json!({
                        "name": name, "arch": arch, "missing": error.kind().to_string(),
                        "install": install,
                    }));
                }
            }
        }
        let mut boards = Vec::new();
        for file in board_files() {
            let report = examine(&file);
            is_well &= !report["error"].is_string();
            show(format!("{}: {}", file.display(), in_words(&report)))?;
            boards.push(report);
        }
        if boards.is_empty() {
            show("no board file here; `vtarget init` makes a project with one".to_owned())?;
        }
        if self.json {
            output::line(format_args!(
                "{:#}",
                json!({"emulators": emulators, "boards": boards})
            ))?;
        }
        Ok(ExitCode::from(u8::from(!is_well)))
    }
}

/// An emulator that boards may need.
struct Emulator {
    name: &'static str,
    /// The architecture, of those that have a program for each.
    arch: Option<&'static str>,
    found: virtual_target::Result<EmulatorInfo>,
    /// The command that installs it.
    install: &'static str,
}

/// Looks for all emulators at the same time: one that does not answer must not delay the others.
fn emulators_here() -> Vec<Emulator> {
    let renode = || Emulator {
        name: "Renode",
        arch: None,
        found: EmulatorInfo::find_renode().wait(),
        install: "vtarget install",
    };
    let qemu = |arch| Emulator {
        name: "QEMU",
        arch: Some(arch),
        found: EmulatorInfo::find_qemu_for(arch).wait(),
        install: qemu_install(arch),
    };
    thread::scope(|scope| {
        let qemus = QemuConfig::ARCHITECTURES.map(|arch| scope.spawn(move || qemu(arch)));
        let found = [Ok(renode())].into_iter();
        let found = found.chain(qemus.into_iter().map(|it| it.join()));
        found
            .map(|it| it.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn described(info: &EmulatorInfo) -> String {
    match info.was_tried() {
        Some(true) => format!("{info}, {}", good("tried")),
        Some(false) => format!("{info}, a version that was not tried"),
        None => format!("{info}, of a version that it does not tell"),
    }
}

/// Returns the command that installs QEMU for an architecture here.
fn qemu_install(arch: &str) -> &'static str {
    // The program of the package manager, and its command for Arm, 64-bit Arm and RISC-V.
    let commands = [
        (
            "apt-get",
            "sudo apt-get install qemu-system-arm",
            "sudo apt-get install qemu-system-arm",
            "sudo apt-get install qemu-system-misc",
        ),
        (
            "dnf",
            "sudo dnf install qemu-system-arm",
            "sudo dnf install qemu-system-aarch64",
            "sudo dnf install qemu-system-riscv",
        ),
        (
            "pacman",
            "sudo pacman -S qemu-system-arm",
            "sudo pacman -S qemu-system-aarch64",
            "sudo pacman -S qemu-system-riscv",
        ),
        (
            "zypper",
            "sudo zypper install qemu-arm",
            "sudo zypper install qemu-arm",
            "sudo zypper install qemu-extra",
        ),
        (
            "brew",
            "brew install qemu",
            "brew install qemu",
            "brew install qemu",
        ),
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let here = commands.into_iter().find(|(manager, ..)| is_there(manager));
    here.map_or(
        "see https://www.qemu.org/download",
        |(_, arm, aarch64, riscv)| match arch {
            "arm" => arm,
            "aarch64" => aarch64,
            _ => riscv,
        },
    )
}

/// Returns the board files of the project in the current directory.
fn board_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in [".", "boards", "fixtures", "tests"] {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for file in entries
            .map(|entry| entry.path())
            .filter(|file| describes_board(file))
        {
            let file = file.strip_prefix(".").map(Path::to_owned).unwrap_or(file);
            files.push(file);
        }
    }
    files.sort();
    files
}

/// Returns true if a file looks like a board file; other tools have YAML files, too.
fn describes_board(file: &Path) -> bool {
    let extension = file.extension().and_then(|it| it.to_str());
    let fields = [
        "platform:",
        "script:",
        "machines:",
        "qemu:",
        "serial:",
        "export:",
    ];
    matches!(extension, Some("yaml" | "yml"))
        && fs::read_to_string(file).is_ok_and(|text| {
            let mut lines = text.lines();
            lines.any(|line| fields.iter().any(|field| line.starts_with(field)))
        })
}

/// Boots a board; returns its file and `engine` and `seconds`, or `skipped` or `error`.
fn examine(file: &Path) -> Value {
    let name = file.to_string_lossy();
    let is_physical =
        TargetConfig::from_file(file).is_ok_and(|it| it.backend() == BackendKind::Serial);
    if is_physical {
        return json!({"file": name, "skipped": "a physical board is not booted"});
    }
    match boot(file) {
        Ok((engine, seconds)) => json!({"file": name, "engine": engine, "seconds": seconds}),
        Err(error) => match error.kind() {
            ErrorKind::Emulator(why)
                if matches!(why.kind(), EmulatorErrorKind::NotFound { .. }) =>
            {
                let engine = why.engine();
                json!({"file": name, "skipped": format!("{engine} is missing")})
            }
            _ => json!({"file": name, "error": Failure::from(error).0}),
        },
    }
}

fn boot(file: &Path) -> virtual_target::Result<(String, f64)> {
    let began = Instant::now();
    let board = VirtualTarget::from_yaml(file)
        .without_artifacts()
        .boot()
        .wait()?;
    let took = began.elapsed();
    let engine = board.engine().wait()?.to_string();
    board.shutdown().wait()?;
    Ok((engine, (took.as_secs_f64() * 100.0).round() / 100.0))
}

fn in_words(report: &Value) -> String {
    let text = |field: &str| report[field].as_str().unwrap_or_default();
    match (&report["seconds"], report["skipped"].is_string()) {
        (Value::Number(seconds), _) => {
            format!("{} on {} in {seconds} s", good("boots"), text("engine"))
        }
        (_, true) => format!("skipped: {}", text("skipped")),
        _ => format!(
            "{}\n  {}",
            bad("FAILED"),
            text("error").replace('\n', "\n  ")
        ),
    }
}

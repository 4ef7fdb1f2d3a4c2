//! `vtarget doctor`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{EmulatorErrorKind, EmulatorInfo, ErrorKind, VirtualTarget};

use crate::colours::{bad, good};
use crate::failure::{Failure, Outcome};

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
        let show = |text: String| {
            if !self.json {
                anstream::println!("{text}");
            }
        };
        let emulators = [
            (
                "Renode",
                EmulatorInfo::find_renode().wait(),
                "vtarget install",
            ),
            ("QEMU", EmulatorInfo::find_qemu().wait(), qemu_install()),
        ];
        let mut is_well = emulators.iter().any(|(_, found, _)| found.is_ok());
        let emulators = emulators.map(|(name, found, install)| match found {
            Ok(info) => {
                show(format!("{}: {}", described(&info), info.program.display()));
                json!({
                    "name": name, "program": info.program, "version": info.version,
                    "runtime": info.runtime, "tried": info.was_tried(),
                })
            }
            Err(error) => {
                let missing = bad("missing");
                show(format!("{name}: {missing}; to install it: {install}"));
                json!({"name": name, "missing": error.kind().to_string(), "install": install})
            }
        });
        let mut boards = Vec::new();
        for file in board_files() {
            let report = examine(&file);
            is_well &= !report["error"].is_string();
            show(format!("{}: {}", file.display(), in_words(&report)));
            boards.push(report);
        }
        if boards.is_empty() {
            show("no board file here; `vtarget init` makes two".to_owned());
        }
        if self.json {
            println!("{:#}", json!({"emulators": emulators, "boards": boards}));
        }
        Ok(ExitCode::from(u8::from(!is_well)))
    }
}

fn described(info: &EmulatorInfo) -> String {
    match info.was_tried() {
        Some(true) => format!("{info}, {}", good("tried")),
        Some(false) => format!("{info}, a version that was not tried"),
        None => format!("{info}, of a version that it does not tell"),
    }
}

/// Returns the command that installs QEMU here.
fn qemu_install() -> &'static str {
    let commands = [
        ("apt-get", "sudo apt-get install qemu-system-arm"),
        ("dnf", "sudo dnf install qemu-system-arm"),
        ("pacman", "sudo pacman -S qemu-system-arm"),
        ("zypper", "sudo zypper install qemu-arm"),
        ("brew", "brew install qemu"),
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let here = commands.into_iter().find(|(manager, _)| is_there(manager));
    here.map_or("see https://www.qemu.org/download", |(_, command)| command)
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
    let is_physical =
        TargetConfig::from_file(file).is_ok_and(|it| it.backend() == BackendKind::Serial);
    if is_physical {
        return json!({"file": file, "skipped": "a physical board is not booted"});
    }
    match boot(file) {
        Ok((engine, seconds)) => json!({"file": file, "engine": engine, "seconds": seconds}),
        Err(error) => match error.kind() {
            ErrorKind::Emulator(why)
                if matches!(why.kind(), EmulatorErrorKind::NotFound { .. }) =>
            {
                let engine = why.engine();
                json!({"file": file, "skipped": format!("{engine} is missing")})
            }
            _ => json!({"file": file, "error": Failure::from(error).0}),
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

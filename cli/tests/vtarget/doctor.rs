//! `vtarget doctor`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{text, vtarget};

/// Returns a project with a board for each: QEMU, the desk, and a file that is refused.
fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    };
    file("a.yaml", "backend: qemu\nqemu: {machine: netduino2}\n");
    file(
        "boards/b.yaml",
        "backend: serial\nserial: {port: /dev/none}\n",
    );
    file("compose.yaml", "services: {}\n");
    dir
}

fn doctor(dir: &TempDir, arguments: &[&str], change: impl Fn(&mut Command)) -> Output {
    let mut command = vtarget();
    command.current_dir(dir).arg("doctor").args(arguments);
    change(&mut command);
    command.output().unwrap()
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn doctor_shows_emulators_and_boots_boards() {
    let dir = project();
    let output = doctor(&dir, &[], |_| ());
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("\nQEMU "), "{shown}");
    assert!(shown.contains("a.yaml: boots on QEMU "), "{shown}");
    assert!(
        shown.contains("boards/b.yaml: skipped: a physical board is not booted"),
        "{shown}"
    );
    assert!(!shown.contains("compose.yaml"), "{shown}");

    fs::write(dir.path().join("c.yaml"), "qemu: {machine: x}\nfoo: 1\n").unwrap();
    let output = doctor(&dir, &["--json"], |_| ());
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["emulators"][1]["name"], "QEMU");
    assert!(report["emulators"][1]["tried"].is_boolean());
    let boards = report["boards"].as_array().unwrap();
    let arch = |it: &serde_json::Value| it["arch"].as_str().map(str::to_owned);
    let emulators = report["emulators"].as_array().unwrap().iter();
    let archs: Vec<_> = emulators.filter_map(arch).collect();
    assert_eq!(archs, ["arm", "aarch64", "riscv32", "riscv64"]);
    assert_eq!(boards.len(), 3);
    assert!(boards[0]["seconds"].is_number());
    assert!(
        boards[2]["error"]
            .as_str()
            .unwrap()
            .starts_with("c.yaml:2:1: foo: unknown field")
    );
    assert!(!Path::exists(&dir.path().join("target")));
}

#[test]
fn each_qemu_is_installed_by_one_command() {
    let dir = project();
    let programs = tempfile::tempdir().unwrap();
    let program = |name: &str| {
        let file = programs.path().join(name);
        fs::write(&file, "#!/bin/sh\necho QEMU emulator version 7.2.0\n").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("apt-get");
    program("qemu-system-arm");
    program("qemu-system-riscv64");
    let output = doctor(&dir, &["--json"], |command| {
        let arm = programs.path().join("qemu-system-arm");
        let path = format!("{}:/usr/bin:/bin", programs.path().display());
        command
            .env("VTARGET_RENODE", "/none")
            .env("VTARGET_QEMU", arm)
            .env("PATH", path);
    });
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let emulators = report["emulators"].as_array().unwrap();
    let install: Vec<_> = emulators.iter().map(|it| it["install"].as_str()).collect();
    let expected = [
        Some("vtarget install"),
        None,
        Some("sudo apt-get install qemu-system-arm"),
        Some("sudo apt-get install qemu-system-misc"),
        None,
    ];
    assert_eq!(install, expected);
    assert_eq!(emulators[4]["version"], "7.2.0");
}

#[test]
fn doctor_says_how_to_install_what_is_missing() {
    let dir = project();
    let output = doctor(&dir, &[], |command| {
        command
            .env("VTARGET_RENODE", "/none")
            .env("VTARGET_QEMU", "/none");
    });
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("Renode: missing; to install it: vtarget install\n"),
        "{shown}"
    );
    for arch in ["arm", "aarch64", "riscv32", "riscv64"] {
        let line = format!("QEMU for {arch}: missing; to install it: ");
        assert!(shown.contains(&line), "{shown}");
    }
    assert!(
        shown.contains("a.yaml: skipped: QEMU is missing\n"),
        "{shown}"
    );
}

#[test]
fn doctor_asks_all_emulators_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let asked = dir.path().join("asked");
    fs::create_dir(&asked).unwrap();
    let program = dir.path().join("waits-for-the-others");
    let script = format!(
        "#!/bin/sh\ncd '{}'\ntouch $$\nfor i in $(seq 300); do\n  \
         [ $(ls | wc -l) -ge 5 ] && echo 'QEMU emulator version 7.2.0' && exit\n  sleep 0.1\ndone\nexit 1\n",
        asked.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let output = doctor(&dir, &["--json"], |command| {
        command.env("VTARGET_RENODE", &program);
        command.env("VTARGET_QEMU", &program);
    });
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for emulator in report["emulators"].as_array().unwrap().iter().skip(1) {
        assert_eq!(emulator["version"], "7.2.0", "{report:#}");
    }
}

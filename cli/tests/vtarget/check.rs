//! `vtarget check`: the same text and place as the library's, and the exit codes.

use std::fs;
use std::path::Path;

use virtual_target::VirtualTarget;

use super::{run, text, vtarget};

/// Files that are refused, by their fields, values, patterns, files and form.
const REFUSED: [&str; 12] = [
    "",
    "hello",
    "- a",
    "uart: [a",
    "platform: a\nplatform: b",
    "platform: platforms/b.repl\nuart: sysbus.uart0\nplatfrom: a",
    "platform: b.repl\nuart: sysbus.uart0",
    "platform: platforms/b.repl\nuart: sysbus.uart0\ntimeouts: {expect: 10}",
    "backend: qemu\nqemu: {machine: netduino2}\nforbid: ['a', 're:b\\b']",
    "backend: qemu\nqemu: {machine: netduino2}\nfirmware: none.elf",
    "backend: serial\nserial: {port: p, reset: []}",
    "export: {a: {type: b}}",
];

/// Returns the library's message about a file.
fn refusal(file: &Path) -> String {
    let error = VirtualTarget::from_yaml(file).without_artifacts().build();
    error.unwrap_err().kind().to_string()
}

#[test]
fn check_prints_the_librarys_message() {
    let dir = tempfile::tempdir().unwrap();
    for (number, refused) in (0..).zip(REFUSED) {
        let file = dir.path().join(format!("{number}.yaml"));
        fs::write(&file, refused).unwrap();
        let output = vtarget().arg("check").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{refused}");
        assert_eq!(text(&output.stderr), refusal(&file) + "\n");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn check_looks_at_every_file() {
    let good = "fixtures/netduino2.yaml";
    let output = run(["check", "no.yaml", good]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("fixtures/netduino2.yaml: good"));
    assert!(text(&output.stderr).starts_with("there is no target file `no.yaml`"));

    let output = run(["check", "--json", "no.yaml", good]);
    let lines = text(&output.stdout);
    let (first, second) = lines.trim().split_once('\n').unwrap();
    assert!(first.contains(r#""file":"no.yaml""#) && first.contains(r#""ok":false"#));
    assert!(second.contains(r#""ok":true"#), "{second}");
    assert!(run(["check", good]).status.success());
}

#[test]
fn check_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.yaml"), REFUSED[9]).unwrap();
    let mut command = vtarget();
    command.current_dir(&dir).args(["check", "bad.yaml"]);
    assert_eq!(command.status().unwrap().code(), Some(1));
    let left = fs::read_dir(&dir)
        .unwrap()
        .map(|it| it.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["bad.yaml"]);
}

#[test]
fn exit_codes_are_in_the_help() {
    for command in ["check", "run"] {
        let help = text(&run([command, "--help"]).stdout);
        assert!(help.contains("Exit codes: 0 "), "{help}");
    }
    assert_eq!(run(["check"]).status.code(), Some(2));
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn boot_finds_what_only_the_emulator_knows() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("board.yaml");
    fs::write(&file, "backend: qemu\nqemu:\n  machine: netduino9\n").unwrap();
    let check = |boot: &[&str]| {
        vtarget()
            .arg("check")
            .args(boot)
            .arg(&file)
            .output()
            .unwrap()
    };
    assert!(check(&[]).status.success());
    let output = check(&["--boot"]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.contains("board.yaml:3:3: qemu.machine: "),
        "{message}"
    );
    fs::write(&file, "backend: qemu\nqemu: {machine: netduino2}\n").unwrap();
    assert!(check(&["--boot"]).status.success());
}

//! `vtarget check`: the same text and place as the library's, and the exit codes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use virtual_target::{ErrorKind, VirtualTarget};

use super::{root, run, text, vtarget};

/// Files that are refused by what is not in the library's tables: a pattern, a missing image.
const REFUSED: [&str; 2] = [
    "backend: qemu\nqemu: {machine: netduino2}\nforbid: ['a', 're:b\\b']",
    "backend: qemu\nqemu: {machine: netduino2}\nfirmware: none.elf",
];

/// Returns the texts that the library's tests refuse: the first ones of the pairs in their tables.
fn refused_by_the_library() -> Vec<String> {
    let mut texts = Vec::new();
    for file in ["config.rs", "script.rs"] {
        let source = fs::read_to_string(root().join("tests/it").join(file)).unwrap();
        let items = syn::parse_file(&source).unwrap().items;
        for item in items {
            let syn::Item::Const(syn::ItemConst { expr, .. }) = item else {
                continue;
            };
            let syn::Expr::Reference(syn::ExprReference { expr, .. }) = *expr else {
                continue;
            };
            let syn::Expr::Array(syn::ExprArray { elems, .. }) = *expr else {
                continue;
            };
            for pair in elems {
                let syn::Expr::Tuple(syn::ExprTuple { elems, .. }) = pair else {
                    continue;
                };
                if let Some(syn::Expr::Lit(text)) = elems.first()
                    && let syn::Lit::Str(text) = &text.lit
                {
                    texts.push(text.value());
                }
            }
        }
    }
    texts
}

#[test]
fn check_prints_the_librarys_message() {
    let dir = tempfile::tempdir().unwrap();
    let tables = refused_by_the_library();
    assert!(tables.len() > 150, "{}", tables.len());
    // Many of them follow the fields that every target needs.
    let minimal = "platform: platforms/boards/b.repl\nuart: sysbus.uart0\n";
    let after = tables.iter().map(|text| format!("{minimal}{text}\n"));
    let all = REFUSED.map(str::to_owned).into_iter().chain(after);
    let (mut files, mut expected) = (Vec::new(), String::new());
    for (number, text) in all.chain(tables.iter().cloned()).enumerate() {
        let file = dir.path().join(format!("{number}.yaml"));
        fs::write(&file, text).unwrap();
        let error = VirtualTarget::from_yaml(&file).without_artifacts().build();
        let refusal = error.err().map(|error| error.into_kind());
        if let Some(why) = refusal.filter(|why| !matches!(why, ErrorKind::Emulator(_))) {
            expected += &format!("{why}\n");
        }
        files.push(file);
    }
    let output = vtarget().arg("check").args(files).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn colours_are_for_terminals_without_no_color() {
    let checked = |variables: &[(&str, &str)]| {
        let mut command = vtarget();
        command
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied());
        let output = command.args(["check", "fixtures/netduino2.yaml"]).output();
        text(&output.unwrap().stdout).contains("\x1b[32mgood\x1b[0m")
    };
    assert!(!checked(&[]), "the output is no terminal");
    let forced = ("CLICOLOR_FORCE", "1");
    assert!(checked(&[forced]));
    assert!(!checked(&[("NO_COLOR", "1"), forced]));
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
fn files_may_have_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let good = "backend: qemu\nqemu: {machine: netduino2}\n";
    let bad = "backend: qemu\nqemu: {machin: netduino2}\n";
    for name in [
        &b"a b"[..],
        b"a\nb",
        b"\xff\xfe",
        b"-a",
        b"a'b\"",
        "é".as_bytes(),
    ] {
        let directory = dir.path().join(OsStr::from_bytes(name));
        fs::create_dir(&directory).unwrap();
        for (file, content, is_good) in [("g.yaml", good, true), ("b.yaml", bad, false)] {
            let file = directory.join(file);
            fs::write(&file, content).unwrap();
            let output = vtarget()
                .args(["check", "--json"])
                .arg(&file)
                .output()
                .unwrap();
            assert_eq!(output.status.success(), is_good, "{}", text(&output.stderr));
            assert_eq!(text(&output.stderr), "");
            let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(line["file"], *file.to_string_lossy());
            assert_eq!(line["ok"], is_good);
            let output = vtarget().arg("check").arg(&file).output().unwrap();
            assert_eq!(output.status.success(), is_good);
            if !is_good {
                let message = text(&output.stderr);
                assert!(message.contains("b.yaml:2:8: qemu.machin"), "{message}");
            }
        }
    }
}

#[test]
fn check_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.yaml"), REFUSED[1]).unwrap();
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

//! `vtarget init`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::{text, vtarget};

fn init(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = vtarget();
    command.current_dir(dir).arg("init").args(arguments);
    command.output().unwrap()
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Checks the boards of a project, and that cargo accepts its manifest.
fn assert_sound(suite: &Path) {
    for board in fs::read_dir(suite.join("boards")).unwrap() {
        let file = board.unwrap().path();
        if file.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        // Without QEMU, which has no virtual clock, only the emulator is missing.
        let mut command = vtarget();
        command
            .env("VTARGET_BACKEND", "auto")
            .env("VTARGET_RENODE", "/bin/true");
        let checked = command.arg("check").arg(file).output().unwrap();
        assert!(checked.status.success(), "{}", text(&checked.stderr));
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let metadata = cargo.current_dir(suite).output().unwrap();
    assert!(metadata.status.success(), "{}", text(&metadata.stderr));
}

#[test]
fn an_empty_directory_is_filled() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    let output = init(dir.path(), &["--clock", "virtual"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\n  cargo test "));
    let board = read(dir.path(), "boards/stm32f4-discovery.yaml");
    assert!(board.contains("\nclock: virtual"), "{board}");
    assert!(
        board.contains("\nfirmware: ../firmware/sample.elf\n"),
        "{board}"
    );
    assert!(!read(dir.path(), "boards/netduino2.yaml").contains("clock:"));
    let workflow = read(dir.path(), ".github/workflows/firmware-tests.yml");
    assert!(!workflow.contains("working-directory"));
    let script = Command::new(dir.path().join("scripts/install-renode"))
        .arg("--form")
        .output();
    assert_eq!(script.unwrap().status.code(), Some(1));
    assert_sound(dir.path());

    let again = init(dir.path(), &["."]);
    assert_eq!(
        again.status.code(),
        Some(1),
        "the workflow is there already"
    );
    assert!(text(&again.stderr).contains("is there already; nothing was written"));
    assert!(!dir.path().join("firmware-tests").exists());
}

#[test]
fn a_firmware_project_gets_a_directory_beside_its_sources() {
    let dir = tempfile::tempdir().unwrap();
    // A workspace that the tests are no member of.
    fs::write(dir.path().join("Cargo.toml"), "[workspace]\nmembers = []\n").unwrap();
    let arguments = ["--clock", "realtime", "--firmware", "build/my fw.elf"];
    let output = init(dir.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let suite = dir.path().join("firmware-tests");
    let board = read(&suite, "boards/stm32f4-discovery.yaml");
    assert!(
        board.contains("\nfirmware: \"../../build/my fw.elf\"\n"),
        "{board}"
    );
    assert!(!board.contains("clock:"), "{board}");
    assert!(!suite.join("firmware").exists());
    let workflow = read(dir.path(), ".github/workflows/firmware-tests.yml");
    assert!(
        workflow.contains("working-directory: firmware-tests\n"),
        "{workflow}"
    );
    assert!(
        workflow.contains("hashFiles('firmware-tests/scripts/"),
        "{workflow}"
    );
    assert!(
        workflow.contains(" firmware-tests/target/virtual-target/\n"),
        "{workflow}"
    );
    assert!(
        workflow.contains("workspaces: firmware-tests\n"),
        "{workflow}"
    );
    assert!(!suite.join(".github").exists() && !suite.join(".gitlab-ci.yml").exists());
    let pipeline = read(dir.path(), ".gitlab-ci.yml");
    for line in [
        "    - key: {files: [firmware-tests/scripts/install-renode], prefix: renode}",
        "      paths: [.cache/cargo/registry/, .cache/cargo/bin/, firmware-tests/target/debug/]",
        "    - firmware-tests/scripts/install-renode",
        "    - cd firmware-tests",
        "    paths: [firmware-tests/target/virtual-target/]",
        "      junit: firmware-tests/target/nextest/ci/junit.xml",
    ] {
        assert!(
            pipeline.lines().any(|it| it == line),
            "no {line:?} in {pipeline}"
        );
    }
    fs::create_dir(dir.path().join("build")).unwrap();
    let sample = super::root().join("firmware-samples/prebuilt/stm32f4/shell.elf");
    fs::copy(sample, dir.path().join("build/my fw.elf")).unwrap();
    assert_sound(&suite);
}

#[test]
fn tests_of_other_firmware_need_neither_its_prompt_nor_a_second_board() {
    let dir = tempfile::tempdir().unwrap();
    let output = init(dir.path(), &["--firmware", "build/app.elf"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!dir.path().join("boards/netduino2.yaml").exists());
    for (file, kept, tests, ignored) in [("boot", r"re:\S", 2, 0), ("shell", "frobnicate", 3, 3)] {
        let code = read(dir.path(), &format!("tests/{file}.rs"));
        syn::parse_file(&code).unwrap();
        assert!(
            !code.contains("netduino2") && !code.contains("Hello from"),
            "{code}"
        );
        assert!(code.contains(kept), "{code}");
        let count = |text| code.matches(text).count();
        let counts = (count("#[tokio::test]"), count("#[ignore"));
        assert_eq!(counts, (tests, ignored), "{code}");
    }
}

#[test]
fn boards_have_the_clock_that_the_installed_emulator_has() {
    let emulators = tempfile::tempdir().unwrap();
    let program = |name: &str, prints: &str| {
        let path = emulators.path().join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{prints}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let qemu = program("qemu-system-arm", "QEMU emulator version 7.2.0");
    let none = emulators.path().join("none");
    for (arguments, qemu, is_virtual) in [
        (&[][..], &qemu, false),
        (&["--clock", "virtual"], &qemu, true),
        (&[], &none, true),
        (&["--clock", "realtime"], &none, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = vtarget();
        command.current_dir(&dir).arg("init").args(arguments);
        command
            .env("VTARGET_RENODE", &none)
            .env("VTARGET_QEMU", qemu);
        let output = command.output().unwrap();
        let board = read(dir.path(), "boards/stm32f4-discovery.yaml");
        assert_eq!(board.contains("\nclock: virtual"), is_virtual, "{board}");
        let printed = text(&output.stdout);
        let is_told = printed.starts_with("There is no Renode, so the boards run on QEMU");
        assert_eq!(is_told, !is_virtual && arguments.is_empty(), "{printed}");
    }
}

#[test]
fn a_pipeline_that_is_there_stays_and_can_include_that_of_the_tests() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".gitlab-ci.yml"), "stages: [lint]\n").unwrap();
    let output = init(dir.path(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let include = "\n  include: firmware-tests/.gitlab-ci.yml\n";
    assert!(printed.contains(include), "{printed}");
    assert_eq!(read(dir.path(), ".gitlab-ci.yml"), "stages: [lint]\n");
    // Its paths are those of the repository, which includes it.
    let pipeline = read(dir.path(), "firmware-tests/.gitlab-ci.yml");
    assert!(
        pipeline.contains("\n    - cd firmware-tests\n"),
        "{pipeline}"
    );
}

#[test]
fn the_firmware_is_built_before_the_tests() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Makefile"), "build/a.elf:\n\tfalse\n").unwrap();
    let arguments = ["--firmware", "build/a.elf", "--build", "make build/a.elf"];
    let output = init(dir.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let suite = dir.path().join("firmware-tests");
    let script = suite.join("build.rs");
    let built = Command::new("rustc")
        .args(["--edition=2024", "-o", "build-script"])
        .arg(&script)
        .current_dir(&suite)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", text(&built.stderr));
    let run = || {
        let mut script = Command::new(suite.join("build-script"));
        script.current_dir(&suite).output().unwrap()
    };
    let failed = run();
    assert!(!failed.status.success());
    let message = text(&failed.stderr);
    assert!(
        message.contains("the firmware was not built: make ended with"),
        "{message}"
    );

    let recipe = "build/a.elf:\n\tmkdir build\n\techo > build/a.elf\n";
    fs::write(dir.path().join("Makefile"), recipe).unwrap();
    assert!(run().status.success());
    assert!(dir.path().join("build/a.elf").is_file());
    // Nothing is left to do, and the command knows that.
    assert!(run().status.success());
}

#[test]
fn nothing_is_compiled_again_once_the_firmware_is_built() {
    const MAKE: &str = "build/app: src/*.c\n\tmkdir -p build\n\tcc -o $@ src/main.c\n";
    // CMake's own files change even if there is nothing to do.
    const LIKE_CMAKE: &str = "mkdir -p build && touch build/CMakeCache.txt build/marks && make";
    for command in ["make", LIKE_CMAKE] {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("a project");
        fs::create_dir_all(project.join("src")).unwrap();
        fs::write(project.join("src/main.c"), "int main(void) { return 1; }\n").unwrap();
        fs::write(project.join("Makefile"), MAKE).unwrap();
        let output = init(&project, &["--firmware", "build/app", "--build", command]);
        assert!(output.status.success(), "{}", crate::text(&output.stderr));
        // The libraries of the tests are of no interest here.
        let suite = project.join("firmware-tests");
        fs::remove_dir_all(suite.join("tests")).unwrap();
        fs::remove_dir_all(suite.join(".cargo")).unwrap();
        fs::write(suite.join("src/lib.rs"), "").unwrap();
        let manifest = "[package]\nname = \"suite\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(suite.join("Cargo.toml"), manifest).unwrap();
        let compiles = || {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["test", "--offline"]).current_dir(&suite);
            let output = cargo.env_remove("CARGO_TARGET_DIR").output().unwrap();
            let printed = crate::text(&output.stderr);
            assert!(output.status.success(), "{printed}");
            printed.contains("Compiling")
        };
        let settles = || {
            let _ = (compiles(), compiles());
            !compiles()
        };
        let returns = || {
            Command::new(project.join("build/app"))
                .status()
                .unwrap()
                .code()
        };
        assert!(settles(), "{command}");
        assert_eq!(returns(), Some(1));
        fs::write(project.join("src/main.c"), "int main(void) { return 2; }\n").unwrap();
        assert!(compiles(), "{command}");
        assert_eq!(returns(), Some(2));
        assert!(settles(), "{command}");
        // A clean project is built again.
        fs::remove_file(project.join("build/app")).unwrap();
        assert!(compiles(), "{command}");
        assert_eq!(returns(), Some(2));
        // A file is added that is built without a change of another one.
        assert!(settles(), "{command}");
        fs::write(project.join("src/more.c"), "").unwrap();
        assert!(compiles(), "{command}");
    }
}

//! The errors of a test whose Renode misbehaves; simulated by the
//! stand-in, behind launchers of several kinds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine_tests::emulator_variant::fake_renode;
use engine_tests::sample;

const FAKE: &str = env!("CARGO_BIN_EXE_fake-renode");

/// Writes a launcher to `directory` that runs the stand-in as `how` says.
fn launcher(directory: &Path, how: &str) -> PathBuf {
    fs::create_dir_all(directory).unwrap();
    let program = directory.join("renode");
    fs::write(&program, format!("#!/bin/sh\n{how}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn target(more: &str) -> String {
    format!(
        "backend: renode\nplatform: platforms/boards/stm32f4_discovery-kit.repl\n\
         uart: sysbus.usart2\nmachine_name: stm32f4\nfirmware: {:?}\n{more}",
        sample("shell.elf")
    )
}

fn written(directory: &Path, target: &str) -> PathBuf {
    let file = directory.join("target.yaml");
    fs::write(&file, target).unwrap();
    file
}

/// Boots the usual target, with `more` added, on a launcher.
fn boot(how: &str, more: &str) -> Result<String, String> {
    boot_target(how, &target(more))
}

/// Boots a target on a launcher; returns the error, if any. Files that a launcher leaves
/// in the temporary directory are an error as well.
fn boot_target(how: &str, target: &str) -> Result<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let program = launcher(&directory.path().join("with space"), how);
    let temporary = directory.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_boot_once"))
        .arg(written(directory.path(), target))
        .env("VTARGET_RENODE", program)
        .env("TMPDIR", &temporary)
        .env(
            "XDG_CACHE_HOME",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
        )
        .env_remove("HOME")
        .env("LANG", "C")
        .output()
        .unwrap();
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "left behind");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match done.status.success() {
        true => Ok(text(done.stdout)),
        false => Err(text(done.stderr)),
    }
}

/// The two output styles of Renode, each with the version that it prints.
const SPEAKS: [(&str, &str); 2] = [("release", "1.16.1"), ("main", "1.17.0")];

/// Returns a script as [`fake_renode`] does, for a stand-in with one of the styles of [`SPEAKS`].
fn cue_of(speaks: &str, kind: &str) -> String {
    format!("FAKE_RENODE_SPEAKS={speaks} {}", fake_renode(kind))
}

#[test]
fn launchers_of_all_kinds_work() {
    for (speaks, version) in SPEAKS {
        for kind in ["", "drip"] {
            let how = cue_of(speaks, kind);
            let said = boot(&how, "").unwrap_or_else(|error| panic!("{how}: {error}"));
            assert_eq!(said, format!("Renode {version} (Mono) is fine\n"), "{how}");
        }
    }
    for how in [
        format!("'{FAKE}' \"$@\""),
        format!("trap '' TERM; '{FAKE}' \"$@\""),
        format!("sleep 600 & '{FAKE}' \"$@\""),
    ] {
        let said = boot(&how, "").unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_eq!(said, "Renode 1.16.1 (Mono) is fine\n", "{how}");
    }
}

#[test]
fn misbehaviour_is_named() {
    // Commands: 1 logFile, 2 mach, 3 platform, 4 pty, 5 connector, 6 peripherals, 7 macro, 8 load,
    // 9 start, 10 include, 11 input_open, 12 input_attach, 13 input_read, 14 python, then the clock's and reset.
    let quick = "timeouts: {command: 500ms}";
    let cases: [(&str, &str, &[&str]); 13] = [
        (
            "exit",
            "",
            &[
                "while starting Renode",
                "exited with status 2",
                "cannot open assembly",
            ],
        ),
        (
            "silent",
            quick,
            &[
                "Renode took longer than 500ms while starting Renode",
                "timeouts: command:",
            ],
        ),
        ("garbage", quick, &["unexpected", "login:"]),
        (
            "no-prompt",
            quick,
            &[
                "unexpected while starting Renode: Renode, version 1.1",
                "no prompt that is understood; tried were 1.16.1 and the main branch",
            ],
        ),
        (
            "die:1",
            "",
            &[
                "while setting up the board",
                "exited with status 1",
                "Fatal error:",
                "it was told to",
            ],
        ),
        ("die:3", "", &["while setting up the board", "Fatal error:"]),
        ("die:7", "", &["while loading the firmware", "Fatal error:"]),
        ("die:9", "", &["exited with status 1", "it was told to"]),
        ("die:12", "", &["exited with status 1", "it was told to"]),
        (
            "hang:2",
            quick,
            &["has not done `mach create \"stm32f4\"` after 500ms"],
        ),
        (
            "hang:8",
            quick,
            &["has not done `sysbus LoadELF @", "after 500ms"],
        ),
        (
            "cut:4",
            quick,
            &["unexpected", "the end of its output, though it runs"],
        ),
        ("garble:2", "", &["unexpected", "-000002"]),
    ];
    for (kind, more, expected) in cases {
        for (speaks, _) in SPEAKS {
            let error = boot(&cue_of(speaks, kind), more).expect_err(kind);
            for part in expected {
                assert!(error.contains(part), "{kind}: no {part:?} in: {error}");
            }
            assert!(!error.contains("  at System"), "{kind}: {error}");
        }
    }
}

#[test]
fn a_hanging_boot_names_its_step() {
    // Long enough for all earlier steps.
    let cases = [
        ("silent", "1s", "it has not shown its first prompt"),
        ("hang@load", "8s", "it has not done `sysbus LoadELF @"),
    ];
    for (kind, limit, expected) in cases {
        let error =
            boot(&fake_renode(kind), &format!("timeouts: {{boot: {limit}}}")).expect_err(kind);
        let late = format!("Renode took longer than {limit} while booting the board: ");
        for part in [&late, expected, "raise `timeouts: boot:`"] {
            assert!(error.contains(part), "{kind}: no {part:?} in: {error}");
        }
    }
}

#[test]
fn unusual_output_is_accepted() {
    for kind in ["mimic", "late:3"] {
        for (speaks, version) in SPEAKS {
            let how = cue_of(speaks, kind);
            let said = boot(&how, "").unwrap_or_else(|error| panic!("{how}: {error}"));
            assert_eq!(said, format!("Renode {version} (Mono) is fine\n"), "{how}");
        }
    }
}

const TELNET: &str = "control: telnet\n";
const TELNET_QUICK: &str = "control: telnet\ntimeouts: {command: 1s}";

#[test]
fn unusual_output_over_telnet_is_accepted() {
    let kinds = [
        "",
        "drip",
        "split",
        "iac",
        "mimic",
        "late:3",
        "late-port",
        "eaten",
        "leftovers",
    ];
    for kind in kinds {
        for (speaks, version) in SPEAKS {
            let how = cue_of(speaks, kind);
            let said = boot(&how, TELNET).unwrap_or_else(|error| panic!("{how}: {error}"));
            assert_eq!(said, format!("Renode {version} (Mono) is fine\n"), "{how}");
        }
    }
}

#[test]
fn misbehaviour_over_telnet_is_named() {
    let cases: [(&str, &str, &[&str]); 16] = [
        (
            "exit",
            TELNET,
            &[
                "while opening the port of Renode's monitor",
                "exited with status 2",
                "cannot open assembly",
            ],
        ),
        (
            "version=1.13.0",
            TELNET,
            &["is Renode 1.13.0, which is too old", "1.14"],
        ),
        (
            "silent",
            TELNET_QUICK,
            &["took longer than 1s while opening the port"],
        ),
        (
            "garbage",
            TELNET_QUICK,
            &["took longer than 1s while opening the port"],
        ),
        (
            "no-port",
            TELNET_QUICK,
            &["took longer than 1s while opening the port"],
        ),
        (
            "lies",
            TELNET,
            &[
                "Renode listens on port",
                "cannot be reached there: Connection refused",
            ],
        ),
        (
            "held",
            TELNET_QUICK,
            &["nothing that was sent there has reached it in 1s: another client holds"],
        ),
        (
            "die:1",
            TELNET,
            &[
                "while setting up the board",
                "Fatal error:",
                "it was told to",
            ],
        ),
        (
            "die:7",
            TELNET,
            &["while loading the firmware", "Fatal error:"],
        ),
        (
            "hang:2",
            TELNET_QUICK,
            &["has not done `mach create \"stm32f4\"` after 1s"],
        ),
        (
            "late:2",
            TELNET_QUICK,
            &["has not done `mach create \"stm32f4\"` after 1s"],
        ),
        (
            "cut:4",
            TELNET_QUICK,
            &["unexpected", "the end of its output, though it runs"],
        ),
        (
            "close@create",
            TELNET_QUICK,
            &["unexpected", "the end of its output"],
        ),
        (
            "garbage@platform",
            TELNET_QUICK,
            &["has not done `machine LoadPlatform"],
        ),
        (
            "kill@load",
            TELNET,
            &["while loading the firmware", "was killed by SIGKILL"],
        ),
        ("garble:2", TELNET, &["unexpected", "-000002"]),
    ];
    for (kind, more, expected) in cases {
        let error = boot(&fake_renode(kind), more).expect_err(kind);
        for part in expected {
            assert!(error.contains(part), "{kind}: no {part:?} in: {error}");
        }
        assert!(!error.contains("  at Antmicro"), "{kind}: {error}");
    }
}

#[test]
fn versions_and_runtimes_are_recognized() {
    let works = [
        ("1.14.0", "Renode 1.14.0 (Mono)"),
        ("1.15.3.25732,8.0.14", "Renode 1.15.3.25732 (.NET 8.0.14)"),
        ("1.17.0,10.0.1", "Renode 1.17.0 (.NET 10.0.1)"),
        // An unknown runtime.
        ("1.16.1,unknown", "Renode 1.16.1"),
    ];
    for (version, named) in works {
        let how = fake_renode(&format!("version={version}"));
        let said = boot(&how, "").unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(said, format!("{named} is fine\n"));
    }
    let srec = |version: &str| {
        let target = target("").replace("shell.elf", "shell.srec");
        boot_target(&fake_renode(&format!("version={version}")), &target)
    };
    srec("1.15.0").unwrap();
    let error = srec("1.14.0").unwrap_err();
    let expected = "cannot do `sysbus LoadSRecord`, which came with 1.15.0: this is 1.14.0";
    assert!(error.contains(expected), "{error}");
    let h753zi = target("").replace("stm32f4_discovery-kit", "nucleo_h753zi");
    let error = boot_target(&fake_renode("version=1.14.0"), &h753zi).unwrap_err();
    let expected = "target.yaml:2:1: platform: Renode cannot load the platform \
                    platforms/boards/nucleo_h753zi.repl, which came with 1.15.0: this is 1.14.0";
    assert!(error.contains(expected), "{error}");
    let fails: [(&str, &[&str]); 2] = [
        ("1.13.3", &["is Renode 1.13.3, which is too old", "1.14"]),
        (
            "devel",
            &["unexpected while starting Renode", "version devel"],
        ),
    ];
    for (version, expected) in fails {
        let error = boot(&fake_renode(&format!("version={version}")), "").expect_err(version);
        for part in expected {
            assert!(error.contains(part), "{version}: no {part:?} in: {error}");
        }
    }
}

#[test]
fn a_platform_unknown_to_renode_is_reported_with_a_similar_name() {
    let root = tempfile::tempdir().unwrap();
    let boards = root.path().join("platforms/boards");
    fs::create_dir_all(&boards).unwrap();
    fs::write(boards.join("nopes.repl"), "").unwrap();
    let installed = format!("FAKE_RENODE_ROOT='{}'", root.path().display());
    let target = "backend: renode\nplatform: platforms/cpus/nope.repl\nuart: sysbus.usart2\n";
    let why = "target.yaml:2:1: platform: \"platforms/cpus/nope.repl\" is no file of the project's, \
               and Renode has none of this name either";
    for (speaks, _) in SPEAKS {
        for (where_it_is, hint) in [
            (
                &*installed,
                " (did you mean `platforms/boards/nopes.repl`?)",
            ),
            ("FAKE_RENODE_ROOT=/nowhere", ""),
            ("FAKE_RENODE_ROOT=.", ""),
        ] {
            let how = format!("{where_it_is} {}", cue_of(speaks, ""));
            let error = boot_target(&how, target).unwrap_err();
            let expected = format!("{why}{hint}: Renode refused");
            assert!(error.contains(&expected), "no {expected:?} in: {error}");
        }
    }
}

/// Boots a target whose board `script` creates.
fn boot_script(speaks: &str, script: &str, more: &str) -> Result<String, String> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("board.resc"), script).unwrap();
    let script = directory.path().join("board.resc");
    let target = format!("backend: renode\nscript: {script:?}\nuart: sysbus.usart2\n{more}");
    boot_target(&cue_of(speaks, ""), &target)
}

#[test]
fn a_script_creates_the_board() {
    let script = "mach create \"one\"\nmach create \"two\"";
    for (speaks, _) in SPEAKS {
        let more = format!(
            "variables: {{bin: '@{}', n: 5}}",
            sample("shell.elf").display()
        );
        let said = boot_script(speaks, script, &more).unwrap_or_else(|e| panic!("{speaks}: {e}"));
        assert!(said.ends_with(" is fine\n"), "{said}");
        let said = boot_script(speaks, script, "machine_name: one").unwrap();
        assert!(said.ends_with(" is fine\n"), "{said}");
    }
    let fails: [(&str, &str, &[&str]); 7] = [
        ("", "", &["tell which machine is the board", "machine_name"]),
        (script, "machine_name: three", &["Machine three not found."]),
        (
            "nope",
            "",
            &[
                "/board.resc\": Renode refused `include @",
                "No such command or device: nope",
            ],
        ),
        (
            "mach create \"a\"\nmach create \"a\"",
            "",
            &[
                "/board.resc\": ",
                "command 'mach create \"a\"'",
                "already taken",
            ],
        ),
        (
            "mach create \"a\"\nstart",
            "",
            &[
                "/board.resc\": ",
                "the script lets it run before its UART is connected",
                "remove `start`",
            ],
        ),
        (
            "mach create \"a\"\nstart\npause",
            "",
            &["the script lets it run before its UART is connected"],
        ),
        (
            "mach create \"a`quit`\"",
            "",
            &["/board.resc\": ", "as a machine's name", "'`'"],
        ),
    ];
    for (script, more, expected) in fails {
        for (speaks, _) in SPEAKS {
            let error = boot_script(speaks, script, more).expect_err(script);
            for part in expected {
                assert!(error.contains(part), "{script}: no {part:?} in: {error}");
            }
        }
    }
}

#[test]
fn extra_commands_are_named_by_their_index() {
    let cases = [
        (
            "nosuchcommand",
            "extra_commands[1]: Renode refused `nosuchcommand`: No such command or device",
        ),
        ("mach create \\\"unclosed", "Could not tokenize here:"),
        (
            "Save @/no/such/dir/x",
            "extra_commands[1]: while setting up the board: Renode exited with status 1",
        ),
    ];
    for (command, expected) in cases {
        let more = format!("extra_commands: ['mach set \"nope\"', \"{command}\"]");
        for (speaks, _) in SPEAKS {
            let error = boot(&cue_of(speaks, ""), &more).expect_err(command);
            assert!(error.contains(expected), "{command}: {error}");
        }
    }
    let slow = "extra_commands: [\"sleep forever\"]\ntimeouts: {command: 500ms}";
    let error = boot(&fake_renode(""), slow).unwrap_err();
    let expected = "extra_commands[0]: Renode has not done `sleep forever` after 500ms";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_port_of_another_process_is_not_used() {
    let socket = "uart_transport: socket";
    for first in ["taken:0", "taken:1", "taken:5"] {
        let said =
            boot(&fake_renode(first), socket).unwrap_or_else(|error| panic!("{first}: {error}"));
        assert_eq!(said, "Renode 1.16.1 (Mono) is fine\n", "{first}");
    }
    let error = boot(&fake_renode("taken:1000"), socket).unwrap_err();
    for part in ["CreateServerSocketTerminal", "Address already in use"] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

#[test]
fn a_missing_program_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_boot_once"))
        .arg(written(directory.path(), &target("")))
        .env("VTARGET_RENODE", directory.path().join("renode"))
        .output()
        .unwrap();
    let error = String::from_utf8(done.stderr).unwrap();
    for part in [
        "cannot find Renode: VTARGET_RENODE is",
        "does not exist",
        "install-renode",
    ] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

/// Runs in a directory with a space, without `HOME`, under `LANG=C`.
#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_real_renode_behind_a_launcher_works() {
    let named = std::env::var("VTARGET_RENODE").unwrap_or_default();
    let renode = if named.is_empty() { "renode" } else { &named };
    let said = boot(&format!("'{renode}' \"$@\""), "").unwrap();
    assert!(said.ends_with(" is fine\n"), "{said}");
}

/// Board settings for virtual time, in which a guest that does nothing is noticed soon.
const VIRTUAL: &str = "clock: virtual\ntimeouts: {expect: 100ms, command: 2s}\n";

#[test]
fn virtual_time_works_however_reports_are_cut() {
    for kind in ["", "drip@run"] {
        boot(&fake_renode(kind), VIRTUAL).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[test]
fn a_fault_in_virtual_time_is_named() {
    const SLOW: &str =
        "virtual time had passed: the emulator answers, but guest time advances too slowly";
    const HUNG: &str = "virtual time had passed: the emulator hangs: it does not answer";
    for (kind, expected) in [
        ("garbage@run", "driving its clock failed: what_is_this 1 2"),
        (
            "error@run",
            "driving its clock failed: error: the guest is out of order",
        ),
        ("close@run", SLOW),
        ("hang@run", SLOW),
        ("hang@clock", HUNG),
        ("exit@run", "Renode exited with status 2"),
        ("die@run", "Renode exited with status 1"),
        ("kill@run", "Renode was killed by SIGKILL"),
    ] {
        let error = boot(&fake_renode(kind), VIRTUAL).unwrap_err();
        assert!(error.contains(expected), "{kind}: {error}");
    }
}

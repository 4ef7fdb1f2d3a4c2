//! Bad input gets its own clear error and starts no emulator; unusual but valid input works.

use std::fs;
use std::path::Path;

use engine_tests::leftovers::assert_no_emulators;
use engine_tests::{alone, alone_on_each_engine, bare_on, root, sample};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Error, ErrorKind, VirtualTarget};

fn boot_error(engine: BackendKind, firmware: &Path) -> Error {
    let outcome = bare_on(engine).firmware(firmware).boot().wait();
    assert_no_emulators("something was started");
    outcome.expect_err("bad firmware was accepted")
}

alone_on_each_engine! {
    fn bad_firmware_is_refused(engine) {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.elf");
        fs::write(&empty, "").unwrap();
        let truncated = dir.path().join("truncated.elf");
        fs::write(&truncated, &fs::read(sample("hello.elf")).unwrap()[..40]).unwrap();
        let cases: [(&Path, &str); 5] = [
            (Path::new("nowhere/to.elf"), "nowhere/to.elf"),
            (dir.path(), "directory"),
            (&empty, "empty"),
            (&truncated, "truncated.elf"),
            (&std::env::current_exe().unwrap(), "built for"),
        ];
        for (firmware, part) in cases {
            let error = boot_error(engine, firmware);
            assert!(matches!(error.kind(), ErrorKind::Firmware(_)), "{error:?}");
            assert!(error.to_string().contains(part), "no {part:?} in: {error}");
        }
        Ok(())
    }

    fn bad_firmware_does_not_change_a_running_board(engine) {
        let board = bare_on(engine).firmware(sample("shell.elf")).boot().wait()?;
        board.uart().expect("> ").wait()?;
        board.flash("nowhere/to.elf").wait().unwrap_err();
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        Ok(())
    }

    fn odd_firmware_paths_work(engine) {
        let dir = tempfile::tempdir().unwrap();
        let long = "n".repeat(200);
        let names = ["with space.elf", "semi;colon.elf", "quo\"te'.elf", "dol$HOME.elf", "ümläut-固件.elf",
            "comma,comma.elf", "`id`.elf", "back\\slash.elf", "-dash.elf", &long];
        let board = bare_on(engine).build()?;
        for name in names {
            let firmware = dir.path().join(name);
            fs::copy(sample("hello.elf"), &firmware).unwrap();
            board.flash(&firmware).wait()?;
            board.power_on().wait()?; // the first time; afterwards the flash has restarted it
            board.uart().expect_line("Hello from hello").wait()?;
        }
        Ok(())
    }

    fn bad_yaml_starts_nothing(engine) {
        let dir = tempfile::tempdir().unwrap();
        let good = fs::read_to_string(root().join("fixtures/stm32f4.yaml")).unwrap();
        let cases = [
            (good.clone() + "platfrom: x\n", "did you mean"),
            (good.clone() + "extra_commands: 7\n", "extra_commands"),
            (good.clone() + "forbid: ['re:panic$']\n", "forbid[0]: the pattern"),
            (good.clone() + "prompt: 're:>\\b'\n", "prompt: the pattern"),
            (good.clone() + "prompt: \"\\e[1;32muart:~$ \\e[m\"\n", "strip_ansi: false"),
            (good.clone() + "forbid: [\"\\e[31mE\"]\n", "forbid[0]: the pattern"),
            (good.replace("machine_name: stm32f4", "machine_name: 'st\"m'"), "machine_name"),
            (good.replace("machine_name: stm32f4", "machine_name: \"st\\nm\""), "machine_name"),
        ];
        for (text, part) in cases {
            let file = dir.path().join("board.yaml");
            fs::write(&file, text).unwrap();
            let error = VirtualTarget::from_yaml(&file).backend(engine).boot().wait().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Config(_)), "{error:?}");
            for part in [part, "board.yaml:"] {
                assert!(error.to_string().contains(part), "no {part:?} in: {error}");
            }
        }
        assert_no_emulators("something was started");
        Ok(())
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn an_unknown_qemu_machine_is_named_with_its_line() {
    let _alone = alone();
    for (board, place, complaint) in [
        (
            "machine: netduino9",
            "<yaml>:2:8: qemu.machine: \"netduino9\" (did you mean `netduino2`?): ",
            "unsupported machine type",
        ),
        (
            "machine: netduino2, cpu: cortex-m33x",
            "<yaml>:2:28: qemu.cpu: \"cortex-m33x\" (did you mean `cortex-m3",
            "CPU",
        ),
    ] {
        let text = format!("backend: qemu\nqemu: {{{board}}}\n");
        let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
        let target = VirtualTarget::from_config(config).backend(BackendKind::Qemu);
        let error = target.boot().wait().unwrap_err().to_string();
        for part in [place, complaint] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
    }
}

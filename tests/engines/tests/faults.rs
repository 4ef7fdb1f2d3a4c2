//! The errors of a test whose emulator fails: in every cell of the table of
//! steps and faults with the stand-in, and with real emulators that are damaged or killed.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use engine_tests::emulator_variant::{program, write_launcher};
use engine_tests::leftovers::{assert_no_emulators, emulators, gone_within, processes_with_tmpdir};
use engine_tests::{alone, alone_on_each_engine, faults, sample, shell_on};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use virtual_target::config::BackendKind;
use virtual_target::{TargetBuilder, VirtualTarget, secs};

/// A limit far below a wait of ten minutes, on any host.
const AT_ONCE: Duration = Duration::from_secs(30);

/// Signals the groups of this process's emulators.
fn signal(signal: Signal) {
    for pid in emulators() {
        // In each group only the leader's process id is also the group's.
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

alone_on_each_engine! {
    fn killing_the_emulator_fails_a_wait_at_once(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect("> ").wait()?;
        let killer = std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            signal(Signal::SIGKILL);
        });
        let since = Instant::now();
        let error = board.uart().expect("never").within(secs(600)).wait().unwrap_err();
        assert!(since.elapsed() < AT_ONCE, "after {:?}: {error}", since.elapsed());
        assert!(error.to_string().contains("was killed by SIGKILL"), "{error}");
        killer.join().unwrap();
        let error = board.reset().wait().unwrap_err().to_string();
        assert!(error.contains("its emulator is gone"), "{error}");
        // It can be powered on again.
        board.power_on().wait()?;
        board.uart().expect("> ").wait().map(drop)
    }

    fn a_halted_processor_fails_a_wait_at_once(engine) {
        // The stack pointer, the entry point, `ldr r0, [pc]; bx r0`, and the jump's target: no memory.
        let nowhere = [0x2000_1000u32, 0x0800_0009, 0x4700_4800, 0xf000_0001];
        let nowhere = nowhere.map(u32::to_le_bytes).concat();
        for (image, on_renode) in [
            (nowhere, "has halted: cpu: CPU abort [PC=0xF0000000]: "),
            (vec![0; 64], "has halted: cpu: PC does not lay in memory"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let renode = engine == BackendKind::Renode;
            let on_qemu = "QEMU gave up, because the processor locked up at PC=0x";
            let expected = if renode { on_renode } else { on_qemu };
            let never = |board: &VirtualTarget| {
                let since = Instant::now();
                let error = board.uart().expect("never").within(secs(5)).wait().unwrap_err();
                assert!(since.elapsed() < AT_ONCE, "after {:?}: {error}", since.elapsed());
                assert!(error.to_string().contains(expected), "{error}");
                assert!(error.to_string().contains("\n  at tests/engines/tests/faults.rs:"), "{error}");
            };
            // QEMU halts at once, perhaps before it has answered: the boot does not report the halt.
            let board = board_with(engine, directory.path(), &image).boot().wait()?;
            never(&board);
            if renode {
                // A reset restarts it, and the halt is detected again.
                board.reset().wait()?;
                never(&board);
            }
        }
        Ok(())
    }

    fn a_processor_that_locks_up_fails_a_wait_at_once(engine) {
        let (reset, handler) = (0x0800_001d, 0x0800_001f);
        // The vectors, then `udf #0` and, as the handler, `udf #1`.
        let image = [0x2000_1000u32, reset, handler, handler, handler, handler, handler, 0xde01_de00];
        let directory = tempfile::tempdir().unwrap();
        let image = image.map(u32::to_le_bytes).concat();
        let board = board_with(engine, directory.path(), &image).boot().wait()?;
        let renode = engine == BackendKind::Renode;
        let expected = match renode {
            true => "processor cpu locked up at PC=0x0800001e: a UsageFault that it cannot take",
            false => "QEMU gave up, because the processor locked up at PC=0x0800001e: ",
        };
        let locks_up = || {
            let since = Instant::now();
            let error = board.uart().expect("never").within(secs(60)).wait().unwrap_err();
            assert!(since.elapsed() < AT_ONCE, "after {:?}: {error}", since.elapsed());
            assert!(error.to_string().contains(expected), "{error}");
        };
        locks_up();
        if renode {
            // A reset restarts it, and the lock-up is detected again.
            board.reset().wait()?;
            locks_up();
        }
        Ok(())
    }

    fn a_processor_that_takes_its_faults_is_not_locked_up(engine) {
        let (reset, handler) = (0x0800_001d, 0x0800_0021);
        // The vectors, then `udf #0; b .-2`, and a handler that returns behind the `udf`:
        // `ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; bx lr`.
        let vectors = [0x2000_1000u32, reset, handler, handler, handler, handler, handler];
        let code = [0xe7fd_de00, 0x3002_9806, 0x4770_9006];
        let image = [vectors.as_slice(), &code].concat();
        let image: Vec<u8> = image.into_iter().flat_map(u32::to_le_bytes).collect();
        let directory = tempfile::tempdir().unwrap();
        let board = board_with(engine, directory.path(), &image).boot().wait()?;
        let error = board.uart().expect("never").within(Duration::from_millis(100)).wait().unwrap_err();
        assert!(error.to_string().contains("timed out after"), "{error}");
        Ok(())
    }

    fn a_wait_on_a_stopped_emulator_names_the_cause(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect("> ").wait()?;
        board.engine().wait()?; // until Renode has answered all commands of the boot
        signal(Signal::SIGSTOP);
        let error = board.uart().expect("never").within(secs(1)).wait();
        signal(Signal::SIGCONT);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("timed out after"), "{error}");
        assert!(error.contains("its emulator is stopped by a signal"), "{error}");
        Ok(())
    }

    fn an_operation_on_a_stopped_emulator_keeps_its_time_limit(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect("> ").wait()?;
        signal(Signal::SIGSTOP);
        let error = board.reset().within(secs(1)).wait().unwrap_err().to_string();
        assert!(error.contains("took longer than 1s while resetting the board"), "{error}");
        let error = board.reset().wait().unwrap_err().to_string();
        assert!(error.contains("the target is off"), "{error}");
        assert_no_emulators("after the board");
        Ok(())
    }
}

/// Returns a board whose memory holds `image`, at the address from which it starts.
fn board_with(engine: BackendKind, directory: &Path, image: &[u8]) -> TargetBuilder {
    let file = directory.join("image.bin");
    std::fs::write(&file, image).unwrap();
    let description = directory.join("target.yaml");
    let text = format!(
        "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n\
         qemu: {{machine: netduinoplus2, serial: 1}}\nload_address: 0x08000000\nfirmware: {file:?}\n"
    );
    std::fs::write(&description, text).unwrap();
    VirtualTarget::from_yaml(&description).backend(engine)
}

/// Boots on an emulator that `script` simulates; returns the error. Nothing may be left.
fn boot_error(engine: BackendKind, script: &str, adapt: impl FnOnce(&mut Command)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let tmp = directory.path().join("tmp");
    std::fs::create_dir(&tmp).unwrap();
    let launcher = write_launcher(directory.path(), script);
    let (name, variable) = match engine {
        BackendKind::Qemu => ("qemu", "VTARGET_QEMU"),
        _ => ("renode", "VTARGET_RENODE"),
    };
    let mut command = Command::new(program("boot_once"));
    command
        .arg(description(directory.path(), name))
        .env(variable, launcher)
        .env("TMPDIR", &tmp);
    adapt(&mut command);
    let since = Instant::now();
    let output = command.output().unwrap();
    assert!(since.elapsed() < AT_ONCE, "it took {:?}", since.elapsed());
    assert!(!output.status.success(), "{script}: it went well");
    gone_within(
        Duration::from_secs(5),
        &processes_with_tmpdir(&tmp),
        &tmp,
        -1,
    )
    .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn description(directory: &Path, engine: &str) -> std::path::PathBuf {
    let description = directory.join("target.yaml");
    let text = format!(
        "backend: {engine}\nplatform: platforms/boards/stm32f4_discovery-kit.repl\n\
         uart: sysbus.usart2\nqemu: {{machine: netduinoplus2, serial: 1}}\n\
         firmware: {:?}\ntimeouts: {{command: 2s, boot: 2s, expect: 4s}}\n",
        sample("shell.elf")
    );
    std::fs::write(&description, text).unwrap();
    description
}

#[test]
fn a_failing_qemu_is_named() {
    let _alone = alone();
    let late = "QEMU took longer than 2s while booting the board";
    for (script, expected) in [
        (
            "echo 'no such machine' >&2; exit 3",
            "while starting QEMU: QEMU exited with status 3; its last words:\n    no such machine",
        ),
        (
            "kill -9 $$",
            "while starting QEMU: QEMU was killed by SIGKILL",
        ),
        (
            "echo 'who are you' >&3; exec sleep 600",
            "QEMU sent something unexpected while starting QEMU: who are you",
        ),
        (
            "head -c 2000000 /dev/zero >&3; exec sleep 600",
            "QEMU sent something unexpected while starting QEMU: a line of more than 1048576 bytes",
        ),
        ("exec sleep 600", late),
        ("kill -STOP $$", late),
        ("exec 3>&- 3<&- 4>&- 4<&-; exec sleep 600", late),
        ("sleep 600 & sleep 600 & wait", late),
    ] {
        let error = boot_error(BackendKind::Qemu, script, |_| ());
        assert!(error.contains(expected), "{script}: {error}");
        let blamed = error.contains("target.yaml:");
        assert!(!blamed, "the file has nothing to do with it: {error}");
    }
}

#[test]
fn a_renode_with_an_endless_line_is_named() {
    let _alone = alone();
    let error = boot_error(
        BackendKind::Renode,
        "head -c 2000000 /dev/zero; exec sleep 600",
        |_| (),
    );
    assert!(
        error.contains(
            "Renode sent something unexpected while starting Renode: a line of more than 1048576 bytes"
        ),
        "{error}"
    );
}

#[test]
fn an_unwritable_temporary_directory_is_named() {
    let _alone = alone();
    let error = boot_error(BackendKind::Renode, "exec sleep 600", |command| {
        command.env("TMPDIR", "/proc");
    });
    assert!(
        error.contains("cannot make the private directory \"/proc/virtual-target-"),
        "{error}"
    );
    assert!(
        error.contains("set TMPDIR to a directory that this user can write to"),
        "{error}"
    );
}

#[test]
fn every_fault_at_every_step_is_named_and_leaves_nothing() {
    let _alone = alone();
    let cells = faults::cells();
    assert!(cells.len() > 150, "the table has shrunk to {}", cells.len());
    let failed = faults::failed(&cells);
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        cells.len(),
        failed.join("\n\n")
    );
}

#[test]
#[cfg_attr(
    not(mounts),
    ignore = "this user may not mount a file system to fill (unshare -m, mount)"
)]
fn a_full_disk_is_named() {
    let _alone = alone();
    let script = format!("exec '{}' \"$@\"", program("fake-renode").display());
    let error = boot_error(BackendKind::Renode, &script, |command| {
        let mut wrapped = Command::new("unshare");
        let mount = "mount -t tmpfs -o size=4k none \"$TMPDIR\" && exec \"$@\"";
        wrapped
            .args(["-m", "sh", "-c", mount, "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            wrapped.env(name, value.unwrap_or_default());
        }
        *command = wrapped;
    });
    assert!(
        error.contains("copying the firmware to the private directory"),
        "{error}"
    );
    assert!(error.contains("No space left on device"), "{error}");
}

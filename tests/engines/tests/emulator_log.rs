//! Waits for lines of an emulator's log.

use std::time::Duration;

use engine_tests::{bare_on, images, in_virtual_time, on_each_engine, on_renode, root, sample};
use tempfile::TempDir;
use virtual_target::config::{BackendKind, ClockKind, TargetConfig};
use virtual_target::{DebugError, Error, ErrorKind, Result, VirtualTarget, millis, secs};

/// Matches what the engines log of an access to a peripheral that they do not have.
const ACCESS_TO_NOTHING: &str = "re:non existing peripheral|unimplemented device";

/// The address of USB OTG FS, which neither engine has.
const NOTHING: u32 = 0x5000_0000;

/// Some milliseconds on QEMU, and 0.14 s on Renode, whose processor does 100 million instructions in a second.
const DELAY: u32 = 7_000_000;

/// Builds a board that reads the word at `NOTHING` once, after a while, and the directory of its firmware.
fn reading(engine: BackendKind, clock: ClockKind) -> Result<(VirtualTarget, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image.bin");
    std::fs::write(&file, images::reading(DELAY, NOTHING)).unwrap();
    let text = "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n\
                qemu: {machine: netduinoplus2, serial: 1, args: [-d, \"guest_errors,unimp\"]}\n\
                load_address: 0x08000000\n";
    let mut config = TargetConfig::from_yaml_str(text, root())?.to_builder();
    if engine == BackendKind::Renode {
        config = config.field("clock", clock);
    }
    let board = VirtualTarget::from_config(config.build()?).backend(engine);
    Ok((board.firmware(&file).boot().wait()?, directory))
}

fn debug_error(error: Error) -> DebugError {
    match error.into_kind() {
        ErrorKind::Debug(error) => error,
        other => panic!("{other}"),
    }
}

on_each_engine! {
    fn a_line_is_waited_for_once(engine) {
        for clock in [ClockKind::Realtime, ClockKind::Virtual] {
            let (board, _firmware) = reading(engine, clock)?;
            let line = board.expect_log(ACCESS_TO_NOTHING).wait()?;
            let names_it = ["0x50000000", "USB OTG FS"].iter().any(|it| line.contains(it));
            assert!(names_it, "{line}");
            assert_eq!(line.trim_end(), line);
            let error = board.expect_log(ACCESS_TO_NOTHING).within(millis(20)).wait().unwrap_err();
            let message = error.to_string();
            let expected = format!(
                "has logged no line with {ACCESS_TO_NOTHING:?} in 20ms; it has logged nothing since the last \
                 `expect_log`\n  firmware: in an endless loop, at 0x080000"
            );
            assert!(message.contains(&expected), "{message}");
            assert!(message.contains("\n  at tests/engines/tests/emulator_log.rs:"), "{message}");
            assert!(message.contains("\n  artifacts: "), "{message}");
            board.expect_no_log(ACCESS_TO_NOTHING, millis(20)).wait()?;
            // The line is logged again after a start: with or without a power cycle.
            match clock {
                ClockKind::Virtual => board.reset().wait()?,
                _ => board.power_cycle().wait()?,
            }
            board.expect_log(ACCESS_TO_NOTHING).wait()?;
            let error = board.expect_log(ACCESS_TO_NOTHING).within(millis(20)).wait().unwrap_err();
            assert!(matches!(debug_error(error), DebugError::NotLogged { waited, .. } if waited == millis(20)));
        }
        Ok(())
    }

    fn a_line_that_must_not_come_ends_the_wait_at_once(engine) {
        for clock in [ClockKind::Realtime, ClockKind::Virtual] {
            let (board, _firmware) = reading(engine, clock)?;
            board.expect_no_log("no such thing", millis(1)).wait()?;
            let error = board.expect_no_log(ACCESS_TO_NOTHING, secs(600)).wait().unwrap_err();
            let message = error.to_string();
            let expected = format!("has logged a line with {ACCESS_TO_NOTHING:?}:\n  | ");
            assert!(message.contains(&expected), "{message}");
            assert!(message.contains("\n  firmware: in an endless loop, at 0x080000"), "{message}");
            assert!(error.post_mortem().is_some_and(|it| message.contains(it.lines().next().unwrap())));
            // It stays to be looked at.
            board.expect_log(ACCESS_TO_NOTHING).wait()?;
        }
        Ok(())
    }

    fn the_last_lines_are_in_the_error_of_a_line_that_has_not_come(engine) {
        let (board, _firmware) = reading(engine, ClockKind::Realtime)?;
        let error = board.expect_log("re:never").within(secs(2)).wait().unwrap_err();
        let message = error.to_string();
        assert!(message.contains("in 2s; its last lines:\n  | "), "{message}");
        assert!(["0x50000000", "USB OTG FS"].iter().any(|it| message.contains(it)), "{message}");
        Ok(())
    }

    fn what_cannot_match_a_line_is_refused(engine) {
        let (board, _firmware) = reading(engine, ClockKind::Realtime)?;
        let error = board.expect_log("a\nb").wait().unwrap_err().to_string();
        assert!(error.contains("a log is looked at line by line, without theirs"), "{error}");
        let closure = |text: &[u8]| (!text.is_empty()).then_some(0..1);
        let error = board.expect_no_log(closure, secs(1)).wait().unwrap_err().to_string();
        assert!(error.contains("a closure cannot stand guard or look at the emulator's log"), "{error}");
        Ok(())
    }

    fn a_board_that_is_off_logs_nothing(engine) {
        let (board, _firmware) = reading(engine, ClockKind::Realtime)?;
        board.power_off().wait()?;
        let error = board.expect_log("never").wait().unwrap_err().to_string();
        assert!(error.contains("cannot look at the emulator's log of "), "{error}");
        Ok(())
    }
}

on_renode! {
    fn a_wait_for_the_log_ends_at_the_same_virtual_time() -> Result<()> {
        let mut seen = Vec::new();
        for _ in 0..3 {
            let (board, _firmware) = reading(BackendKind::Renode, ClockKind::Virtual)?;
            board.expect_log(ACCESS_TO_NOTHING).wait()?;
            let found = board.metrics().wait()?.virtual_time;
            board.expect_no_log(ACCESS_TO_NOTHING, Duration::from_micros(123_456)).wait()?;
            seen.push((found, board.metrics().wait()?.virtual_time - found));
        }
        // An instruction takes 10 ns; the count has two in each round.
        let caused = Duration::from_nanos(u64::from(DELAY) * 2 * 10);
        assert!(seen[0].0 >= caused && seen[0].0 < caused * 9 / 8 + millis(1), "{seen:?} {caused:?}");
        let more = seen[0].1.checked_sub(Duration::from_micros(123_456)).unwrap();
        assert!(more < Duration::from_micros(1), "each step ends with an instruction: {more:?}");
        assert!(seen.iter().all(|it| *it == seen[0]), "{seen:?}");
        Ok(())
    }

    fn the_log_of_a_halt_is_found() -> Result<()> {
        for clock in [ClockKind::Realtime, ClockKind::Virtual] {
            let halting = || {
                let board = bare_on(BackendKind::Renode).firmware(sample("shell.elf")).boot().wait()?;
                board.uart().expect("> ").wait()?;
                let stack = board.registers().wait()?.get("sp").unwrap();
                board.write_bytes(stack, vec![0xff; 0x40]).wait()?;
                board.uart().send_line("sleep 1").wait()?;
                Ok::<_, Error>(board)
            };
            let board = match clock {
                ClockKind::Virtual => in_virtual_time(halting)?,
                _ => halting()?,
            };
            board.expect_log("CPU abort").wait()?;
        }
        Ok(())
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_qemu_that_logs_nothing_says_how_to_let_it() -> Result<()> {
    let board = bare_on(BackendKind::Qemu)
        .firmware(sample("shell.elf"))
        .boot()
        .wait()?;
    let error = board.expect_log("x").wait().unwrap_err().to_string();
    let expected = "QEMU cannot tell what it logs: it logs nothing of the guest unless it is told to at its \
                    start; add `qemu: {args: [-d, \"guest_errors,unimp\"]}`";
    assert!(error.contains(expected), "{error}");
    let board = bare_on(BackendKind::Qemu)
        .firmware(sample("shell.elf"))
        .fail_on_log("no such thing")
        .boot()
        .wait()?;
    // It has read a register at its start that QEMU does not have.
    board
        .expect_log("RCC: unimplemented device read")
        .wait()
        .map(drop)
}

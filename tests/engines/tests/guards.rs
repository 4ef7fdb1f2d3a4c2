//! Forbidden patterns of a target's description, on each engine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine_tests::{images, on_each_engine, on_renode, root, sample, sample_for};
use virtual_target::config::{BackendKind, ClockKind, TargetConfig};
use virtual_target::uart::UartErrorKind;
use virtual_target::{ErrorKind, Result, VirtualTarget, millis, secs};

/// Boots a board to its prompt; `pattern` must never appear on it.
fn guarded(engine: BackendKind, pattern: &str) -> Result<VirtualTarget> {
    let config = TargetConfig::from_file(root().join("fixtures/stm32f4.yaml"))?;
    let config = config.to_builder().field("forbid", [pattern]).build()?;
    let board = VirtualTarget::from_config(config)
        .backend(engine)
        .firmware(sample("shell.elf"))
        .boot()
        .wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

/// Makes the firmware crash, and waits for that without an operation that could fail because of it.
fn crash(board: &VirtualTarget) -> Result<()> {
    board.uart().send_line("panic").wait()?;
    while !board.uart().transcript_text()?.contains("HardFault at") {
        std::thread::yield_now();
    }
    Ok(())
}

/// Matches what the engines log of an access to a peripheral that they do not have.
const ACCESS_TO_NOTHING: &str = "re:non existing peripheral|unimplemented device";

/// Builds a board whose firmware reads the word at `address` once, and then loops; `ACCESS_TO_NOTHING`
/// must never appear in the log of its emulator.
fn reading(
    engine: BackendKind,
    address: u32,
    clock: ClockKind,
    reuse: &str,
) -> Result<VirtualTarget> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image.bin");
    std::fs::write(&file, images::reading(1, address)).unwrap();
    let config = TargetConfig::from_file(root().join("fixtures/stm32f4.yaml"))?;
    let mut config = config.to_builder().field("load_address", "0x08000000");
    if engine == BackendKind::Renode {
        config = config.field("clock", clock).field("reuse", reuse);
    }
    let board = VirtualTarget::from_config(config.build()?).backend(engine);
    let board = board.firmware(&file).fail_on_log(ACCESS_TO_NOTHING);
    board.boot().wait()
}

/// The address of USB OTG FS, which neither engine has, and of the flash.
const NOTHING: u32 = 0x5000_0000;
const FLASH: u32 = 0x0800_0000;

fn names_the_place(message: &str) -> bool {
    message.contains("\n  target made at tests/engines/tests/guards.rs:")
        && message.contains("\n  artifacts: ")
}

on_each_engine! {
    fn a_forbidden_pattern_fails_the_pending_operation(engine) {
        let board = guarded(engine, "re:HardFault at 0x[0-9a-f]+")?;
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        board.uart().send_line("panic").wait()?;
        let error = board.uart().expect_line("pong").within(secs(60)).wait().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Uart(e) if matches!(e.kind(), UartErrorKind::Forbidden { .. })), "{error}");
        // The error still exists and has reported it: the shutdown succeeds.
        board.shutdown().wait()
    }

    fn an_ignored_guard_error_fails_the_drop(engine) {
        let board = guarded(engine, "HardFault")?;
        board.uart().send_line("panic").wait()?;
        let _ = board.uart().expect("never").within(secs(60)).wait();
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(board))).unwrap_err();
        let message = panicked.downcast_ref::<String>().map_or("", String::as_str);
        assert!(message.contains(r#"the forbidden pattern "HardFault" appeared, which no error of the test has reported before its end"#), "{message}");
        let board = guarded(engine, "HardFault")?;
        board.uart().send_line("panic").wait()?;
        assert!(board.uart().expect("never").within(secs(60)).wait().is_err());
        let error = board.shutdown().wait().unwrap_err().to_string();
        assert!(names_the_place(&error), "{error}");
        Ok(())
    }

    fn a_guard_error_quotes_the_whole_line(engine) {
        let board = guarded(engine, "re:Hard")?;
        board.uart().send_line("panic").wait()?;
        let error = board.uart().expect("never").within(secs(60)).wait().unwrap_err();
        let message = error.to_string();
        assert!(message.contains("HardFault at 0x"), "{message}");
        board.shutdown().wait()
    }

    fn a_forbidden_line_of_the_log_fails_the_pending_operation(engine) {
        for clock in [ClockKind::Realtime, ClockKind::Virtual] {
            let board = reading(engine, NOTHING, clock, "process")?;
            let error = board.uart().expect("never").within(secs(60)).wait().unwrap_err();
            let message = error.to_string();
            let begin = format!("the forbidden pattern {ACCESS_TO_NOTHING:?} appeared in the emulator's log, noticed by \
                 expect(\"never\"); the line of the log:\n  | ");
            assert!(message.contains(&begin), "{message}");
            // The error still exists and has reported it: the shutdown succeeds.
            board.shutdown().wait()?;
        }
        Ok(())
    }

    fn a_forbidden_line_of_the_log_fails_the_end(engine) {
        let board = reading(engine, NOTHING, ClockKind::Realtime, "process")?;
        let _ = board.uart().expect("never").within(secs(60)).wait();
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(board))).unwrap_err();
        let message = panicked.downcast_ref::<String>().map_or("", String::as_str);
        assert!(message.contains("the line of the log:\n  | ") && names_the_place(message), "{message}");
        Ok(())
    }

    /// Nothing has waited: the line may still be on its way when the target is dropped.
    fn the_log_is_read_to_its_end(engine) {
        for reuse in ["process", "run"].repeat(3) {
            let board = reading(engine, NOTHING, ClockKind::Realtime, reuse)?;
            // Until the firmware has read it.
            while board.pc().wait()? != 0x0800_0012 {}
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(board)));
            assert!(dropped.is_err(), "the drop has not noticed it");
        }
        Ok(())
    }

    fn a_log_without_the_pattern_fails_nothing(engine) {
        for clock in [ClockKind::Realtime, ClockKind::Virtual] {
            let board = reading(engine, FLASH, clock, "process")?;
            board.run_for(millis(200)).wait()?;
            drop(board);
        }
        let board = reading(engine, FLASH, ClockKind::Realtime, "process")?;
        board.reset().wait()?;
        board.shutdown().wait()
    }

    fn a_pattern_of_the_builder_is_checked_before_the_boot(engine) {
        let builder = || VirtualTarget::from_yaml(root().join("fixtures/stm32f4.yaml")).backend(engine);
        for (pattern, why) in [
            ("boom\n", "\"boom\\n\" contains an end-of-line, and a log is looked at line by line"),
            ("re:(", "\"re:(\" is no regular expression"),
        ] {
            let error = builder().fail_on_log(pattern).build().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        Ok(())
    }

    fn a_lifted_guard_allows_the_fault(engine) {
        let board = guarded(engine, "no such thing")?;
        let guard = board.uart().forbid("HardFault")?;
        guard.lift();
        board.uart().send_line("panic").wait()?;
        board.uart().expect_line("HardFault at").wait()?;
        board.shutdown().wait()
    }

    fn an_unreported_forbidden_pattern_fails_the_shutdown(engine) {
        let board = guarded(engine, "HardFault")?;
        crash(&board)?;
        let error = board.shutdown().wait().unwrap_err().to_string();
        assert!(error.contains(r#"the forbidden pattern "HardFault" appeared, which no error of the test has reported before its end"#), "{error}");
        assert!(names_the_place(&error), "{error}");
        Ok(())
    }

    fn an_unreported_forbidden_pattern_fails_the_drop(engine) {
        let board = guarded(engine, "HardFault")?;
        crash(&board)?;
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(board))).unwrap_err();
        let message = panicked.downcast_ref::<String>().map_or("", String::as_str);
        assert!(message.contains(r#"the forbidden pattern "HardFault" appeared"#), "{message}");
        assert!(names_the_place(message), "{message}");
        Ok(())
    }
}

on_renode! {
    fn the_place_in_a_forbidden_line_of_the_log_is_named() -> Result<()> {
        let config = TargetConfig::from_file(root().join("fixtures/stm32f4.yaml"))?;
        let board = VirtualTarget::from_config(config)
            .backend(BackendKind::Renode)
            .firmware(sample_for("faults", "missing-O0.elf"))
            .fail_on_log(ACCESS_TO_NOTHING)
            .boot()
            .wait()?;
        board.uart().expect("ready").wait()?;
        board.uart().send("d").wait()?;
        let error = board.uart().expect("never").within(secs(60)).wait().unwrap_err();
        let message = error.to_string();
        let address = message.split("[cpu: ").nth(1).and_then(|it| it.split(']').next()).unwrap();
        let named = format!("\n  {address} is in read_sensor (main.c:24)\n");
        assert!(message.contains(&named), "{message}");
        board.shutdown().wait()
    }
}

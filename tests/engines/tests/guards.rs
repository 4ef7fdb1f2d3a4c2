//! Forbidden patterns of a target's description, on each engine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine_tests::{on_each_engine, root, sample};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::uart::UartErrorKind;
use virtual_target::{ErrorKind, Result, VirtualTarget, secs};

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
        assert!(message.contains(r#"the forbidden pattern "HardFault" appeared, noticed by the end of the test"#), "{message}");
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
        assert!(error.contains(r#"the forbidden pattern "HardFault" appeared, noticed by the end of the test"#), "{error}");
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

//! The virtual clock: the board stands still except while a test waits, and stops at the
//! very byte or moment.

use std::time::{Duration, Instant};

use engine_tests::{on_renode, root, sample};
use virtual_target::config::{BackendKind, ClockKind, TargetConfig};
use virtual_target::{Result, TargetBuilder, VirtualTarget, millis, secs};

fn config() -> TargetConfig {
    let mut config = TargetConfig::from_file(root().join("fixtures/stm32f4.yaml")).unwrap();
    config.clock = ClockKind::Virtual;
    config
}

fn target(config: TargetConfig) -> TargetBuilder {
    VirtualTarget::from_config(config)
        .backend(BackendKind::Renode)
        .firmware(sample("shell.elf"))
}

fn shell() -> TargetBuilder {
    target(config())
}

/// What the board's clock shows.
fn now(board: &VirtualTarget) -> Result<Duration> {
    Ok(board.metrics().wait()?.virtual_time)
}

on_renode! {
    fn a_dialogue_in_virtual_time() -> Result<()> {
        let board = shell().boot().wait()?;
        assert_eq!(now(&board)?, Duration::ZERO, "nothing has run yet");
        let uart = board.uart();
        uart.expect_line("Hello from").within(secs(2)).wait()?;
        uart.expect("> ").wait()?;
        uart.send_line("ping").wait()?;
        uart.expect_line("pong").wait()?;
        let before = now(&board)?;
        std::thread::sleep(millis(50));
        assert_eq!(now(&board)?, before, "it stands still");
        board.shutdown().wait()
    }

    fn a_time_limit_is_exact() -> Result<()> {
        let board = shell().boot().wait()?;
        board.uart().expect("> ").wait()?;
        let before = now(&board)?;
        let since = Instant::now();
        let error = board.uart().expect("never").wait().unwrap_err().to_string();
        assert!(error.contains(r#"expect("never") timed out after 10s"#), "{error}");
        assert_eq!(now(&board)? - before, secs(10));
        let took = since.elapsed();
        assert!(took < secs(5), "ten idle seconds took {took:?}");
        board.uart().expect_silence(millis(1234)).wait()?;
        assert_eq!(now(&board)? - before, millis(11_234));
        Ok(())
    }
}

//! The metrics of a board, on real emulators.

#![cfg_attr(not(renode), allow(unused, reason = "Renode's tests are ignored"))]

use engine_tests::{on_renode, shell_on};
use virtual_target::config::BackendKind;
use virtual_target::{Result, secs};

on_renode! {
    fn instructions_and_times_grow() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        let before = board.metrics().wait()?;
        assert_eq!(before.instructions[0].0, "sysbus.cpu");
        uart.send_line("sleep 200").wait()?;
        uart.expect("> ").within(secs(30)).wait()?;
        let after = board.metrics().wait()?;
        assert!(before.total_instructions() > 0, "{before}");
        assert!(after.total_instructions() > before.total_instructions(), "{before}{after}");
        let passed = after.virtual_time - before.virtual_time;
        assert!(passed.as_millis() >= 200, "{before}{after}");
        assert!(after.host_time > before.host_time, "{before}{after}");
        assert!(after.load().unwrap() > 0.0, "{after}");
        board.power_off().wait()?;
        let error = board.metrics().wait().unwrap_err().to_string();
        assert!(error.contains("cannot measure `stm32f4`: the target is off"), "{error}");
        Ok(())
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn qemu_has_no_metrics() -> Result<()> {
    let board = shell_on(BackendKind::Qemu).boot().wait()?;
    let error = board.metrics().wait().unwrap_err().to_string();
    assert!(
        error.contains("QEMU cannot measure what the board has done"),
        "{error}"
    );
    Ok(())
}

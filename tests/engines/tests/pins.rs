//! Pins of a board's GPIO ports.

use std::time::Duration;

use engine_tests::{bare_on, control, in_virtual_time, on_renode, root, sample, shell_on};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::emulator::NoPeripheral;
use virtual_target::{
    DebugError, EmulatorErrorKind, Error, ErrorKind, Result, VirtualTarget, millis, secs,
};

/// The port and the pin that the shell's `led on` sets.
const PORT: &str = "sysbus.gpioPortD";
const PIN: u32 = 12;
const LED: &str = "sysbus.gpioPortD.UserLED";

/// Returns the shell at its prompt.
fn shell() -> Result<VirtualTarget> {
    let board = shell_on(BackendKind::Renode).boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

fn no_peripheral(error: Error) -> NoPeripheral {
    match error.into_kind() {
        ErrorKind::Emulator(error) => match error.kind() {
            EmulatorErrorKind::NoPeripheral { why, .. } => why.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other}"),
    }
}

/// Switches a pin with commands, and looks at it.
fn switches_the_pin() -> Result<()> {
    let board = shell()?;
    let pin = board.pin(PORT, PIN);
    assert!(!pin.is_high().wait()?);
    pin.expect_low().wait()?;
    for _ in 0..2 {
        board.uart().send_line("led on").wait()?;
        pin.expect_high().wait()?;
        assert!(pin.is_high().wait()? && board.led(LED).state().wait()?);
        board.uart().send_line("led off").wait()?;
        pin.expect_low().wait()?;
        assert!(!pin.is_high().wait()?);
    }
    let error = pin.expect_high().within(millis(100)).wait().unwrap_err();
    let text = error.to_string();
    let expected = "pin 12 of `sysbus.gpioPortD` of `stm32f4` has not gone high in 100ms";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("tests/engines/tests/pins.rs:"), "{text}");
    assert!(matches!(
        error.kind(),
        ErrorKind::Debug(DebugError::NoLevel { wanted: true, .. })
    ));
    assert!(!board.pin(PORT, PIN + 1).is_high().wait()?, "another pin");
    // Set from outside, it drives what is connected to it.
    pin.set_high().wait()?;
    board.led(LED).expect_on().wait()?;
    pin.expect_high().wait()?;
    pin.set_low().wait()?;
    board.led(LED).expect_off().wait()?;
    assert!(!pin.is_high().wait()?);
    board.uart().expect("> ").wait()?;
    board.uart().send_line("ping").wait()?;
    board.uart().expect_line("pong").wait().map(drop)
}

on_renode! {
    fn a_pin_is_watched_and_set_in_real_time() -> Result<()> {
        switches_the_pin()
    }

    fn a_pin_is_watched_and_set_in_virtual_time() -> Result<()> {
        in_virtual_time(switches_the_pin)
    }

    fn the_guest_stands_still_where_it_has_set_the_pin() -> Result<()> {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let board = in_virtual_time(shell)?;
            board.uart().send_line("led on").wait()?;
            board.pin(PORT, PIN).expect_high().wait()?;
            let time = board.metrics().wait()?.virtual_time;
            let frames = board.backtrace().wait()?;
            assert_eq!(frames[0].function.as_deref(), Some("hal_led"), "{frames:?}");
            board.uart().expect_line("led on").wait()?;
            let transcript = board.transcript()?;
            let changes: Vec<_> = transcript.iter().filter(|it| it.uart == "sysbus.gpioPortD 12").collect();
            assert_eq!(changes.len(), 1);
            assert_eq!(changes[0].text, "high");
            // The instruction itself takes time.
            let after = time.checked_sub(changes[0].at);
            assert!(after.is_some_and(|it| it < Duration::from_micros(1)), "{after:?}");
            assert!(transcript.iter().any(|it| it.text == "> led on" && it.at < time + millis(1)));
            seen.push((time, frames, board.transcript()?));
        }
        assert_eq!(seen[0], seen[1]);
        Ok(())
    }

    fn the_firmware_reads_an_input_that_a_test_sets() -> Result<()> {
        let description = root().join("fixtures/stm32f4-virtual.yaml");
        let description = TargetConfig::from_file(description)?.to_builder();
        let config = description.field("allow_raw_monitor", true).field("control", control()).build()?;
        let board = VirtualTarget::from_config(config).backend(BackendKind::Renode);
        let board = board.firmware(sample("shell.elf")).boot().wait()?;
        let input = board.pin("sysbus.gpioPortC", 5);
        // The register that firmware reads: GPIOC_IDR.
        let register = || board.monitor("sysbus ReadDoubleWord 0x40020810").wait();
        let before = board.metrics().wait()?.virtual_time;
        assert_eq!(register()?, "0x00000000");
        input.set_high().wait()?;
        assert_eq!(register()?, "0x00000020");
        input.set_low().wait()?;
        assert_eq!(register()?, "0x00000000");
        assert_eq!(board.metrics().wait()?.virtual_time, before, "no time passes");
        Ok(())
    }

    fn what_the_board_does_not_have_is_named_with_what_it_has() -> Result<()> {
        let board = shell()?;
        let error = board.pin("sysbus.gpioPortd", PIN).is_high().wait().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the board has no `sysbus.gpioPortd`; did you mean `sysbus.gpioPort"), "{text}");
        assert!(no_peripheral(error).similar.is_some());
        let error = board.pin(PORT, 16).set_high().wait().unwrap_err();
        assert!(error.to_string().contains("`sysbus.gpioPortD` has no pin 16; its pins are 0 to 15"), "{error}");
        let error = board.pin(PORT, 16).expect_high().wait().unwrap_err();
        assert_eq!(no_peripheral(error).pin, Some((16, (0..16).collect())));
        let error = board.pin(LED, 0).is_high().wait().unwrap_err().to_string();
        assert!(error.contains("`sysbus.gpioPortD.UserLED` is of the type LED, and not a GPIO port"), "{error}");
        let error = board.led("sysbus.gpioPortD.UserLed").state().wait().unwrap_err().to_string();
        assert!(error.contains("did you mean `sysbus.gpioPortD.UserLED`?"), "{error}");
        let error = board.button(LED).press().wait().unwrap_err().to_string();
        assert!(error.contains("`sysbus.gpioPortD.UserLED` is of the type LED, and not a button"), "{error}");
        let error = board.led("usart2").state().wait().unwrap_err().to_string();
        assert!(error.contains("the board has no `usart2`"), "{error}");
        board.pin(PORT, PIN).expect_low().wait()
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn qemu_has_no_pins() -> Result<()> {
    let board = bare_on(BackendKind::Qemu)
        .firmware(sample("shell.elf"))
        .boot()
        .wait()?;
    let pin = board.pin(PORT, PIN);
    let expected = "QEMU cannot look at pin 12 of `sysbus.gpioPortD`, or set it; only Renode can";
    let waited = pin.expect_high().within(secs(1)).wait().unwrap_err();
    let set = pin.set_low().wait().unwrap_err();
    for error in [waited, set] {
        assert!(error.to_string().contains(expected), "{error}");
    }
    Ok(())
}

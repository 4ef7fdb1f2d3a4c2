//! LEDs and buttons of a board.

use engine_tests::{bare_on, control, in_virtual_time, on_renode, root, sample, shell_on};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{DebugError, ErrorKind, Result, VirtualTarget, millis, secs};

const LED: &str = "sysbus.gpioPortD.UserLED";
const BUTTON: &str = "sysbus.gpioPortA.UserButton";

/// Returns the shell at its prompt.
fn shell() -> Result<VirtualTarget> {
    let board = shell_on(BackendKind::Renode).boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

/// Switches the LED with commands, and looks at it.
fn switches_the_led() -> Result<()> {
    let board = shell()?;
    let led = board.led(LED);
    assert!(!led.state().wait()?);
    led.expect_off().wait()?;
    for _ in 0..2 {
        board.uart().send_line("led on").wait()?;
        led.expect_on().wait()?;
        led.expect_on().wait()?;
        assert!(led.state().wait()?);
        board.uart().send_line("led off").wait()?;
        led.expect_off().wait()?;
        assert!(!led.state().wait()?);
    }
    let error = led.expect_on().within(millis(100)).wait().unwrap_err();
    let text = error.to_string();
    let expected = "the LED `sysbus.gpioPortD.UserLED` of `stm32f4` has not gone on in 100ms";
    assert!(text.contains(expected), "{text}");
    assert!(
        text.contains("tests/engines/tests/peripherals.rs:"),
        "{text}"
    );
    assert!(matches!(
        error.kind(),
        ErrorKind::Debug(DebugError::NoChange { wanted: true, .. })
    ));
    let transcript = board.transcript()?;
    let changes = transcript.iter().filter(|it| it.uart == LED);
    let states: Vec<&str> = changes.map(|it| it.text.as_str()).collect();
    assert_eq!(states, ["on", "off", "on", "off"]);
    assert!(transcript.is_sorted_by_key(|it| it.at));
    board.uart().expect("> ").wait()?;
    // A new emulator knows nothing of the last one's.
    board.power_cycle().wait()?;
    board.uart().expect("> ").wait()?;
    board.uart().send_line("led on").wait()?;
    led.expect_on().wait()
}

on_renode! {
    fn an_led_is_watched_in_real_time() -> Result<()> {
        switches_the_led()
    }

    fn an_led_is_watched_in_virtual_time() -> Result<()> {
        in_virtual_time(switches_the_led)
    }

    fn the_guest_stands_still_where_it_has_switched_the_led() -> Result<()> {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let board = in_virtual_time(shell)?;
            board.uart().send_line("led on").wait()?;
            board.led(LED).expect_on().wait()?;
            let time = board.metrics().wait()?.virtual_time;
            let frames = board.backtrace().wait()?;
            assert_eq!(frames[0].function.as_deref(), Some("hal_led"), "{frames:?}");
            board.uart().expect_line("led on").wait()?;
            seen.push((time, frames, board.transcript()?));
        }
        assert_eq!(seen[0], seen[1]);
        Ok(())
    }

    fn a_button_is_pressed_for_a_time_of_the_board() -> Result<()> {
        let description = root().join("fixtures/stm32f4-virtual.yaml");
        let description = TargetConfig::from_file(description)?.to_builder();
        let config = description.field("allow_raw_monitor", true).field("control", control()).build()?;
        let board = VirtualTarget::from_config(config).backend(BackendKind::Renode);
        let board = board.firmware(sample("shell.elf")).boot().wait()?;
        board.uart().expect("> ").wait()?;
        let button = board.button(BUTTON);
        let pressed = || board.monitor(format!("{BUTTON} Pressed")).wait();
        let time = || board.metrics().wait().map(|it| it.virtual_time);
        assert_eq!(pressed()?, "False");
        button.press().wait()?;
        assert_eq!(pressed()?, "True");
        button.release().wait()?;
        assert_eq!(pressed()?, "False");
        let before = time()?;
        button.press_for(millis(50)).wait()?;
        assert_eq!(time()? - before, millis(50));
        assert_eq!(pressed()?, "False");
        Ok(())
    }

    fn what_is_no_led_and_no_button_is_refused() -> Result<()> {
        let board = shell()?;
        for path in ["sysbus.gpioPortD.NoLED", "sysbus.usart2", "a; quit"] {
            let error = board.led(path).state().wait().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Emulator(_)), "{error}");
            let error = board.button(path).press().wait().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Emulator(_)), "{error}");
        }
        board.led(LED).expect_off().wait()
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn qemu_has_no_leds() -> Result<()> {
    let board = bare_on(BackendKind::Qemu)
        .firmware(sample("shell.elf"))
        .boot()
        .wait()?;
    let error = board
        .led(LED)
        .expect_on()
        .within(secs(1))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("QEMU cannot show the LED `sysbus.gpioPortD.UserLED`; only Renode can"),
        "{error}"
    );
    let error = board.button(BUTTON).press().wait().unwrap_err().to_string();
    assert!(error.contains("QEMU cannot press the button"), "{error}");
    Ok(())
}

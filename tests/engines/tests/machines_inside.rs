//! Looking into several machines, which run the same program: each name is that of one machine.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::time::Duration;

use engine_tests::{on_renode, root};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{DebugError, ErrorKind, Machine, Result, VirtualTarget, millis};

/// The LED that the shell switches.
const LED: &str = "sysbus.gpioPortD.UserLED";

/// Boots two machines with the shell; node-a has its symbols in `symbols`.
fn two_shells(clock: &str) -> Result<VirtualTarget> {
    let samples = "firmware-samples/prebuilt/stm32f4";
    let node = "platform: platforms/boards/stm32f4_discovery-kit.repl, uart: sysbus.usart2";
    let text = format!(
        "clock: {clock}\nmachines:\n\
         \x20 node-a: {{{node}, firmware: {samples}/shell.hex, symbols: [{samples}/shell.elf]}}\n\
         \x20 node-b: {{{node}, firmware: {samples}/shell.elf}}\n"
    );
    let config = TargetConfig::from_yaml_str(&text, root())?;
    let board = VirtualTarget::from_config(config).backend(BackendKind::Renode);
    let board = board.boot().wait()?;
    for node in ["node-a", "node-b"] {
        board.machine(node)?.uart().expect("> ").wait()?;
    }
    Ok(board)
}

/// Sends a command to a machine, and waits for its answer.
fn ping(node: Machine<'_>) -> Result<()> {
    node.uart().send_line("ping").wait()?;
    node.uart().expect_line("pong").wait()?;
    node.uart().expect("> ").wait().map(drop)
}

/// Looks at what each machine has, while both run.
fn each_has_its_own(clock: &str) -> Result<()> {
    let board = two_shells(clock)?;
    let (a, b) = (board.machine("node-a")?, board.machine("node-b")?);
    assert_eq!(a.symbol("received").wait()?, b.symbol("received").wait()?);
    let received = || -> Result<_> {
        let of = |node: Machine<'_>| node.read_symbol::<u32>("received").wait();
        Ok((of(a)?, of(b)?))
    };
    let before = received()?;
    ping(b)?;
    assert_eq!(received()?, (before.0, before.1 + 5));
    ping(a)?;
    assert_eq!(received()?, (before.0 + 5, before.1 + 5));
    // One machine's LED is not the other's.
    a.led(LED).expect_off().wait()?;
    b.led(LED).expect_off().wait()?;
    b.uart().send_line("led on").wait()?;
    b.led(LED).expect_on().wait()?;
    b.pin("sysbus.gpioPortD", 12).expect_high().wait()?;
    a.led(LED).expect_off().wait()?;
    assert!(!a.pin("sysbus.gpioPortD", 12).is_high().wait()?);
    b.uart().expect("> ").wait()?;
    a.uart().send_line("led on").wait()?;
    a.led(LED).expect_on().wait()?;
    b.uart().send_line("led off").wait()?;
    b.led(LED).expect_off().wait()?;
    assert!(a.led(LED).state().wait()?);
    let transcript = board.transcript()?;
    let changes = transcript.iter().filter(|it| it.uart.ends_with("UserLED"));
    let changes: Vec<_> = changes.map(|it| (&*it.uart, &*it.text)).collect();
    let (of_a, of_b) = (format!("node-a.{LED}"), format!("node-b.{LED}"));
    assert_eq!(changes, [(&*of_b, "on"), (&*of_a, "on"), (&*of_b, "off")]);
    a.uart().expect("> ").wait()?;
    b.uart().expect("> ").wait()?;
    // An error names the machine.
    let error = b
        .read_symbol::<u32>("recieved")
        .wait()
        .unwrap_err()
        .to_string();
    assert!(error.contains("did you mean `received`?"), "{error}");
    let error = b.read::<u32>(0x4000_4404).wait().unwrap_err().to_string();
    assert!(
        error.contains("cannot read the memory of `node-b`"),
        "{error}"
    );
    let error = b
        .led("sysbus.gpioPortD.UserLed")
        .state()
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("did you mean `sysbus.gpioPortD.UserLED`?"),
        "{error}"
    );
    ping(a)?;
    ping(b)
}

/// Lets one machine run to a place at which the other has been, and is again.
fn one_runs_to_a_place(clock: &str) -> Result<()> {
    let board = two_shells(clock)?;
    let (a, b) = (board.machine("node-a")?, board.machine("node-b")?);
    ping(a)?;
    a.uart().send_line("ping").wait()?;
    b.uart().send_line("sleep 50").wait()?;
    b.uart().send_line("ping").wait()?;
    let calls = b.run_until("ping").wait()?;
    assert_eq!(calls[0].function.as_deref(), Some("ping"), "{calls:?}");
    // The other machine has run meanwhile.
    let pong = a.uart().expect_line("pong").within(millis(1)).wait();
    assert!(pong.is_ok(), "{pong:?}");
    b.uart().expect_line("pong").wait()?;
    let error = b.run_until("panic").within(millis(50)).wait().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`node-b` has not reached `panic` in 50ms"),
        "{text}"
    );
    // A write by the other machine is not seen.
    let received = b.symbol("received").wait()?;
    let error = std::thread::scope(|scope| {
        let watching = scope.spawn(|| b.watch::<u32>(received).within(millis(500)).wait());
        ping(a)?;
        Ok::<_, virtual_target::Error>(watching.join().unwrap().unwrap_err())
    })?;
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Debug(DebugError::NotWritten { .. })
        ),
        "{error}"
    );
    let before = b.read::<u32>(received).wait()?;
    b.uart().expect("> ").wait()?;
    b.uart().send_line("ping").wait()?;
    if clock == "virtual" {
        let written = b.watch::<u32>(received).wait()?;
        assert_eq!(written.value, before + 1);
        assert_eq!(
            written.frames[0].function.as_deref(),
            Some("uart_interrupt")
        );
        // All stand still with it.
        let time = board.metrics().wait()?.virtual_time;
        assert_eq!(board.metrics().wait()?.virtual_time, time);
        board.run_for(Duration::from_millis(1)).wait()?;
    }
    b.uart().expect_line("pong").wait()?;
    ping(a)?;
    b.uart().expect("> ").wait().map(drop)
}

on_renode! {
    fn each_machine_has_its_own_variables_and_leds_in_real_time() -> Result<()> {
        each_has_its_own("realtime")
    }

    fn each_machine_has_its_own_variables_and_leds_in_virtual_time() -> Result<()> {
        each_has_its_own("virtual")
    }

    fn one_machine_runs_to_a_place_in_real_time() -> Result<()> {
        one_runs_to_a_place("realtime")
    }

    fn one_machine_runs_to_a_place_in_virtual_time() -> Result<()> {
        one_runs_to_a_place("virtual")
    }
}

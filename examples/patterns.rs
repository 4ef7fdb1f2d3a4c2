//! Patterns and waits: chapter 2 of the guide.

use std::path::Path;

use virtual_target::{Result, VirtualTarget, millis, secs};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let board = VirtualTarget::from_yaml(root.join("fixtures/stm32f4.yaml"))
        .firmware(root.join("firmware-samples/prebuilt/stm32f4/shell.elf"))
        .boot()
        .wait()?;
    let uart = board.uart();
    uart.forbid("re:HardFault|panic")?; // from here on, whatever else is waited for

    let (which, greeting) = uart
        .expect_any(["Hello from hello", "Hello from shell"])
        .wait()?;
    println!("number {which} greets: {:?}", greeting.text());

    uart.expect("> ").wait()?; // no line end follows a prompt: the stream
    uart.send_line("uptime").wait()?;
    let uptime = uart.expect_line(r"re:up (?<ms>\d+) ms").within(secs(2)); // a whole line: greedy, with groups
    println!("up for {} ms", uptime.wait()?.parse::<u64>("ms")?);

    uart.set_prompt("> ")?;
    uart.expect("> ").wait()?;
    println!("ping: {}", uart.run("ping").wait()?); // between the echo and the next prompt

    uart.send_line("flood 3").wait()?;
    uart.expect_all(["line 000003", "line 000001"]).wait()?; // in any order
    uart.expect_line("flood done").wait()?;

    uart.expect("> ").wait()?;
    uart.expect_silence(millis(50)).wait()?;
    board.shutdown().wait()
}

//! Boots the shell sample on a virtual STM32F4 and talks to it: `make demo`, chapter 1 of the guide.

use std::path::Path;

use virtual_target::{Result, VirtualTarget, secs};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let board = VirtualTarget::from_yaml(root.join("fixtures/stm32f4.yaml"))
        .firmware(root.join("firmware-samples/prebuilt/stm32f4/shell.elf"))
        .boot()
        .wait()?;
    println!(
        "booted {} on {}\n",
        board.machine_name(),
        board.engine().wait()?
    );

    let uart = board.uart();
    let greeting = uart.expect_line("Hello from").within(secs(2)).wait()?;
    println!("  board | {}", greeting.line());

    for command in ["ping", "uptime", "sleep 250", "led on", "uptime"] {
        uart.expect("> ").wait()?;
        uart.send_line(command).wait()?;
        println!("   test | {command}");
        // The shell echoes the command; its answer is the next line.
        uart.expect_line(command).wait()?;
        println!("  board | {}", uart.read_line().wait()?);
    }

    uart.send_line("uptime").wait()?;
    let uptime: u64 = uart.expect_line(r"re:up (\d+) ms").wait()?.parse(1)?;
    assert!(
        uptime >= 250,
        "the board slept 250 ms, but says it is up for {uptime} ms"
    );
    println!("\nthe board has been up for {uptime} ms; turning it off");
    board.shutdown().wait()
}

//! Time that passes only while the test waits: chapter 7 of the guide. Needs Renode.

use std::path::Path;
use std::time::Instant;

use virtual_target::{Result, VirtualTarget, secs};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let board = VirtualTarget::from_yaml(root.join("fixtures/stm32f4-virtual.yaml"))
        .firmware(root.join("firmware-samples/prebuilt/stm32f4/shell.elf"))
        .boot()
        .wait()?;
    let uart = board.uart();
    uart.expect("> ").wait()?;
    uart.send_line("sleep 60000").wait()?;
    let since = Instant::now();
    board.run_for(secs(59)).wait()?;
    let slept = uart.expect_line("slept").within(secs(2)).wait()?;
    println!(
        "{:?} at {:?} of the board's time, after {:?} of the host's",
        slept.line(),
        slept.time(),
        since.elapsed()
    );
    Ok(())
}

//! The firmware starts on every board, and again after a reset and a power cycle.

use firmware_suite::board;
use rstest::rstest;
use virtual_target::{Result, VirtualTarget, secs};

#[rstest]
#[tokio::test]
async fn greets(
    #[values("stm32f4-discovery", "netduino2")] _name: &str,
    #[with(_name)]
    #[future(awt)]
    board: VirtualTarget,
) -> Result<()> {
    let greeting = board.uart().expect_line("Hello from").within(secs(5));
    greeting.await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn comes_back(#[future(awt)] board: VirtualTarget) -> Result<()> {
    let uart = board.uart();
    uart.expect_line("Hello from").await?;
    board.reset().await?;
    uart.expect_line("Hello from").await?;
    board.power_cycle().await?;
    uart.expect_line("Hello from").await?;
    Ok(())
}

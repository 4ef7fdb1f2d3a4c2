//! The message and artifacts of a failure: chapter 5 of the guide.

use std::path::Path;

use virtual_target::{Result, VirtualTarget, millis};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let board = VirtualTarget::from_yaml(root.join("fixtures/stm32f4.yaml"))
        .firmware(root.join("firmware-samples/prebuilt/stm32f4/shell.elf"))
        .boot()
        .wait()?;
    board.uart().expect("> ").wait()?;
    board.uart().send_line("ping").wait()?;
    if let Err(error) = board.uart().expect_line("pang").within(millis(300)).wait() {
        println!("{error}\n");
    }
    println!("and in words: {:?}", board.uart().transcript_text()?);
    Ok(())
}

//! A board's power and firmware: chapter 3 of the guide.

use std::path::Path;

use virtual_target::{Result, VirtualTarget};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let image = |name| root.join("firmware-samples/prebuilt/stm32f4").join(name);
    let board = VirtualTarget::from_yaml(root.join("fixtures/stm32f4.yaml")).build()?;
    let greeting = |after: &str| -> Result<()> {
        let line = board.uart().expect_line("Hello from").wait()?;
        println!("{after:18} {}", line.line());
        Ok(())
    };

    board.flash(image("hello.elf")).wait()?;
    assert!(!board.is_on().wait()?);
    board.power_on().wait()?;
    greeting("power_on")?;

    board.flash(image("shell.elf")).wait()?;
    greeting("flash")?;
    board.reset().wait()?;
    greeting("reset")?;
    board.power_cycle().wait()?;
    greeting("power_cycle")?;

    board.power_off().wait()?;
    let Err(error) = board.uart().expect("anything more").wait() else {
        unreachable!("the board is off");
    };
    let message = error.to_string();
    println!(
        "power_off          {}",
        message.lines().next().unwrap_or_default()
    );
    Ok(())
}

//! Boots the target that a YAML file describes, on the Renode that `VTARGET_RENODE` names,
//! pings its shell, resets and flashes it: `boot_once TARGET.yaml`. This is a separate program
//! because the environment variable applies to a whole process.

use std::process::ExitCode;

use virtual_target::{Result, VirtualTarget};

fn main() -> ExitCode {
    let Some(target) = std::env::args().nth(1) else {
        eprintln!("usage: boot_once TARGET.yaml");
        return ExitCode::from(2);
    };
    match ping(&target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn ping(target: &str) -> Result<()> {
    let board = VirtualTarget::from_yaml(target).boot().wait()?;
    let uart = board.uart();
    uart.expect_line("Hello from shell").wait()?;
    uart.expect("> ").wait()?;
    uart.send_line("ping").wait()?;
    uart.expect_line("re:^pong$").wait()?;
    board.reset().wait()?;
    uart.expect_line("Hello from shell").wait()?;
    if let Some(firmware) = board.config().firmware() {
        board.flash(firmware).wait()?;
        uart.expect_line("Hello from shell").wait()?;
    }
    println!("{} is fine", board.engine().wait()?);
    uart.send_line("echo bye").wait()?;
    uart.expect_line("bye").wait()?;
    board.shutdown().wait()
}

//! The messages of waits for what has almost come, on each engine: each as a whole, in `snapshots`.

#[path = "../../common/messages.rs"]
mod snapshots;

use engine_tests::{alone_on_each_engine, bare_on, root, sample};
use virtual_target::uart::Uart;
use virtual_target::{Operation, Result, millis};

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");

/// Runs `command` on the shell; then all of its output has arrived, and is unread.
fn printed(uart: &Uart, command: &str) -> Result<()> {
    let reader = uart.clone();
    uart.clear();
    reader.clear();
    uart.send_line(command).wait()?;
    reader.expect_line(command).wait()?;
    reader.expect("> ").wait().map(drop)
}

/// Compares the message of an operation that times out; it is the same on each engine, but for the
/// UART's name.
fn times_out<T>(name: &str, operation: Operation<T>) {
    let Err(error) = operation.within(millis(200)).wait() else {
        panic!("{name}: it went well")
    };
    let message = ["UART serial 1:", "UART sysbus.usart2:"]
        .iter()
        .fold(error.to_string(), |text, uart| {
            text.replace(uart, "UART [name]:")
        });
    snapshots::assert_message(SNAPSHOTS, name, &message, &[(root(), "[root]")]);
}

alone_on_each_engine! {
    fn waits_for_what_has_almost_come(engine) {
        let board = bare_on(engine).firmware(sample("shell-debug.elf")).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        printed(uart, "echo temp:  22.0 C")?;
        times_out("almost_but_for_spaces", uart.expect_line("temp: 22.0 C"));
        printed(uart, "echo temp: 22.O C")?;
        times_out("almost_but_for_a_letter", uart.expect_line("temp: 22.0 C"));
        printed(uart, "echo tick 2")?;
        times_out("almost_but_for_digits", uart.expect_line("tick 3"));
        printed(uart, "echo one")?;
        times_out("almost_but_for_the_line_end", uart.expect("one\n"));
        printed(uart, "echo calibraton done")?;
        times_out("almost_but_for_a_misspelling", uart.expect("calibration done"));
        printed(uart, "echo up 5 ms")?;
        times_out("almost_a_regex", uart.expect(r"up \d+ ms"));
        printed(uart, "echo ready")?;
        times_out("almost_at_the_beginning", uart.expect("re:^ready"));
        printed(uart, "echo ready")?;
        times_out("almost_a_line", uart.expect_line("re:^>"));
        uart.clear();
        uart.send("ping").wait()?;
        times_out("almost_an_answer", uart.expect_line("pong"));
        uart.send("\r").wait()?;
        uart.expect("> ").wait()?;
        uart.send("echo ready for comm").wait()?;
        times_out("almost_all_of_it", uart.expect("ready for commands"));
        Ok(())
    }
}

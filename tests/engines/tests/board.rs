//! The life of a board on each engine: boot, talk, flash, reset, power.

use std::io::IsTerminal;

use engine_tests::{
    bare_on, on_each_board, sample, shell_on, tests_in_virtual_time, tests_over_telnet,
};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::uart::Uart;
use virtual_target::{ErrorKind, PowerError, Result, VirtualTarget, millis, secs};

/// Sends a command to the shell and returns the answer, which is one line.
fn ask(uart: &Uart, command: &str) -> Result<String> {
    uart.expect("> ").wait()?;
    uart.send_line(command).wait()?;
    uart.expect_line(command).wait()?; // the echo
    uart.read_line().wait()
}

on_each_board! {
    fn greets_and_answers(engine) {
        let board = shell_on(engine).boot().wait()?;
        let uart = board.uart();
        uart.expect_line("Hello from").within(secs(2)).wait()?;
        assert_eq!(ask(uart, "ping")?, "pong");
        assert_eq!(ask(uart, "echo one two")?, "one two");
        uart.expect("> ").wait()?;
        uart.send_line("uptime").wait()?;
        let uptime = uart.expect_line(r"re:up (\d+) ms").wait()?;
        assert!(uptime.parse::<u64>(1)? < 2_000, "{uptime:?}");
        board.shutdown().wait()
    }

    fn the_guest_may_reset_itself(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        for _ in 0..3 {
            board.uart().expect("> ").wait()?;
            board.uart().send_line("reset").wait()?;
            board.uart().expect_line("Hello from").wait()?;
        }
        assert_eq!(ask(board.uart(), "ping")?, "pong");
        Ok(())
    }

    fn reset_restarts_the_firmware(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        board.reset().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        assert_eq!(ask(board.uart(), "ping")?, "pong");
        Ok(())
    }

    fn power_on_loads_the_firmware_flashed_before_it(engine) {
        let board = bare_on(engine).build()?;
        assert!(!board.is_on().wait()?);
        board.flash(sample("hello.elf")).wait()?;
        assert!(!board.is_on().wait()?);
        board.power_on().wait()?;
        board.uart().expect_line("Hello from hello").wait()?;
        Ok(())
    }

    fn flash_while_running_reloads(engine) {
        let board = shell_on(engine).boot().wait()?;
        let uart = board.uart();
        uart.expect_line("Hello from shell").wait()?;
        for _ in 0..3 {
            board.flash(sample("hello.elf")).wait()?;
            uart.expect_line("Hello from hello").wait()?;
            board.flash(sample("shell.elf")).wait()?;
            uart.expect_line("Hello from shell").wait()?;
        }
        assert_eq!(ask(uart, "ping")?, "pong");
        Ok(())
    }

    fn power_is_idempotent(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.power_on().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        board.power_off().wait()?;
        board.power_off().wait()?;
        assert!(!board.is_on().wait()?);
        board.power_on().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        assert!(board.is_on().wait()?);
        Ok(())
    }

    fn power_cycles_keep_the_handle(engine) {
        let board = shell_on(engine).boot().wait()?;
        let clone = board.uart().clone();
        for _ in 0..3 {
            board.uart().expect_line("Hello from").wait()?;
            board.power_cycle().wait()?;
        }
        assert_eq!(ask(board.uart(), "ping")?, "pong");
        // A clone has its own cursor and has read none of this output yet.
        for _ in 0..4 {
            clone.expect_line("Hello from").wait()?;
        }
        Ok(())
    }

    fn a_match_never_spans_a_power_cycle(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect("> ").wait()?;
        board.power_cycle().wait()?;
        let from_start = board.uart_from_start();
        board.uart().expect("> ").wait()?;
        let across = from_start.expect(r"re:> \r*\n*Hello").within(secs(1)).wait();
        assert!(across.is_err(), "{across:?}");
        Ok(())
    }

    fn power_off_fails_a_pending_wait(engine) {
        let board = shell_on(engine).boot().wait()?;
        let uart = board.uart().clone();
        let waiting = std::thread::spawn(move || uart.expect("never").within(secs(60)).wait());
        board.uart().expect("> ").wait()?;
        board.power_off().wait()?;
        let error = waiting.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("power_off() was called"), "{error}");
        Ok(())
    }

    fn reset_of_a_powered_off_board_fails(engine) {
        let board = shell_on(engine).build()?;
        let error = board.reset().wait().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Power(PowerError::Off { .. })), "{error}");
        assert!(error.to_string().contains("call power_on() first"), "{error}");
        Ok(())
    }

    fn a_board_without_firmware_boots_and_is_flashed_later(engine) {
        let board = bare_on(engine).boot().wait()?;
        assert!(board.is_on().wait()?);
        board.flash(sample("hello.elf")).wait()?;
        board.uart().expect_line("Hello from hello").wait()?;
        Ok(())
    }

    fn many_firmware_formats_boot(engine) {
        let mut formats = vec!["shell.elf", "shell.hex"];
        if engine == virtual_target::config::BackendKind::Renode {
            formats.push("shell.srec");
        }
        let board = bare_on(engine).build()?;
        for format in formats {
            board.flash(sample(format)).wait()?;
            board.power_cycle().wait()?;
            board.uart().expect_line("Hello from shell").wait()?;
        }
        Ok(())
    }

    fn a_failure_names_the_engine_that_auto_selected(engine) {
        let (text, name) = match engine {
            BackendKind::Renode => (
                "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n",
                "Renode 1",
            ),
            BackendKind::Qemu => ("backend: qemu\nqemu: {machine: netduino2}\n", "QEMU "),
            _ => return Ok(()), // its port is not known here
        };
        let config = TargetConfig::from_yaml_str(text, ".")?;
        let boot = |backend| VirtualTarget::from_config(config.clone()).backend(backend).boot();
        let error = |board: VirtualTarget| {
            let wait = board.uart().expect("nothing like it").within(millis(10)).wait();
            wait.unwrap_err().to_string()
        };
        let selected = error(boot(BackendKind::Auto).wait()?);
        let line = selected.lines().find(|line| line.starts_with(&format!("  on {name}")));
        assert!(line.is_some_and(|line| line.ends_with(", selected by backend auto")), "{selected}");
        let chosen = error(boot(engine).wait()?);
        assert!(!chosen.contains("selected by"), "{chosen}");
        Ok(())
    }

    fn interact_needs_a_terminal(engine) {
        if std::io::stdin().is_terminal() {
            return Ok(()); // it would wait for a person
        }
        let error = bare_on(engine).build()?.interact().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("cannot use the terminal: the standard input is none; "), "{text}");
        Ok(())
    }

    fn a_fault_is_printed_on_the_uart(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect("> ").wait()?;
        board.uart().send_line("panic").wait()?;
        board.uart().expect_line("panic: requested by the shell").wait()?;
        board.uart().expect_line(r"re:HardFault at 0x[0-9a-f]{8}").wait()?;
        Ok(())
    }

    fn run_does_not_send_before_the_first_prompt(engine) {
        let board = shell_on(engine).build()?;
        board.uart().set_prompt("> ")?;
        board.power_on().wait()?;
        assert_eq!(board.uart().run("ping").wait()?, "pong");
        assert_eq!(board.uart().run("echo two").wait()?, "two");
        board.reset().wait()?;
        assert_eq!(board.uart().run("ping").wait()?, "pong");
        Ok(())
    }

    fn run_returns_each_commands_answer_from_a_shell_that_answers_twice(engine) {
        let board = shell_on(engine).build()?;
        let uart = board.uart();
        uart.set_prompt("> ")?;
        // The shell treats `\r\n` as one line end, and `\n\r` as two.
        uart.set_line_ending("\n\r");
        board.power_on().wait()?;
        for n in 0..50 {
            assert_eq!(uart.run("ping").wait()?, "pong");
            assert_eq!(uart.run(format!("echo a {n}")).wait()?, format!("a {n}"));
        }
        Ok(())
    }

    fn run_ignores_the_rest_of_an_earlier_answer(engine) {
        let board = shell_on(engine).build()?;
        let uart = board.uart();
        uart.set_prompt("> ")?;
        board.power_on().wait()?;
        uart.expect("> ").wait()?;
        for n in 0..20 {
            uart.send_line("ping").wait()?;
            uart.expect_line("pong").wait()?;
            assert_eq!(uart.run(format!("echo {n}")).wait()?, n.to_string());
        }
        assert!(uart.run("sleep 300").within(millis(100)).wait().is_err());
        assert_eq!(uart.run("ping").wait()?, "pong");
        Ok(())
    }
}

tests_over_telnet! {
    greets_and_answers::renode,
    the_guest_may_reset_itself::renode,
    reset_restarts_the_firmware::renode,
    power_on_loads_the_firmware_flashed_before_it::renode,
    flash_while_running_reloads::renode,
    power_cycles_keep_the_handle::renode,
    power_off_fails_a_pending_wait::renode,
    many_firmware_formats_boot::renode,
}

tests_in_virtual_time! {
    greets_and_answers::renode,
    the_guest_may_reset_itself::renode,
    reset_restarts_the_firmware::renode,
    power_on_loads_the_firmware_flashed_before_it::renode,
    flash_while_running_reloads::renode,
    power_cycles_keep_the_handle::renode,
    a_match_never_spans_a_power_cycle::renode,
    power_off_fails_a_pending_wait::renode,
    a_board_without_firmware_boots_and_is_flashed_later::renode,
    many_firmware_formats_boot::renode,
    a_fault_is_printed_on_the_uart::renode,
    run_does_not_send_before_the_first_prompt::renode,
    run_ignores_the_rest_of_an_earlier_answer::renode,
    run_returns_each_commands_answer_from_a_shell_that_answers_twice::renode,
}

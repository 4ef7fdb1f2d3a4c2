//! A board with several named UARTs: `bridge` copies the input of one UART to the output of the other.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::thread;

use engine_tests::{assert_power_off_fails_waits, on_each_engine, on_renode, sample};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Result, TargetBuilder, VirtualTarget, millis, secs};

const TWO: &str = "uarts:
  console: {path: sysbus.usart2, serial: 1}
  modem: {path: sysbus.usart3, serial: 2}
qemu: {machine: netduinoplus2}
";

fn board(engine: BackendKind, more: &str) -> Result<TargetBuilder> {
    let text = format!("platform: platforms/boards/stm32f4_discovery-kit.repl\n{more}");
    let config = TargetConfig::from_yaml_str(&text, "/")?;
    let board = VirtualTarget::from_config(config).backend(engine);
    Ok(board.firmware(sample("bridge.elf")))
}

fn boot_and_greet(engine: BackendKind, more: &str) -> Result<VirtualTarget> {
    let board = board(engine, more)?.boot().wait()?;
    board.uart().expect_line("Hello from bridge").wait()?;
    Ok(board)
}

/// Returns the name of the second UART in messages.
fn modem_on(engine: BackendKind) -> String {
    let place = match engine {
        BackendKind::Qemu => "serial 2",
        _ => "sysbus.usart3",
    };
    format!("UART modem ({place})")
}

on_each_engine! {
    fn each_uart_has_its_own_handle(engine) {
        let board = boot_and_greet(engine, TWO)?;
        let (console, modem) = (board.uart_named("console")?, board.uart_named("modem")?);
        console.send_line("AT").wait()?;
        assert_eq!(modem.read_line().wait()?, "AT");
        modem.send_line("OK").wait()?;
        // `uart()` is the first UART, with the same cursor.
        assert_eq!(board.uart().read_line().wait()?, "OK");
        assert_eq!(modem.transcript()?, b"AT\n");
        assert_eq!(console.from_start().expect_line("Hello").wait()?.line(), "Hello from bridge on stm32f4");

        let error = board.uart_named("modme").unwrap_err().kind().to_string();
        assert_eq!(
            error,
            "<yaml>: there is no UART \"modme\"; did you mean `modem`? (known: console, modem)"
        );
        Ok(())
    }

    fn a_failed_wait_names_the_uart_that_has_it(engine) {
        let board = boot_and_greet(engine, TWO)?;
        let modem = board.uart_named("modem")?;
        let wait = |pattern| modem.expect_line(pattern).within(millis(100)).wait().unwrap_err().to_string();
        let error = wait("re:Hello from \\w+");
        let hint = format!("it has appeared on another UART of the board, {}; nothing has arrived at all", board.uart_name());
        assert!(error.contains(&hint), "{error}");
        let error = wait("never");
        let question = format!("another UART of the board, {}, has printed ", board.uart_name());
        assert!(error.contains(&question), "{error}");
        Ok(())
    }

    fn uarts_have_the_order_of_the_file(engine) {
        let board = board(engine, "uarts:
  modem: {path: sysbus.usart3, serial: 2}
  console: {path: sysbus.usart2, serial: 1}
qemu: {machine: netduinoplus2}
")?.boot().wait()?;
        board.uart_named("console")?.expect_line("Hello from bridge").wait()?;
        board.uart_named("console")?.send_line("first").wait()?;
        assert_eq!(board.uart().read_line().wait()?, "first");
        Ok(())
    }

    fn a_restart_begins_a_new_segment_on_all_uarts(engine) {
        let board = boot_and_greet(engine, TWO)?;
        let (console, modem) = (board.uart(), board.uart_named("modem")?);
        let everything = modem.clone();
        for restart in ["reset", "flash", "power_cycle"] {
            console.send_line("stale").wait()?;
            everything.expect_line("stale").wait()?;
            match restart {
                "reset" => board.reset().wait()?,
                "flash" => board.flash(sample("bridge.elf")).wait()?,
                _ => board.power_cycle().wait()?,
            }
            console.expect_line("Hello from bridge").wait()?;
            console.send_line(restart).wait()?;
            assert_eq!(modem.read_line().wait()?, restart);
        }
        Ok(())
    }

    fn a_forbidden_pattern_is_forbidden_on_all_uarts(engine) {
        let board = boot_and_greet(engine, &format!("{TWO}forbid: [HardFault]\n"))?;
        board.uart().send_line("HardFault").wait()?;
        let modem = board.uart_named("modem")?;
        let error = modem.expect("never").wait().unwrap_err();
        let message = error.to_string();
        for part in [modem_on(engine).as_str(), "the forbidden pattern \"HardFault\" appeared"] {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
        // The error of one UART is that of the board.
        board.shutdown().wait()
    }

    fn an_unreported_forbidden_pattern_fails_the_end(engine) {
        let board = boot_and_greet(engine, TWO)?;
        let modem = board.uart_named("modem")?.clone();
        modem.forbid("HardFault")?;
        board.uart().send_line("HardFault!").wait()?;
        // Any operation would report it; the transcript is not an operation.
        while !modem.transcript()?.ends_with(b"!\n") {
            thread::sleep(millis(5));
        }
        let error = board.shutdown().wait().unwrap_err().to_string();
        assert!(error.contains(&modem_on(engine)), "{error}");
        assert!(error.contains("which no error of the test has reported before its end"), "{error}");
        Ok(())
    }

    fn power_off_fails_the_waits_on_all_uarts(engine) {
        let board = boot_and_greet(engine, TWO)?;
        let uarts = ["console", "modem"].map(|name| board.uart_named(name).unwrap().clone());
        assert_power_off_fails_waits(&board, uarts)
    }

    fn run_works_on_each_uart_with_a_prompt(engine) {
        let board = boot_and_greet(engine, &format!("{TWO}prompt: '> '\n"))?;
        let modem = board.uart_named("modem")?.clone();
        modem.send("> ").wait()?;
        let answer = thread::spawn(move || -> Result<()> {
            modem.expect_line("AT").wait()?;
            modem.send("AT\nOK\n> ").wait()
        });
        assert_eq!(board.uart().run("AT").wait()?, "OK");
        answer.join().unwrap()
    }
}

on_renode! {
    fn another_program_talks_to_the_board_through_a_pseudo_terminal() -> Result<()> {
        for clock in ["realtime", "virtual"] {
            let board = board(BackendKind::Renode, &format!("uart: sysbus.usart2\nclock: {clock}\n"))?;
            let board = board.firmware(sample("shell.elf")).build()?;
            let pty = board.uart().open_pty()?;
            let program = OpenOptions::new().read(true).write(true).open(pty.path());
            let mut program = program.unwrap();
            let reads = |mut program: &File, text: &str| {
                let mut bytes = vec![0; text.len()];
                program.read_exact(&mut bytes).unwrap();
                assert_eq!(String::from_utf8(bytes).unwrap(), text);
            };
            // The pseudo-terminal exists before the board does, and survives a power cycle.
            for _ in 0..2 {
                board.power_on().wait()?;
                board.uart().expect("> ").wait()?;
                reads(&program, "Hello from shell on stm32f4\r\n> ");
                program.write_all(b"ping\r").unwrap();
                // The test keeps a virtual clock running until the program's input has arrived.
                board.uart().expect_line("re:^pong$").within(secs(3600)).wait()?;
                board.uart().expect("> ").wait()?;
                reads(&program, "ping\r\npong\r\n> ");
                board.power_off().wait()?;
            }
        }
        Ok(())
    }

    fn an_unknown_uart_is_named() -> Result<()> {
        let two = "uarts: {console: sysbus.usart2, modem: sysbus.nope}\n";
        let error = board(BackendKind::Renode, two)?.boot().wait().unwrap_err().to_string();
        assert!(error.contains("sysbus.nope"), "{error}");
        Ok(())
    }

    fn every_byte_value_passes_on_each_transport() -> Result<()> {
        let values = 0..=u8::MAX;
        let mut bytes: Vec<u8> = values.clone().chain(values.rev()).collect();
        bytes.extend(b"\xff\xff\xff\xfb\x01\xff\xf4\r\n\r\0\n\x03\x04\x11\x13\x1a\x7f"); // control bytes of telnet and of terminals
        for transport in ["pty", "socket"] {
            let board = boot_and_greet(BackendKind::Renode, &format!("{TWO}uart_transport: {transport}\n"))?;
            let (console, modem) = (board.uart(), board.uart_named("modem")?);
            for (from, to) in [(console, modem), (modem, console)] {
                from.send(&bytes).wait()?;
                assert!(to.read_exact(bytes.len()).wait()? == bytes, "{transport}");
            }
        }
        Ok(())
    }

    fn boards_on_sockets_do_not_receive_each_others_output() -> Result<()> {
        let boards = ["one", "two"].map(|name| {
            thread::spawn(move || -> Result<()> {
                let board = boot_and_greet(BackendKind::Renode, &format!("{TWO}uart_transport: socket\n"))?;
                let modem = board.uart_named("modem")?;
                for restart in ["reset", "flash", "power_cycle", "nothing"] {
                    board.uart().send_line(name).wait()?;
                    assert_eq!(modem.read_line().wait()?, name);
                    match restart {
                        "reset" => board.reset().wait()?,
                        "flash" => board.flash(sample("bridge.elf")).wait()?,
                        "power_cycle" => board.power_cycle().wait()?,
                        _ => return Ok(()),
                    }
                    board.uart().expect_line("Hello from bridge").wait()?;
                }
                Ok(())
            })
        });
        boards.into_iter().try_for_each(|board| board.join().unwrap())
    }
}

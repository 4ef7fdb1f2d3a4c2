//! Several machines in one target, with a line between them: each runs `bridge`, which
//! copies its console's input to the line, and the line's input to its console.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::fs;
use std::thread;

use engine_tests::{assert_power_off_fails_waits, on_renode, root, sample};
use virtual_target::config::{ClockKind, TargetConfig};
use virtual_target::{Machine, Result, TargetBuilder, VirtualTarget, millis, secs};

fn two_nodes(node_b: &str, more: &str) -> Result<TargetBuilder> {
    let text = format!(
        "machines:\n\
         \x20 node-a:\n\
         \x20   platform: platforms/boards/stm32f4_discovery-kit.repl\n\
         \x20   uart: sysbus.usart2\n\
         \x20   firmware: firmware-samples/prebuilt/stm32f4/bridge.elf\n\
         \x20 node-b:\n\
         \x20   platform: platforms/boards/stm32f4_discovery-kit.repl\n\
         \x20   uarts: {{console: sysbus.usart2}}\n\
         \x20   firmware: firmware-samples/prebuilt/stm32f4/bridge.elf\n{node_b}\
         uart_hubs: {{line: [node-a.sysbus.usart3, node-b.sysbus.usart3]}}\n{more}"
    );
    let config = TargetConfig::from_yaml_str(&text, root())?;
    Ok(VirtualTarget::from_config(config))
}

fn boot_and_greet() -> Result<VirtualTarget> {
    let board = two_nodes("", "")?.boot().wait()?;
    for node in ["node-a", "node-b"] {
        let uart = board.machine(node)?.uart();
        uart.expect_line("Hello from bridge").wait()?;
    }
    Ok(board)
}

/// Asserts that node-b prints the input of node-a, and the other way round.
fn talk(board: &VirtualTarget) -> Result<()> {
    let (a, b) = (
        board.machine("node-a")?.uart(),
        board.machine("node-b")?.uart(),
    );
    for (from, to, text) in [(a, b, "to b"), (b, a, "to a")] {
        from.send_line(text).wait()?;
        assert_eq!(to.read_line().wait()?, text);
    }
    Ok(())
}

on_renode! {
    fn each_machine_receives_the_others_output() -> Result<()> {
        let board = boot_and_greet()?;
        talk(&board)?;
        // The target's own methods are those of the first machine.
        assert_eq!(board.machine_name(), "node-a");
        assert_eq!(board.uart_name(), "node-a.sysbus.usart2");
        board.machine("node-b")?.uart_named("console")?.send_line("x").wait()?;
        assert_eq!(board.uart().read_line().wait()?, "x");

        let error = board.machine("node-c").unwrap_err().kind().to_string();
        assert_eq!(
            error,
            "<yaml>: there is no machine \"node-c\"; did you mean `node-b`? (known: node-a, node-b)"
        );
        let error = board.machine("node-b")?.uart().expect("y").within(millis(1)).wait().unwrap_err();
        assert!(error.to_string().starts_with("UART node-b.console (sysbus.usart2): "), "{error}");
        Ok(())
    }

    fn one_transcript_merges_the_output_of_all_machines_in_order() -> Result<()> {
        let board = boot_and_greet()?;
        let (a, b) = (board.machine("node-a")?.uart(), board.machine("node-b")?.uart());
        let names = ["node-b.console (sysbus.usart2)", "node-a.sysbus.usart2"];
        let mut expected = Vec::new();
        for number in 0..10 {
            for ((from, to), name) in [(a, b), (b, a)].into_iter().zip(names) {
                thread::sleep(millis(5)); // the order has a resolution of one millisecond
                let text = format!("{name} hears {number}");
                from.send_line(&text).wait()?;
                to.expect_line(&text).wait()?;
                expected.push((name.to_owned(), text));
            }
        }
        let transcript = board.transcript()?;
        assert!(transcript.is_sorted_by_key(|line| line.at));
        let greetings = transcript.iter().filter(|line| line.text == "Hello from bridge on stm32f4");
        assert_eq!(greetings.count(), 2);
        let said = transcript.into_iter().filter(|line| line.text.contains("hears"));
        let said: Vec<_> = said.map(|line| (line.uart, line.text)).collect();
        assert_eq!(said, expected);
        Ok(())
    }

    fn reset_restarts_one_machine_or_all() -> Result<()> {
        let board = boot_and_greet()?;
        let (a, b) = (board.machine("node-a")?, board.machine("node-b")?);
        b.reset().wait()?;
        b.uart().expect_line("Hello from bridge").wait()?;
        talk(&board)?;
        board.reset().wait()?;
        for node in [a, b] {
            node.uart().expect_line("Hello from bridge").wait()?;
        }
        talk(&board)?;
        let greetings = |text: String| text.matches("Hello from bridge").count();
        assert_eq!(greetings(a.uart().transcript_text()?), 2);
        assert_eq!(greetings(b.uart().transcript_text()?), 3);
        Ok(())
    }

    fn each_machine_has_its_own_firmware() -> Result<()> {
        let board = boot_and_greet()?;
        let (a, b) = (board.machine("node-a")?, board.machine("node-b")?);
        b.flash(sample("shell.elf")).wait()?;
        b.uart().expect_line("Hello from shell").wait()?;
        b.uart().expect("> ").wait()?;
        // A reset by the guest while another machine is selected.
        b.uart().send_line("reset").wait()?;
        b.uart().expect_line("Hello from shell").wait()?;
        for again in ["reset", "power_cycle"] {
            match again {
                "reset" => board.reset().wait()?,
                _ => board.power_cycle().wait()?,
            }
            a.uart().expect_line("Hello from bridge").wait()?;
            b.uart().expect_line("Hello from shell").wait()?;
        }
        Ok(())
    }

    fn firmware_flashed_before_power_on_runs_on_its_machine() -> Result<()> {
        let board = two_nodes("", "")?.build()?;
        board.machine("node-b")?.flash(sample("hello.elf")).wait()?;
        board.power_on().wait()?;
        board.machine("node-a")?.uart().expect_line("Hello from bridge").wait()?;
        board.machine("node-b")?.uart().expect_line("Hello from hello").wait()?;
        Ok(())
    }

    fn power_off_fails_the_waits_on_all_machines() -> Result<()> {
        let board = boot_and_greet()?;
        let uarts = ["node-a", "node-b"].map(|name| board.machine(name).unwrap().uart().clone());
        assert_power_off_fails_waits(&board, uarts)
    }

    fn firmware_without_a_machine_is_refused() -> Result<()> {
        let which = "the target has several machines: flash each by `target.machine(name)?.flash(…)`";
        let error = two_nodes("", "")?.firmware(sample("hello.elf")).boot().wait().unwrap_err();
        assert!(error.to_string().contains(which), "{error}");
        let board = two_nodes("", "")?.build()?;
        let error = board.flash(sample("hello.elf")).wait().unwrap_err();
        assert!(error.to_string().contains("(known: node-a, node-b)"), "{error}");
        Ok(())
    }

    fn a_machine_without_firmware_does_not_affect_the_others() -> Result<()> {
        let text = "machines:\n  node-a: {platform: platforms/boards/stm32f4_discovery-kit.repl, \
                    uart: sysbus.usart2, firmware: firmware-samples/prebuilt/stm32f4/shell.elf}\n  \
                    node-b: {platform: platforms/boards/stm32f4_discovery-kit.repl, uart: sysbus.usart2}\n";
        let board = VirtualTarget::from_config(TargetConfig::from_yaml_str(text, root())?);
        let board = board.boot().wait()?;
        let error = board.machine("node-b")?.uart().expect("never").within(millis(50)).wait();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("UART node-b.sysbus.usart2: expect(\"never\") timed out after "), "{error}");
        assert!(error.contains("; no firmware was named for the board"), "{error}");
        let a = board.machine("node-a")?.uart();
        a.expect("> ").wait()?;
        a.send_line("ping").wait()?;
        a.expect_line("pong").wait()?;
        // The metrics are separate for each machine.
        let all = board.metrics().wait()?;
        let (names, counts): (Vec<_>, Vec<_>) = all.instructions.iter().cloned().unzip();
        assert_eq!(names, ["node-a.sysbus.cpu", "node-b.sysbus.cpu"]);
        assert!(counts[0] > 0 && counts[1] == 0, "{all}");
        for (name, count) in ["node-a", "node-b"].into_iter().zip(counts) {
            let own = board.machine(name)?.metrics().wait()?;
            assert_eq!(own.instructions.len(), 1);
            assert_eq!(own.instructions[0].0, "sysbus.cpu");
            assert!(own.total_instructions() >= count && (count > 0) == (own.total_instructions() > 0), "{own}");
        }
        // Firmware can be flashed later.
        let b = board.machine("node-b")?;
        b.flash(sample("hello.elf")).wait()?;
        b.uart().expect_line("Hello from hello").wait()?;
        Ok(())
    }

    fn frames_pass_through_a_switch() -> Result<()> {
        let config = TargetConfig::from_file(root().join("fixtures/ethernet.yaml"))?;
        for clock in [ClockKind::Realtime, ClockKind::Virtual] {
            let config = config.to_builder().field("clock", clock).build()?;
            let board = VirtualTarget::from_config(config).boot().wait()?;
            let (a, b) = (board.machine("node-a")?, board.machine("node-b")?);
            let greeted = || {
                let greet = |node: Machine<'_>| node.uart().expect_line("Hello from ethernet").wait();
                greet(a).and(greet(b))
            };
            let talk = || -> Result<()> {
                for (from, to) in [(a, b), (b, a), (b, a), (a, b)] {
                    let text = format!("{} calls", from.name());
                    from.uart().send_line(&text).wait()?;
                    assert_eq!(to.uart().read_line().wait()?, format!("frame: {text}"));
                }
                Ok(())
            };
            greeted()?;
            talk()?;
            board.reset().wait()?;
            greeted()?;
            talk()?;
        }
        let bad = fs::read_to_string(root().join("fixtures/ethernet.yaml")).unwrap();
        let bad = bad.replace("node-b.sysbus.ethernet", "node-b.sysbus.usart3");
        let config = TargetConfig::from_yaml_str(&bad, root().join("fixtures"))?;
        let error = VirtualTarget::from_config(config).boot().wait().unwrap_err().to_string();
        assert!(error.contains("switches.lan: Renode refused `connector Connect sysbus.usart3 "), "{error}");
        Ok(())
    }

    fn a_machine_that_halts_fails_the_waits_on_all_machines() -> Result<()> {
        // The stack pointer, the entry point, `ldr r0, [pc]; bx r0`, and the jump's target: no memory.
        let nowhere = [0x2000_1000u32, 0x0800_0009, 0x4700_4800, 0x4000_0001];
        let its_own = "a processor of the board has halted: node-b/cpu: CPU abort [PC=0x40000000]: ";
        fail_the_waits_on_all_machines(&nowhere, its_own, "node-b/cpu: CPU abort [PC=0x40000000]: ")
    }

    fn a_machine_that_locks_up_fails_the_waits_on_all_machines() -> Result<()> {
        let (reset, handler) = (0x0800_001d, 0x0800_001f);
        // The vectors, then `udf #0` and, as the handler, `udf #1`.
        let image = [0x2000_1000u32, reset, handler, handler, handler, handler, handler, 0xde01_de00];
        let its_own = "processor node-b/cpu locked up at PC=0x0800001e: a UsageFault";
        fail_the_waits_on_all_machines(&image, its_own, "node-b/cpu locked up at PC=0x0800001e: a UsageFault")
    }

    fn monitor_commands_run_on_their_machine() -> Result<()> {
        let commands = "    extra_commands: ['sysbus WriteDoubleWord 0x20001000 0x12345678']\n";
        let board = two_nodes(commands, "allow_raw_monitor: true\n")?.boot().wait()?;
        let read = |machine: &str| {
            let command = format!("mach set \"{machine}\"; sysbus ReadDoubleWord 0x20001000");
            board.monitor(command).wait()
        };
        // Without a `mach set` the command is for the first machine.
        assert_eq!(board.monitor("sysbus ReadDoubleWord 0x20001000").wait()?, "0x00000000");
        assert_eq!(read("node-b")?, "0x12345678");
        Ok(())
    }

    fn errors_of_renode_name_their_field() -> Result<()> {
        let commands = "    extra_commands: ['echo \"fine\"', nosuchcommand]\n";
        let error = two_nodes(commands, "")?.boot().wait().unwrap_err().to_string();
        assert!(error.contains("machines.node-b.extra_commands[1]: Renode refused"), "{error}");

        let text = "machines:\n  a: {platform: platforms/boards/stm32f4_discovery-kit.repl, uart: sysbus.usart2}\n\
                    uart_hubs: {line: [a.sysbus.usart3, a.sysbus.nope]}\n";
        let config = TargetConfig::from_yaml_str(text, "/")?;
        let error = VirtualTarget::from_config(config).boot().wait().unwrap_err().to_string();
        assert!(error.contains("uart_hubs.line: Renode refused"), "{error}");
        assert!(error.contains("sysbus.nope"), "{error}");
        Ok(())
    }
}

/// Checks that the waits on two machines fail once `node-b`, which runs `image`, has stopped the time
/// of both, with these texts.
fn fail_the_waits_on_all_machines(image: &[u32], its_own: &str, of_another: &str) -> Result<()> {
    let image: Vec<u8> = image.iter().flat_map(|word| word.to_le_bytes()).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nowhere.bin");
    std::fs::write(&file, image).unwrap();
    let node = "platform: platforms/boards/stm32f4_discovery-kit.repl, uart: sysbus.usart2";
    for clock in ["", "clock: virtual\n"] {
        let text = format!(
            "machines:\n  node-a: {{{node}, firmware: firmware-samples/prebuilt/stm32f4/shell.elf}}\n  \
             node-b: {{{node}, firmware: {file:?}, load_address: 0x08000000}}\n{clock}"
        );
        let board = VirtualTarget::from_config(TargetConfig::from_yaml_str(&text, root())?);
        let board = board.boot().wait()?;
        let (a, b) = (board.machine("node-a")?, board.machine("node-b")?);
        let stopped = |outcome: Result<()>, expected: &str| {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let other =
            &format!("another machine has stopped, and with it the time of all: {of_another}");
        for _ in 0..2 {
            stopped(
                a.uart().expect("never").within(secs(600)).wait().map(drop),
                other,
            );
            stopped(
                b.uart().expect("never").within(secs(600)).wait().map(drop),
                its_own,
            );
            stopped(a.uart().expect_none("never", secs(1)).wait(), other);
            stopped(board.run_for(secs(1)).wait(), other);
            stopped(a.uart().send("x").wait(), other);
            // The other machine's time no longer advances after this.
            a.reset().wait()?;
        }
        b.flash(sample("shell.elf")).wait()?;
        for node in [a, b] {
            node.uart().expect("> ").wait()?;
            node.uart().send_line("ping").wait()?;
            node.uart().expect_line("pong").wait()?;
        }
    }
    Ok(())
}

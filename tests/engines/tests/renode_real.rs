//! Behaviour that only a real Renode has: the commands that it accepts, and its reaction
//! to unusual paths, slow hosts and crashes.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::fs;
use std::time::{Duration, Instant};

use engine_tests::input::{all_values, crc32};
use engine_tests::leftovers::{descendants, emulators};
use engine_tests::{control, on_renode, sample, shell_on, tests_over_telnet};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Result, VirtualTarget, millis, secs};

const STM32F4: &str = "platforms/boards/stm32f4_discovery-kit.repl";

fn board(platform: &str, more: &str) -> Result<VirtualTarget> {
    let text = format!(
        "backend: renode\nplatform: {platform:?}\nuart: sysbus.usart2\nmachine_name: a board\n{more}"
    );
    let config = TargetConfig::from_yaml_str(&text, "/")?;
    let config = config.to_builder().field("control", control()).build()?;
    VirtualTarget::from_config(config)
        .firmware(sample("shell.elf"))
        .boot()
        .wait()
}

fn with_extra_commands(commands: &[&str]) -> Result<VirtualTarget> {
    let commands: Vec<String> = commands.iter().map(|it| format!("{it:?}")).collect();
    board(
        STM32F4,
        &format!("extra_commands: [{}]", commands.join(", ")),
    )
}

/// Returns the processes of the only running Renode: its launcher first, and Renode itself last.
fn renode_processes() -> Vec<Pid> {
    let mut all = emulators();
    for launcher in emulators() {
        all.extend(descendants(launcher.cast_unsigned()));
    }
    all.into_iter().map(Pid::from_raw).collect()
}

/// Returns true if `renode` is the started process, not the child of a launcher.
fn is_its_own_launcher(renode: Pid) -> bool {
    // A started program becomes the leader of a process group.
    getpgid(Some(renode)) == Ok(renode)
}

/// Returns the message for a SIGKILL of `renode`: its own end, or the status of its launcher.
fn message_when_killed(renode: Pid) -> &'static str {
    match is_its_own_launcher(renode) {
        true => "Renode was killed by SIGKILL",
        false => "Renode exited with status 137",
    }
}

/// Returns the message for a fatal error of Renode itself: Mono exits, .NET aborts.
fn message_of_a_fatal_error() -> Result<&'static str> {
    let board = board(STM32F4, "")?;
    let runtime = board.engine().wait()?.runtime;
    let renode = renode_processes().pop().unwrap();
    Ok(match (runtime.as_deref(), is_its_own_launcher(renode)) {
        (Some("Mono"), _) => "Renode exited with status 1",
        (_, true) => "Renode was killed by SIGABRT",
        (_, false) => "Renode exited with status 134",
    })
}

on_renode! {
    fn extra_commands_that_renode_accepts_or_complains_about() -> Result<()> {
        let board = with_extra_commands(&[
            "mach set \"nope\"",
            "# a comment",
            "echo \"Error: x\"",
            "echo \"(a board) \"",
            "echo \"vt-000001\"",
            "python \"import sys; sys.stdout.write('no line end')\"",
            "python \"import time; time.sleep(2)\"",
            "mach create \"another\"",
        ])?;
        board.uart().expect_line("Hello from").wait()?;
        board.reset().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        Ok(())
    }

    fn extra_commands_that_renode_refuses() -> Result<()> {
        let cases = [
            ("sysbus.usart2 Nope", "sysbus.usart2 does not provide a field, method or property Nope."),
            ("nosuchcommand", "No such command or device: nosuchcommand"),
            ("mach create \"unclosed", "Could not tokenize here:"),
            ("logLevel 99", "Bad parameters for command logLevel 99"),
            ("echo \"vt-000007\"; nosuch", "No such command or device: nosuch"),
        ];
        for (command, reason) in cases {
            let error = with_extra_commands(&["echo \"fine\"", command]).unwrap_err().to_string();
            for part in ["extra_commands[1]: Renode refused", command, reason] {
                assert!(error.contains(part), "{command}: no {part:?} in: {error}");
            }
        }
        Ok(())
    }

    fn its_version_and_runtime_are_known() -> Result<()> {
        let board = board(STM32F4, "")?;
        let engine = board.engine().wait()?;
        assert!(engine.version.as_deref().unwrap().starts_with("1."), "{engine:?}");
        let runtime = engine.runtime.as_deref().unwrap();
        assert!(runtime == "Mono" || runtime.starts_with(".NET "), "{engine:?}");
        assert!(engine.to_string().ends_with(&format!(" ({runtime})")), "{engine}");
        Ok(())
    }

    fn errors_found_by_renode_name_their_line() -> Result<()> {
        for (platform, uart, place) in [
            (
                "platforms/boards/stm32f4.repl",
                "sysbus.usart2",
                "<yaml>:2:1: platform: \"platforms/boards/stm32f4.repl\" is no file of the project's, and Renode \
                 has none of this name either (did you mean `platforms/cpus/stm32f4.repl`?): Renode refused",
            ),
            (
                "platforms/cpus/stm32f4_discovry.repl",
                "sysbus.usart2",
                "either (did you mean `platforms/boards/stm32f4_discovery.repl`?): Renode refused",
            ),
            (
                "platforms/boards/none.repl",
                "sysbus.usart2",
                "\"platforms/boards/none.repl\" is no file of the project's, and Renode has none of this name either: \
                 Renode refused",
            ),
            (
                STM32F4,
                "sysbus.usart9",
                "<yaml>:3:1: uart: the machine has no sysbus.usart9; its UARTs are sysbus.uart4, \
                 sysbus.uart5, sysbus.usart1, sysbus.usart2, sysbus.usart3: Renode refused",
            ),
            (
                STM32F4,
                "sysbus.gpioPortD\nclock: virtual",
                "<yaml>:3:1: uart: sysbus.gpioPortD is of the type STM32_GPIOPort; its UARTs are sysbus.uart4, ",
            ),
        ] {
            let text = format!("backend: renode\nplatform: {platform}\nuart: {uart}\n");
            let config = TargetConfig::from_yaml_str(&text, "/")?;
            let error = VirtualTarget::from_config(config).backend(BackendKind::Renode).boot().wait();
            let error = error.unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
        Ok(())
    }

    fn a_crash_is_reported_at_once_with_its_reason() -> Result<()> {
        let told = message_of_a_fatal_error()?;
        let error = with_extra_commands(&["Save @/no/such/dir/x"]).unwrap_err().to_string();
        for part in ["extra_commands[0]", told, "Fatal error:", "/no/such/dir/x"] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        Ok(())
    }

    fn a_crash_fails_a_wait_at_once() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        let renode = renode_processes().pop().unwrap();
        let uart = board.uart().clone();
        let waiting = std::thread::spawn(move || uart.expect("never").within(secs(600)).wait());
        let told = message_when_killed(renode);
        kill(renode, Signal::SIGKILL).unwrap();
        let error = waiting.join().unwrap().unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        // The error does not quote answers to the crate's own commands.
        assert!(!error.contains("SystemBus"), "{error}");
        Ok(())
    }

    fn a_crash_in_a_monitor_command_is_reported_as_a_crash() -> Result<()> {
        let text = format!("platform: {STM32F4}\nuart: sysbus.usart2\nallow_raw_monitor: true\n");
        let board = VirtualTarget::from_config(TargetConfig::from_yaml_str(&text, "/")?);
        let board = board.firmware(sample("shell.elf")).boot().wait()?;
        let error = board.monitor("quit").wait().unwrap_err().to_string();
        let told = "while doing a monitor command: Renode exited with status 0; its last words:";
        assert!(error.starts_with(told), "{error}");
        Ok(())
    }

    fn a_crash_fails_the_waits_on_every_uart() -> Result<()> {
        let text = format!("platform: {STM32F4}\nuarts: {{console: sysbus.usart2, modem: sysbus.usart3}}\n");
        let board = VirtualTarget::from_config(TargetConfig::from_yaml_str(&text, "/")?);
        let board = board.firmware(sample("bridge.elf")).boot().wait()?;
        board.uart().expect_line("Hello from bridge").wait()?;
        let waits = ["console", "modem"].map(|name| {
            let uart = board.uart_named(name).unwrap().clone();
            std::thread::spawn(move || uart.expect("never").within(secs(600)).wait())
        });
        let renode = renode_processes().pop().unwrap();
        let told = message_when_killed(renode);
        kill(renode, Signal::SIGKILL).unwrap();
        for wait in waits {
            let error = wait.join().unwrap().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        Ok(())
    }

    fn a_project_platform_may_include_files_next_to_it() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("plat \"f\" ö;$x");
        fs::create_dir(&directory).unwrap();
        let platform = directory.join("my böard.repl");
        fs::write(&platform, format!("using {STM32F4:?}\nusing \"./neighbour.repl\"\n")).unwrap();
        let neighbour = "extra: Memory.MappedMemory @ sysbus 0x90000000\n    size: 0x1000\n";
        fs::write(directory.join("neighbour.repl"), neighbour).unwrap();
        let board = board(platform.to_str().unwrap(), "extra_commands: ['sysbus.extra ReadByte 0']")?;
        board.uart().expect_line("Hello from").wait()?;
        Ok(())
    }

    fn an_error_in_a_platform_names_the_users_file() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let platform = directory.path().join("bad.repl");
        fs::write(&platform, "uart: UART.Nope @ sysbus 0x0\n").unwrap();
        let error = board(platform.to_str().unwrap(), "").unwrap_err().to_string();
        for part in ["Could not resolve type: 'UART.Nope'", "bad.repl"] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        Ok(())
    }

    /// The wait has a limit of 2 s, and the answer takes 1 s of guest time; the guest is stopped
    /// for 3 s.
    fn a_short_stop_of_the_host_does_not_fail_a_wait() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        uart.send_line("sleep 1000").wait()?;
        uart.expect_line("sleep 1000").wait()?;
        let stopped = renode_processes();
        for &pid in &stopped {
            kill(pid, Signal::SIGSTOP).unwrap();
        }
        let resume = std::thread::spawn(move || {
            std::thread::sleep(secs(3));
            for pid in stopped {
                let _ = kill(pid, Signal::SIGCONT);
            }
        });
        let outcome = uart.expect("> ").within(secs(2)).wait();
        resume.join().unwrap();
        outcome.map(drop)
    }

    fn a_wait_without_a_match_times_out() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect("> ").wait()?;
        let began = Instant::now();
        board.uart().expect("never").within(millis(500)).wait().unwrap_err();
        assert!(began.elapsed() >= millis(500));
        Ok(())
    }

    fn a_hundred_hot_flashes_and_twenty_resets_of_each_kind() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        let uart = board.uart();
        for _ in 0..50 {
            uart.expect_line("Hello from shell").wait()?;
            board.flash(sample("hello.elf")).wait()?;
            uart.expect_line("Hello from hello").wait()?;
            board.flash(sample("shell.elf")).wait()?;
        }
        for _ in 0..20 {
            uart.expect_line("Hello from shell").wait()?;
            uart.expect("> ").wait()?;
            uart.send_line("reset").wait()?;
            uart.expect_line("Hello from shell").wait()?;
            board.reset().wait()?;
        }
        Ok(())
    }

    fn a_mebibyte_of_all_byte_values_arrives_unchanged() -> Result<()> {
        const COUNT: usize = 1 << 20;
        let bytes = all_values(COUNT);
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        uart.send_line(format!("source {COUNT}")).wait()?;
        let said = format!("source {COUNT} crc32 {:08x}", crc32(&bytes));
        uart.expect(&said).within(secs(120)).wait()?;
        let received = uart.transcript()?;
        let found = received.windows(COUNT).any(|window| window == bytes);
        assert!(found, "not all bytes are in the transcript");
        Ok(())
    }

    fn flash_restarts_a_halted_processor() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let empty = directory.path().join("empty.bin");
        fs::write(&empty, [0; 4096]).unwrap();
        let text = format!("backend: renode\nplatform: {STM32F4}\nuart: sysbus.usart2\nload_address: 0x08000000\n");
        let config = TargetConfig::from_yaml_str(&text, "/")?;
        // Renode halts a Cortex-M whose vectors are all zero.
        let board = VirtualTarget::from_config(config).firmware(&empty).boot().wait()?;
        let uart = board.uart();
        for _ in 0..2 {
            board.flash(sample("shell.elf")).wait()?;
            uart.expect_line("Hello from shell").wait()?;
            uart.expect("> ").wait()?;
            uart.send_line("panic").wait()?;
            uart.expect_line("HardFault").wait()?;
        }
        board.flash(&empty).wait()?;
        board.flash(sample("hello.elf")).wait()?;
        uart.expect_line("Hello from hello").wait()?;
        Ok(())
    }

    fn firmware_for_another_processor_is_refused() -> Result<()> {
        const E_MACHINE: usize = 18;
        const RISC_V: u8 = 243;
        let directory = tempfile::tempdir().unwrap();
        let firmware = directory.path().join("riscv.elf");
        let mut elf = fs::read(sample("shell.elf")).unwrap();
        elf[E_MACHINE] = RISC_V;
        fs::write(&firmware, elf).unwrap();
        let text = format!("backend: renode\nplatform: {STM32F4}\nuart: sysbus.usart2\n");
        let config = TargetConfig::from_yaml_str(&text, "/")?;
        let board = VirtualTarget::from_config(config).firmware(&firmware).boot().wait();
        let error = board.unwrap_err().to_string();
        for part in ["riscv.elf", "32-bit RISC-V", "sysbus.cpu is a CortexM (32-bit Arm)", "correct `platform:`"] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        Ok(())
    }

    #[cfg_attr(not(soak), ignore = "a long run: make soak")]
    fn soak_twenty_power_cycles() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        for _ in 0..20 {
            board.uart().expect_line("Hello from shell").wait()?;
            board.power_cycle().wait()?;
        }
        board.uart().expect_line("Hello from shell").wait()?;
        Ok(())
    }

    /// About 10 s of output, unread and read line by line, alternating on the same host.
    #[cfg_attr(not(soak), ignore = "a long run: make soak")]
    fn soak_an_unread_flood_is_not_slowed() -> Result<()> {
        const LINES: usize = 100_000;
        let flood = |read: bool| -> Result<Duration> {
            let board = shell_on(BackendKind::Renode).boot().wait()?;
            let uart = board.uart();
            uart.expect("> ").wait()?;
            let began = Instant::now();
            uart.send_line(format!("flood {LINES}")).wait()?;
            for _ in 0..if read { LINES } else { 0 } {
                uart.expect_line("re:^line [0-9]+$").within(secs(60)).wait()?;
            }
            uart.expect(format!("flood done {LINES}")).within(secs(600)).wait()?;
            Ok(began.elapsed())
        };
        let (mut unread, mut read) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..3 {
            unread += flood(false)?;
            read += flood(true)?;
        }
        println!("three floods took {unread:?} unread and {read:?} read");
        assert!(unread * 2 <= read * 3, "three floods took {unread:?} unread and {read:?} read");
        Ok(())
    }
}

tests_over_telnet! {
    extra_commands_that_renode_accepts_or_complains_about,
    extra_commands_that_renode_refuses,
    a_crash_is_reported_at_once_with_its_reason,
    a_crash_fails_a_wait_at_once,
    a_short_stop_of_the_host_does_not_fail_a_wait,
}

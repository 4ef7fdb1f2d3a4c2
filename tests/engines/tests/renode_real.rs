//! What only a real Renode can show: which of its commands it accepts, and what
//! it does with odd paths, slow hosts and crashes.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use engine_tests::leftovers::{descendants, emulators};
use engine_tests::{sample, shell_on};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Result, VirtualTarget, millis, secs};

const STM32F4: &str = "platforms/boards/stm32f4_discovery-kit.repl";

fn board(platform: &str, more: &str) -> Result<VirtualTarget> {
    let text = format!(
        "backend: renode\nplatform: {platform:?}\nuart: sysbus.usart2\nmachine_name: a board\n{more}"
    );
    let config = TargetConfig::from_yaml_str(&text, "/")?;
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

/// Some tests look for their Renode among all that this process has started.
static ALONE: Mutex<()> = Mutex::new(());

/// The processes of the one Renode that runs: its launcher, and itself at the end.
fn renode_processes() -> Vec<Pid> {
    let mut all = emulators();
    for launcher in emulators() {
        all.extend(descendants(launcher.cast_unsigned()));
    }
    all.into_iter().map(Pid::from_raw).collect()
}

macro_rules! on_renode {
    ($($(#[$meta:meta])* fn $name:ident() -> Result<()> $body:block)+) => {$(
        $(#[$meta])*
        #[test]
        #[cfg_attr(not(renode), ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none")]
        fn $name() -> Result<()> {
            let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
            $body
        }
    )+};
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

    fn a_crash_is_told_at_once_with_its_reason() -> Result<()> {
        let error = with_extra_commands(&["Save @/no/such/dir/x"]).unwrap_err().to_string();
        for part in ["extra_commands[0]", "Renode exited with status 1", "Fatal error:", "/no/such/dir/x"] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        Ok(())
    }

    fn a_crash_during_a_wait_is_its_error_at_once() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        let renode = renode_processes().pop().unwrap();
        let uart = board.uart().clone();
        let waiting = std::thread::spawn(move || uart.expect("never").within(secs(600)).wait());
        kill(renode, Signal::SIGKILL).unwrap();
        let error = waiting.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("Renode exited with status 137"), "{error}");
        Ok(())
    }

    fn a_platform_of_the_projects_own_may_include_its_neighbours() -> Result<()> {
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

    /// The wait is 2 s, and the answer comes after 1 s of the guest's time, of
    /// which it gets none for 3 s.
    fn a_stopped_host_is_no_failure() -> Result<()> {
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

    fn a_timeout_is_still_a_timeout() -> Result<()> {
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

    fn a_mebibyte_of_all_byte_values_comes_unchanged() -> Result<()> {
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
}

/// In pieces: the time that Renode takes for a byte grows with those that
/// wait behind it, so that 16 KiB at once take 15 s and 1 MiB would take hours.
#[test]
#[ignore = "not understood yet: once in three runs the guest's checksum of a piece was wrong"]
fn all_byte_values_go_unchanged() -> Result<()> {
    const PIECE: usize = 2048;
    let bytes = all_values(32 * PIECE);
    let board = shell_on(BackendKind::Renode).boot().wait()?;
    let uart = board.uart();
    for piece in bytes.chunks(PIECE) {
        uart.expect("> ").wait()?;
        uart.send_line(format!("sink {PIECE}")).wait()?;
        uart.expect_line("sink").wait()?;
        uart.send(piece).wait()?;
        uart.expect_line("re:^sink").within(secs(60)).wait()?;
        let said = uart.transcript_text()?;
        let expected = format!("sink {PIECE} crc32 {:08x}", crc32(piece));
        if !said.contains(&expected) {
            uart.expect("> ").wait()?;
            uart.send_line("overruns").wait()?;
            uart.expect_line("overruns").wait()?;
            panic!(
                "expected {expected:?}, the guest has: {:?}, overruns: {:?}",
                said.lines().last(),
                uart.read_line().wait()?
            );
        }
    }
    Ok(())
}

/// What the shell's `source` sends.
fn all_values(count: usize) -> Vec<u8> {
    (0..count)
        .map(|i| ((i * 7 + (i >> 8)) & 0xff) as u8)
        .collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

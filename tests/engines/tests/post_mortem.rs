//! What the message of a failed wait says about the board's processors, and that the board does
//! not notice it.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use engine_tests::{bare_on, in_virtual_time, on_each_engine, on_renode, sample_for, shell_on};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::uart::TranscriptLine;
use virtual_target::{Error, ErrorKind, Result, TargetBuilder, VirtualTarget, millis, secs};

/// Returns the post-mortem of the error.
fn post_mortem(error: &Error) -> String {
    let ErrorKind::Uart(failure) = error.kind() else {
        panic!("{error}")
    };
    let text = failure.post_mortem();
    let text = text.unwrap_or_else(|| panic!("no post-mortem in {error}"));
    let first = text.lines().next().unwrap();
    assert!(
        error.to_string().contains(&format!("\n  {first}")),
        "{error}"
    );
    text.to_owned()
}

/// Returns the shell at its prompt.
fn shell(engine: BackendKind) -> Result<VirtualTarget> {
    let board = shell_on(engine).boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

on_each_engine! {
    fn a_failed_wait_says_where_the_processor_sleeps_and_the_board_goes_on(engine) {
        let board = shell(engine)?;
        for _ in 0..3 {
            let error = board.uart().expect("never").within(millis(200)).wait().unwrap_err();
            let text = post_mortem(&error);
            assert!(text.starts_with("firmware: sleeps until an interrupt comes (WFI)"), "{text}");
            assert!(text.contains("could wake it: uart_interrupt (interrupt 38)"), "{text}");
            assert!(text.contains("called by main"), "{text}");
            board.uart().send_line("ping").wait()?;
            board.uart().expect_line("pong").wait()?;
        }
        Ok(())
    }

    fn a_long_wait_in_real_time_says_that_idle_time_counted(engine) {
        let hint = "`clock: virtual` passes idle time at once";
        let board = shell(engine)?;
        let error = board.uart().expect("never").within(secs(10)).wait().unwrap_err().to_string();
        // A busy host may keep the board from telling its state in time.
        if error.contains("firmware: sleeps") {
            assert_eq!(error.contains(hint), engine == BackendKind::Renode, "{error}");
        }
        let error = board.uart().expect("never").within(millis(200)).wait().unwrap_err().to_string();
        assert!(!error.contains(hint), "{error}");
        Ok(())
    }

    fn a_failed_wait_says_what_the_processor_does(engine) {
        // The stack pointer, the entry point and `b .`.
        let endless = vec![0x2000_1000, 0x0800_0009, 0xe7fe_e7fe];
        // The entry point and the handlers of all faults: `udf #0`, `udf #1`.
        let mut locked_up = vec![0x0800_001f; 8];
        (locked_up[0], locked_up[1], locked_up[7]) = (0x2000_1000, 0x0800_001d, 0xde01_de00);
        // As before, and `ldr r0, [pc]; bx r0`, a jump to where is no memory.
        let nowhere = vec![0x2000_1000, 0x0800_0009, 0x4700_4800, 0xf000_0001];
        let nowhere_is = match engine {
            BackendKind::Renode => "halted",
            _ => "locked up",
        };
        for (image, state, pc) in [
            (endless, "in an endless loop", "0x08000008"),
            (locked_up, "locked up", "0x0800001e"),
            (nowhere, nowhere_is, "0xf0000000"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let board = board_with(engine, directory.path(), &image).boot().wait()?;
            let error = board.uart().expect("never").within(secs(2)).wait().unwrap_err();
            let text = post_mortem(&error);
            let place = format!("at {pc}");
            assert!(text.contains(state) && text.contains(&place), "{state}, {place}: {error}");
        }
        Ok(())
    }

    fn waits_that_fail_at_the_same_time_all_say_it(engine) {
        let board = shell(engine)?;
        std::thread::scope(|scope| {
            let wait = || {
                let uart = board.uart().clone();
                scope.spawn(move || uart.expect("never").within(millis(300)).wait())
            };
            let waits: Vec<_> = (0..3).map(|_| wait()).collect();
            for wait in waits {
                post_mortem(&wait.join().unwrap().unwrap_err());
            }
        });
        Ok(())
    }

    fn a_dropped_post_mortem_leaves_the_board_running(engine) {
        let board = shell(engine)?;
        for wait in (0..40).step_by(4) {
            let failing = board.uart().expect("never").within(millis(10));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _ = runtime.block_on(async {
                tokio::time::timeout(millis(10 + wait), failing).await
            });
        }
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        Ok(())
    }

    fn a_wait_that_a_power_off_ends_says_nothing(engine) {
        let board = shell(engine)?;
        let waiting = std::thread::scope(|scope| {
            let uart = board.uart().clone();
            let waiting = scope.spawn(move || uart.expect("never").wait());
            std::thread::sleep(millis(200));
            board.power_off().wait().unwrap();
            waiting.join().unwrap()
        });
        let error = waiting.unwrap_err();
        let ErrorKind::Uart(failure) = error.kind() else { panic!("{error}") };
        assert_eq!(failure.post_mortem(), None, "{error}");
        Ok(())
    }
}

/// Lets time pass on a board.
type Pass = dyn Fn(&VirtualTarget, Duration);

/// Returns what is known of a board in virtual time at the end of `course`: its output and its registers.
fn course(
    boot: impl FnOnce() -> Result<VirtualTarget>,
    course: impl FnOnce(&VirtualTarget) -> Result<()>,
) -> Result<(Vec<TranscriptLine>, String)> {
    let board = in_virtual_time(boot)?;
    course(&board)?;
    let registers = board.registers().wait()?;
    Ok((board.transcript()?, registers.to_string()))
}

/// Asserts that failed waits change no byte, no time and no register of a board on which `talk` lets
/// time pass.
fn failed_waits_change_nothing(
    boot: fn() -> Result<VirtualTarget>,
    talk: fn(&VirtualTarget, &Pass) -> Result<()>,
) -> Result<()> {
    let run = |board: &VirtualTarget, time| board.run_for(time).wait().unwrap();
    let expected = course(boot, |board| talk(board, &run))?;
    let fail = |board: &VirtualTarget, time| {
        let error = board
            .uart()
            .expect("never")
            .within(time)
            .wait()
            .unwrap_err();
        post_mortem(&error);
    };
    for _ in 0..2 {
        assert_eq!(course(boot, |board| talk(board, &fail))?, expected);
    }
    Ok(())
}

/// Returns the shell on Renode, which must not log any access to the interrupt controller.
fn shell_at_its_prompt() -> Result<VirtualTarget> {
    let board = shell_on(BackendKind::Renode).fail_on_log("re:(?i)nvic|0xe000e");
    let board = board.boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

on_renode! {
    fn a_failed_wait_changes_no_byte_and_no_time_in_virtual_time() -> Result<()> {
        failed_waits_change_nothing(shell_at_its_prompt, |board, pass| {
            for (command, wait) in [("ping", 7), ("uptime", 1234), ("sleep 20", 3), ("uptime", 55)] {
                board.uart().send_line(command).wait()?;
                pass(board, millis(wait));
                board.uart().expect("> ").wait()?;
                pass(board, Duration::from_micros(wait * 31));
            }
            Ok(())
        })
    }

    fn a_failed_wait_changes_nothing_of_a_guest_that_prints_all_the_time() -> Result<()> {
        failed_waits_change_nothing(shell_at_its_prompt, |board, pass| {
            board.uart().send_line("flood 500").wait()?;
            for wait in [3, 170, 2011, 77, 5003] {
                pass(board, Duration::from_micros(wait));
            }
            board.uart().expect_line("flood done 500").wait()?;
            Ok(())
        })
    }

    fn a_failed_wait_changes_nothing_of_input_on_its_way() -> Result<()> {
        failed_waits_change_nothing(shell_at_its_prompt, |board, pass| {
            let uart = board.uart().clone();
            // Dropped when it has begun: the bytes go on at the pace of the line.
            let mut send = uart.send_line("echo all of this is on its way to the board");
            let sending = Pin::new(&mut send).poll(&mut Context::from_waker(Waker::noop()));
            assert!(sending.is_pending(), "it has been sent at once");
            drop(send);
            for wait in [40, 500, 87, 1300] {
                pass(board, Duration::from_micros(wait));
            }
            uart.expect_line("all of this is on its way to the board").wait()?;
            Ok(())
        })
    }

    fn a_failed_wait_changes_nothing_of_a_guest_in_an_interrupt() -> Result<()> {
        let boot = || {
            let board = bare_on(BackendKind::Renode).firmware(sample_for("faults", "faults-O0.elf"));
            board.boot().wait()
        };
        failed_waits_change_nothing(boot, |board, pass| {
            board.uart().expect_line("ready").wait()?;
            board.uart().send("i").wait()?;
            pass(board, millis(3));
            // The handler returns, and the next interrupts find nothing to wait for.
            let wanted = board.symbol("ticks_wanted").wait()?;
            board.write(wanted, 1_u32).wait()?;
            for wait in [40, 500, 87] {
                pass(board, Duration::from_micros(wait));
            }
            Ok(())
        })
    }
}

on_each_engine! {
    fn a_failed_wait_in_real_time_loses_no_byte_of_a_guest_that_prints(engine) {
        let board = shell(engine)?;
        let uart = board.uart();
        uart.send_line("flood 2000").wait()?;
        for _ in 0..4 {
            let error = uart.expect("never").within(millis(20)).wait().unwrap_err();
            post_mortem(&error);
        }
        uart.expect_line("flood done 2000").wait()?;
        let text = uart.transcript_text()?;
        let numbers = text.lines().filter_map(|line| line.strip_prefix("line ")?.parse::<u32>().ok());
        assert!(numbers.eq(1..=2000), "{text}");
        Ok(())
    }
}

/// Returns a board with `image` at the address from which it starts.
fn board_with(engine: BackendKind, directory: &Path, image: &[u32]) -> TargetBuilder {
    let file = directory.join("image.bin");
    let bytes: Vec<u8> = image.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(&file, bytes).unwrap();
    let text = format!(
        "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n\
         qemu: {{machine: netduinoplus2, serial: 1}}\nload_address: 0x08000000\nfirmware: {file:?}\n"
    );
    let config = TargetConfig::from_yaml_str(&text, directory).unwrap();
    VirtualTarget::from_config(config).backend(engine)
}

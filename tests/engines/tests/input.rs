//! Input to a board on a real Renode: it arrives complete, in order, at the line's speed
//! in guest time, and a reset loses the bytes on the line.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use engine_tests::input::{Busy, all_values, sink};
use engine_tests::{bare_on, on_renode, sample, shell_on, tests_in_virtual_time};
use virtual_target::config::{BackendKind, ClockKind, TargetConfig};
use virtual_target::{Result, VirtualTarget, millis, secs};

/// Boots a board to its prompt; the line to it has the speed `baud`.
fn at_baud(baud: u32, clock: ClockKind) -> Result<VirtualTarget> {
    let text = format!(
        "platform: platforms/boards/stm32f4_discovery-kit.repl\n\
         uart: {{path: sysbus.usart2, baud: {baud}}}\n"
    );
    let config = TargetConfig::from_yaml_str(&text, ".")?;
    let config = config.to_builder().field("clock", clock).build()?;
    let board = VirtualTarget::from_config(config).firmware(sample("shell.elf"));
    let board = board.boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

/// Returns the time of the guest's own clock.
fn now(board: &VirtualTarget) -> Result<Duration> {
    Ok(board.metrics().wait()?.virtual_time)
}

/// Sends `bytes` and does not wait until they have arrived.
fn send_and_drop(board: &VirtualTarget, bytes: &[u8]) {
    let mut send = board.uart().send(bytes);
    let mut context = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut send).poll(&mut context).is_pending());
}

on_renode! {
    /// 64 KiB in one send, 64 times the size of the guest's buffer; the soak sends a mebibyte.
    fn all_byte_values_arrive_unchanged() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect("> ").wait()?;
        sink(board.uart(), &all_values(64 << 10))?;
        Ok(())
    }

    #[cfg_attr(not(soak), ignore = "a long run: make soak")]
    fn soak_a_mebibyte_of_all_byte_values_arrives_unchanged() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect("> ").wait()?;
        sink(board.uart(), &all_values(1 << 20))?;
        Ok(())
    }

    fn input_keeps_the_line_speed_on_a_busy_host() -> Result<()> {
        const COUNT: u32 = 16 << 10;
        const BYTE: Duration = Duration::from_nanos(86_805);
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect("> ").wait()?;
        let _busy = Busy::start(3);
        let before = now(&board)?;
        sink(board.uart(), &all_values(COUNT as usize))?;
        let took = now(&board)? - before;
        assert!(took >= BYTE * COUNT, "{took:?}");
        Ok(())
    }

    fn input_sent_directly_after_the_boot_arrives() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        uart.send_line("echo first").wait()?;
        uart.send_line("echo second").wait()?;
        uart.expect_line("re:^first$").wait()?;
        uart.expect_line("re:^second$").wait()?;
        Ok(())
    }

    fn reset_discards_the_input_on_the_line() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        let uart = board.uart();
        let starts: [&dyn Fn() -> Result<()>; 3] = [
            &|| board.reset().wait(),
            &|| board.flash(sample("shell.elf")).wait(),
            &|| board.power_cycle().wait(),
        ];
        for start in starts {
            uart.expect("> ").wait()?;
            send_and_drop(&board, &[b'x'; 20_000]);
            // Sent after it, and lost with it.
            send_and_drop(&board, &[b'y'; 20_000]);
            start()?;
            uart.expect_line("Hello from shell").wait()?;
            uart.expect("> ").wait()?;
            uart.send_line("ping").wait()?;
            // Nothing arrives before it.
            assert_eq!(uart.read_line().wait()?, "ping");
            uart.expect_line("re:^pong$").wait()?;
        }
        Ok(())
    }

    fn reset_completes_a_pending_send() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| board.uart().send([b'x'; 60_000]).within(secs(60)).wait());
            // The echo shows that the send has started.
            uart.expect("xx").wait()?;
            board.reset().wait()?;
            sending.join().expect("no panic")
        })?;
        uart.expect_line("Hello from shell").wait()?;
        uart.expect("> ").wait()?;
        uart.send_line("ping").wait()?;
        uart.expect_line("re:^pong$").wait()?;
        Ok(())
    }

    fn a_board_booted_without_firmware_receives_input_after_a_flash() -> Result<()> {
        let board = bare_on(BackendKind::Renode).boot().wait()?;
        board.flash(sample("shell.elf")).wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        sink(uart, &all_values(2000))?;
        Ok(())
    }

    fn each_line_has_its_own_speed() -> Result<()> {
        const COUNT: u32 = 2000;
        for (baud, clock) in [
            (9600, ClockKind::Virtual),
            (921_600, ClockKind::Virtual),
            (57_600, ClockKind::Realtime),
        ] {
            let board = at_baud(baud, clock)?;
            let before = now(&board)?;
            let command = format!("sink {COUNT}\n").len() as u32;
            sink(board.uart(), &all_values(COUNT as usize))?;
            let took = now(&board)? - before;
            let line = Duration::from_secs(1) * 10 * (COUNT + command) / baud;
            assert!(took >= line, "{baud}: {took:?} of {line:?}");
            // The firmware prints the line and its checksum at its own speed.
            let rest = millis(20);
            assert!(clock == ClockKind::Realtime || took < line + rest, "{baud}: {took:?} of {line:?}");
        }
        Ok(())
    }
}

tests_in_virtual_time! {
    all_byte_values_arrive_unchanged,
    input_sent_directly_after_the_boot_arrives,
    reset_discards_the_input_on_the_line,
}

//! Registers, memory and variables of a running board.

use std::time::Duration;

use engine_tests::{
    bare_on, in_virtual_time, on_each_engine, on_renode, sample, sample_for, shell_on,
};
use virtual_target::config::BackendKind;
use virtual_target::{DebugError, Error, ErrorKind, Result, VirtualTarget, millis, secs};

/// Returns the shell at its prompt.
fn shell(engine: BackendKind) -> Result<VirtualTarget> {
    let board = shell_on(engine).boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

fn debug_error(error: Error) -> DebugError {
    match error.into_kind() {
        ErrorKind::Debug(error) => error,
        other => panic!("{other}"),
    }
}

on_each_engine! {
    fn registers_memory_and_variables_are_read_while_the_board_runs(engine) {
        let board = shell(engine)?;
        let registers = board.registers().wait()?;
        let pc = board.pc().wait()?;
        assert_eq!(registers.get("pc"), Some(pc), "it sleeps: {registers}");
        assert!((0x0800_0000..0x0800_2000).contains(&pc), "{pc:#x}");
        assert!(registers.get("sp").unwrap() > 0x2000_0000, "{registers}");
        // The vector table: the stack pointer, then the entry point in both encodings.
        let vectors = board.read_bytes(0x0800_0000, 8).wait()?;
        let entry = board.read::<u32>(0x0800_0004).wait()?;
        assert_eq!(vectors[4..], entry.to_le_bytes());
        let main = board.symbol("main").wait()?;
        assert!((0x0800_0000..0x0800_2000).contains(&main), "{main:#x}");
        let before = board.read_symbol::<u32>("received").wait()?;
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        let after = board.read_symbol::<u32>("received").wait()?;
        assert_eq!(after, before + 5);
        // More than one answer of an engine carries.
        let much = board.read_bytes(0x2000_0000, 100_000).wait()?;
        assert_eq!(much.len(), 100_000);
        Ok(())
    }

    fn the_chain_of_calls_leads_to_main(engine) {
        let faults = sample_for("faults", "faults-Os.elf");
        let board = bare_on(engine).firmware(faults).boot().wait()?;
        board.uart().expect_line("ready").wait()?;
        // It waits for a variable that nobody sets.
        board.uart().send("v").wait()?;
        board.run_for(millis(100)).wait()?;
        let frames = board.backtrace().wait()?;
        let [waits, main, ..] = &frames[..] else {
            panic!("{frames:?}")
        };
        assert!(waits.to_string().starts_with("wait_until_ready (waits.c:"), "{frames:?}");
        assert!(main.to_string().starts_with("main (main.c:"), "{frames:?}");
        assert!(waits.certain && main.certain, "{frames:?}");
        let stripped = bare_on(engine).firmware(sample("shell.stripped")).boot().wait()?;
        stripped.uart().expect("> ").wait()?;
        let frames = stripped.backtrace().wait()?;
        assert!(frames.first().is_some_and(|it| it.function.is_none()), "{frames:?}");
        Ok(())
    }

    fn what_is_no_memory_is_not_read(engine) {
        let board = shell(engine)?;
        // A peripheral, nothing, the end of the RAM.
        for address in [0x4000_4404, 0x3000_0000, 0x2fff_fffe, u64::MAX - 1] {
            let error = board.read::<u32>(address).wait().unwrap_err();
            assert!(error.to_string().contains("are not all in one of its memories"), "{error}");
            assert!(matches!(debug_error(error), DebugError::NoMemory { length: 4, .. }));
        }
        assert_eq!(board.read_bytes(0x3000_0000, 0).wait()?, b"");
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait().map(drop)
    }

    fn a_wrong_name_or_type_of_a_variable_is_refused(engine) {
        let board = shell(engine)?;
        let error = board.read_symbol::<u32>("recieved").wait().unwrap_err();
        assert!(error.to_string().contains("; did you mean `received`?"), "{error}");
        let error = board.read_symbol::<u8>("received").wait().unwrap_err();
        assert!(error.to_string().contains("`received` has 4 bytes in "), "{error}");
        assert!(error.to_string().contains(", not the 1 of u8"), "{error}");
        for stripped in ["shell.stripped", "shell.hex"] {
            let board = bare_on(engine).firmware(sample(stripped)).build()?;
            let error = board.symbol("main").wait().unwrap_err();
            assert!(error.to_string().contains(" has no symbols; flash the ELF file"), "{error}");
        }
        let error = bare_on(engine).build()?.symbol("main").wait().unwrap_err();
        assert!(error.to_string().contains("it has no firmware"), "{error}");
        Ok(())
    }

    fn memory_is_written_while_the_board_runs(engine) {
        let board = shell(engine)?;
        // Unused RAM: neither variables nor the stack.
        let address = 0x2000_8001;
        board.write_bytes(address, *b"0123456789").wait()?;
        assert_eq!(board.read_bytes(address, 10).wait()?, b"0123456789");
        board.write(0x2000_8004, -2_i16).wait()?;
        assert_eq!(board.read_bytes(address, 10).wait()?, b"012\xfe\xff56789");
        // More than one command of an engine carries.
        let much: Vec<u8> = (0..5000_u32).map(|it| (it * 7) as u8).collect();
        board.write_bytes(address, &*much).wait()?;
        assert_eq!(board.read_bytes(address, much.len()).wait()?, much);
        let error = board.write(0x4000_4404, 1_u32).wait().unwrap_err();
        assert!(matches!(debug_error(error), DebugError::NoMemory { .. }));
        // The firmware sees it: its counter of lost bytes.
        let overruns = board.symbol("uart_overruns").wait()?;
        board.write(overruns, 4711_u32).wait()?;
        board.uart().send_line("overruns").wait()?;
        board.uart().expect_line("overruns 4711").wait().map(drop)
    }

    fn a_board_runs_until_it_comes_to_a_function(engine) {
        let board = shell(engine)?;
        for _ in 0..2 {
            // The next command is executed when the board has been told to stop there.
            board.uart().send_line("sleep 4000").wait()?;
            board.uart().send_line("ping").wait()?;
            let calls = board.run_until("ping").wait()?;
            assert_eq!(calls[0].function.as_deref(), Some("ping"), "{calls:?}");
            let symbol = board.symbol("ping").wait()? & !1;
            assert_eq!(calls[0].address, symbol, "{calls:?}");
            assert!(calls.iter().any(|it| it.function.as_deref() == Some("main")), "{calls:?}");
            board.uart().expect_line("pong").wait()?;
        }
        let error = board.run_until("panic").within(millis(200)).wait().unwrap_err();
        assert!(error.to_string().contains("`stm32f4` has not reached `panic` in 200ms"), "{error}");
        let error = board.run_until("pingg").wait().unwrap_err();
        assert!(error.to_string().contains("did you mean `ping`?"), "{error}");
        // Nothing of it is left.
        for _ in 0..3 {
            board.uart().send_line("ping").wait()?;
            board.uart().expect_line("pong").wait()?;
        }
        Ok(())
    }

    fn a_write_to_a_variable_is_seen_with_its_place(engine) {
        let board = shell(engine)?;
        let received = board.symbol("received").wait()?;
        let before = board.read::<u32>(received).wait()?;
        // It receives the line while it sleeps: an interrupt.
        let written = std::thread::scope(|scope| {
            let watching = scope.spawn(|| board.watch::<u32>(received).within(secs(60)).wait());
            while !watching.is_finished() {
                board.uart().send_line("ping").wait()?;
                std::thread::sleep(millis(500));
            }
            watching.join().unwrap()
        })?;
        assert!(written.value > before, "{written:?}");
        assert_eq!(written.frames[0].function.as_deref(), Some("uart_interrupt"), "{written:?}");
        board.uart().expect_line("pong").wait()?;
        let error = board.watch::<u32>(received).within(millis(100)).wait().unwrap_err();
        assert!(error.to_string().contains("nothing has written to 0x20000024 of `stm32f4` in 100ms"), "{error}");
        let error = board.watch::<u32>(0x4000_4404).wait().unwrap_err();
        assert!(matches!(debug_error(error), DebugError::NoMemory { .. }));
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait().map(drop)
    }

    fn a_board_that_is_off_has_nothing_to_look_at(engine) {
        let board = shell_on(engine).build()?;
        assert!(board.symbol("main").wait().is_ok(), "it needs only the file");
        let error = board.pc().wait().unwrap_err().to_string();
        assert!(error.contains("cannot read the registers of `stm32f4`: the target is off"), "{error}");
        Ok(())
    }
}

/// Reads a `static` in the middle of a computation, at the same times on this many boards.
fn same_memory_in(boards: usize) -> Result<()> {
    let mut first = None;
    for number in 0..boards {
        let board = in_virtual_time(|| bare_on(BackendKind::Renode));
        let board = board.firmware(sample("compute-debug.elf")).boot().wait()?;
        board.uart().expect_line("Hello from compute").wait()?;
        let words = board.symbol("words").wait()?;
        board.uart().send_line("1000").wait()?;
        let mut seen = Vec::new();
        for _ in 0..5 {
            board.run_for(Duration::from_micros(1234)).wait()?;
            let bytes = board.read_bytes(words, 64).wait()?;
            seen.push((board.registers().wait()?, bytes));
            assert!(
                seen.iter().rev().skip(1).all(|it| Some(it) != seen.last()),
                "it computes"
            );
        }
        let time = board.metrics().wait()?.virtual_time;
        let first = first.get_or_insert_with(|| (seen.clone(), time));
        assert_eq!(*first, (seen, time), "board {number}");
    }
    Ok(())
}

on_renode! {
    fn a_variable_has_the_same_value_at_the_same_virtual_time() -> Result<()> {
        let board = in_virtual_time(|| shell(BackendKind::Renode))?;
        let uart = board.uart();
        let received = || board.read_symbol::<u32>("received").wait();
        let mut seen = Vec::new();
        for run in 0..100 {
            let before = received()?;
            uart.send_line("ping").wait()?;
            assert_eq!(received()?, before, "no time has passed");
            // A byte takes 86.8 us.
            board.run_for(Duration::from_micros(300)).wait()?;
            let registers = board.registers().wait()?;
            seen.push((received()? - before, registers.get("pc"), registers.get("sp")));
            assert_eq!(seen[run].0, 3);
            assert_eq!(seen[run], seen[0], "{registers}");
            uart.expect_line("pong").wait()?;
            uart.expect("> ").wait()?;
        }
        Ok(())
    }

    fn a_new_board_has_the_same_memory_at_the_same_virtual_time() -> Result<()> {
        same_memory_in(3)
    }

    #[cfg_attr(all(renode, not(soak)), ignore = "takes minutes: make soak")]
    fn soak_a_hundred_boards_have_the_same_memory_at_the_same_virtual_time() -> Result<()> {
        same_memory_in(100)
    }

    fn a_board_with_a_virtual_clock_stands_still_at_the_function() -> Result<()> {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let board = in_virtual_time(|| shell(BackendKind::Renode))?;
            board.uart().send_line("ping").wait()?;
            let calls = board.run_until("ping").wait()?;
            let time = board.metrics().wait()?.virtual_time;
            assert_eq!(board.pc().wait()?, board.symbol("ping").wait()? & !1);
            assert_eq!(board.metrics().wait()?.virtual_time, time);
            board.uart().expect_line("pong").wait()?;
            seen.push((calls, time, board.transcript()?));
        }
        assert_eq!(seen[0], seen[1]);
        Ok(())
    }

    fn a_board_with_a_virtual_clock_stands_still_behind_a_write() -> Result<()> {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let board = in_virtual_time(|| shell(BackendKind::Renode))?;
            let received = board.symbol("received").wait()?;
            let before = board.read::<u32>(received).wait()?;
            board.uart().send_line("ping").wait()?;
            for byte in 1..=3 {
                let written = board.watch::<u32>(received).wait()?;
                assert_eq!(written.value, before + byte);
                assert_eq!(board.read::<u32>(received).wait()?, before + byte);
                let time = board.metrics().wait()?.virtual_time;
                seen.push((written, time));
            }
            board.uart().expect_line("pong").wait()?;
        }
        assert_eq!(seen[..3], seen[3..]);
        Ok(())
    }
}

//! Registers, memory and variables of a running board.

use std::time::Duration;

use engine_tests::{
    bare_on, in_virtual_time, on_each_engine, on_renode, sample, sample_for, shell_on,
};
use virtual_target::config::BackendKind;
use virtual_target::{DebugError, Error, ErrorKind, Result, VirtualTarget, millis};

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

    fn memory_is_written_where_the_engine_can(engine) {
        let board = shell(engine)?;
        // Unused RAM: neither variables nor the stack.
        let address = 0x2000_8001;
        let written = board.write_bytes(address, *b"0123456789").wait();
        if engine == BackendKind::Qemu {
            let error = written.unwrap_err().to_string();
            assert!(error.contains("QEMU cannot write to the board's memory"), "{error}");
            return Ok(());
        }
        written?;
        assert_eq!(board.read_bytes(address, 10).wait()?, b"0123456789");
        board.write(0x2000_8004, -2_i16).wait()?;
        assert_eq!(board.read_bytes(address, 10).wait()?, b"012\xfe\xff56789");
        let error = board.write(0x4000_4404, 1_u32).wait().unwrap_err();
        assert!(matches!(debug_error(error), DebugError::NoMemory { .. }));
        Ok(())
    }

    fn a_board_that_is_off_has_nothing_to_look_at(engine) {
        let board = shell_on(engine).build()?;
        assert!(board.symbol("main").wait().is_ok(), "it needs only the file");
        let error = board.pc().wait().unwrap_err().to_string();
        assert!(error.contains("cannot read the registers of `stm32f4`: the target is off"), "{error}");
        Ok(())
    }
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
}

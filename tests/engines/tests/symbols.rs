//! ELF files that are given for their symbols, and names of C++ and Rust.

use std::path::{Path, PathBuf};

use engine_tests::{bare_on, on_each_engine, sample, sample_for};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::firmware::FirmwareErrorKind;
use virtual_target::{DebugError, Error, ErrorKind, TargetBuilder, VirtualTarget, millis};

/// Returns the text of a failed wait.
fn failure(board: &VirtualTarget) -> String {
    let failed = board.uart().expect("never").within(millis(200)).wait();
    failed.unwrap_err().to_string()
}

/// Returns the board with `image` as a raw binary and ELF files for its symbols.
fn board_with(engine: BackendKind, image: &Path, symbols: &[PathBuf]) -> TargetBuilder {
    let text = format!(
        "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n\
         qemu: {{machine: netduinoplus2, serial: 1}}\nload_address: 0x08000000\n\
         firmware: {image:?}\nsymbols: {symbols:?}\n"
    );
    let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
    VirtualTarget::from_config(config).backend(engine)
}

fn kind_of_firmware_error(error: &Error) -> &FirmwareErrorKind {
    match error.kind() {
        ErrorKind::Firmware(error) => error.kind(),
        _ => panic!("{error}"),
    }
}

on_each_engine! {
    fn a_binary_has_the_names_of_the_elf_file_in_symbols(engine) {
        let bare = board_with(engine, &sample("shell.bin"), &[]).boot().wait()?;
        bare.uart().expect("> ").wait()?;
        let text = failure(&bare);
        let missing = "shell.bin has no symbols: name the ELF file that has them in `symbols`";
        assert!(text.contains(missing), "{text}");
        drop(bare);
        let named = board_with(engine, &sample("shell.bin"), &[sample("shell.elf")]);
        let board = named.boot().wait()?;
        board.uart().expect("> ").wait()?;
        let text = failure(&board);
        assert!(text.contains("called by main") && !text.contains("has no symbols"), "{text}");
        assert!(board.read_symbol::<u32>("received").wait().is_ok());
        let frames = board.backtrace().wait()?;
        assert!(frames.iter().any(|it| it.function.as_deref() == Some("main")), "{frames:?}");
        Ok(())
    }

    fn a_stripped_file_has_the_names_of_the_file_that_the_builder_adds(engine) {
        let board = bare_on(engine).firmware(sample("shell.stripped")).symbols(sample("shell.elf"));
        let board = board.boot().wait()?;
        board.uart().expect("> ").wait()?;
        let text = failure(&board);
        assert!(text.contains("called by main") && !text.contains("is stripped"), "{text}");
        assert!(board.symbol("main").wait().is_ok());
        Ok(())
    }

    fn a_file_without_symbols_is_refused_before_the_boot(engine) {
        let stripped = bare_on(engine).firmware(sample("shell.elf")).symbols(sample("shell.stripped"));
        let error = stripped.build().unwrap_err();
        assert!(error.to_string().contains("is stripped: it has no symbols: name the ELF file"), "{error}");
        assert!(matches!(kind_of_firmware_error(&error), FirmwareErrorKind::NoSymbols { .. }));
        let files = [sample("shell.elf"), sample("shell.hex")];
        let error = board_with(engine, &sample("shell.bin"), &files).build().unwrap_err();
        let text = error.to_string();
        assert!(text.contains(":6:") && text.contains("symbols[1]: "), "{text}");
        assert!(text.contains("is a file of the format Intel HEX, which has no symbols"), "{text}");
        let error = bare_on(engine).symbols("no/such.elf").build().unwrap_err();
        assert!(matches!(kind_of_firmware_error(&error), FirmwareErrorKind::NotFound));
        Ok(())
    }

    fn a_file_of_another_program_is_not_believed(engine) {
        // `received` is another variable there, and `main` another function.
        let board = board_with(engine, &sample("shell.hex"), &[sample("bridge.elf")]).boot().wait()?;
        board.uart().expect("> ").wait()?;
        let error = board.symbol("main").wait().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("bridge.elf\" in `symbols` is of another program than the flashed \""), "{text}");
        assert!(text.contains(" bytes differ, the first at 0x08000"), "{text}");
        assert!(matches!(error.kind(), ErrorKind::Debug(DebugError::OtherProgram { .. })));
        let error = board.backtrace().wait().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Debug(DebugError::OtherProgram { .. })), "{error}");
        let error = board.run_until("main").wait().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Debug(DebugError::OtherProgram { .. })), "{error}");
        let text = failure(&board);
        assert!(text.contains("shell.hex has no symbols, and bridge.elf is of another program"), "{text}");
        drop(board);
        // Another one may be for what is flashed later.
        let both = [sample("bridge.elf"), sample("shell.elf")];
        let board = board_with(engine, &sample("shell.bin"), &both).boot().wait()?;
        board.uart().expect("> ").wait()?;
        let received = board.symbol("received").wait()?;
        assert!(board.backtrace().wait()?.iter().any(|it| it.function.as_deref() == Some("main")));
        board.flash(sample("bridge.hex")).wait()?;
        board.uart().expect_line("Hello from bridge").wait()?;
        let error = board.symbol("received").wait();
        assert!(!error.is_ok_and(|address| address == received), "it is a variable of the shell");
        Ok(())
    }

    fn a_panic_in_rust_leads_to_the_function_that_has_panicked(engine) {
        let board = bare_on(engine).firmware(sample_for("languages", "rust.elf")).boot().wait()?;
        board.uart().expect_line("ready").wait()?;
        let text = failure(&board);
        assert!(text.contains("called by monitor::sensor::calibrated (main.rs:21)"), "{text}");
        assert!(text.contains("called by monitor::reset (main.rs:29)"), "{text}");
        assert_eq!(board.read_symbol::<u32>("monitor::sensor::READINGS").wait()?, 2);
        Ok(())
    }

    fn a_wait_in_cpp_has_the_names_of_the_source(engine) {
        let board = bare_on(engine).firmware(sample_for("languages", "cpp.elf")).boot().wait()?;
        board.uart().expect_line("ready").wait()?;
        let text = failure(&board);
        let waits = "polls sensor::samples.length (0x0800013c, a constant, which nothing changes) until it is not 0, \
                     at ";
        assert!(text.contains(waits), "{text}");
        let place = " in sensor::Queue<short>::take(unsigned long) const (main.cpp:17)";
        assert!(text.contains(place), "{text}");
        assert!(text.contains("inlined in sensor::read_sample(unsigned long) (main.cpp:"), "{text}");
        assert!(text.contains("called by main (main.cpp:"), "{text}");
        assert!(text.contains("sensor::samples"), "{text}");
        let waits = "sensor::Queue<short>::waits";
        assert!(board.read_symbol::<u32>(waits).wait()? == 1);
        let mangled = "_ZN6sensor5QueueIsE5waitsE";
        assert_eq!(board.symbol(mangled).wait()?, board.symbol(waits).wait()?);
        Ok(())
    }
}

//! What only QEMU has: further arguments, processors by `arch`, semihosting output.

#![cfg_attr(not(qemu), allow(unused, reason = "all tests are ignored"))]

use engine_tests::{root, sample, sample_for};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Result, VirtualTarget, millis};

fn board(text: &str) -> Result<VirtualTarget> {
    let config = TargetConfig::from_yaml_str(text, root().join("firmware-samples"))?;
    VirtualTarget::from_config(config).boot().wait()
}

const SEMIHOSTING: &str = "backend: qemu
firmware: prebuilt/stm32f4/semihosting.elf
qemu: {machine: netduinoplus2}
";

/// Defines tests on QEMU; they are reported as ignored where it is missing.
macro_rules! on_qemu {
    ($($name:ident: $body:block)+) => {$(
        #[test]
        #[cfg_attr(not(qemu), ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none")]
        fn $name() -> Result<()> $body
    )+};
}

on_qemu! {
    semihosting_output_is_a_uart: {
        let board = board(&format!(
            "{SEMIHOSTING}uarts: {{console: {{serial: 1}}, trace: semihosting}}\n"
        ))?;
        let (console, trace) = (board.uart(), board.uart_named("trace")?);
        console.expect_line("Hello from semihosting").wait()?;
        for line in ["by WRITE0", "by WRITE", "c"] {
            assert_eq!(trace.read_line().wait()?, line);
        }
        for restart in ["reset", "power cycle"] {
            console.send("x").wait()?;
            assert_eq!(trace.read_line().wait()?, "got x");
            match restart {
                "reset" => board.reset().wait()?,
                _ => board.power_cycle().wait()?,
            }
            trace.expect_line("re:^by WRITE0$").wait()?;
            trace.expect_line("re:^c$").wait()?;
        }
        let error = trace.send("x").wait().unwrap_err().to_string();
        let why = "UART trace (semihosting): send of 1 bytes failed: semihosting is for the firmware's output only";
        assert!(error.contains(why), "{error}");
        Ok(())
    }

    a_board_may_have_semihosting_output_alone: {
        let board = board(&format!("{SEMIHOSTING}uart: semihosting\n"))?;
        board.uart().expect_line("by WRITE0").wait()?;
        board.uart_named("semihosting")?.expect_line("c").wait()?;
        Ok(())
    }

    an_exit_by_semihosting_ends_the_waits_after_its_output: {
        for (byte, status) in [("q", "exited with status 0"), ("f", "exited with status 1")] {
            let board = board(&format!(
                "{SEMIHOSTING}uarts: {{trace: semihosting, console: {{serial: 1}}}}\n"
            ))?;
            board.uart_named("console")?.expect_line("Hello").wait()?;
            board.uart_named("console")?.send("x").wait()?;
            board.uart().expect_line("got x").wait()?;
            board.uart_named("console")?.send(byte).wait()?;
            board.uart().expect_line("exits").wait()?;
            let error = board.uart().expect_line("never").wait().unwrap_err().to_string();
            for part in ["UART trace (semihosting)", status] {
                assert!(error.contains(part), "no {part:?} in: {error}");
            }
        }
        Ok(())
    }

    further_arguments_are_given_to_qemu: {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "backend: qemu\nfirmware: {:?}\nqemu: {{machine: netduinoplus2, serial: 1, \
             args: [-d, guest_errors, -D, log.txt, -name, 'a b']}}\n",
            sample("hello.elf")
        );
        let config = TargetConfig::from_yaml_str(&text, directory.path())?;
        let board = VirtualTarget::from_config(config).boot().wait()?;
        board.uart().expect_line("Hello from hello").wait()?;
        // Paths are relative to the description.
        assert!(directory.path().join("log.txt").is_file());
        Ok(())
    }

    a_serial_that_the_machine_does_not_have_is_named_with_its_place: {
        for (fields, place) in [
            ("qemu: {machine: netduinoplus2, serial: 9}", "<yaml>:2:32: qemu.serial: QEMU cannot connect serial 9"),
            (
                "qemu: {machine: netduinoplus2}\nuarts: {a: {serial: 1}, b: {serial: 7}}",
                "<yaml>:3:25: uarts.b: QEMU cannot connect serial 7",
            ),
        ] {
            let error = board(&format!("backend: qemu\n{fields}\n")).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
            let count = " of netduinoplus2: it has no such serial port; below that it has 0 to 6; ";
            assert!(error.contains(count), "{error}");
        }
        board("backend: qemu\nqemu: {machine: netduinoplus2, serial: 6}\n")?;
        Ok(())
    }

    a_refused_argument_is_named_with_its_place: {
        for (args, place) in [
            ("[-nosuch]", "<yaml>:3:39: qemu.args[0]: \"-nosuch\""),
            ("[-d, unimp, -device, nosuch]", "<yaml>:3:50: qemu.args[2]: \"-device\""),
        ] {
            let text = format!("backend: qemu\n\nqemu: {{machine: netduinoplus2, args: {args}}}\n");
            let error = board(&text).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
        Ok(())
    }
}

#[test]
#[cfg_attr(
    not(qemu_riscv),
    ignore = "no QEMU for RISC-V: qemu-system-riscv32 is not in PATH, nor beside VTARGET_QEMU"
)]
fn a_risc_v_board_runs_on_qemu_as_on_renode() -> Result<()> {
    let shell = sample_for("sifive-fe310", "shell.elf");
    let board = VirtualTarget::from_yaml(root().join("fixtures/sifive-fe310.yaml"))
        .backend(BackendKind::Qemu)
        .firmware(&shell);
    let board = board.boot().wait()?;
    let uart = board.uart();
    uart.set_prompt("> ")?;
    for restart in ["reset", "flash", "power cycle", "none"] {
        uart.expect_line("re:^Hello from shell on sifive_fe310$")
            .wait()?;
        uart.expect("> ").wait()?;
        assert_eq!(uart.run("ping").wait()?, "pong");
        match restart {
            "reset" => board.reset().wait()?,
            "flash" => board.flash(&shell).wait()?,
            "power cycle" => board.power_cycle().wait()?,
            _ => {}
        }
    }
    // It sleeps in a loop in `main`.
    let registers = board.registers().wait()?;
    for name in ["pc", "x1", "x2", "x31", "mtvec", "mepc"] {
        assert!(registers.get(name).is_some(), "no {name} in {registers}");
    }
    let main = board.symbol("main").wait()?;
    let frames = board.backtrace().wait()?;
    assert!(
        frames
            .iter()
            .any(|it| it.function.as_deref() == Some("main")),
        "{frames:?}, main is at {main:#x}"
    );

    let error = uart
        .expect_line("never")
        .within(millis(200))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("firmware: sleeps until an interrupt comes (WFI), at 0x2001"),
        "{error}"
    );
    // The processor has a cause for its trap.
    uart.send_line("panic").wait()?;
    uart.expect_line(r"re:^Exception at 0x[0-9a-f]{8}$")
        .wait()?;
    assert_eq!(board.registers().wait()?.get("mcause"), Some(2));

    let arm = sample("shell.elf");
    let error = board.flash(&arm).wait().unwrap_err().to_string();
    assert!(error.contains("32-bit Arm"), "{error}");
    Ok(())
}

/// Machine code for the `virt` board: prints `ok` and a line end, then sends back what it receives.
const ECHO: [u32; 12] = [
    0xd2a1_2000, // movz x0, #0x900, lsl #16: the UART, a PL011
    0x5280_0de1, // movz w1, #'o'
    0xb900_0001, // str w1, [x0]
    0x5280_0d61, // movz w1, #'k'
    0xb900_0001,
    0x5280_0141, // movz w1, #10
    0xb900_0001,
    0xb940_1801, // ldr w1, [x0, #0x18]: its flags
    0x3727_ffe1, // tbnz w1, #4, .-4: nothing has been received
    0xb940_0001, // ldr w1, [x0]
    0xb900_0001,
    0x17ff_fffc, // b .-16
];

/// Returns an ELF file with one segment, `code`, at the begin of the board's memory.
fn elf_for_aarch64(code: &[u32]) -> Vec<u8> {
    const ADDRESS: u64 = 0x4010_0000;
    const OFFSET: u64 = 0x1000;
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2u16, 183].iter().flat_map(|it| it.to_le_bytes()));
    file.extend(1u32.to_le_bytes());
    file.extend([ADDRESS, 64, 0].iter().flat_map(|it| it.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    file.extend(
        [64u16, 56, 1, 64, 0, 0]
            .iter()
            .flat_map(|it| it.to_le_bytes()),
    );
    file.extend([1u32, 5].iter().flat_map(|it| it.to_le_bytes()));
    let length = code.len() as u64;
    let segment = [OFFSET, ADDRESS, ADDRESS, length, length, OFFSET];
    file.extend(segment.iter().flat_map(|it| it.to_le_bytes()));
    file.resize(OFFSET as usize, 0);
    file.extend(code);
    file
}

#[test]
#[cfg_attr(
    not(qemu_aarch64),
    ignore = "no QEMU for 64-bit Arm: qemu-system-aarch64 is not in PATH, nor beside VTARGET_QEMU"
)]
fn a_board_with_a_64_bit_arm_runs_on_qemu() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("echo.elf");
    std::fs::write(&image, elf_for_aarch64(&ECHO)).unwrap();
    let text = "backend: qemu\nfirmware: echo.elf\n\
                qemu: {arch: aarch64, machine: virt, cpu: cortex-a53}\n";
    let config = TargetConfig::from_yaml_str(text, directory.path())?;
    let board = VirtualTarget::from_config(config).boot().wait()?;
    let uart = board.uart();
    for restart in ["reset", "power cycle", "flash", "none"] {
        uart.expect_line("re:^ok$").wait()?;
        uart.send_line("ping").wait()?;
        uart.expect_line("re:^ping$").wait()?;
        match restart {
            "reset" => board.reset().wait()?,
            "power cycle" => board.power_cycle().wait()?,
            "flash" => board.flash(&image).wait()?,
            _ => {}
        }
    }
    let error = uart
        .expect("never")
        .within(millis(100))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(error.contains("timed out after"), "{error}");

    let error = board
        .flash(sample("shell.elf"))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(error.contains("32-bit Arm"), "{error}");
    Ok(())
}

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
        error.contains("firmware: sleeps (WFI), at 0x2001"),
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

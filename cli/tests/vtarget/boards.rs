//! `vtarget boards`.

use super::{run, text, vtarget};

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn qemu_machines_have_their_serials() {
    let output = run(["boards", "NetduinoPlus"]);
    let shown = text(&output.stdout);
    assert!(output.status.success());
    // USART2 is its second one.
    let line = shown
        .lines()
        .find(|line| line.starts_with("arm netduinoplus2: 7 serial ports; "));
    assert!(line.is_some(), "{shown}");
    assert_eq!(run(["boards", "no such board"]).status.code(), Some(1));
}

#[test]
#[cfg_attr(
    not(qemu_riscv),
    ignore = "no QEMU for RISC-V: qemu-system-riscv32 is not in PATH, nor beside VTARGET_QEMU"
)]
fn machines_of_every_installed_qemu_are_listed() {
    let output = run(["boards", "--json", "sifive_"]);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let machines = listed["qemu"].as_array().unwrap();
    let found: Vec<_> = machines
        .iter()
        .map(|it| {
            (
                it["arch"].as_str().unwrap(),
                it["machine"].as_str().unwrap(),
                it["serials"].as_u64(),
            )
        })
        .collect();
    for expected in [
        ("riscv32", "sifive_e", Some(2)),
        ("riscv64", "sifive_u", Some(2)),
    ] {
        assert!(found.contains(&expected), "{found:?}");
    }
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn renodes_platforms_have_their_uarts() {
    let output = run(["boards", "--json", "stm32f4_discovery-kit"]);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let [kit] = &listed["renode"].as_array().unwrap()[..] else {
        panic!("{listed}");
    };
    assert_eq!(
        kit["platform"],
        "platforms/boards/stm32f4_discovery-kit.repl"
    );
    let uarts = kit["uarts"].as_array().unwrap();
    assert!(uarts.contains(&"sysbus.usart2".into()), "{uarts:?}");
}

#[test]
fn without_an_emulator_there_are_no_boards() {
    let mut command = vtarget();
    command
        .env("VTARGET_RENODE", "/none")
        .env("VTARGET_QEMU", "/none");
    let output = command.arg("boards").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("vtarget: cannot find QEMU: "));
    let output = command.arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = listed["error"].as_str().unwrap();
    assert!(error.starts_with("cannot find QEMU: "), "{error}");
}

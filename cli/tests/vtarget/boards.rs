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
    let line = shown
        .lines()
        .find(|line| line.starts_with("netduinoplus2: "));
    // USART2 is its second one.
    let (count, _) = line
        .unwrap()
        .strip_prefix("netduinoplus2: ")
        .unwrap()
        .split_once(' ')
        .unwrap();
    assert!(count.parse::<usize>().unwrap() >= 6, "{shown}");
    assert_eq!(run(["boards", "no such board"]).status.code(), Some(1));
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
}

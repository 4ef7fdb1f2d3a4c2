//! Renode's monitor on a TCP port: conflicts over the port, and other clients on it.
//! Launchers simulate the events between Renode and the port.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use engine_tests::emulator_variant::write_launcher;
use engine_tests::leftovers::{descendants, listening_sockets};
use engine_tests::{over_telnet, sample, shell_on};
use virtual_target::config::{BackendKind, Control, TargetConfig};
use virtual_target::{EmulatorErrorKind, ErrorKind, Result, VirtualTarget};

const FAKE: &str = env!("CARGO_BIN_EXE_fake-renode");
const PORT_SQUATTER: &str = env!("CARGO_BIN_EXE_port_squatter");

fn description(more: &str) -> String {
    format!(
        "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n\
         machine_name: stm32f4\nfirmware: {:?}\ncontrol: telnet\n{more}",
        sample("shell.elf")
    )
}

/// Boots a target on a launcher in a separate process; returns the output, or the error.
fn boot(directory: &Path, script: &str, more: &str) -> Result<String, String> {
    let target = directory.join("target.yaml");
    fs::write(&target, description(more)).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_boot_once"))
        .arg(target)
        .env("VTARGET_RENODE", write_launcher(directory, script))
        .env("VTARGET_ARTIFACTS", "never")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match done.status.success() {
        true => Ok(text(done.stdout)),
        false => Err(text(done.stderr)),
    }
}

fn renode() -> String {
    let named = std::env::var("VTARGET_RENODE").unwrap_or_default();
    if named.is_empty() {
        "renode".to_owned()
    } else {
        named
    }
}

/// Returns a script in which another process takes the port the first `times` times.
fn launcher_that_takes_ports(directory: &Path, times: usize, renode: &str) -> String {
    let directory = directory.display();
    format!(
        "for n in $(seq {times}); do\n\
         mkdir '{directory}'/$n 2>/dev/null && exec '{PORT_SQUATTER}' squat '{directory}/heard' '{renode}' \"$@\"\n\
         done\nexec '{renode}' \"$@\""
    )
}

fn assert_a_taken_port_is_replaced(renode: &str) {
    let directory = tempfile::tempdir().unwrap();
    let script = launcher_that_takes_ports(directory.path(), 2, renode);
    let said = boot(directory.path(), &script, "").unwrap();
    assert!(said.ends_with(" is fine\n"), "{said}");
    assert!(
        directory.path().join("2").exists(),
        "there was no collision"
    );
    let heard = fs::read_to_string(directory.path().join("heard")).unwrap();
    assert_eq!(heard, "", "the other process was spoken to");
}

#[test]
fn a_port_race_with_the_stand_in() {
    assert_a_taken_port_is_replaced(FAKE);
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_port_race_with_renode() {
    assert_a_taken_port_is_replaced(&renode());
}

#[test]
fn a_port_that_is_always_taken_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let error = boot(
        directory.path(),
        &launcher_that_takes_ports(directory.path(), 9, FAKE),
        "",
    )
    .unwrap_err();
    for part in [
        "Renode cannot have port",
        "another process has it",
        "name one in `monitor_port`, or use `control: console`",
    ] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    assert!(directory.path().join("3").exists() && !directory.path().join("4").exists());
}

/// A port from the description is not replaced by another: the race is an error at once.
#[test]
fn a_fixed_port_taken_during_the_boot_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let script = launcher_that_takes_ports(directory.path(), 1, FAKE);
    let error = boot(directory.path(), &script, &format!("monitor_port: {port}")).unwrap_err();
    let advice = "give `monitor_port` another value, or leave it out";
    for part in [&format!("Renode cannot have port {port}"), advice] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

#[test]
fn a_fixed_port_that_is_taken_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec '{FAKE}' \"$@\"");
    let error = boot(directory.path(), &script, &format!("monitor_port: {port}")).unwrap_err();
    assert!(
        error.contains(&format!("Renode cannot have port {port}")),
        "{error}"
    );
}

/// Renode reports that it listens, but another process listens and imitates Renode.
#[test]
fn another_process_at_the_port_gets_no_command() {
    let directory = tempfile::tempdir().unwrap();
    let heard = directory.path().join("heard");
    let script = format!(
        "FAKE_RENODE=lies exec '{PORT_SQUATTER}' squat '{}' '{FAKE}' \"$@\"",
        heard.display()
    );
    let error = boot(directory.path(), &script, "timeouts: {command: 1s}").unwrap_err();
    for part in ["Renode listens on port", "another process has it"] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    let heard = fs::read_to_string(heard).unwrap();
    let proof = heard.strip_prefix("\x15\x0blog \"virtual-target-").unwrap();
    let (nonce, rest) = proof.split_at(16);
    assert!(nonce.chars().all(|c| c.is_ascii_hexdigit()), "{heard:?}");
    assert_eq!(rest, "\"\n", "{heard:?}");
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn an_earlier_client_has_no_effect() {
    let directory = tempfile::tempdir().unwrap();
    let script = format!("'{}' \"$@\" | '{PORT_SQUATTER}' call", renode());
    let said = boot(directory.path(), &script, "").unwrap();
    assert!(said.ends_with(" is fine\n"), "{said}");
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn two_boards_at_once() -> Result<()> {
    over_telnet(|| {
        let boards = [(); 2].map(|()| shell_on(BackendKind::Renode));
        let [first, second] = boards.map(|board| std::thread::spawn(|| board.boot().wait()));
        let (first, second) = (first.join().unwrap()?, second.join().unwrap()?);
        for (board, word) in [(&first, "one"), (&second, "two")] {
            board.uart().expect("> ").wait()?;
            board.uart().send_line(format!("echo {word}")).wait()?;
            board.uart().expect_line(format!("re:^{word}$")).wait()?;
        }
        first.reset().wait()?;
        first.uart().expect_line("Hello from").wait()?;
        drop(first);
        second.reset().wait()?;
        second.uart().expect_line("Hello from").wait()?;
        Ok(())
    })
}

/// The port is free again as soon as the board is off.
#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_fixed_port_serves_every_power_cycle() -> Result<()> {
    let port = free_port();
    let config = TargetConfig::from_yaml_str(&description(&format!("monitor_port: {port}")), "/")?;
    assert_eq!(config.control(), Control::Telnet { port: Some(port) });
    let board = VirtualTarget::from_config(config.clone()).boot().wait()?;
    for _ in 0..2 {
        board.uart().expect_line("Hello from").wait()?;
        board.power_cycle().wait()?;
    }
    let listening = listening_sockets(&descendants(std::process::id())).unwrap();
    assert!(listening >= 1, "nothing listens, though it is documented");
    let error = VirtualTarget::from_config(config)
        .boot()
        .wait()
        .unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Emulator(why) if matches!(why.kind(), EmulatorErrorKind::PortTaken { .. })
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains(&format!("port {port}")),
        "{error}"
    );
    Ok(())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

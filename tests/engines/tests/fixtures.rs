//! Boards as rstest fixtures: async and plain, on several targets and firmware images,
//! virtual and physical, one built on another, with time limits. Run by libtest in parallel and by nextest.

use std::time::Duration;

use engine_tests::{physical, root, sample};
use rstest::{fixture, rstest};
use virtual_target::config::BackendKind::{self, Qemu, Renode, Serial};
use virtual_target::{Result, TargetBuilder, VirtualTarget, secs};

/// Returns the starting point of every fixture here: a board's description and its firmware.
fn target_with(target: &str, firmware: &str, engine: BackendKind) -> TargetBuilder {
    let description = match engine {
        Serial => physical::description(),
        _ => root().join("fixtures").join(target),
    };
    VirtualTarget::from_yaml(description)
        .firmware(sample(firmware))
        .backend(engine)
}

#[fixture]
async fn board(
    #[default("stm32f4.yaml")] target: &str,
    #[default("shell.elf")] firmware: &str,
    #[default(Qemu)] engine: BackendKind,
) -> VirtualTarget {
    let board = target_with(target, firmware, engine).boot().await;
    board.expect("the board boots")
}

/// A board whose shell waits for a command; built on the fixture `board`.
#[fixture]
async fn shell(
    #[default("stm32f4.yaml")] _target: &str,
    #[default("shell.elf")] _firmware: &str,
    #[default(Qemu)] _engine: BackendKind,
    #[with(_target, _firmware, _engine)]
    #[future(awt)]
    board: VirtualTarget,
) -> VirtualTarget {
    let uart = board.uart();
    uart.set_prompt("> ").expect("a prompt");
    uart.expect("> ").await.expect("the shell's prompt");
    board
}

#[fixture]
fn plain_board(
    #[default("shell.elf")] firmware: &str,
    #[default(Qemu)] engine: BackendKind,
) -> VirtualTarget {
    let board = target_with("stm32f4.yaml", firmware, engine).boot().wait();
    board.expect("the board boots")
}

#[rstest]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
#[case::discovery_on_qemu("stm32f4.yaml", Qemu)]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
#[case::netduino2_on_qemu("netduino2.yaml", Qemu)]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
#[case::discovery_on_renode("stm32f4.yaml", Renode)]
#[cfg_attr(
    not(all(qemu, target_os = "linux")),
    ignore = "no QEMU, which plays the physical board, or not Linux"
)]
#[case::physical("stm32f4.yaml", Serial)]
#[tokio::test]
async fn each_target_answers(
    #[case] _target: &str,
    #[case] _engine: BackendKind,
    #[values("shell.elf", "shell.hex")] _firmware: &str,
    #[with(_target, _firmware, _engine)]
    #[future(awt)]
    shell: VirtualTarget,
) -> Result<()> {
    assert_eq!(shell.uart().run("ping").await?, "pong");
    Ok(())
}

#[rstest]
#[case::hello("hello.elf", "Hello from hello")]
#[case::shell("shell.elf", "Hello from shell")]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_plain_test(
    #[case] _firmware: &str,
    #[case] greeting: &str,
    #[with(_firmware)] plain_board: VirtualTarget,
) -> Result<()> {
    plain_board.uart().expect_line(greeting).wait()?;
    Ok(())
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[timeout(Duration::from_secs(60))]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
async fn within_a_time_limit(#[future(awt)] shell: VirtualTarget) -> Result<()> {
    assert_eq!(shell.uart().run("echo in time").await?, "in time");
    Ok(())
}

#[rstest]
#[timeout(secs(60))]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_plain_test_within_a_time_limit(plain_board: VirtualTarget) -> Result<()> {
    plain_board.uart().expect("> ").wait()?;
    Ok(())
}

#[rstest]
#[tokio::test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
async fn two_boards_at_once(
    #[future(awt)] shell: VirtualTarget,
    #[with("netduino2.yaml")]
    #[from(board)]
    #[future(awt)]
    other: VirtualTarget,
) -> Result<()> {
    let (answer, greeting) = tokio::join!(
        shell.uart().run("ping"),
        other.uart().expect_line("Hello from")
    );
    assert_eq!(answer?, "pong");
    greeting?;
    Ok(())
}

/// Fails if it finishes in time; run by [`a_time_limit_ends_the_board`].
#[rstest]
#[tokio::test]
#[timeout(Duration::from_secs(1))]
#[ignore = "fails on purpose; run by a_time_limit_ends_the_board"]
async fn too_slow(#[future(awt)] board: VirtualTarget) {
    let never = board.uart().expect("never said").within(secs(600));
    never.await.unwrap();
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_time_limit_ends_the_board() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "too_slow"])
        .env("VTARGET_ARTIFACTS", "never")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 failed"), "{text}");
    assert!(text.contains("Timeout"), "{text}");
}

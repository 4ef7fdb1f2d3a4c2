//! The firmware's commands.

use firmware_suite::shell;
use rstest::rstest;
use virtual_target::{Result, VirtualTarget, millis};

#[rstest]
#[case::ping("ping", "pong")]
#[case::echo("echo one two", "one two")]
#[case::unknown("frobnicate", "unknown command: frobnicate")]
#[tokio::test]
async fn answers(
    #[case] command: &str,
    #[case] answer: &str,
    #[with("netduino2")]
    #[future(awt)]
    shell: VirtualTarget,
) -> Result<()> {
    assert_eq!(shell.uart().run(command).await?, answer);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn keeps_time(#[future(awt)] shell: VirtualTarget) -> Result<()> {
    let uart = shell.uart();
    uart.run("sleep 200").await?;
    uart.send_line("uptime").await?;
    let uptime = uart.expect_line(r"re:up (\d+) ms").await?;
    assert!(uptime.parse::<u64>(1)? >= 200, "{}", uptime.line());
    Ok(())
}

/// Shows a failure: `cargo nextest run --run-ignored only`.
#[rstest]
#[tokio::test]
#[ignore = "fails on purpose"]
async fn fails_on_purpose(
    #[with("netduino2")]
    #[future(awt)]
    shell: VirtualTarget,
) -> Result<()> {
    shell.uart().send_line("ping").await?;
    shell.uart().expect_line("pang").within(millis(300)).await?;
    Ok(())
}

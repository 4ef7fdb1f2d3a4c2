//! Renode's own test runner, `renode-test`, as the peer of suites of short tests.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::sample;

/// A short test, as `reuse suite` runs it. A platform is loaded even if its SVD file cannot be
/// downloaded, which is an error for Robot.
const KEYWORDS: &str = r#"*** Keywords ***
Answer Ping
    Execute Command           mach create "stm32f4"
    Run Keyword And Ignore Error    Execute Command    machine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl
    Execute Command           sysbus LoadELF @${ELF}
    Create Terminal Tester    sysbus.usart2
    Start Emulation
    Wait For Line On Uart     Hello from
    Wait For Prompt On Uart   >
    Write Line To Uart        ping
    Wait For Line On Uart     pong

*** Test Cases ***
"#;

/// A proxy where nothing listens: each download fails at once, as this crate's does without a
/// network.
const NO_PROXY: &str = "http://127.0.0.1:1";

/// Returns Renode's test runner: beside the Renode that `VTARGET_RENODE` names, or in PATH.
pub fn runner() -> Result<PathBuf, &'static str> {
    let renode = std::env::var_os("VTARGET_RENODE").map(PathBuf::from);
    let beside = renode.and_then(|renode| Some(renode.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = beside.into_iter().chain(std::env::split_paths(&path));
    let runner = places.find_map(|place| {
        let runner = place.join("renode-test");
        runner.is_file().then_some(runner)
    });
    runner.ok_or("no renode-test beside VTARGET_RENODE or in PATH")
}

/// Runs a suite of `count` short tests, and returns how many seconds it takes.
pub fn suite(runner: &Path, count: u32) -> Result<f64, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("suite.robot");
    let tests = (1..=count).map(|number| format!("Test {number}\n    Answer Ping\n"));
    std::fs::write(&file, KEYWORDS.to_owned() + &tests.collect::<String>())?;
    let began = Instant::now();
    let done = Command::new(runner)
        .arg("--variable")
        .arg(format!("ELF:{}", sample("shell.elf").display()))
        .arg("-r")
        .args([directory.path(), &file])
        .envs(["http_proxy", "https_proxy"].map(|name| (name, NO_PROXY)))
        .output()?;
    let seconds = began.elapsed().as_secs_f64();
    match done.status.success() {
        true => Ok(seconds),
        false => Err(String::from_utf8_lossy(&done.stdout).into_owned().into()),
    }
}

//! Measures boot times and leftovers, and adds the figures to
//! `target/figures.json`. Those whose engine is missing are `null`.
//!
//! A boot time is measured from spawn to the first complete UART line, for this crate and for the
//! shortest possible script, alternating, so that both run under the same load of the host.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine_tests::bare_renode::BareRenode;
use engine_tests::input::{self, Busy};
use engine_tests::{bare_on, images, in_virtual_time, network, root, sample, shell_on};
use expect_bench::Figures;
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::uart::Match;
use virtual_target::{Operation, VirtualTarget, millis, secs};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let mut figures = Figures::load()?;
    let outcome = measure(&mut figures);
    println!("{figures}");
    figures.save()?;
    outcome
}

fn measure(figures: &mut Figures) -> Result<(), Failed> {
    boot(figures, "qemu", BackendKind::Qemu, 21, bare_qemu)?;
    boot(figures, "renode", BackendKind::Renode, 7, bare_renode)?;
    unresponsive_resolver(figures)?;
    virtual_time(figures)?;
    input(figures)?;
    engine_tests::warm::measure(figures)?;
    engine_tests::conversations::measure(figures)?;
    engine_tests::coverage::measure(figures)?;
    engine_tests::lifecycle::measure(figures);
    Ok(engine_tests::post_mortems::measure(figures)?)
}

fn boot(
    figures: &mut Figures,
    name: &str,
    engine: BackendKind,
    runs: usize,
    bare: fn() -> Result<Duration, Failed>,
) -> Result<(), Failed> {
    let keys = [format!("boot.{name}.ours_s"), format!("boot.{name}.bare_s")];
    if let Err(missing) = shell_on(engine).build() {
        for key in keys {
            figures.missing(&key, &missing);
        }
        return Ok(());
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.push(harness(engine)?);
        theirs.push(bare()?);
    }
    for (key, times) in keys.into_iter().zip([ours, theirs]) {
        figures.set(&key, median(times));
    }
    Ok(())
}

/// Measures boots with a resolver that never answers, relative to boots with a resolver that
/// fails at once; alternating, after one boot of each kind.
fn unresponsive_resolver(figures: &mut Figures) -> Result<(), Failed> {
    const RATIO: &str = "boot.swallowed_network_ratio";
    if let Err(missing) = shell_on(BackendKind::Renode).build() {
        figures.missing(RATIO, &missing);
        return Ok(());
    }
    if !cfg!(namespaces) {
        figures.missing(
            RATIO,
            "no right to make namespaces, or no unshare, or no ip",
        );
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let boot_once = engine_tests::emulator_variant::program("boot_once");
    let target = directory.path().join("target.yaml");
    let text = format!(
        "backend: renode\nplatform: platforms/boards/stm32f4_discovery-kit.repl\n\
         uart: sysbus.usart2\nmachine_name: stm32f4\nfirmware: {:?}\n",
        sample("shell.elf").canonicalize()?
    );
    fs::write(&target, text)?;
    let boot = |mut command: Command, cache: &str| -> Result<Duration, Failed> {
        command.arg(&target);
        command.env("XDG_CACHE_HOME", directory.path().join(cache));
        let since = Instant::now();
        let outcome = command.output()?;
        let took = since.elapsed();
        match outcome.status.success() {
            true => Ok(took),
            false => Err(String::from_utf8_lossy(&outcome.stderr).into()),
        }
    };
    let (mut unresponsive, mut offline) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        let command = network::with_unresponsive_resolver(directory.path(), &boot_once);
        unresponsive.push(boot(command, "swallowed")?);
        offline.push(boot(network::offline(&boot_once), "offline")?);
    }
    figures.set(
        RATIO,
        median(unresponsive.split_off(1)) / median(offline.split_off(1)),
    );
    Ok(())
}

/// Measures the cost of virtual time on the host: ten idle seconds, a wait, and output that is
/// searched line by line or byte by byte.
fn virtual_time(figures: &mut Figures) -> Result<(), Failed> {
    const IDLE: &str = "virtual.idle_10s_host_s";
    const WAIT: &str = "virtual.wait_ms_p50";
    const SYSTICK: &str = "virtual.systick_hour_s";
    const SYSTICK_BARE: &str = "virtual.systick_hour_bare_s";
    const LINES: &str = "virtual.flood_bytes_per_s";
    const BYTES: &str = "virtual.flood_every_byte_bytes_per_s";
    let builder = in_virtual_time(|| shell_on(BackendKind::Renode));
    let board = match builder.build() {
        Ok(board) => board,
        Err(missing) => {
            for key in [IDLE, WAIT, SYSTICK, SYSTICK_BARE, LINES, BYTES] {
                figures.missing(key, &missing);
            }
            return Ok(());
        }
    };
    board.power_on().wait()?;
    let uart = board.uart();
    uart.expect("> ").wait()?;
    let idle = (0..5).map(|_| time_of(&board, secs(10)));
    figures.set(IDLE, median(idle.collect::<Result<_, _>>()?));
    let wait = (0..101).map(|_| time_of(&board, millis(1)));
    figures.set(WAIT, 1000.0 * median(wait.collect::<Result<_, _>>()?));
    let flood = |lines: u32, wait: Operation<Match>| -> Result<f64, Failed> {
        let before = uart.transcript()?.len();
        uart.send_line(format!("flood {lines}")).wait()?;
        let since = Instant::now();
        wait.within(secs(60)).wait()?;
        Ok((uart.transcript()?.len() - before) as f64 / since.elapsed().as_secs_f64())
    };
    figures.set(LINES, flood(20_000, uart.expect_line("flood done 20000"))?);
    let end = |text: &[u8]| text.ends_with(b"flood done 1000").then_some(0..text.len());
    figures.set(BYTES, flood(1000, uart.expect(end))?);
    let directory = tempfile::tempdir()?;
    let image = directory.path().join("systick.elf");
    fs::write(&image, images::systick_elf())?;
    let board = in_virtual_time(|| bare_on(BackendKind::Renode)).firmware(&image);
    let board = board.boot().wait()?;
    // Alternating, so that both run under the same load of the host.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(time_of(&board, secs(200))?);
        theirs.push(bare_virtual_time(&image, 200)?);
    }
    figures.set(SYSTICK, 18.0 * median(ours));
    figures.set(SYSTICK_BARE, 18.0 * median(theirs));
    Ok(())
}

/// Returns the host's time for `duration` of the board's.
fn time_of(board: &VirtualTarget, duration: Duration) -> Result<Duration, Failed> {
    let since = Instant::now();
    board.run_for(duration).wait()?;
    Ok(since.elapsed())
}

/// Measures the time of 64 KiB of input in real time, relative to the time at the line's speed:
/// alone, and with busy processes on the host.
fn input(figures: &mut Figures) -> Result<(), Failed> {
    const COUNT: u32 = 64 << 10;
    const BAUD: f64 = 115_200.0;
    const BITS: f64 = 10.0;
    let line_time = f64::from(COUNT) * BITS / BAUD;
    let bytes = input::all_values(COUNT as usize);
    for (key, processes) in [("idle", 0), ("busy", 3)] {
        let key = format!("input.line_time_ratio.{key}");
        let board = match shell_on(BackendKind::Renode).build() {
            Ok(board) => board,
            Err(missing) => {
                figures.missing(&key, &missing);
                continue;
            }
        };
        board.power_on().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        let _busy = Busy::start(processes);
        let times = (0..3).map(|_| input::sink(uart, &bytes));
        let times = times.collect::<Result<_, _>>()?;
        figures.set(&key, median(times) / line_time);
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn harness(engine: BackendKind) -> Result<Duration, Failed> {
    let description = TargetConfig::from_file(root().join("fixtures/stm32f4.yaml"))?;
    // Each boot has an emulator of its own, as the shortest script has.
    let description = description.to_builder().field("reuse", "off").build()?;
    let builder = VirtualTarget::from_config(description)
        .backend(engine)
        .firmware(sample("shell.elf"));
    let since = Instant::now();
    let board = builder.boot().wait()?;
    board
        .uart()
        .expect_line("Hello from")
        .within(secs(10))
        .wait()?;
    Ok(since.elapsed())
}

fn bare_qemu() -> Result<Duration, Failed> {
    let since = Instant::now();
    let mut child = Command::new(program("VTARGET_QEMU", "qemu-system-arm"))
        .args([
            "-M",
            "netduinoplus2",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
        ])
        .args(["-serial", "null", "-serial", "stdio", "-kernel"])
        .arg(sample("shell.elf"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = Vec::new();
    BufReader::new(child.stdout.take().ok_or("no stdout")?).read_until(b'\n', &mut line)?;
    let took = since.elapsed();
    child.kill()?;
    child.wait()?;
    Ok(took)
}

fn bare_renode() -> Result<Duration, Failed> {
    let since = Instant::now();
    let mut renode = BareRenode::start()?;
    let link = renode.directory().join("uart");
    renode.run(&format!(
        "mach create; machine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl; \
         emulation CreateUartPtyTerminal \"term\" \"{}\"; connector Connect sysbus.usart2 term; \
         sysbus LoadELF @{}",
        link.display(),
        sample("shell.elf").canonicalize()?.display(),
    ))?;
    let mut uart = BufReader::new(fs::File::open(&link)?);
    renode.send("start")?;
    uart.read_until(b'\n', &mut Vec::new())?;
    let took = since.elapsed();
    renode.end()?;
    Ok(took)
}

/// Returns the host's time for `seconds` of the guest's, with the settings of a virtual clock and
/// without anything that this crate adds.
fn bare_virtual_time(image: &Path, seconds: u32) -> Result<Duration, Failed> {
    let mut renode = BareRenode::start()?;
    renode.run(&format!(
        "mach create; machine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl; \
         sysbus LoadELF @{}; sysbus.cpu VectorTableOffset 0x8000000; \
         emulation SetGlobalQuantum \"0.01\"; \
         emulation SetGlobalAdvanceImmediately true; emulation SetGlobalSerialExecution true",
        image.display(),
    ))?;
    let since = Instant::now();
    renode.run(&format!("emulation RunFor \"{seconds}\""))?;
    let took = since.elapsed();
    let counted = renode.run("sysbus.cpu ExecutedInstructions")?;
    renode.end()?;
    // Without interrupts the time of a sleeping guest costs nothing.
    let mut words = counted.split_ascii_whitespace();
    let counted = words.find_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    match counted.ok_or("no count of instructions")? > u64::from(seconds) * 1000 {
        true => Ok(took),
        false => Err(format!("the guest took no interrupts in {seconds} s").into()),
    }
}

fn program(variable: &str, name: &str) -> std::ffi::OsString {
    std::env::var_os(variable).unwrap_or_else(|| name.into())
}

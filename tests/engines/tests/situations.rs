//! Firmware that goes wrong, on each engine, without and with optimization: the message of the
//! failed wait names the function and the line, what the processor does there, and the cause.

#[path = "../../common/messages.rs"]
mod snapshots;

use engine_tests::{alone_on_each_engine, root, sample_for};
use regex::{Captures, Regex};
use virtual_target::config::{BackendKind, ClockKind, TargetConfig};
use virtual_target::{Error, ErrorKind, Result, VirtualTarget, millis, secs};

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");

/// The programs of `firmware-samples/faults` for a Cortex-M: the letter by which they go wrong, with
/// the engine if it matters, what the processor does, where, and further parts of the message. A
/// compiler may give a loop any of its lines.
///
/// Renode has memory at 0x60000000, has a PLL that gets ready, and does not trap a division by zero;
/// it tells UsageFaults apart.
const CORTEX_M: &str = "
a        | in an endless loop    | assert_failed (waits.c:80-81)      | called by check_voltage (waits.c:87) | called by main (main.c:24)
d qemu   | HardFault             | read_register (sensor.c:14)        | nothing answers (PRECISERR) at 0x60000010 | read_sensor (sensor.c:19) | called by sample (sensor.c:25)
e        | in an endless loop    | configure (waits.c:72-73), Error_Handler (waits.c:66) | called by main (main.c:26)
f qemu   | HardFault             | read_register (sensor.c:14)        | nothing answers (PRECISERR) at 0x6000001c | called by sample_scaled (sensor.c:31)
i        | SysTick handler: polls ticks_wanted (0x2000010c, now 0) until it is not 0 | SysTick_Handler (waits.c:51-52) | has interrupted start_tick (waits.c:60) | start_tick stands still until this handler ends
k        | in a loop that counts | delay (waits.c:45-46)              | called by main (main.c:29)
n qemu   | HardFault             |                                    | such as a null pointer's | called by call_hook (sensor.c:50)
n renode | UsageFault            | call_hook (sensor.c:50)            | such as a null pointer's | called by main (main.c:31)
p qemu   | polls 0x40023800 until bit 25 is set | SystemClock_Config (waits.c:20-21) | called by main (main.c:32)
q qemu   | HardFault             | count_samples (sensor.c:38)        | nothing answers (PRECISERR) at 0x60000100
s        |                       |                                    | stack overflow | the stack pointer 0x1f
t qemu   | HardFault handler     | HardFault_Handler (sensor.c:92-93) | nothing answers (PRECISERR) at 0x60000010 | a task was interrupted
t renode | in an endless loop    | task (sensor.c:69-70)              | called by run_task (sensor.c:78)
u qemu   | HardFault             | undefined (sensor.c:43)            | undefined instruction (UNDEFINSTR) | called by main (main.c:36)
u renode | UsageFault            | undefined (sensor.c:43)            | undefined instruction (UNDEFINSTR) | called by main (main.c:36)
v        | polls ready (0x20000108, now 0) until it is not 0 | wait_until_ready (waits.c:26-27) | called by main (main.c:37)
w        | sleeps until an interrupt comes (WFI) | idle (waits.c:39-40)               | no interrupt is enabled in the NVIC; whether SysTick is on | called by main (main.c:38)
y        | polls job.finished (0x20000114, now 0) until it is 1 | wait_for_job (waits.c:33-34) | called by main (main.c:39)
z qemu   | HardFault             | average (sensor.c:56-57)           | division by zero (DIVBYZERO) | called by main (main.c:40)
";

/// Those that use what the chip does not have, and that lock up.
const MISSING: &str = "
d qemu   | HardFault             | read_sensor (main.c:24)            | nothing answers (PRECISERR) at 0x40030004 | called by sample (main.c:29)
d renode | in an endless loop    | main (main.c:69)                   | in the emulator's log: ReadDoubleWord from non existing peripheral at 0x40030004 | in read_sensor (main.c:24)
l qemu   | locked up: a fault in the handler of a HardFault | HardFault_Handler (main.c:51) | what the first fault was, and where, is not known | locked up at PC=0x0800
l renode | locked up: a fault in the handler of a UsageFault | HardFault_Handler (main.c:51) | the first fault was in lock_up (main.c:45) | locked up at PC=0x0800
m qemu   | HardFault             | wait_for_sensor (main.c:34)        | nothing answers (PRECISERR) at 0x40030000
m renode | polls 0x40030000 until bit 1 is set | wait_for_sensor (main.c:34-35) | non existing peripheral at 0x40030000 | called by main (main.c:65)
";

/// Those for a RISC-V. Renode reads 0 where nothing is. How far a stack that overflows has come depends on the
/// host on QEMU.
const RISC_V: &str = "
a        | in an endless loop    | assert_failed (main.c:96-97)       | called by check_voltage (main.c:103) | called by main (main.c:151)
b        | trap                  | stop_here (main.c:76)              | breakpoint (mcause 3 | called by main (main.c:152)
d qemu   | trap                  | read_register (main.c:55)          | (mcause 5, mtval 0x60000010) | read_sensor (main.c:60) | called by sample (main.c:66)
d renode | in an endless loop    | main (main.c:165)                  | non existing peripheral at 0x60000010 | in read_register (main.c:55)
i        | trap handler: polls ticks_wanted (0x80000 | timer_handler (main.c:133-134) | now 0) | has interrupted start_tick (main.c:142) | start_tick stands still until this handler ends
n qemu   | trap                  |                                    | (mcause 1) | called by call_hook (main.c:81)
n renode | halted                |                                    | CPU abort [PC=0x0] | called by call_hook (main.c:81)
p        | polls 0x10012000 until bit 5 is set | wait_for_pin (main.c:108-109) | called by main (main.c:156)
s renode |                       |                                    | stack overflow | the stack pointer 0x7 | walk
u        | trap                  | undefined (main.c:71)              | illegal instruction (mcause 2 | called by main (main.c:158)
v        | polls ready (0x80000  | wait_until_ready (main.c:114-115)  | called by main (main.c:159)
w        | sleeps until an interrupt comes (WFI) | idle (main.c:127-128)              | no interrupt is enabled in mie: nothing can wake it | called by main (main.c:160)
y        | polls job.finished (0x80000 | wait_for_job (main.c:121-122)      | called by main (main.c:161)
";

/// One that panics in Rust: the panic handler, and what leads to it.
const RUST: &str = "
p | in an endless loop | __rustc::rust_begin_unwind (main.rs:36) | called by monitor::sensor::calibrated (main.rs:21) | called by monitor::reset (main.rs:29)
";

/// One that waits for a queue in C++.
const CPP: &str = "
q | polls sensor::samples.length (0x | sensor::Queue<short>::take(unsigned long) const (main.cpp:17-18) | until it is not 0 | sensor::read_sample(unsigned long) (main.cpp:33) | called by main (main.cpp:50)
";

alone_on_each_engine! {
    fn faults_and_loops_without_optimization(engine) { every(engine, CORTEX_M, "faults-O0.elf") }

    fn faults_and_loops_with_optimization(engine) { every(engine, CORTEX_M, "faults-Os.elf") }

    fn missing_peripherals_and_lock_ups_without_optimization(engine) { every(engine, MISSING, "missing-O0.elf") }

    fn missing_peripherals_and_lock_ups_with_optimization(engine) { every(engine, MISSING, "missing-Os.elf") }

    #[cfg_attr(not(qemu_riscv), ignore = "no QEMU for RISC-V")]
    fn risc_v_without_optimization(engine) { every(engine, RISC_V, "riscv-O0.elf") }

    #[cfg_attr(not(qemu_riscv), ignore = "no QEMU for RISC-V")]
    fn risc_v_with_optimization(engine) { every(engine, RISC_V, "riscv-Os.elf") }

    fn a_panic_in_rust(engine) { each_variant(engine, "rust", RUST) }

    fn a_wait_in_cpp(engine) { each_variant(engine, "cpp", CPP) }
}

/// Runs the two variants of a program in another language.
fn each_variant(engine: BackendKind, language: &str, expected: &str) -> Result<()> {
    for firmware in [format!("{language}.elf"), format!("{language}-O0.elf")] {
        let error = failure(&board(engine, "stm32f4.yaml", "languages", &firmware)?);
        let lacks = row(expected).lacks(&error);
        assert_eq!(lacks, None, "{firmware}: {error}");
        if !firmware.contains("O0") {
            message(engine, &format!("firmware_{language}"), &error);
        }
    }
    Ok(())
}

/// Runs the programs of a table; fails with all whose message lacks something.
fn every(engine: BackendKind, table: &str, firmware: &str) -> Result<()> {
    let on = match engine {
        BackendKind::Renode => "renode",
        _ => "qemu",
    };
    let fixture = match firmware.starts_with("riscv") {
        true => "sifive-fe310.yaml",
        false => "stm32f4.yaml",
    };
    let board = board(engine, fixture, "faults", firmware)?;
    let mut failed = String::new();
    let rows = table.trim().lines().map(row);
    for (number, row) in rows
        .filter(|it| it.engine.is_none_or(|it| it == on))
        .enumerate()
    {
        if number > 0 {
            match engine {
                // It ends at a lock-up.
                BackendKind::Qemu => board.power_cycle().wait()?,
                _ => board.reset().wait()?,
            }
            board.uart().expect_line("ready").wait()?;
        }
        board.uart().send(row.letter).wait()?;
        let error = match row.letter {
            // Renode's watchdog needs a moment.
            "l" => board
                .uart()
                .expect("ok")
                .within(secs(2))
                .wait()
                .unwrap_err(),
            _ => failure(&board),
        };
        if let Some(lacks) = row.lacks(&error) {
            failed += &format!("\n{firmware} {}: no {lacks:?} in {error}\n", row.letter);
        }
        if firmware.contains("Os") {
            message(
                engine,
                &format!(
                    "firmware_{}_{}",
                    &firmware[..firmware.len() - 7],
                    row.letter
                ),
                &error,
            );
        }
    }
    assert!(failed.is_empty(), "{failed}");
    Ok(())
}

fn board(
    engine: BackendKind,
    fixture: &str,
    directory: &str,
    firmware: &str,
) -> Result<VirtualTarget> {
    let config = TargetConfig::from_file(root().join("fixtures").join(fixture))?;
    let mut builder = config.to_builder();
    if engine == BackendKind::Renode {
        builder = builder.field("clock", ClockKind::Virtual);
    }
    let board = VirtualTarget::from_config(builder.build()?).backend(engine);
    let board = board
        .firmware(sample_for(directory, firmware))
        .boot()
        .wait()?;
    board.uart().expect_line("ready").wait()?;
    Ok(board)
}

/// Returns the error of a wait that is longer than the program needs to go wrong.
fn failure(board: &VirtualTarget) -> Error {
    let limit = match board.engine().wait().map(|it| it.kind) {
        Ok(BackendKind::Renode) => millis(5),
        _ => secs(1),
    };
    board.uart().expect("ok").within(limit).wait().unwrap_err()
}

/// Compares the whole message.
fn message(engine: BackendKind, name: &str, error: &Error) {
    let name = match engine {
        BackendKind::Renode => format!("{name}@renode"),
        _ => name.to_owned(),
    };
    // The output of the programs before it does not count.
    let earlier =
        Regex::new(r"(?:\n  …)?(\n  \| (ready|done)\\r\\n)+(\n  \| (ready|done)\\r\\n)").unwrap();
    let text = error.to_string();
    let text = earlier.replace(&text, "$3");
    // Where in a loop a program is stopped in real time depends on the host.
    let runs =
        Regex::new("(firmware: (?:runs|stack overflow|in a loop that counts)).*, at 0x[0-9a-f]+")
            .unwrap();
    let text = runs.replace(&text, |found: &Captures<'_>| {
        let rounds = if found[1].ends_with("counts") {
            ", [number] rounds to go"
        } else {
            ""
        };
        format!("{}{rounds}, at [address]", &found[1])
    });
    snapshots::assert_message(SNAPSHOTS, &name, &text, &[(root(), "[root]")]);
}

/// A row of a table.
struct Row<'a> {
    letter: &'a str,
    engine: Option<&'a str>,
    does: &'a str,
    /// Places such as `idle (waits.c:39-40)`.
    places: &'a str,
    more: Vec<&'a str>,
}

fn row(line: &str) -> Row<'_> {
    let mut cells = line.trim().split('|').map(str::trim);
    let first = cells.next().unwrap();
    let (letter, engine) = first.split_once(' ').unwrap_or((first, ""));
    let engine = Some(engine.trim()).filter(|it| !it.is_empty());
    Row {
        letter,
        engine,
        does: cells.next().unwrap(),
        places: cells.next().unwrap(),
        more: cells.collect(),
    }
}

impl Row<'_> {
    /// Returns a text that the message does not have.
    fn lacks(&self, error: &Error) -> Option<String> {
        let ErrorKind::Uart(failure) = error.kind() else {
            return Some("UART".to_owned());
        };
        let state = failure.post_mortem().unwrap_or_default();
        let first = state.lines().next().unwrap_or_default();
        let does = format!("firmware: {}", self.does);
        if !first.starts_with(&does) {
            return Some(does);
        }
        if !self.places().iter().any(|place| first.ends_with(place)) {
            return Some(self.places.to_owned());
        }
        let text = error.to_string();
        let lacking = self.more.iter().find(|part| !text.contains(**part));
        lacking.map(|part| (*part).to_owned())
    }

    /// Returns the place with each of its lines.
    fn places(&self) -> Vec<String> {
        let mut places = Vec::new();
        for place in self.places.split(", ") {
            let lines = place.rsplit_once(':').and_then(|(before, lines)| {
                let (first, last) = lines.trim_end_matches(')').split_once('-')?;
                Some((before, first.parse::<u32>().ok()?..=last.parse().ok()?))
            });
            match lines {
                Some((before, lines)) => {
                    places.extend(lines.map(|line| format!(" in {before}:{line})")));
                }
                None if place.is_empty() => places.push(String::new()),
                None => places.push(format!(" in {place}")),
            }
        }
        places
    }
}

//! Boards in a Renode that has run others before: what they leave behind, and the comparison with
//! a board of a new Renode.

use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Waker};

use virtual_target::config::BackendKind::Renode;
use virtual_target::{Result, VirtualTarget, millis, secs};

use crate::{bare_on, sample, shell_on};

/// Something that a test leaves behind: its name, whether its Renode is used again, and the test.
pub type Mess = (&'static str, bool, fn() -> Result<()>);

/// The kinds of disorder in which a test can leave its board.
pub const MESSES: [Mess; 14] = [
    ("a short test", true, || boot().map(drop)),
    ("a board that is dropped at once", true, || {
        shell_on(Renode).boot().wait().map(drop)
    }),
    ("firmware without memory to run in", false, || {
        let board = boot()?;
        let image = tempfile::Builder::new()
            .suffix(".bin")
            .tempfile()
            .expect("a file");
        std::fs::write(&image, [0xff; 64]).expect("a file");
        // The processor halts, at once or later.
        let _ = board.flash(image.path()).wait();
        Ok(())
    }),
    ("another firmware", true, || {
        let board = boot()?;
        board.flash(sample("counter.elf")).wait()
    }),
    ("firmware that panics", true, || {
        let board = boot()?;
        board.uart().send_line("panic").wait()?;
        board
            .uart()
            .expect_line("panic: requested")
            .wait()
            .map(drop)
    }),
    ("output that nobody reads", true, || {
        let board = boot()?;
        board.uart().send_line("flood 2000").wait()?;
        board.uart().expect_line("line 000010").wait().map(drop)
    }),
    ("input that is on its way", true, || {
        let board = boot()?;
        drop(board.uart().send("x".repeat(2000)));
        let _ = board.uart().send("y".repeat(200)).within(millis(1)).wait();
        Ok(())
    }),
    ("resets", true, || {
        let board = boot()?;
        board.reset().wait()?;
        board.reset().wait()
    }),
    ("a power cycle", true, || boot()?.power_cycle().wait()),
    ("a board that is off", false, || boot()?.power_off().wait()),
    ("a wait that is dropped", true, || {
        let board = boot()?;
        let mut wait = board.uart().expect("never");
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut wait).poll(&mut context).is_pending());
        Ok(())
    }),
    ("a wait that fails", false, || {
        let board = boot()?;
        let failed = board.uart().expect("never").within(millis(1)).wait();
        assert!(failed.is_err());
        Ok(())
    }),
    ("monitor commands", false, || {
        let board = raw()?;
        for command in [
            "logLevel -1",
            "numbersMode Hexadecimal",
            "using sysbus",
            "macro mess \"echo 1\"",
            "emulation SetGlobalQuantum \"0.5\"",
            "mach create \"another\"",
            "sysbus WriteDoubleWord 0xDEAD0000 1",
        ] {
            board.monitor(command).wait()?;
        }
        Ok(())
    }),
    ("a test that panics", false, || {
        let panicked = std::thread::spawn(in_this_clock(|| {
            let _board = boot();
            std::panic::resume_unwind(Box::new("on purpose"));
        }));
        assert!(panicked.join().is_err());
        Ok(())
    }),
];

fn in_this_clock(run: fn()) -> impl FnOnce() + Send {
    let clock = crate::CLOCK.get();
    move || {
        crate::CLOCK.set(clock);
        run();
    }
}

/// Boots a board, and answers a `ping`.
fn boot() -> Result<VirtualTarget> {
    greeted(shell_on(Renode).boot().wait()?)
}

/// As [`boot`], with a board that takes monitor commands.
fn raw() -> Result<VirtualTarget> {
    let config = bare_on(Renode).build()?.config().to_builder();
    let config = config.field("allow_raw_monitor", true).build()?;
    let board = VirtualTarget::from_config(config).backend(Renode);
    greeted(board.firmware(sample("shell.elf")).boot().wait()?)
}

fn greeted(board: VirtualTarget) -> Result<VirtualTarget> {
    let uart = board.uart();
    uart.expect_line("Hello from").within(secs(10)).wait()?;
    uart.expect("> ").wait()?;
    uart.send_line("ping").wait()?;
    uart.expect_line("pong").wait()?;
    uart.expect("> ").wait()?;
    Ok(board)
}

/// Returns the number of boards before a board in its Renode, and everything that can be seen of
/// the board, with the times if these are the same in each run.
fn portrait(board: &VirtualTarget) -> Result<(u32, String)> {
    let earlier = board.engine().wait()?.earlier_boards;
    let is_virtual = crate::CLOCK.get() == virtual_target::config::ClockKind::Virtual;
    let mut seen = String::new();
    for line in board.transcript()? {
        let time = is_virtual.then_some(line.at);
        writeln!(seen, "{time:?} {}", line.text).expect("a String");
    }
    let mut commands = vec![
        "help mach",
        "peripherals",
        "using",
        "macro",
        "alias",
        "path",
        "logLevel",
        "numbersMode",
        "emulation GetGlobalQuantum",
        "sysbus.usart2 BaudRate",
    ];
    if is_virtual {
        commands.extend([
            "machine ElapsedVirtualTime",
            "sysbus.cpu GetRegistersValues",
            "sysbus.cpu ExecutedInstructions",
            "sysbus ReadBytes 0x20000000 4096",
            "sysbus ReadBytes 0x2001F000 4096",
            "sysbus ReadBytes 0x10000000 256",
            "sysbus ReadBytes 0x08000000 512",
            "sysbus ReadDoubleWord 0xDEAD0000",
        ]);
    }
    for command in commands {
        let answer = match board.monitor(command).wait() {
            Ok(answer) => answer
                .lines()
                .filter(|line| !is_of_the_host(line))
                .fold(String::new(), |text, line| text + line + "\n"),
            Err(refused) => refused.kind().to_string(),
        };
        writeln!(seen, "{command}: {answer}").expect("a String");
    }
    Ok((earlier, seen))
}

/// Returns true for what depends on the host's speed.
fn is_of_the_host(line: &str) -> bool {
    line.contains("Host Time") || line.contains("load:")
}

/// Prints everything that can be seen of a board, and the number of boards before it.
pub fn print_portrait() -> Result<()> {
    let (earlier, seen) = portrait(&raw()?)?;
    println!("{seen}boards before: {earlier}");
    Ok(())
}

/// Makes each mess `rounds` times, in orders that `seed` decides, and compares the board after each
/// with a new one.
pub fn messes(seed: u64, rounds: u64) -> Result<()> {
    let (earlier, new) = portrait(&raw()?)?;
    assert_eq!(earlier, 0);
    let mut random = seed;
    let (mut used, mut usable) = (0, 0);
    for round in 0..rounds {
        let mut left = MESSES.to_vec();
        while !left.is_empty() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (name, is_used_again, mess) =
                left.swap_remove((random >> 33) as usize % left.len());
            mess()?;
            let (earlier, seen) = portrait(&raw()?)?;
            println!("{round}: after {name}: {earlier} boards before");
            assert!(is_used_again || earlier == 0, "after {name}");
            used += u32::from(earlier > 0);
            usable += u32::from(is_used_again);
            for (old, new) in seen.lines().zip(new.lines()) {
                assert_eq!(old, new, "after {name}, with {earlier} boards before");
            }
            assert_eq!(seen.len(), new.len(), "after {name}");
        }
    }
    // On a busy host some take too long to pause, and are ended.
    assert!(
        2 * used > usable,
        "{used} of {usable} Renodes were used again"
    );
    Ok(())
}

/// Returns the number of boards that each board's Renode had run before.
pub fn boards_before(output: &str) -> Vec<u32> {
    let numbers = output
        .lines()
        .filter_map(|line| line.split_once("boards before: "));
    numbers
        .map(|(_, number)| number.parse().expect("a number"))
        .collect()
}

/// Returns true if these boards have shared two Renodes, or one on a host with a single core. Where
/// both are ready at the same time, one is ended, and may be replaced.
pub fn are_of_two_renodes(boards_before: &[u32]) -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let first = boards_before.iter().filter(|before| **before == 0).count();
    (cores.min(2)..=boards_before.len() / 2).contains(&first)
}

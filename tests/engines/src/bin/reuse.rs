//! Boots boards one after the other in one process, which share its Renodes.
//!
//! | argument | what it does |
//! |---|---|
//! | `suite COUNT CLOCK` | runs a short test COUNT times, and prints the time of each boot's first line |
//! | `paced COUNT CLOCK` | the same, with pauses in which the last board is made again |
//! | `parallel COUNT CLOCK` | the same, in two threads |
//! | `messes SEED ROUNDS CLOCK` | leaves each board in some disorder, and compares the next board with a new Renode's |
//! | `fails CLOCK` | prints the error of a second board |
//! | `other CLOCK` | prints the number of emulators beside a board that cannot use the parked Renode |
//! | `mess NUMBER CLOCK` | leaves a board in the disorder of this number |
//! | `portrait CLOCK` | prints everything that can be seen of a board |
//! | `running CLOCK` | prints a line once a board runs, and waits for its input's end |
//! | `parked CLOCK` | prints a line once there is a Renode without a board, and waits for its input's end |
//!
//! `CLOCK` is `realtime` or `virtual`.

use std::io::Read;
use std::process::ExitCode;
use std::time::Instant;

use engine_tests::leftovers::emulators;
use engine_tests::{in_virtual_time, over_telnet, reuse, shell_on};
use virtual_target::config::BackendKind::Renode;
use virtual_target::{Result, millis, secs};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse::<u64>().expect("a number");
    let run = || match words[..] {
        ["suite", count, _] => suite(number(count)),
        ["paced", count, _] => paced(number(count)),
        ["parallel", count, _] => parallel(number(count)),
        ["messes", seed, count, _] => reuse::messes(number(seed), number(count)),
        ["mess", mess, _] => (reuse::MESSES[number(mess) as usize].2)(),
        ["portrait", _] => reuse::print_portrait(),
        ["running", _] => running(),
        ["fails", _] => fails(),
        ["other", _] => other(),
        ["parked", _] => parked(),
        _ => panic!("see the first lines of {}", file!()),
    };
    let done = match words.last() {
        Some(&"virtual") => in_virtual_time(run),
        _ => run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn suite(count: u64) -> Result<()> {
    for _ in 0..count {
        let began = Instant::now();
        let board = shell_on(Renode).boot().wait()?;
        let uart = board.uart();
        uart.expect_line("Hello from").within(secs(20)).wait()?;
        let first_line = began.elapsed().as_secs_f64() * 1e3;
        uart.expect("> ").wait()?;
        uart.send_line("ping").wait()?;
        uart.expect_line("pong").wait()?;
        let earlier = board.engine().wait()?.earlier_boards;
        println!("first line after {first_line:.1} ms, boards before: {earlier}");
    }
    Ok(())
}

fn paced(count: u64) -> Result<()> {
    for _ in 0..count {
        suite(1)?;
        std::thread::sleep(secs(1));
    }
    Ok(())
}

fn parallel(count: u64) -> Result<()> {
    let halves = [count / 2, count - count / 2];
    let threads = halves.map(|half| std::thread::spawn(move || suite(half)));
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().expect("no panic"))
}

fn fails() -> Result<()> {
    suite(1)?;
    let board = shell_on(Renode).boot().wait()?;
    let failed = board.uart().expect("never").within(millis(100)).wait();
    println!("{}", failed.expect_err("nothing prints that"));
    Ok(())
}

fn other() -> Result<()> {
    suite(1)?;
    // The Renode of the first board waits for its next one by then.
    std::thread::sleep(secs(1));
    let board = over_telnet(|| shell_on(Renode)).boot().wait()?;
    let earlier = board.engine().wait()?.earlier_boards;
    println!("boards before: {earlier}");
    // The parked one is ended in the background.
    std::thread::sleep(secs(1));
    println!("emulators: {}", emulators().len());
    Ok(())
}

fn running() -> Result<()> {
    let board = shell_on(Renode).boot().wait()?;
    board.uart().expect("> ").wait()?;
    println!("running");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}

fn parked() -> Result<()> {
    // A boot that takes the Renode has waited until it was made ready.
    suite(2)?;
    println!("parked");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}

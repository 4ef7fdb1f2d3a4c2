//! Boots boards one after the other in one process, whose Renodes are reused.
//!
//! | argument | what it does |
//! |---|---|
//! | `suite COUNT CLOCK` | runs a short test COUNT times, and prints the time of each boot's first line |
//! | `messes SEED COUNT CLOCK` | leaves each board in some disorder, and compares the next board with a new Renode's |
//!
//! `CLOCK` is `realtime` or `virtual`.

use std::process::ExitCode;
use std::time::Instant;

use engine_tests::{reuse, shell_on};
use virtual_target::config::BackendKind::Renode;
use virtual_target::{Result, secs};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().expect("a number");
    let (clock, run): (&str, Box<dyn Fn() -> Result<()>>) = match words[..] {
        ["suite", count, clock] => (clock, Box::new(move || suite(number(count)))),
        ["messes", seed, count, clock] => {
            let (seed, count) = (number(seed), number(count));
            (clock, Box::new(move || reuse::messes(seed, count as usize)))
        }
        _ => panic!("see the first lines of {}", file!()),
    };
    let done = match clock {
        "virtual" => engine_tests::in_virtual_time(run),
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
        board
            .uart()
            .expect_line("Hello from")
            .within(secs(5))
            .wait()?;
        let first_line = began.elapsed().as_secs_f64() * 1e3;
        board.uart().expect("> ").wait()?;
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        let earlier = board.engine().wait()?.earlier_boards;
        println!("first line after {first_line:.1} ms, boards before: {earlier}");
    }
    Ok(())
}

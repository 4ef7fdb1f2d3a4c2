//! A test process to be killed, or to end badly by itself:
//! `victim ENGINE ENDING [CLONE…]`. It says `ready` once it is where it is to end.

use std::io::Write;
use std::process::ExitCode;

use engine_tests::{bare_on, sample, shell_on};
use virtual_target::config::BackendKind;
use virtual_target::{Result, VirtualTarget, secs};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, ending] = arguments.as_slice() else {
        eprintln!("usage: victim ENGINE ENDING");
        return ExitCode::from(2);
    };
    let engine = match engine.as_str() {
        "qemu" => BackendKind::Qemu,
        "renode" => BackendKind::Renode,
        other => panic!("no engine {other:?}"),
    };
    match end(engine, ending) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn end(engine: BackendKind, ending: &str) -> Result<()> {
    if ending == "boot" {
        ready();
        loop {
            let board = bare_on(engine)
                .firmware(sample("hello.elf"))
                .boot()
                .wait()?;
            board.uart().expect_line("Hello").wait()?;
        }
    }
    let board = shell_on(engine).boot().wait()?;
    board.uart().expect("> ").wait()?;
    match ending {
        "wait" => {
            ready();
            board.uart().expect("never").within(secs(600)).wait()?;
        }
        "busy" => {
            board.uart().send_line("flood 100000000").wait()?;
            board.uart().expect("line").wait()?;
            ready();
            board.uart().expect("never").within(secs(600)).wait()?;
        }
        "command" => {
            ready();
            loop {
                board.reset().wait()?;
            }
        }
        "return" => ready(),
        "error" => {
            ready();
            board.uart().expect("never").within(secs(0)).wait()?;
        }
        "panic" => {
            ready();
            panic!("as asked");
        }
        "panic-twice" => {
            ready();
            let _second = PanicsInDrop;
            panic!("as asked");
        }
        "exit" => {
            ready();
            std::process::exit(3);
        }
        "abort" => {
            ready();
            std::process::abort();
        }
        "leak" => {
            ready();
            std::mem::forget(board);
        }
        "thread" => {
            // The thread that booted the board ends; the board goes on.
            let board = std::thread::spawn(move || board).join().expect("no panic");
            ready();
            talk(&board)?;
        }
        "runtime-first" => {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let inside = runtime.block_on(async { shell_on(engine).boot().await })?;
            runtime.shutdown_background();
            inside.uart().expect("> ").wait()?;
            talk(&inside)?;
            ready();
        }
        other => panic!("no ending {other:?}"),
    }
    Ok(())
}

fn talk(board: &VirtualTarget) -> Result<()> {
    board.uart().send_line("ping").wait()?;
    board.uart().expect_line("pong").wait()?;
    Ok(())
}

fn ready() {
    println!("ready");
    std::io::stdout().flush().expect("stdout");
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("while panicking, as asked");
    }
}

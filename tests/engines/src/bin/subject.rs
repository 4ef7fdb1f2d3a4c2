//! A test process that is killed, or that ends badly by itself:
//! `subject ENGINE STATE`. It prints `ready` once it is in the state in which it is to end, and
//! continues when it receives a line or its input ends. With `IGNORES_TERM` in its
//! environment it ignores SIGTERM; other signals end it, whichever process started it.

use std::io::Write;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use engine_tests::leftovers::{emulators, paths};
use engine_tests::{bare_on, over_telnet, sample, shell_on};
use nix::sys::signal::{SigHandler, Signal, killpg, signal};
use nix::unistd::{ForkResult, Pid};
use virtual_target::config::BackendKind;
use virtual_target::{Result, VirtualTarget, secs};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, ending] = arguments.as_slice() else {
        eprintln!("usage: subject ENGINE ENDING");
        return ExitCode::from(2);
    };
    restore_signal_actions();
    let ended = match engine.as_str() {
        "qemu" => end(BackendKind::Qemu, ending),
        "renode" => end(BackendKind::Renode, ending),
        "renode-telnet" => over_telnet(|| end(BackendKind::Renode, ending)),
        other => panic!("no engine {other:?}"),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Restores the default signal actions, which may be inherited as ignored: `nohup` ignores SIGHUP.
fn restore_signal_actions() {
    let term = match std::env::var_os("IGNORES_TERM") {
        Some(_) => SigHandler::SigIgn,
        None => SigHandler::SigDfl,
    };
    for (number, action) in [
        (Signal::SIGHUP, SigHandler::SigDfl),
        (Signal::SIGINT, SigHandler::SigDfl),
        (Signal::SIGTERM, term),
    ] {
        // SAFETY: neither action is a function of this program.
        unsafe { signal(number, action) }.expect("a signal that can be ignored");
    }
}

fn end(engine: BackendKind, ending: &str) -> Result<()> {
    if ending == "boot" {
        print_ready();
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
            print_ready();
            board.uart().expect("never").within(secs(600)).wait()?;
        }
        "busy" => {
            board.uart().send_line("flood 100000000").wait()?;
            board.uart().expect("line").wait()?;
            print_ready();
            board.uart().expect("never").within(secs(600)).wait()?;
        }
        "command" => {
            print_ready();
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
        "thread" | "thread-wait" => {
            // The thread that boots the board ends; the board keeps running.
            drop(board);
            let boot = move || shell_on(engine).boot().wait();
            let board = std::thread::spawn(boot).join().expect("no panic")?;
            board.uart().expect("> ").wait()?;
            talk(&board)?;
            if ending == "thread-wait" {
                print_ready();
                board.uart().expect("never").within(secs(600)).wait()?;
            }
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
        "flood" => {
            board.uart().send_line("flood 100000000").wait()?;
            board.uart().expect("line").wait()?;
            print_ready();
            std::thread::sleep(secs(600));
        }
        "two" => {
            let second = shell_on(engine).boot().wait()?;
            second.uart().expect("> ").wait()?;
            print_ready();
            second.uart().expect("never").within(secs(600)).wait()?;
        }
        "shutdown" => {
            ready();
            board.shutdown().wait()?;
            nothing_is_left();
        }
        "drop" => {
            ready();
            drop(board);
            nothing_is_left();
        }
        "drop-held" => {
            // The operation holds the board's internals; the drop still ends the board.
            let held = board.reset();
            ready();
            drop(board);
            nothing_is_left();
            drop(held);
        }
        "drop-stopped" => {
            for emulator in emulators() {
                // Only the leader's process id is also its group's id.
                let _ = killpg(Pid::from_raw(emulator), Signal::SIGSTOP);
            }
            ready();
            drop(board);
            nothing_is_left();
        }
        "drop-boot" => {
            ready();
            drop(board);
            for pause in [0, 1, 5, 20, 100] {
                let mut boot = Box::pin(shell_on(engine).boot());
                let mut context = Context::from_waker(Waker::noop());
                // On a busy host the boot may finish within the first poll.
                if let Poll::Ready(booted) = boot.as_mut().poll(&mut context) {
                    drop(booted?);
                }
                std::thread::sleep(Duration::from_millis(pause));
                drop(boot);
                nothing_is_left();
            }
        }
        "drop-after-wait" => {
            let mut wait = Box::pin(board.uart().expect("never"));
            let _ = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            drop(wait);
            ready();
            drop(board);
            nothing_is_left();
        }
        "drop-current-thread" => {
            ready();
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime
                .expect("a runtime")
                .block_on(async move { drop(board) });
            nothing_is_left();
        }
        "drop-multi-thread" => {
            ready();
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let dropped = runtime.block_on(runtime.spawn(async move { drop(board) }));
            dropped.expect("no panic");
            nothing_is_left();
        }
        "drop-local-set" => {
            ready();
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let local = tokio::task::LocalSet::new();
            let dropped = local.spawn_local(async move { drop(board) });
            runtime.expect("a runtime").block_on(local);
            assert!(dropped.is_finished());
            nothing_is_left();
        }
        "drop-blocking" => {
            ready();
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let dropped = runtime.block_on(runtime.spawn_blocking(move || drop(board)));
            dropped.expect("no panic");
            nothing_is_left();
        }
        "drop-aborted-task" => {
            ready();
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let task = runtime.spawn(async move { board.uart().expect("never").await.map(drop) });
            task.abort();
            assert!(runtime.block_on(task).is_err(), "it was not aborted");
            nothing_is_left();
        }
        "fork-drop" => {
            if forked() {
                drop(board);
                std::process::exit(0);
            }
            nix::sys::wait::wait().expect("the child's end");
            talk(&board)?;
            ready();
            drop(board);
            nothing_is_left();
        }
        "fork-return" | "fork-wait" => {
            if forked() {
                nix::unistd::pause();
            }
            if ending == "fork-wait" {
                print_ready();
                board.uart().expect("never").within(secs(600)).wait()?;
            }
            ready();
        }
        other => panic!("no ending {other:?}"),
    }
    Ok(())
}

/// Forks, as other code in a test process may; returns true in the child.
fn forked() -> bool {
    // SAFETY: the child only waits, or drops a board, and such a drop does nothing there.
    let fork = unsafe { nix::unistd::fork() };
    matches!(fork.expect("fork"), ForkResult::Child)
}

/// Asserts that no process and no file is left: a drop returns only after all of them are gone.
fn nothing_is_left() {
    let emulators = emulators();
    assert!(emulators.is_empty(), "processes {emulators:?}");
    let files = paths(&std::env::temp_dir(), "");
    assert!(files.is_empty(), "files {files:?}");
    let links = paths(
        "/tmp".as_ref(),
        &format!("virtual-target-{}-", std::process::id()),
    );
    assert!(links.is_empty(), "links {links:?}");
}

fn talk(board: &VirtualTarget) -> Result<()> {
    board.uart().send_line("ping").wait()?;
    board.uart().expect_line("pong").wait()?;
    Ok(())
}

fn ready() {
    print_ready();
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("stdin");
}

fn print_ready() {
    println!("ready");
    std::io::stdout().flush().expect("stdout");
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("while panicking, as asked");
    }
}

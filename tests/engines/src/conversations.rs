//! Counts wrong answers to commands on the shells of [`shells`](crate::shells), each simulated by a
//! thread behind a socket. The crate's unit tests run the same shells in simulated time.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use expect_bench::Figures;
use virtual_target::config::Echo;
use virtual_target::uart::Uart;
use virtual_target::{millis, secs};

use crate::shells::{Shape, command, shapes};

/// A speed at which a shell's output is written.
#[derive(Debug, Clone, Copy)]
enum Pace {
    AtOnce,
    Bytes,
    /// Pieces of this many bytes, each after this pause.
    Pieces(usize, Duration),
}

/// Adds the figures of all shells, and prints what was wrong.
pub fn measure(figures: &mut Figures) -> Result<(), Box<dyn std::error::Error>> {
    let shapes = shapes();
    let (mut commands, mut wrong, mut missing) = (0, 0, 0);
    for shape in &shapes {
        for pace in [Pace::AtOnce, Pace::Bytes, Pace::Pieces(64, millis(1))] {
            let (ours, board) = UnixStream::pair()?;
            let uart = Uart::over_fd(ours)?;
            let shell = thread::spawn({
                let shape = *shape;
                move || play(shape, board, pace)
            });
            describe(shape, &uart)?;
            for n in 0..if shape.is_hopeless { 5 } else { 100 } {
                let command = command(n);
                let limit = if shape.is_hopeless {
                    millis(300)
                } else {
                    secs(20)
                };
                commands += 1;
                match uart.run(&command).within(limit).wait() {
                    Ok(answer) if answer == shape.answer(&command, n) => {}
                    Ok(answer) => {
                        wrong += 1;
                        println!("{}, {pace:?}: {command:?}: {answer:?}", shape.name);
                    }
                    Err(_) if shape.is_hopeless => {}
                    Err(e) => {
                        missing += 1;
                        println!("{}, {pace:?}: {command:?}: {e}", shape.name);
                    }
                }
            }
            drop(uart);
            let _ended = shell.join();
        }
    }
    figures.set("run.shapes", shapes.len());
    figures.set("run.commands", commands);
    figures.set("run.wrong_answers", wrong);
    figures.set("run.missing_answers", missing);
    Ok(())
}

fn describe(shape: &Shape, uart: &Uart) -> virtual_target::Result<()> {
    uart.set_prompt(shape.prompt)?;
    uart.set_line_ending(shape.line_ending);
    uart.set_ignore_lines(shape.ignore_lines.iter().copied())?;
    uart.set_echo(match shape.echo {
        None => Echo::Auto,
        Some(true) => Echo::On,
        Some(false) => Echo::Off,
    });
    Ok(())
}

/// Simulates the shell until its other end is closed.
fn play(shape: Shape, mut board: UnixStream, pace: Pace) -> std::io::Result<()> {
    let mut shell = shape.start();
    let mut bytes = [0; 4096];
    loop {
        let sent = shell.sent();
        match pace {
            Pace::AtOnce => board.write_all(&sent)?,
            Pace::Bytes => sent.iter().try_for_each(|byte| board.write_all(&[*byte]))?,
            Pace::Pieces(size, pause) => {
                for piece in sent.chunks(size) {
                    thread::sleep(pause);
                    board.write_all(piece)?;
                }
            }
        }
        let count = board.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        bytes[..count].iter().for_each(|byte| shell.receive(*byte));
    }
}

//! A simulated lab with one board: a serial port, a power switch and a programmer.
//!
//! `fake_board serve DIR` provides the board's serial port at `DIR/port` and runs until its
//! standard input ends. `fake_board tell DIR …` is the program that flashes, resets and
//! powers the board: `on`, `off`, `reset`, `flash FILE`. The board's processor is QEMU's; its
//! flash memory keeps its contents without power, and a flashed board is halted
//! until it is reset, as with a debug probe.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use engine_tests::pty;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["serve", directory] => serve(Path::new(directory)),
        ["tell", directory, request @ ..] => tell(Path::new(directory), request),
        _ => Err(io::Error::other(
            "fake_board serve DIR | fake_board tell DIR REQUEST…",
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake_board: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends a request to the server; its items are separated by a NUL.
fn tell(directory: &Path, request: &[&str]) -> io::Result<()> {
    let mut server = UnixStream::connect(directory.join("control"))?;
    server.write_all((request.join("\0") + "\0\n").as_bytes())?;
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    match answer.as_str() {
        "done" => {
            println!("{}: done", request.join(" "));
            Ok(())
        }
        complaint => Err(io::Error::other(complaint)),
    }
}

fn serve(directory: &Path) -> io::Result<()> {
    let pty = pty::open()?;
    symlink(&pty.path, directory.join("port"))?;
    let control = UnixListener::bind(directory.join("control"))?;
    let board = Arc::new(Mutex::new(Board {
        master: pty.master.try_clone()?,
        flash: directory.join("flash"),
        powered: false,
        running: None,
    }));
    let wire = Arc::clone(&board);
    let mut master = File::from(pty.master);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = master.read(&mut buffer) {
            lock(&wire).receive(&buffer[..n]);
        }
    });
    let worked = Arc::clone(&board);
    thread::spawn(move || {
        for request in control.incoming().flatten() {
            let _ = attend(request, &worked); // the sender may have exited
        }
    });
    println!("ready");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    lock(&board).halt()
}

fn attend(mut stream: UnixStream, board: &Mutex<Board>) -> io::Result<()> {
    let mut line = Vec::new();
    BufReader::new(&stream).read_until(b'\n', &mut line)?;
    let text = String::from_utf8_lossy(&line);
    let request: Vec<&str> = text.split('\0').collect();
    let mut board = lock(board);
    let done = match request.as_slice() {
        ["on", "\n"] => board.power_on(),
        ["off", "\n"] => board.power_off(),
        ["reset", "\n"] => board.reset(),
        ["flash", file, "\n"] => board.flash(Path::new(file)),
        _ => Err(io::Error::other("no such request")),
    };
    match done {
        Ok(()) => stream.write_all(b"done"),
        Err(error) => stream.write_all(error.to_string().as_bytes()),
    }
}

struct Board {
    master: OwnedFd,
    flash: PathBuf,
    powered: bool,
    running: Option<Running>,
}

struct Running {
    processor: Child,
    stdin: ChildStdin,
    /// The thread that copies the board's output to the port.
    wire: JoinHandle<()>,
}

impl Board {
    fn power_on(&mut self) -> io::Result<()> {
        match self.powered {
            true => Ok(()),
            false => {
                self.powered = true;
                self.run()
            }
        }
    }

    fn power_off(&mut self) -> io::Result<()> {
        self.powered = false;
        self.halt()
    }

    fn reset(&mut self) -> io::Result<()> {
        self.must_have_power()?;
        self.halt()?;
        self.run()
    }

    fn flash(&mut self, file: &Path) -> io::Result<()> {
        self.must_have_power()?;
        self.halt()?;
        fs::copy(file, &self.flash).map(drop)
    }

    fn must_have_power(&self) -> io::Result<()> {
        match self.powered {
            true => Ok(()),
            false => Err(io::Error::other("the board has no power")),
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        if let Some(running) = &mut self.running {
            let _ = running.stdin.write_all(bytes);
        }
    }

    fn run(&mut self) -> io::Result<()> {
        let Ok(image) = fs::read(&self.flash) else {
            return Ok(()); // nothing to run yet
        };
        let mut qemu = Command::new(
            std::env::var_os("VTARGET_QEMU").map_or("qemu-system-arm".into(), PathBuf::from),
        );
        qemu.args(["-M", "netduinoplus2", "-nodefaults", "-display", "none"]);
        qemu.args(["-serial", "null", "-serial", "stdio"]);
        match image.starts_with(b"\x7fELF") {
            true => qemu.arg("-kernel").arg(&self.flash),
            false => qemu
                .arg("-device")
                .arg(format!("loader,file={}", self.flash.display())),
        };
        qemu.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut processor = qemu.spawn()?;
        let (Some(stdin), Some(mut stdout)) = (processor.stdin.take(), processor.stdout.take())
        else {
            return Err(io::Error::other("no pipes to the processor"));
        };
        let mut master = File::from(self.master.try_clone()?);
        let wire = thread::spawn(move || {
            let _ = io::copy(&mut stdout, &mut master);
        });
        self.running = Some(Running {
            processor,
            stdin,
            wire,
        });
        Ok(())
    }

    /// Halts the processor; afterwards all of its output is on the wire.
    fn halt(&mut self) -> io::Result<()> {
        if let Some(mut running) = self.running.take() {
            running.processor.kill()?;
            running.processor.wait()?;
            let _ = running.wire.join();
        }
        Ok(())
    }
}

fn lock(board: &Mutex<Board>) -> std::sync::MutexGuard<'_, Board> {
    board
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

//! A stand-in for Renode that answers monitor commands as recorded, on its console or on
//! `--port N`, and misbehaves as `FAKE_RENODE` says: `KIND`, `KIND:N` (N is a command's
//! number) or `KIND@STEP` (the purpose of a command, or the data for the guest; see `STEPS`).
//!
//! | kind | what it does |
//! |---|---|
//! | `silent` | prints nothing |
//! | `exit` | exits at once, with a reason on standard error |
//! | `version=V` | is version V on Mono, without the features of later ones; after a comma the version of .NET |
//! | `no-prompt` | prints its banner and nothing else |
//! | `garbage` | prints something that is not Renode's, and nothing else |
//! | `drip` | writes byte by byte |
//! | `die:N` | exits in command N as Renode does when it crashes |
//! | `hang:N` | never finishes command N |
//! | `late:N` | runs command N only some time after its echo |
//! | `mimic` | prints texts like prompts, errors and nonces before every answer |
//! | `cut:N` | closes its output in the middle of the answer to command N, and keeps running |
//! | `taken:N` | reports the first N ports as used by another process |
//! | `garble:N` | loses a character of command N |
//! | `exit@STEP`, `die@…`, `kill@…`, `stop@…`, `hang@…` | as their names say; `stop` by SIGSTOP |
//! | `halt@send`, `halt@wait`, `lockup@…` | its processor halts, or locks up |
//! | `close@STEP` | closes its output, and keeps running |
//! | `garbage@STEP` | prints something other than the answer |
//! | `late@STEP` | answers only after some time |
//! | `wrong@STEP` | answers, but with something else |
//! | `cutP@STEP` | prints P per cent of the answer, closes its output, and keeps running |
//!
//! `engine_tests::telnet` lists the faults that exist only on a port, `engine_tests::lockstep` those
//! of virtual time.
//!
//! It prints what version 1.16.1 prints; with `FAKE_RENODE_SPEAKS=main`, what the main branch
//! of August 2026 prints: other colours, and the echo of long commands wrapped. It is installed in
//! `FAKE_RENODE_ROOT`, and has every platform except those called `nope.repl`. On its console
//! it writes in pieces of any length, and ends a prompt's colour only with the next echo.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use engine_tests::lockstep;
use engine_tests::telnet::{self, Client};

const OFF: &str = "\x1b[0m";

/// The console output that differs between versions of Renode.
struct OutputStyle {
    version: &'static str,
    /// The prompt's colours, without and with a machine.
    prompt: [&'static str; 2],
    red: &'static str,
    green: &'static str,
    /// The text before the reason of an error.
    announced: &'static str,
    /// The column at which the echo is wrapped; the prompt counts.
    width: usize,
}

/// Version 1.16.1.
const RELEASE: OutputStyle = OutputStyle {
    version: "1.16.1",
    prompt: ["\x1b[31;1m", "\x1b[33;1m"],
    red: "\x1b[;031m",
    green: "\x1b[;032m",
    announced: "",
    width: usize::MAX,
};

/// The main branch of August 2026.
const MAIN: OutputStyle = OutputStyle {
    version: "1.17.0",
    prompt: ["\x1b[91m", "\x1b[33m"],
    red: "\x1b[91m",
    green: "\x1b[92m",
    announced: ": ",
    width: 80,
};

/// Steps by name: the beginning of the command, and its index among those that begin so.
const STEPS: [(&str, &str, usize); 18] = [
    ("log", "logFile", 1),
    ("create", "mach create", 1),
    ("platform", "machine LoadPlatform", 1),
    ("pty", "emulation CreateUart", 1),
    ("connect", "connector", 1),
    ("peripherals", "peripherals", 1),
    ("macro", "macro", 1),
    ("load", "sysbus Load", 1),
    ("start", "start", 1),
    ("input", "input_open", 1),
    ("clock", "machine ElapsedVirtualTime", 1),
    ("reset", "machine Reset", 1),
    ("reflash", "macro", 2),
    ("clear", "Clear", 1),
    // Those of a post-mortem in real time.
    ("started", "emulation IsStarted", 1),
    ("pause", "pause", 1),
    ("registers", "sysbus.cpu GetRegistersValues", 1),
    ("halted", "sysbus.cpu IsHalted", 1),
];

struct Renode {
    cue: String,
    style: OutputStyle,
    /// The state of the generator of piece lengths.
    piece_seed: Cell<u32>,
    /// Output that is written only with the next echo.
    withheld: Cell<&'static str>,
    /// The number of times that the cue's command was received.
    seen: usize,
    /// The number of bytes to print before the output is closed.
    allowance: Cell<Option<usize>>,
    /// The client on the port; `None` on the console.
    client: Option<RefCell<Client>>,
    machines: HashSet<String>,
    machine: Option<String>,
    /// The output of the guest.
    uart: Option<File>,
    /// The line to the guest: its write end, and the guest's read end.
    line: (PipeWriter, PipeReader),
    /// The directory of the FIFOs of the script that writes bytes to the line.
    fifos: String,
    /// The UART's socket, until a client connects to it.
    socket: Option<TcpListener>,
    ports: usize,
    log: Option<File>,
    started: Option<Instant>,
    /// True if the firmware restarts at the next `start`.
    was_reset: bool,
}

/// The delay of a late answer.
const LATE: Duration = Duration::from_secs(3);

/// Locked while the monitor reads a command's text and prints its answer.
static ANSWERING: Mutex<()> = Mutex::new(());

/// The result of a command.
enum Outcome {
    Well,
    Badly,
    Never,
    Fatally,
}

fn main() -> ExitCode {
    let cue = std::env::var("FAKE_RENODE").unwrap_or_default();
    match cue.as_str() {
        "exit" => {
            eprintln!("cannot open assembly 'Renode.exe': no such file");
            return ExitCode::from(2);
        }
        "garbage" => println!("login: \x1b[31mwho\x1b[0m are (you) "),
        "silent" => {}
        _ => {
            let client = telnet::port_asked_for().map(|port| Client::wait_for(port, &cue));
            return match client.transpose() {
                Ok(client) => Renode::new(cue, client).talk(),
                Err(ended) => ended,
            };
        }
    }
    let _ = std::io::stdout().flush();
    idle()
}

/// Waits until the input ends, if the input is the console's, as Renode does.
fn idle() -> ExitCode {
    if telnet::port_asked_for().is_some() {
        telnet::forever();
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}

impl Renode {
    fn new(cue: String, client: Option<Client>) -> Self {
        Self {
            cue,
            style: match std::env::var("FAKE_RENODE_SPEAKS").as_deref() {
                Ok("main") => MAIN,
                _ => RELEASE,
            },
            piece_seed: Cell::new(1),
            withheld: Cell::new(""),
            seen: 0,
            allowance: Cell::new(None),
            client: client.map(RefCell::new),
            machines: HashSet::new(),
            machine: None,
            uart: None,
            line: std::io::pipe()
                .map(|(reader, writer)| (writer, reader))
                .expect("a pipe"),
            fifos: String::new(),
            socket: None,
            ports: 0,
            log: None,
            started: None,
            was_reset: true,
        }
    }

    fn talk(mut self) -> ExitCode {
        if let Some(fault) = self.cue.strip_suffix("@banner")
            && let Some(ended) = self.misbehave(fault, 50)
        {
            return ended;
        }
        let (version, _) = self.version();
        let client = self.client.as_ref().map(RefCell::borrow);
        if !client.is_some_and(|client| client.had_earlier_client()) {
            self.print(&format!("{OFF}Renode, version {version} (fake)\n\r\n\r"));
            if self.cue == "no-prompt" {
                return idle();
            }
            self.prompt();
        }
        let mut number = 0;
        while let Some(line) = self.line() {
            if line.is_empty() {
                continue;
            }
            let _answer = ANSWERING.lock().expect("no panic");
            // The command that logs the caller's name is not one of the board's.
            number += u32::from(!line.starts_with("log \""));
            let fault = self.fault_in(&line);
            if let Some(fault) = &fault
                && let Some(ended) = self.misbehave(fault, line.len() + 30)
            {
                return ended;
            }
            if fault.as_deref() == Some("wrong") {
                self.echo(&line);
                self.print("what do you mean?\r\n");
                self.prompt();
                continue;
            }
            let is_cue = |kind: &str| self.cue == format!("{kind}:{number}");
            self.echo(if is_cue("garble") { &line[1..] } else { &line });
            if is_cue("hang") {
                break;
            }
            if is_cue("die") {
                return self.crash("it was told to");
            }
            if is_cue("cut") {
                let half = &line[..line.len() / 2];
                self.print(half);
                self.close();
                break;
            }
            if is_cue("late") {
                std::thread::sleep(LATE);
            }
            if self.cue == "mimic" {
                let OutputStyle { prompt, green, .. } = self.style;
                self.print("(stm32f4) \r\r\n(monitor) \r\nvt-0badcafe-000001\r\n");
                self.print(&format!("{green}(stm32f4) {OFF}\n\r"));
                self.print(&format!(
                    "{}(stm32f4){OFF} Error: it is none\r\n",
                    prompt[1]
                ));
            }
            match self.run(&line) {
                Outcome::Well | Outcome::Badly => self.prompt(),
                Outcome::Never => break,
                Outcome::Fatally => return self.crash("Could not find a part of the path"),
            }
        }
        idle()
    }

    /// Returns the next line of input.
    fn line(&self) -> Option<String> {
        match &self.client {
            Some(client) => client.borrow_mut().line(),
            None => std::io::stdin().lock().lines().next()?.ok(),
        }
    }

    /// Closes the output; the process keeps running.
    fn close(&self) {
        match &self.client {
            Some(client) => client.borrow().disconnect(),
            None => {
                let nothing: OwnedFd = File::open("/dev/null").expect("/dev/null").into();
                nix::unistd::dup2_stdout(nothing).expect("dup2");
            }
        }
    }

    /// Returns the simulated versions of Renode and of .NET.
    fn version(&self) -> (String, Option<String>) {
        let version = self
            .cue
            .strip_prefix("version=")
            .unwrap_or(self.style.version);
        match version.split_once(',') {
            Some((renode, net)) => (renode.to_owned(), Some(net.to_owned())),
            None => (version.to_owned(), None),
        }
    }

    /// Returns the fault that the cue has for this command.
    fn fault_in(&mut self, line: &str) -> Option<String> {
        let (fault, step) = self.cue.split_once('@')?;
        let (_, begin, which) = STEPS.iter().find(|(name, ..)| *name == step)?;
        if !line.starts_with(begin) {
            return None;
        }
        self.seen += 1;
        (self.seen == *which).then(|| fault.to_owned())
    }

    /// Performs `fault`; returns `None` if the answers continue.
    fn misbehave(&self, fault: &str, answer: usize) -> Option<ExitCode> {
        match fault {
            "close" => self.allowance.set(Some(0)),
            "garbage" => self.print("login: \x1b[31mwho\x1b[0m are (you) \n\r"),
            "hang" => return Some(idle()),
            "late" => std::thread::sleep(LATE),
            // The answer is printed in place of the right one.
            "wrong" => {}
            "die" => return Some(self.crash("it was told to")),
            "exit" | "kill" | "stop" => end(fault),
            cut => {
                let per_cent: usize = cut.trim_start_matches("cut").parse().expect("cutP");
                self.allowance.set(Some(answer * per_cent / 100));
            }
        }
        if fault == "garbage" {
            // This fault sends no answer and continues to read.
            return Some(idle());
        }
        None
    }

    fn crash(&self, why: &str) -> ExitCode {
        eprintln!("Fatal error:\n{why}");
        for _ in 0..200 {
            eprintln!("  at System.IO.FileStream..ctor (System.String path) [0x001ac] in <0>:0 ");
        }
        ExitCode::FAILURE
    }

    fn print(&self, text: &str) {
        let mut text = text;
        if let Some(left) = self.allowance.get() {
            let ends = text.len() >= left;
            text = &text[..text.floor_char_boundary(left.min(text.len()))];
            self.allowance.set(Some(left - text.len()));
            if ends {
                self.write(text);
                self.close();
                self.allowance.set(None);
                return;
            }
        }
        self.write(text);
    }

    fn write(&self, text: &str) {
        if let Some(client) = &self.client {
            return client.borrow_mut().print(text);
        }
        let mut out = std::io::stdout().lock();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(self.piece_len().min(rest.len()));
            let _ = out.write_all(piece).and_then(|()| out.flush());
            rest = left;
        }
    }

    /// Returns the length of the next piece.
    fn piece_len(&self) -> usize {
        if self.cue == "drip" {
            return 1;
        }
        let next = self
            .piece_seed
            .get()
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.piece_seed.set(next);
        1 + (next >> 16) as usize % 40
    }

    /// Echoes the text typed after the prompt.
    fn echo(&self, line: &str) {
        let behind = self.machine.as_deref().unwrap_or("monitor").len() + "() ".len();
        let mut echo = self.withheld.take().to_owned();
        for (column, c) in (behind..).zip(line.chars()) {
            if column > behind && column % self.style.width == 0 {
                echo += " \r";
            }
            echo.push(c);
        }
        self.print(&format!("{echo}\n\r"));
    }

    fn prompt(&self) {
        let [without, with] = self.style.prompt;
        match &self.machine {
            None => self.print(&format!("{without}(monitor) ")),
            Some(name) => self.print(&format!("{with}({name}) ")),
        }
        self.withheld.set(OFF);
    }

    fn complain(&self, text: &str) {
        self.print(&format!("{}{text}\r\n{OFF}", self.style.red));
    }

    fn fail(&self, command: &str, reason: &str) -> Outcome {
        let announced = self.style.announced;
        self.complain(&format!(
            "There was an error executing command '{command}'{announced}"
        ));
        self.complain(reason);
        Outcome::Badly
    }

    /// Runs a line: its commands one by one, up to the first that fails.
    fn run(&mut self, line: &str) -> Outcome {
        let Some(commands) = split(line) else {
            self.complain("Could not tokenize here:");
            self.complain(line);
            self.complain("  ^");
            return Outcome::Badly;
        };
        for command in commands {
            match self.command(command.trim()) {
                Outcome::Well => {}
                other => return other,
            }
        }
        Outcome::Well
    }

    fn command(&mut self, command: &str) -> Outcome {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let quoted = rest.split('"').nth(1).unwrap_or_default().to_owned();
        match (word, rest) {
            ("", _) => {}
            ("echo", _) => self.print(&format!("{quoted}\r\r\n")),
            ("help", "mach") => match &self.machine {
                Some(name) => self.print(&format!("mach\r\n\r\nCurrent machine: {name}\r\n")),
                None => self.complain("No machine selected."),
            },
            // The library's own script, whose commands follow.
            ("include", path) if path.ends_with(".py") => {}
            ("input_open", _) => self.fifos = quoted,
            ("input_attach" | "lockstep_attach", _) => {}
            ("lockstep_open", _) => {
                let cue = self.cue.clone();
                std::thread::spawn(move || lockstep::serve(&quoted, &cue, end_between_answers));
            }
            ("input_read", "") => {
                let fifos = std::mem::take(&mut self.fifos);
                let line = self.line.0.try_clone().expect("a pipe");
                std::thread::spawn(move || serve_line_script(&fifos, line));
            }
            ("include", path) => {
                let script = std::fs::read_to_string(&path[1..]).unwrap_or_default();
                for line in script.lines() {
                    match self.run(line) {
                        Outcome::Well => {}
                        other => return other,
                    }
                }
            }
            ("emulation", "IsStarted") => {
                let started = if self.started.is_some() {
                    "True"
                } else {
                    "False"
                };
                self.print(&format!("{started}\r\r\n"));
            }
            ("emulation", "GetTimeSourceInfo") => {
                let time = self.elapsed();
                self.print(&format!(
                    "Elapsed Virtual Time: {time}\r\nElapsed Host Time: {time}\r\n\
                     Current load: 1\r\nCumulative load: 1\r\nState: Idle\r\r\n"
                ));
            }
            ("emulation", rest) if rest.starts_with("Set") => {}
            ("mach", rest) if rest.starts_with("create ") => {
                if !self.machines.insert(quoted.clone()) {
                    let reason = "Given machine is already added or name is already taken.";
                    return self.fail(command, reason);
                }
                self.machine = Some(quoted);
            }
            ("mach", rest) if rest.starts_with("set ") => {
                if self.machines.contains(&quoted) {
                    self.machine = Some(quoted);
                } else {
                    self.complain(&format!("Machine {quoted} not found."));
                }
            }
            ("version", "") => {
                let (version, _) = self.version();
                self.print(&format!("Renode, version {version} (fake)\r\n\r"));
            }
            ("log", _) => {
                let line = format!("21:56:09.1234 [INFO] Script: {quoted}");
                println!("{line}");
                if let Some(log) = &mut self.log {
                    let _ = writeln!(log, "{line}");
                }
            }
            ("help", "path") => {
                let own = std::env::var("FAKE_RENODE_ROOT").unwrap_or_else(|_| ".".to_owned());
                self.print(&format!(
                    "path\r\r\nallows modification of internal 'PATH' variable.\r\r\n\r\r\n\
                     \rCurrent 'PATH' value is: /project;{own}\r\n\
                     \rDefault 'PATH' value is: {own}\r\n"
                ));
            }
            ("help", what) => self.complain(&format!("No such command: {what}.")),
            ("logLevel", "99") => {
                self.complain("Bad parameters for command logLevel 99");
                self.print("logLevel\r\r\nsets logging level for backends.\r\n\r\r\n\r");
                return Outcome::Badly;
            }
            ("logFile", _) => {
                let path = rest.trim_start_matches('@').trim_end_matches(" true");
                self.log = File::create(path).ok();
            }
            ("logLevel" | "macro" | "connector" | "after_reset", _) => {}
            ("Save", path) if path.starts_with("@/no/") => return Outcome::Fatally,
            ("machine" | "sysbus", _) if self.machine.is_none() => {
                self.complain(&format!("No such command or device: {word}"));
                return Outcome::Badly;
            }
            ("machine", rest) if rest.starts_with("LoadPlatformDescription @") => {
                let path = &rest[25..];
                if path.ends_with("nope.repl") {
                    return self.fail(command, &format!("Could not find file '{path}'."));
                }
                let svd = "https://dl.antmicro.com/projects/renode/svd/STM32F40x.svd.gz";
                self.complain(&format!("Failed to download {svd}, see log for details."));
            }
            ("peripherals", "") if self.machine.is_some() => self.print(
                "Available peripherals:\r\n\r  sysbus (SystemBus)\r\n\r  ??? cpu (CortexM)\r\n\r",
            ),
            ("machine", "Reset") => self.was_reset = true,
            ("machine", "ElapsedVirtualTime") => {
                let time = self.elapsed();
                self.print(&format!(
                    "[Domain = Elapsed Virtual Time: 00:00:00.0\r\nQuantum: 00:00:00.000100000, \
                     TimeElapsed = {time}]\r\r\n"
                ));
            }
            ("emulation", rest) if rest.starts_with("CreateUartPtyTerminal ") => {
                let link = rest.split('"').nth(3).unwrap_or_default().to_owned();
                match open_pty(&link) {
                    Ok(uart) => self.uart = Some(uart),
                    Err(error) => return self.fail(command, &error.to_string()),
                }
            }
            ("emulation", rest) if rest.starts_with("CreateServerSocketTerminal ") => {
                let port = rest.split(' ').nth(1).and_then(|port| port.parse().ok());
                self.ports += 1;
                let taken = self.cue.strip_prefix("taken:");
                if taken.is_some_and(|first| self.ports <= first.parse().expect("taken:N")) {
                    let reason = "socket:[AddressAlreadyInUse] Address already in use";
                    return self.fail(command, reason);
                }
                match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port.unwrap_or(0))) {
                    Ok(socket) => self.socket = Some(socket),
                    Err(error) => return self.fail(command, &error.to_string()),
                }
            }
            // The rest of the line is lost with the board.
            ("Clear", "") => {
                self.machines.clear();
                self.machine = None;
                self.uart = None;
                self.socket = None;
                self.started = None;
                self.was_reset = true;
                self.line = std::io::pipe()
                    .map(|(reader, writer)| (writer, reader))
                    .expect("a pipe");
                return Outcome::Badly;
            }
            ("input_start", "") => return self.command("start"),
            ("machine", "Pause") => {}
            ("machine", "Start") => {
                if std::mem::take(&mut self.was_reset) {
                    self.greet();
                }
            }
            ("pause", "") => {
                self.print("Pausing emulation...\r\n\r");
                if self.uart.is_none() {
                    self.started = None; // by a script, before its clock shows anything
                }
            }
            ("start", "") => {
                self.print("Starting emulation...\r\n\r");
                if let Some(socket) = self.socket.take() {
                    let (stream, _) = socket.accept().expect("accept");
                    self.uart = Some(File::from(OwnedFd::from(stream)));
                }
                if std::mem::take(&mut self.was_reset) {
                    self.greet();
                }
                if self.started.is_none() {
                    self.started = Some(Instant::now());
                    self.listen();
                }
            }
            ("python", _) => match self.version() {
                (_, Some(net)) => self.print(&format!("None {net}\r\n")),
                (_, None) => self.print("Mono.Runtime 4.0.30319.42000\r\n"),
            },
            ("sysbus", "Nope") | ("sysbus.usart2", _) => {
                let reason = format!("{word} does not provide a field, method or property Nope.");
                return self.fail(command, &reason);
            }
            ("sysbus.cpu", "GetRegistersValues") => self.print(
                "----------------------------------\r\n\r| Name      | Index | Value      |\r\n\r\
                 ----------------------------------\r\n\r| SP / R13  | 13    | 0x2001FFD0 |\r\n\r\
                 | LR / R14  | 14    | 0x8000557  |\r\n\r| PC / R15  | 15    | 0x800079A  |\r\n\r\
                 | CPSR      | 25    | 0x61000000 |\r\n\r----------------------------------\r\n\r",
            ),
            ("sysbus.cpu", "IsHalted") => self.print("False\r\r\n"),
            ("sysbus.cpu", "FaultStatus" | "MemoryFaultAddress") => self.print("0x00000000\r\r\n"),
            ("sysbus.cpu", "ExecutedInstructions") => self.print("0x000000000000002A\r\r\n"),
            ("sysbus" | "sysbus.cpu", _) => {}
            ("sleep", "forever") => return Outcome::Never,
            (word, _) if word.starts_with(['#', '$']) => {}
            (word, _) => {
                self.complain(&format!("No such command or device: {word}"));
                return Outcome::Badly;
            }
        }
        Outcome::Well
    }

    /// Returns the time as 1.15.2 and later print it, to the nanosecond; earlier versions print microseconds.
    fn elapsed(&self) -> String {
        let time = self.started.map(|at| at.elapsed()).unwrap_or_default();
        let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
        match self.version().0.starts_with("1.14") {
            true => format!("00:00:{seconds:02}.{:06}", nanos / 1000),
            false => format!("00:00:{seconds:02}.{nanos:09}"),
        }
    }

    fn greet(&mut self) {
        if let Some(uart) = &mut self.uart {
            let _ = uart.write_all(b"Hello from shell on stm32f4\r\n> ");
        }
    }

    /// Runs the guest: echoes each line, and answers `ping` and `flood`.
    fn listen(&self) {
        let Some(Ok(mut uart)) = self.uart.as_ref().map(File::try_clone) else {
            return;
        };
        let mut line_to_us = self.line.1.try_clone().expect("a pipe");
        let cue = self.cue.clone();
        let log = self.log.as_ref().and_then(|log| log.try_clone().ok());
        std::thread::spawn(move || {
            let mut line = Vec::new();
            let mut byte = [0];
            while let Ok(1) = line_to_us.read(&mut byte) {
                if byte != *b"\r" && byte != *b"\n" {
                    line.push(byte[0]);
                    continue;
                }
                let mut answer = std::mem::take(&mut line);
                if let Some((fault, step)) = cue.split_once('@') {
                    let begin = match (step, answer.as_slice()) {
                        ("send", b"ping") => Some("pi"),
                        ("wait", b"ping") => Some("ping\r\npo"),
                        ("shutdown", b"echo bye") => Some("echo bye\r\nbye\r\n"),
                        _ => None,
                    };
                    if let Some(begin) = begin {
                        let _ = uart.write_all(begin.as_bytes());
                        if let Some(log) = &log {
                            log_end_of_processor(log, fault);
                        }
                        end_between_answers(fault);
                        return;
                    }
                }
                if let Some(word) = answer.strip_prefix(b"echo ").map(<[u8]>::to_vec) {
                    answer.extend(b"\r\n");
                    answer.extend(word);
                }
                if answer.starts_with(b"flood") {
                    while uart.write_all(b"line\r\n").is_ok() {}
                }
                if answer == b"ping" {
                    answer.extend(b"\r\npong");
                }
                answer.extend(b"\r\n> ");
                let _ = uart.write_all(&answer);
            }
        });
    }
}

/// Acts as the script that writes bytes to the line: reads requests, and reports.
fn serve_line_script(fifos: &str, mut line: PipeWriter) {
    let orders = File::open(format!("{fifos}/orders")).expect("orders");
    let reports = OpenOptions::new()
        .write(true)
        .open(format!("{fifos}/reports"));
    let mut reports = reports.expect("reports");
    for order in BufReader::new(orders).lines() {
        let order = order.expect("an order");
        match order.split(' ').collect::<Vec<_>>()[..] {
            ["send", "0", digits] => {
                let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte");
                let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
                line.write_all(&bytes).expect("the guest");
            }
            ["tell", "0"] => writeln!(reports, "room 0").expect("reports"),
            ["clear", "0"] => writeln!(reports, "cleared").expect("reports"),
            ["end"] => writeln!(reports, "ended").expect("reports"),
            _ => writeln!(reports, "error {order}").expect("reports"),
        }
    }
}

/// Logs that the processor has jumped to an address without memory, or has locked up.
fn log_end_of_processor(mut log: &File, fault: &str) {
    let message = match fault {
        "halt" => "CPU abort [PC=0x0]: Trying to execute code outside RAM or ROM at 0x00000000.",
        "lockup" => "locked up at PC=0x08000000: a UsageFault that it cannot take",
        _ => return,
    };
    let _ = writeln!(log, "21:58:41.6190 [ERROR] cpu: {message}");
}

/// Performs [`end`] when the monitor is not printing an answer. An answer that is cut off is part of
/// the last words, so their text would depend on the moment.
fn end_between_answers(fault: &str) {
    let _no_answer = ANSWERING.lock().expect("no panic");
    end(fault);
}

/// Exits, or stops this process; returns if the fault only suppresses all further output.
fn end(fault: &str) {
    use nix::sys::signal::{Signal, raise};
    match fault {
        "exit" => {
            eprintln!("cannot open assembly 'Renode.exe': no such file");
            std::process::exit(2);
        }
        "die" => {
            eprintln!("Fatal error:\nit was told to");
            std::process::exit(1);
        }
        "kill" => drop(raise(Signal::SIGKILL)),
        "stop" => drop(raise(Signal::SIGSTOP)),
        _ => {}
    }
}

/// Returns the commands of a line; `None` when a quote is not closed. A `#` at the
/// beginning of a command turns the rest into a comment.
fn split(line: &str) -> Option<Vec<&str>> {
    let mut commands = Vec::new();
    let (mut begin, mut open) = (0, false);
    for (at, c) in line.char_indices() {
        match c {
            '"' => open = !open,
            ';' if !open => {
                commands.push(&line[begin..at]);
                begin = at + 1;
            }
            '#' if !open && line[begin..at].trim().is_empty() => return Some(commands),
            _ => {}
        }
    }
    commands.push(&line[begin..]);
    (!open).then_some(commands)
}

/// Opens a new pseudo-terminal whose other end is at `link`, and returns our end. The other
/// end also stays open here, as in Renode.
fn open_pty(link: &str) -> std::io::Result<File> {
    let pty = nix::pty::openpty(None, None)?;
    let name = nix::unistd::ttyname(&pty.slave)?;
    std::os::unix::fs::symlink(name, link)?;
    std::mem::forget(pty.slave);
    Ok(pty.master.into())
}

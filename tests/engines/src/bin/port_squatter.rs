//! Another process at the port of Renode's monitor.
//!
//! `port_squatter squat FILE PROGRAM … --port N …` binds port N before it runs the
//! program, and exits with the program's status; it greets every client as Renode would, and
//! writes all that it receives to FILE.
//!
//! `port_squatter call` copies its input to its output. When Renode prints that its port is open,
//! `call` connects first, reads the greeting, types half a line and disconnects.

use std::fs::OpenOptions;
use std::io::{BufRead, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};

use engine_tests::telnet::port_asked_for;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["squat", file, program, rest @ ..] => squat(file, program, rest),
        ["call"] => call(),
        _ => {
            eprintln!("usage: port_squatter squat FILE PROGRAM ARGUMENTS | port_squatter call");
            ExitCode::from(2)
        }
    }
}

fn squat(file: &str, program: &str, arguments: &[&str]) -> ExitCode {
    let port = port_asked_for().expect("--port");
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("the port");
    let file = OpenOptions::new().append(true).create(true).open(file);
    let mut file = file.expect("the file");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a client");
            let _ = client.write_all(b"Renode, version 1.16.1 (not)\n\r\n\r\x1b[31;1m(monitor) ");
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = client.read(&mut buffer) {
                file.write_all(&buffer[..n]).expect("the file");
                let _ = client.write_all(&buffer[..n]);
            }
        }
    });
    let ended = Command::new(program).args(arguments).status();
    let code = ended.ok().and_then(|status| status.code()).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn call() -> ExitCode {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if let Some((_, port)) = line.split_once("telnet mode on port ") {
            let port: u16 = port.trim().parse().expect("a port");
            let mut renode = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("Renode");
            read_to(&mut renode, "(monitor) ");
            renode.write_all(b"half a comm").expect("Renode");
            read_to(&mut renode, "half a comm");
        }
        println!("{line}");
    }
    ExitCode::SUCCESS
}

fn read_to(renode: &mut TcpStream, end: &str) {
    let (mut came, mut byte) = (Vec::new(), [0]);
    while !came.ends_with(end.as_bytes()) {
        renode.read_exact(&mut byte).expect("Renode");
        came.extend(byte);
    }
}

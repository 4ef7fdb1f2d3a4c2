//! The TCP side of the stand-in for Renode: its port, telnet's bytes, and line editing.
//!
//! Faults on cue (`FAKE_RENODE`), in addition to those of its console:
//!
//! | kind | what it does |
//! |---|---|
//! | `late-port` | opens its port late |
//! | `no-port` | never opens its port, and does not report that |
//! | `lies` | reports that it listens, and does not |
//! | `held` | listens, and accepts no connection |
//! | `split` | writes every prompt in two halves, with a pause between them |
//! | `iac` | inserts telnet commands between all bytes |
//! | `eaten` | its banner and prompt went to an earlier client, which typed half a line |
//! | `leftovers` | as `eaten`, with pending answers to that client |

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// The options that Renode requests of a client first.
const OPTIONS: &[u8] = b"\xff\xfd\x00\xff\xfb\x01\xff\xfb\x03\xff\xfc\"";

/// A no-operation, an option, and a subnegotiation with an escaped byte in it.
const COMMANDS: [&[u8]; 3] = [
    b"\xff\xf1",
    b"\xff\xfb\x18",
    b"\xff\xfa\x18a\xff\xff\xff\xf0",
];

/// A pause long enough to separate two halves, and short compared with every limit.
const PAUSE: Duration = Duration::from_millis(300);

/// A client of the monitor.
pub struct Client {
    stream: TcpStream,
    cue: String,
    /// The characters typed after the prompt.
    typed: Vec<u8>,
}

impl Client {
    /// Opens `port` and waits for a client; the error is the exit code if that fails.
    pub fn wait_for(port: u16, cue: &str) -> Result<Self, ExitCode> {
        match cue {
            "late-port" => std::thread::sleep(PAUSE),
            "no-port" => forever(),
            "lies" => {
                print_port_is_open(port);
                forever();
            }
            _ => {}
        }
        let listener = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
            Ok(listener) => listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                eprintln!(
                    "Fatal error:\nUnable to create '0.0.0.0:{port}' socket:[AddressAlreadyInUse] \
                     Address already in use\n  at Antmicro.Renode.Sockets.SocketsManager"
                );
                return Err(ExitCode::FAILURE);
            }
            Err(error) => panic!("port {port}: {error}"),
        };
        print_port_is_open(port);
        if cue == "held" {
            forever();
        }
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).expect("no delay");
        let _ = stream.write_all(OPTIONS);
        let mut client = Self {
            stream,
            cue: cue.to_owned(),
            typed: Vec::new(),
        };
        if client.had_earlier_client() {
            client.typed = b"half a comm".to_vec();
        }
        if cue == "leftovers" {
            for _ in 0..2 {
                client.print(
                    "GET / HTTP/1.0\n\r\x1b[;031mNo such command or device: GET\r\n\x1b[0m\
                     \x1b[31;1m(monitor) \x1b[0m",
                );
            }
        }
        Ok(client)
    }

    /// Returns true if an earlier client connected, and received the banner.
    pub fn had_earlier_client(&self) -> bool {
        ["eaten", "leftovers"].contains(&self.cue.as_str())
    }

    pub fn print(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let (first, second) = match self.cue.as_str() {
            "split" if text.contains(") ") => bytes.split_at(bytes.len() / 2),
            _ => (bytes, &[][..]),
        };
        self.write(first);
        if !second.is_empty() {
            std::thread::sleep(PAUSE / 10);
            self.write(second);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // Renode ignores a client that has disconnected.
        match self.cue.as_str() {
            "drip" => {
                for byte in bytes {
                    let _ = self.stream.write_all(&[*byte]);
                }
            }
            "iac" => {
                for (byte, command) in bytes.iter().zip(COMMANDS.iter().cycle()) {
                    let (begin, end) = command.split_at(1);
                    let _ = self.stream.write_all(begin);
                    let _ = self.stream.write_all(end);
                    let _ = self.stream.write_all(&[*byte]);
                }
            }
            _ => drop(self.stream.write_all(bytes)),
        }
    }

    /// Returns the next line, without its end; performs the editing keys of the client.
    pub fn line(&mut self) -> Option<String> {
        let mut byte = [0];
        while let Ok(1) = self.stream.read(&mut byte) {
            match byte[0] {
                b'\n' => {
                    let line = std::mem::take(&mut self.typed);
                    return Some(String::from_utf8_lossy(&line).into_owned());
                }
                0x15 => {
                    self.print(&"\x1b[D".repeat(self.typed.len()));
                    self.typed.clear();
                    self.print("\x1b[K\x1b[?25l\x1b[?25h");
                }
                0x0b => self.print("\x1b[K"),
                typed => self.typed.push(typed),
            }
        }
        None
    }

    pub fn disconnect(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Prints the line with which Renode reports that its port is open.
fn print_port_is_open(port: u16) {
    println!("21:56:08.0510 [INFO] Monitor available in telnet mode on port {port}");
    let _ = std::io::stdout().flush();
}

/// Waits forever: Renode with its monitor on a port does not exit when its input ends.
pub fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

/// Returns the number after `--port` in this process's arguments.
pub fn port_asked_for() -> Option<u16> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--port");
    arguments.nth(1)?.parse().ok()
}

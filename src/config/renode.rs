//! [`RenodeConfig`]: a board on Renode, and the way to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::script::{Fragment, Script};
use crate::firmware::Format;

/// What Renode needs to know of a board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenodeConfig {
    /// `platform` or `script`: the board's description.
    pub platform: Platform,
    /// `platform_fragments`: what is put on top of it, in this order.
    pub fragments: Vec<Fragment>,
    /// `uart` or `uarts`: the UARTs to talk to, in the order of the file. There
    /// is at least one; the first is the board's main one.
    pub uarts: Vec<UartConfig>,
}

/// A UART of a board on Renode.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UartConfig {
    /// What the tests call it: its name in `uarts`, or the path in `uart`.
    pub name: String,
    /// Renode's path to it, such as `sysbus.usart2`.
    pub path: String,
    /// `baud`: the speed of the line to it, in bits a second, with 10 bits a byte (8N1). Default 115200.
    ///
    /// What is sent arrives at this speed in the guest's time. What the guest sends comes as
    /// fast as Renode's model of the UART puts it out.
    pub baud: u32,
}

impl UartConfig {
    /// Returns how long the line takes to carry a byte to it.
    pub(crate) fn byte_time(&self) -> Duration {
        const BITS: u64 = 10;
        Duration::from_nanos((BITS * 1_000_000_000).div_ceil(self.baud.into()))
    }

    /// Returns the field that names it.
    pub(crate) fn field(&self) -> String {
        match self.name == self.path {
            true => "uart".to_owned(),
            false => format!("uarts.{}", self.name),
        }
    }
}

/// As in messages: `sysbus.usart2`, or `modem (sysbus.usart3)`.
impl fmt::Display for UartConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, .. } = self;
        if name == path {
            return f.write_str(path);
        }
        write!(f, "{name} ({path})")
    }
}

/// Where the description of a board on Renode comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// A description that comes with Renode, such as
    /// `platforms/boards/stm32f4_discovery-kit.repl`.
    BuiltIn(String),
    /// A file of the project. An absolute path.
    File(PathBuf),
    /// A script makes the board.
    Script(Script),
}

/// What connects Renode's UARTs to the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UartTransport {
    /// A pseudo-terminal.
    Pty,
    /// A TCP socket, for hosts without pseudo-terminals.
    ///
    /// Renode then **listens on every interface** and lets anybody in who finds
    /// the port: use it on a network that you trust. What the board says in the
    /// last moment before a reset may be counted to the new start.
    Socket,
}

/// The way to Renode's monitor.
///
/// # Security
/// With [`Telnet`](Self::Telnet), Renode listens on every interface of this host, not
/// only on the loopback, and asks nobody for a password: whoever reaches the port while
/// the board is on can have Renode read and write files and run programs as this user.
/// Use it only where the network is trusted or a firewall is in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// `console`: the emulator's own standard input and output. Nothing listens.
    Console,
    /// `telnet`: a TCP port of this host; see [Security](Self#security).
    Telnet {
        /// `monitor_port`: the port, or `None` for a free one. Renode starts anew on
        /// another if somebody else takes the one that was chosen; one that is
        /// given has to be free.
        port: Option<u16>,
    },
}

/// How Renode loads a firmware image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadCommand {
    /// `sysbus LoadELF`
    Elf,
    /// `sysbus LoadBinary`
    Binary,
    /// `sysbus LoadSymbolsFrom`
    SymbolsFrom,
    /// `sysbus LoadHEX`
    Hex,
    /// `sysbus LoadSRecord`
    SRecord,
}

impl LoadCommand {
    pub(crate) const ALL: [Self; 5] = [
        Self::Elf,
        Self::Binary,
        Self::SymbolsFrom,
        Self::Hex,
        Self::SRecord,
    ];

    /// The monitor command, as it is written in the YAML file.
    ///
    /// ```
    /// use virtual_target::config::LoadCommand;
    /// assert_eq!(LoadCommand::Elf.as_str(), "sysbus LoadELF");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Elf => "sysbus LoadELF",
            Self::Binary => "sysbus LoadBinary",
            Self::SymbolsFrom => "sysbus LoadSymbolsFrom",
            Self::Hex => "sysbus LoadHEX",
            Self::SRecord => "sysbus LoadSRecord",
        }
    }

    /// Returns the format of the images that it loads; `LoadSymbolsFrom` loads none.
    pub(crate) const fn format(self) -> Option<Format> {
        match self {
            Self::Elf => Some(Format::Elf),
            Self::Binary => Some(Format::Binary),
            Self::Hex => Some(Format::IntelHex),
            Self::SRecord => Some(Format::SRecord),
            Self::SymbolsFrom => None,
        }
    }
}

//! [`RenodeConfig`], a board on Renode, and the connections to it: [`UartTransport`], [`Control`].

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::script::{Fragment, Script};
use crate::firmware::Format;

/// Renode's settings for a board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenodeConfig {
    pub(crate) platform: Platform,
    pub(crate) fragments: Vec<Fragment>,
    pub(crate) uarts: Vec<UartConfig>,
}

impl RenodeConfig {
    /// Returns `platform` or `script`: the board's description.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Returns `platform_fragments`: descriptions that are loaded after the platform, in this order.
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// Returns `uart` or `uarts`: the UARTs that tests use, in the order of the file; at least one.
    /// The first is the board's main UART.
    pub fn uarts(&self) -> &[UartConfig] {
        &self.uarts
    }
}

/// A UART of a board on Renode.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UartConfig {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) baud: u32,
}

impl UartConfig {
    /// Returns the UART's name for tests: the name in `uarts`, or the path in `uart`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns Renode's path to the UART, such as `sysbus.usart2`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns `baud`: the speed of the line to the UART, in bits per second, with 10 bits per byte
    /// (8N1). Default 115200.
    ///
    /// Bytes that a test sends arrive at this speed in the guest's time. Bytes that the guest
    /// sends arrive as fast as Renode's model of the UART outputs them.
    pub fn baud(&self) -> u32 {
        self.baud
    }
}

impl UartConfig {
    /// Returns the time that the line needs for one byte.
    pub(crate) fn byte_time(&self) -> Duration {
        const BITS: u64 = 10;
        Duration::from_nanos((BITS * 1_000_000_000).div_ceil(self.baud.into()))
    }

    /// Returns the field of the file that describes the UART.
    pub(crate) fn field(&self) -> String {
        match self.name == self.path {
            true => "uart".to_owned(),
            false => format!("uarts.{}", self.name),
        }
    }
}

/// Formats the UART for messages: `sysbus.usart2`, or `modem (sysbus.usart3)`.
impl fmt::Display for UartConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, .. } = self;
        if name == path {
            return f.write_str(path);
        }
        write!(f, "{name} ({path})")
    }
}

/// The origin of the description of a board on Renode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// A description that comes with Renode, such as
    /// `platforms/boards/stm32f4_discovery-kit.repl`.
    BuiltIn(String),
    /// A file of the project. An absolute path.
    File(PathBuf),
    /// A script that makes the board.
    Script(Script),
}

/// The connection between Renode's UARTs and the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UartTransport {
    /// A pseudo-terminal.
    Pty,
    /// A TCP socket, for hosts without pseudo-terminals.
    ///
    /// Renode then **listens on every interface** and accepts anybody who finds
    /// the port: use it on a network that you trust. Output from the
    /// last moment before a reset may be assigned to the new start.
    Socket,
}

/// The connection to Renode's monitor.
///
/// # Security
/// With [`Telnet`](Self::Telnet), Renode listens on every interface of this host, not
/// only on the loopback, and does not ask for a password: anybody who reaches the port while
/// the board is on can make Renode read and write files and run programs as this user.
/// Use it only on a trusted network or behind a firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// `console`: the emulator's standard input and output. No port is open.
    Console,
    /// `telnet`: a TCP port of this host; see [Security](Self#security).
    Telnet {
        /// `monitor_port`: the port, or `None` for a free one. If another program takes the
        /// chosen free port first, Renode is started again on another port. A port that is
        /// given here must be free.
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

    /// Returns the monitor command, as written in the YAML file.
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

    /// Returns the format of the images that the command loads; `LoadSymbolsFrom` loads none.
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

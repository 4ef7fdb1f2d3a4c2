//! Renode without this crate, for comparisons: a script over its console, and nothing else.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// A running Renode; its input ends with it.
pub struct BareRenode {
    child: Child,
    stdin: ChildStdin,
    console: BufReader<ChildStdout>,
    /// Its own directory, for its settings and its files.
    directory: TempDir,
}

impl BareRenode {
    pub fn start() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let renode = std::env::var_os("VTARGET_RENODE").unwrap_or_else(|| "renode".into());
        let mut child = Command::new(renode)
            .args(["--disable-xwt", "--console", "--hide-log"])
            .env("XDG_CONFIG_HOME", directory.path())
            .env("TMPDIR", directory.path())
            .env("RENODE_CI_MODE", "YES")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        Ok(Self {
            stdin: child.stdin.take().ok_or_else(missing)?,
            console: BufReader::new(child.stdout.take().ok_or_else(missing)?),
            child,
            directory,
        })
    }

    /// Its own directory.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Runs commands, waits until they are done, and returns what the console shows.
    pub fn run(&mut self, commands: &str) -> io::Result<String> {
        self.stdin
            .write_all(format!("{commands}; echo \"vt\"\n").as_bytes())?;
        let mut shown = Vec::new();
        while !shown.trim_ascii_end().ends_with(b"vt") {
            if self.console.read_until(b'\n', &mut shown)? == 0 {
                return Err(io::Error::other("Renode ended"));
            }
        }
        Ok(String::from_utf8_lossy(&shown).into_owned())
    }

    /// Sends a command; its answer is not read.
    pub fn send(&mut self, command: &str) -> io::Result<()> {
        self.stdin.write_all(format!("{command}\n").as_bytes())
    }

    /// Ends Renode.
    pub fn end(mut self) -> io::Result<()> {
        drop(self.stdin);
        self.console.read_to_end(&mut Vec::new())?;
        self.child.wait().map(drop)
    }
}

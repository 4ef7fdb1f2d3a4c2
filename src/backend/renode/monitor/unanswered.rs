//! [`Unanswered`]: commands that one process has sent, and whose answers are for the next.

use serde::{Deserialize, Serialize};

use super::command::MonitorCommand;
use super::protocol::{Protocol, new_nonces, nonce};

/// Commands that one process has sent, and whose answers are for the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unanswered {
    nonces: String,
    commands: Vec<String>,
}

impl Unanswered {
    /// Returns `commands` for the next process, and the lines that send them.
    pub(crate) fn new(commands: &[MonitorCommand]) -> (Self, String) {
        let commands = commands.iter().map(|it| it.as_str().to_owned());
        let unanswered = Self {
            nonces: new_nonces(),
            commands: commands.collect(),
        };
        let (_, lines) = unanswered.dialogue();
        (unanswered, lines)
    }

    /// Returns the state of the dialogue after the commands, with a Renode whose greeting nobody has
    /// read.
    pub(crate) fn protocol(&self) -> Protocol {
        // The other process has written the lines.
        self.dialogue().0
    }

    fn dialogue(&self) -> (Protocol, String) {
        let mut protocol = Protocol::with_nonces(self.nonces.clone());
        let lines = self.commands.iter().map(|it| protocol.send(it)).collect();
        (protocol, lines)
    }

    /// Returns true if `output` contains the answers.
    pub(crate) fn are_answered(&self, output: &[u8]) -> bool {
        let last = nonce(&self.nonces, self.commands.len() as u64);
        // A quote follows it in the echo.
        String::from_utf8_lossy(output).contains(&format!("{last}\r"))
    }
}

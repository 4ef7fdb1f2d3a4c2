//! The protocol of the monitor: which output answers which command.
//!
//! A command is sent as `COMMAND; echo "NONCE"`. Renode stops a chain at its
//! first failure, so the nonce is printed if and only if the command did not
//! fail; complaints are red, whether the command failed or not. Renode echoes a
//! line when it begins to run it, and answers in the order of the lines: lines
//! may be sent ahead.
//!
//! A nonce has a random part for each client: Renode may still answer an earlier client, and that
//! answer is not to be taken for one to this client.
//!
//! [`Protocol`] does no I/O: it takes bytes and returns [`Event`]s.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use super::console_parser::{ConsoleParser, Line, Token};

/// The output of a command that did not fail, and the complaints about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) warnings: Vec<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        for warning in &self.warnings {
            write!(f, "\n    ! {warning}")?;
        }
        Ok(())
    }
}

/// The reason why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Renode refused the command, for this reason.
    Refused(String),
    /// Renode neither ran the command nor complained: it read the command as a comment, or as
    /// part of a longer text.
    Ignored,
    /// Renode read this instead of the command that was sent.
    Garbled(String),
}

pub(crate) type CommandOutcome = Result<Answer, Refusal>;

/// The prefix of a complaint that is no reason of a failure: Renode continues without the file.
pub(crate) const NO_DOWNLOAD: &str = "Failed to download ";

/// An event of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Renode has shown its first prompt; its banner.
    Ready(String),
    /// Renode has echoed the oldest command, and runs it now.
    Started,
    /// The outcome of the oldest command.
    Completed(CommandOutcome),
    /// A line that belongs to no command.
    Unsolicited(Line),
    /// A line without an end: this is not Renode's console.
    Overlong,
}

/// The state of the dialogue, since the start of the process.
#[derive(Debug)]
pub(crate) struct Protocol {
    /// The beginning of its nonces, which no other client has.
    nonces: String,
    parser: ConsoleParser,
    state: State,
    sent: u64,
    /// Set if another client may have been connected before: up to our first echo, prompts
    /// and lines belong to the other client.
    joining: bool,
    /// The commands without an answer yet.
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    command: String,
    line: String,
    nonce: String,
}

#[derive(Debug)]
enum State {
    /// Before the first prompt.
    Starting { banner: String },
    /// Behind a prompt; the last line that was not the expected echo.
    Idle { unsolicited: Option<String> },
    /// Behind a command's echo.
    Running(Vec<Line>),
}

impl Default for State {
    fn default() -> Self {
        let banner = String::new();
        Self::Starting { banner }
    }
}

impl Default for Protocol {
    fn default() -> Self {
        Self::with_nonces(new_nonces())
    }
}

/// Returns the nonce of a client's command.
pub(crate) fn nonce(nonces: &str, number: u64) -> String {
    format!("{nonces}{number:06}")
}

/// Returns the beginning of a client's nonces, which no other client has.
pub(crate) fn new_nonces() -> String {
    let random = RandomState::new().hash_one(std::process::id()) as u32;
    format!("vt-{random:08x}-")
}

impl Protocol {
    /// Returns the state of a dialogue whose nonces begin with `nonces`.
    pub(crate) fn with_nonces(nonces: String) -> Self {
        Self {
            nonces,
            parser: ConsoleParser::default(),
            state: State::default(),
            sent: 0,
            joining: false,
            open: VecDeque::new(),
        }
    }

    /// Returns the state of a dialogue that another client may have begun.
    pub(crate) fn joined() -> Self {
        Self {
            joining: true,
            ..Self::default()
        }
    }

    /// Returns the state of a dialogue that another client has begun, in which all commands of others
    /// have been answered.
    pub(crate) fn resumed(self) -> Self {
        Self {
            state: State::Idle { unsolicited: None },
            joining: true,
            ..self
        }
    }

    /// Returns true once the first prompt has been seen.
    pub(crate) fn is_ready(&self) -> bool {
        !matches!(self.state, State::Starting { .. })
    }

    /// Notes `command` and returns the line to write, with its end.
    pub(crate) fn send(&mut self, command: &str) -> String {
        self.sent += 1;
        let nonce = nonce(&self.nonces, self.sent);
        let line = format!("{command}; echo \"{nonce}\"");
        let bytes = format!("{line}\n");
        let command = command.to_owned();
        self.open.push_back(Open {
            command,
            line,
            nonce,
        });
        bytes
    }

    /// Returns the commands without an answer.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|open| &*open.command)
    }

    /// Returns the number of commands that have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Takes the next byte of the console.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Event> {
        match self.parser.push(byte)? {
            Token::Line(line) => self.line(line),
            Token::Prompt(before) => self.prompt(before),
            Token::Overlong => Some(Event::Overlong),
        }
    }

    /// Returns true if the output ends within the echo of a command.
    pub(crate) fn ends_in_echo(&mut self) -> bool {
        let line = self.parser.take_line();
        let typed = line.typed.unwrap_or(line.text);
        let awaited = self.open.front().map_or("", |open| &open.line);
        matches!(self.state, State::Idle { .. }) && awaited.starts_with(&typed)
    }

    fn line(&mut self, line: Line) -> Option<Event> {
        match &mut self.state {
            State::Starting { banner } => {
                banner.push_str(&line.text);
                banner.push('\n');
                None
            }
            State::Running(output) => {
                output.push(line);
                None
            }
            State::Idle { unsolicited } => {
                // A message from elsewhere may precede the echo, without a line end of its own.
                if let Some(open) = self.open.front()
                    && line
                        .typed
                        .as_ref()
                        .unwrap_or(&line.text)
                        .ends_with(&open.line)
                {
                    self.joining = false;
                    self.state = State::Running(Vec::new());
                    return Some(Event::Started);
                }
                if line.text.is_empty() || self.joining {
                    return None;
                }
                *unsolicited = Some(line.text.clone());
                Some(Event::Unsolicited(line))
            }
        }
    }

    fn prompt(&mut self, before: Line) -> Option<Event> {
        let idle = State::Idle { unsolicited: None };
        match std::mem::replace(&mut self.state, idle) {
            State::Starting { banner } => Some(Event::Ready(banner)),
            State::Running(mut output) => {
                output.push(before);
                let open = self.open.pop_front()?;
                Some(Event::Completed(outcome(output, &open)))
            }
            State::Idle { .. } if self.joining => None,
            State::Idle { unsolicited } => {
                let echoed = unsolicited?;
                self.open.pop_front()?;
                Some(Event::Completed(Err(Refusal::Garbled(echoed))))
            }
        }
    }
}

/// Returns the outcome that the output between a command's echo and the next prompt shows.
fn outcome(mut output: Vec<Line>, open: &Open) -> CommandOutcome {
    output.retain(|line| !line.text.is_empty());
    // The command may have printed something without ending the line.
    let last = output.last().filter(|last| !last.red);
    let before = last.and_then(|last| last.text.strip_suffix(&*open.nonce));
    let before = before.map(str::to_owned);
    if before.is_some() {
        output.pop();
    }
    let (red, plain): (Vec<Line>, Vec<Line>) = output.into_iter().partition(|line| line.red);
    let mut complaints: Vec<String> = red.into_iter().map(|line| line.text).collect();
    complaints.sort_by_key(|complaint| complaint.starts_with(NO_DOWNLOAD));
    complaints.dedup();
    match before {
        Some(before) => {
            let mut text: Vec<String> = plain.into_iter().map(|line| line.text).collect();
            text.extend((!before.is_empty()).then_some(before));
            Ok(Answer {
                text: text.join("\n"),
                warnings: complaints,
            })
        }
        None if complaints.is_empty() => Err(Refusal::Ignored),
        None => Err(Refusal::Refused(reason(complaints, &open.line))),
    }
}

/// Returns the complaints without the line that only repeats the command that was `sent`. A
/// line that names another command is about a script that was run.
fn reason(mut complaints: Vec<String>, sent: &str) -> String {
    let repeats = |line: &String| {
        let named = line.strip_prefix("There was an error executing command '");
        // Later versions announce the reason by a colon and a blank.
        let named = named.and_then(|rest| rest.trim_end_matches([':', ' ']).strip_suffix('\''));
        named.is_some_and(|command| sent.contains(command))
    };
    if complaints.len() > 1 && complaints.first().is_some_and(repeats) {
        complaints.remove(0);
    }
    complaints.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Generates pieces of output: some that a console may print, some that it should not.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..8),
            prop::sample::select(vec![
                "\x1b[33;1m(m) \x1b[0m",
                "\x1b[31;1m(monitor) ",
                "\x1b[91m(monitor) \x1b[0m",
                "\x1b[;031m",
                "\x1b[91m",
                " \r",
                "\x1b[",
                "a; echo \"vt-me-000001\"\n\r",
                "b; echo \"vt-me-000002\"\n\r",
                "vt-me-000001\r\r\n",
                "vt-me-000002\r\r\n",
                "vt-other-000001\r\r\n",
                "\r\n",
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ]
    }

    #[test]
    fn a_failed_download_is_not_the_reason_of_a_refusal() {
        let mut protocol = Protocol::default();
        let sent = protocol.send("include @x");
        let shown = format!(
            "\x1b[33m(m) \x1b[0m{}\n\r\
             \x1b[91mFailed to download a\r\n\x1b[0m\x1b[91mFailed to download a\r\n\x1b[0m\
             \x1b[91mThere was an error executing command 'include @x': \r\n\x1b[0m\
             \x1b[91mNo such file\r\n\x1b[0m\x1b[33m(m) ",
            sent.trim_end()
        );
        let mut events = shown.bytes().filter_map(|byte| protocol.push(byte));
        let refused = events.find_map(|event| match event {
            Event::Completed(outcome) => Some(outcome),
            _ => None,
        });
        let reason = "No such file\nFailed to download a".to_owned();
        assert_eq!(refused, Some(Err(Refusal::Refused(reason))));
    }

    #[test]
    fn an_answer_to_another_client_is_not_an_answer() {
        let [mut one, mut other] = [Protocol::default(), Protocol::default()];
        let (echo, line) = (one.send("a"), other.send("a"));
        let nonce = line.split('"').nth(1).unwrap();
        let shown = format!(
            "\x1b[33m(m) \x1b[0m{}\n\r{nonce}\r\r\n\x1b[33m(m) ",
            echo.trim_end()
        );
        let outcome = shown.bytes().find_map(|byte| match one.push(byte) {
            Some(Event::Completed(outcome)) => Some(outcome),
            _ => None,
        });
        assert_eq!(outcome, Some(Err(Refusal::Ignored)));
    }

    proptest! {
        #[test]
        fn any_output_causes_no_panic_and_no_extra_answers(
            pieces in prop::collection::vec(piece(), 0..40),
        ) {
            let mut protocol = Protocol::with_nonces("vt-me-".to_owned());
            protocol.send("a");
            protocol.send("b");
            let bytes = pieces.concat();
            let events = bytes.iter().filter_map(|&byte| protocol.push(byte));
            let (mut greeted, mut settled) = (0, 0);
            for event in events {
                match event {
                    Event::Ready(_) => greeted += 1,
                    Event::Completed(_) => settled += 1,
                    Event::Unsolicited(_) | Event::Started => {}
                    Event::Overlong => prop_assert!(false, "so few bytes"),
                }
            }
            prop_assert!(greeted <= 1 && settled <= 2);
        }
    }
}

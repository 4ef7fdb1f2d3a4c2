//! From the bytes of Renode's console to lines and prompts.
//!
//! Incremental: any cut of the bytes gives the same events. Knows colours and
//! line ends; knows nothing of commands, echoes or errors.

/// The longest line that is taken, in bytes.
pub(super) const LONGEST_LINE: usize = 1 << 20;

/// What the console shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A line that has ended.
    Line(Line),
    /// The prompt, with whatever stood before it in its line.
    Prompt(Line),
    /// A line that has become too long, and is dropped so far.
    Overlong,
}

/// A line without its end and without colours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    /// Whether any of it is in the colour of errors.
    pub(super) red: bool,
}

/// The colour that Renode gives to all its error messages, and to nothing else.
const ERROR: &[u8] = b";031";

/// The colours of the prompt: without and with a machine.
const PROMPT: [&[u8]; 2] = [b"31;1", b"33;1"];

/// Far longer than those of any colour.
const LONGEST_PARAMETERS: usize = 64;

/// Reads the console's bytes one by one.
#[derive(Debug, Default)]
pub(super) struct Screen {
    line: Vec<u8>,
    red: bool,
    ink: Ink,
    escape: Escape,
}

/// The colour of what comes next.
#[derive(Debug, Default, PartialEq, Eq)]
enum Ink {
    #[default]
    Plain,
    Red,
    /// The prompt's; what has come in it so far.
    Prompt(Vec<u8>),
}

/// How far into an escape sequence we are.
#[derive(Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Outside,
    Begun,
    /// Behind `ESC [`, with the parameters so far.
    Parameters(Vec<u8>),
}

impl Screen {
    /// Takes the next byte.
    pub(super) fn push(&mut self, byte: u8) -> Option<Event> {
        match (std::mem::take(&mut self.escape), byte) {
            (Escape::Outside, 0x1b) => self.escape = Escape::Begun,
            (Escape::Outside, _) => return self.show(byte),
            (Escape::Begun, b'[') => self.escape = Escape::Parameters(Vec::new()),
            // A sequence of two bytes; Renode has none that matters.
            (Escape::Begun, _) => {}
            (Escape::Parameters(parameters), b'm') => self.dip(&parameters),
            // The end of a sequence that moves the cursor.
            (Escape::Parameters(_), 0x40..=0x7e) => {}
            (Escape::Parameters(mut parameters), _) => {
                // Of a longer one nothing is known.
                if parameters.len() <= LONGEST_PARAMETERS {
                    parameters.push(byte);
                }
                self.escape = Escape::Parameters(parameters);
            }
        }
        None
    }

    /// A change of colour. Text in the prompt's colour that is no prompt was text.
    fn dip(&mut self, parameters: &[u8]) {
        let ink = match parameters {
            ERROR => Ink::Red,
            colour if PROMPT.contains(&colour) => Ink::Prompt(Vec::new()),
            _ => Ink::Plain,
        };
        if let Ink::Prompt(text) = std::mem::replace(&mut self.ink, ink) {
            self.line.extend(text);
        }
    }

    fn show(&mut self, byte: u8) -> Option<Event> {
        match byte {
            b'\r' => return None,
            b'\n' => {
                if let Ink::Prompt(text) = &mut self.ink {
                    self.line.append(text);
                }
                return Some(Event::Line(self.take_line()));
            }
            _ => {}
        }
        let length = match &mut self.ink {
            Ink::Plain => {
                self.line.push(byte);
                self.line.len()
            }
            Ink::Red => {
                self.red = true;
                self.line.push(byte);
                self.line.len()
            }
            Ink::Prompt(text) => {
                text.push(byte);
                if text.starts_with(b"(") && text.ends_with(b") ") {
                    self.ink = Ink::Plain;
                    return Some(Event::Prompt(self.take_line()));
                }
                self.line.len() + text.len()
            }
        };
        if length <= LONGEST_LINE {
            return None;
        }
        *self = Self::default();
        Some(Event::Overlong)
    }

    /// What has come of the line that has not ended yet.
    pub(super) fn take_line(&mut self) -> Line {
        Line {
            text: String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned(),
            red: std::mem::take(&mut self.red),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(bytes: &[u8]) -> Vec<Event> {
        let mut screen = Screen::default();
        bytes.iter().filter_map(|&byte| screen.push(byte)).collect()
    }

    fn line(text: &str, red: bool) -> Line {
        let text = text.to_owned();
        Line { text, red }
    }

    #[test]
    fn every_kind_of_line_end_ends_one_line() {
        let shown = events(b"a\n\rb\r\nc\r\r\n");
        let expected = ["a", "b", "c"].map(|text| Event::Line(line(text, false)));
        assert_eq!(shown, expected);
    }

    #[test]
    fn red_is_an_error_and_no_other_colour_is() {
        let shown = events(b"\x1b[;031mbad\r\n\x1b[0m\x1b[;032mgood\x1b[0m\n\x1b[31;1mF\x1b[0m\n");
        let expected = [("bad", true), ("good", false), ("F", false)];
        assert_eq!(
            shown,
            expected.map(|(text, red)| Event::Line(line(text, red)))
        );
    }

    #[test]
    fn a_prompt_is_known_by_its_colour_and_not_by_its_text() {
        let prompt = Event::Prompt(Line::default());
        assert_eq!(
            events(b"\x1b[31;1m(monitor) "),
            std::slice::from_ref(&prompt)
        );
        assert_eq!(events(b"\x1b[33;1m(a b) \x1b[0m"), [prompt]);
        assert_eq!(events(b"(monitor) \x1b[;032m(monitor) \x1b[0m"), []);
        let text = events(b"\x1b[33;1m(monitor)\x1b[0m \n");
        assert_eq!(text, [Event::Line(line("(monitor) ", false))]);
    }

    #[test]
    fn what_stands_before_a_prompt_is_kept() {
        let shown = events(b"x\x1b[33;1m(m) ");
        assert_eq!(shown, [Event::Prompt(line("x", false))]);
    }

    #[test]
    fn a_line_or_sequence_without_an_end_does_not_grow_for_ever() {
        for begin in ["", "\x1b[;031m", "\x1b[33;1m(", "x\x1b[33;1m"] {
            let mut shown = begin.as_bytes().to_vec();
            shown.resize(LONGEST_LINE + begin.len() + 1, b'x');
            shown.extend(b"\nnext\n");
            let shown = events(&shown);
            assert_eq!(shown.len(), 3, "{begin:?}");
            assert_eq!(shown[0], Event::Overlong);
            assert_eq!(shown[2], Event::Line(line("next", false)));
        }
        let mut screen = Screen::default();
        for byte in b"\x1b[".iter().chain(&[b'1'; 10_000]) {
            assert_eq!(screen.push(*byte), None);
        }
        let Escape::Parameters(parameters) = screen.escape else {
            panic!("the sequence has ended");
        };
        assert!(parameters.len() < 100);
    }

    #[test]
    fn cursor_movements_are_not_text() {
        assert_eq!(
            events(b"a\x1b[6n\x1b[1Bb\x1b7c\n"),
            [Event::Line(line("abc", false))]
        );
    }
}

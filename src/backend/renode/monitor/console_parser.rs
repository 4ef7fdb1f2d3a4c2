//! Parsing the bytes of Renode's console into lines and prompts.
//!
//! [`ConsoleParser`] is incremental: any cut of the bytes gives the same [`Token`]s. It
//! handles colours and line ends; the [protocol](super::protocol) handles commands and echoes.

/// The length of the longest accepted line, in bytes.
pub(crate) const LONGEST_LINE: usize = 1 << 20;

/// A line or a prompt of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A line that has ended.
    Line(Line),
    /// The prompt, with the text before it in its line.
    Prompt(Line),
    /// A line that has become too long; its bytes so far are dropped.
    Overlong,
}

/// A line without its end and without colours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Set if any part of the line is in the colour of errors.
    pub(crate) red: bool,
    /// The text without the blank before each carriage return inside it; none without such a
    /// carriage return. In the echo of a command that is wider than the console, it is the text
    /// that was typed.
    pub(crate) typed: Option<String>,
}

/// The colours of error messages: of 1.16 and before, and of later versions, which use the
/// second one for a prompt as well.
const ERROR: [&[u8]; 2] = [b";031", b"91"];

/// The colours of types in listings; no prompt has them.
const LISTING: [&[u8]; 2] = [b";032", b"92"];

/// The parameters of the sequences that end a colour.
const RESET: [&[u8]; 2] = [b"", b"0"];

/// The prompt without a machine, which no error message begins with.
const MONITOR: &[u8] = b"(monitor) ";

/// The limit for the parameters of a sequence, far longer than those of any colour.
const LONGEST_PARAMETERS: usize = 64;

/// A parser of the console's bytes, one by one.
#[derive(Debug, Default)]
pub(crate) struct ConsoleParser {
    line: Vec<u8>,
    red: bool,
    /// Set if the last byte was a carriage return behind a blank.
    returned: bool,
    /// The places in the line at which text follows a blank and a carriage return.
    wraps: Vec<usize>,
    ink: Ink,
    escape: Escape,
}

/// The colour of the next byte.
#[derive(Debug, Default, PartialEq, Eq)]
enum Ink {
    #[default]
    Plain,
    /// The colour of errors. At the beginning of a line it may be that of a prompt: then this
    /// is the text in it so far, as long as the text may become a prompt.
    Red(Option<Vec<u8>>),
    /// Another colour, and the text in it so far.
    Other(Vec<u8>),
}

/// The place of the next byte in an escape sequence.
#[derive(Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Outside,
    Begun,
    /// Behind `ESC [`, with the parameters so far.
    Parameters(Vec<u8>),
}

impl ConsoleParser {
    /// Takes the next byte.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Token> {
        match (std::mem::take(&mut self.escape), byte) {
            (Escape::Outside, 0x1b) => {
                self.escape = Escape::Begun;
                let complete = matches!(&self.ink, Ink::Red(Some(text)) if is_prompt(text));
                return complete.then(|| self.take_prompt());
            }
            (Escape::Outside, _) => return self.show(byte),
            (Escape::Begun, b'[') => self.escape = Escape::Parameters(Vec::new()),
            // A sequence of two bytes; Renode prints none that matters.
            (Escape::Begun, _) => {}
            (Escape::Parameters(parameters), b'm') => self.set_ink(&parameters),
            // The end of a sequence that moves the cursor.
            (Escape::Parameters(_), 0x40..=0x7e) => {}
            (Escape::Parameters(mut parameters), _) => {
                // The rest of longer parameters is dropped: they name no known colour.
                if parameters.len() <= LONGEST_PARAMETERS {
                    parameters.push(byte);
                }
                self.escape = Escape::Parameters(parameters);
            }
        }
        None
    }

    /// Changes the colour. Coloured text so far that is no prompt becomes text of the line.
    fn set_ink(&mut self, parameters: &[u8]) {
        self.keep_as_text();
        self.ink = match parameters {
            error if ERROR.contains(&error) => Ink::Red(self.line.is_empty().then(Vec::new)),
            text if LISTING.contains(&text) || RESET.contains(&text) => Ink::Plain,
            _ => Ink::Other(Vec::new()),
        };
    }

    /// Appends the coloured text so far to the line: it is no prompt.
    fn keep_as_text(&mut self) {
        match &mut self.ink {
            Ink::Plain => {}
            Ink::Red(maybe) => {
                let text = maybe.take().unwrap_or_default();
                self.red |= !text.is_empty();
                self.line.extend(text);
            }
            Ink::Other(text) => self.line.append(text),
        }
    }

    fn take_prompt(&mut self) -> Token {
        self.ink = Ink::Plain;
        Token::Prompt(self.take_line())
    }

    fn show(&mut self, byte: u8) -> Option<Token> {
        match byte {
            b'\r' => {
                self.returned = self.line.last() == Some(&b' ');
                return None;
            }
            b'\n' => {
                self.keep_as_text();
                return Some(Token::Line(self.take_line()));
            }
            _ => {}
        }
        if std::mem::take(&mut self.returned) {
            self.wraps.push(self.line.len());
        }
        let coming = match &mut self.ink {
            Ink::Plain => {
                self.line.push(byte);
                0
            }
            Ink::Red(Some(text)) if may_become_prompt(text, byte) => {
                text.push(byte);
                if text == MONITOR {
                    return Some(self.take_prompt());
                }
                text.len()
            }
            Ink::Red(_) => {
                self.keep_as_text();
                self.red = true;
                self.line.push(byte);
                0
            }
            Ink::Other(text) => {
                text.push(byte);
                if is_prompt(text) {
                    return Some(self.take_prompt());
                }
                text.len()
            }
        };
        if self.line.len() + coming <= LONGEST_LINE {
            return None;
        }
        *self = Self::default();
        Some(Token::Overlong)
    }

    /// Takes the line that has not ended yet.
    pub(crate) fn take_line(&mut self) -> Line {
        let line = std::mem::take(&mut self.line);
        let wraps = std::mem::take(&mut self.wraps);
        let as_text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let typed = (!wraps.is_empty()).then(|| {
            let mut typed = line.clone();
            for wrap in wraps.iter().rev() {
                typed.remove(wrap - 1);
            }
            as_text(&typed)
        });
        self.returned = false;
        Line {
            text: as_text(&line),
            red: std::mem::take(&mut self.red),
            typed,
        }
    }
}

fn is_prompt(text: &[u8]) -> bool {
    text.starts_with(b"(") && text.ends_with(b") ")
}

/// Returns true if `byte` may continue the `text` of a prompt in the colour of errors.
fn may_become_prompt(text: &[u8], byte: u8) -> bool {
    match text {
        [] => byte == b'(',
        _ => !is_prompt(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(bytes: &[u8]) -> Vec<Token> {
        let mut parser = ConsoleParser::default();
        bytes.iter().filter_map(|&byte| parser.push(byte)).collect()
    }

    fn line(text: &str, red: bool) -> Line {
        let text = text.to_owned();
        Line {
            text,
            red,
            typed: None,
        }
    }

    #[test]
    fn every_kind_of_line_end_ends_one_line() {
        let shown = events(b"a\n\rb\r\nc\r\r\n");
        let expected = ["a", "b", "c"].map(|text| Token::Line(line(text, false)));
        assert_eq!(shown, expected);
    }

    #[test]
    fn only_red_text_is_an_error() {
        for (red, green) in [(";031", ";032"), ("91", "92")] {
            let text =
                format!("\x1b[{red}mbad\r\n\x1b[0m\x1b[{green}mgood\x1b[0m\n\x1b[31;1mF\x1b[0m\n");
            let expected = [("bad", true), ("good", false), ("F", false)];
            assert_eq!(
                events(text.as_bytes()),
                expected.map(|(text, red)| Token::Line(line(text, red)))
            );
        }
    }

    #[test]
    fn a_prompt_is_recognised_by_text_and_position_in_any_colour() {
        let prompt = Token::Prompt(Line::default());
        for colour in ["31;1", "33;1", "33", "91", ";031", "35"] {
            let shown = events(format!("\x1b[{colour}m(monitor) ").as_bytes());
            assert_eq!(shown, std::slice::from_ref(&prompt), "{colour}");
            let shown = events(format!("\x1b[{colour}m(a b) \x1b[0m").as_bytes());
            assert_eq!(shown, std::slice::from_ref(&prompt), "{colour}");
        }
        assert_eq!(events(b"\x1b[33m(a) "), [prompt]);
        for plain in ["", "\x1b[;032m", "\x1b[92m", "\x1b[0m"] {
            let shown = events(format!("{plain}(monitor) \x1b[0m").as_bytes());
            assert_eq!(shown, [], "{plain:?}");
        }
        let text = events(b"\x1b[33;1m(monitor)\x1b[0m \n");
        assert_eq!(text, [Token::Line(line("(monitor) ", false))]);
    }

    #[test]
    fn an_error_that_looks_like_a_prompt_is_an_error() {
        for red in [";031", "91"] {
            for text in ["(a) b", "(a) (b) ", "a (b) ", "(a", "("] {
                let shown = events(format!("\x1b[{red}m{text}\r\n\x1b[0m").as_bytes());
                assert_eq!(shown, [Token::Line(line(text, true))], "{red}");
            }
            let shown = events(format!("a\x1b[{red}m(b) \x1b[0mc\n").as_bytes());
            assert_eq!(shown, [Token::Line(line("a(b) c", true))], "{red}");
        }
    }

    #[test]
    fn typed_text_over_several_rows_is_joined() {
        let shown = events(b"a  \rb \rc\n\rd \r\ne \r\r\n \x1b[0m\rf");
        let wrapped = Line {
            typed: Some("a bc".into()),
            ..line("a  b c", false)
        };
        let expected = [wrapped, line("d ", false), line("e ", false)];
        assert_eq!(shown, expected.map(Token::Line));
    }

    #[test]
    fn text_before_a_prompt_is_kept() {
        let shown = events(b"x\x1b[33;1m(m) ");
        assert_eq!(shown, [Token::Prompt(line("x", false))]);
    }

    #[test]
    fn an_endless_line_or_sequence_has_a_bounded_size() {
        for begin in ["", "\x1b[;031m", "\x1b[91m(", "\x1b[33;1m(", "x\x1b[33;1m"] {
            let mut shown = begin.as_bytes().to_vec();
            shown.resize(LONGEST_LINE + begin.len() + 1, b'x');
            shown.extend(b"\nnext\n");
            let shown = events(&shown);
            assert_eq!(shown.len(), 3, "{begin:?}");
            assert_eq!(shown[0], Token::Overlong);
            assert_eq!(shown[2], Token::Line(line("next", false)));
        }
        let mut parser = ConsoleParser::default();
        for byte in b"\x1b[".iter().chain(&[b'1'; 10_000]) {
            assert_eq!(parser.push(*byte), None);
        }
        let Escape::Parameters(parameters) = parser.escape else {
            panic!("the sequence has ended");
        };
        assert!(parameters.len() < 100);
    }

    #[test]
    fn text_is_decoded_as_the_utf_8_of_dot_net() {
        let shown = events("├── cpu (CortexM)\r\n\r└── é\n".as_bytes());
        let expected = ["├── cpu (CortexM)", "└── é"].map(|text| Token::Line(line(text, false)));
        assert_eq!(shown, expected);
    }

    #[test]
    fn cursor_movements_are_not_text() {
        assert_eq!(
            events(b"a\x1b[6n\x1b[1Bb\x1b7c\n"),
            [Token::Line(line("abc", false))]
        );
    }
}

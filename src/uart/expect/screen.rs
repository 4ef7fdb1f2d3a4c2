//! A model of a terminal, to read the echo of a line as a user sees it.
//!
//! Shells redraw the line while it is typed: they return to its start, step back, erase, write it
//! again, and wrap it at the terminal's width. Only the final screen shows the line. [`shown`]
//! returns its text; the model is small: rows of cells and a cursor. The width that the board
//! assumes is not known; [`widths`] guesses it from the place where a line was wrapped.

/// The width that most shells assume when they cannot query it.
const USUAL_WIDTH: usize = 80;

/// The width of a terminal that never wraps a line.
pub(crate) const ENDLESS: usize = usize::MAX;

/// Returns the text on a terminal of `width` columns after `bytes`, without blanks at its end. It
/// begins at the cursor's cell after the first `from` bytes.
///
/// A full row continues in the next one; any other row ends in `\n`.
pub(crate) fn shown(bytes: &[u8], from: usize, width: usize) -> String {
    let mut screen = Screen::new(width);
    screen.write(&bytes[..from]);
    let start = screen.wrapped();
    screen.write(&bytes[from..]);
    screen.text_from(start)
}

/// Returns the widths that the terminal may have: endless, the column where a line was wrapped
/// behind the first `from` bytes, and the usual width if `bytes` are long enough.
pub(crate) fn widths(bytes: &[u8], from: usize) -> impl Iterator<Item = usize> {
    let mut screen = Screen::new(ENDLESS);
    screen.write(&bytes[..from]);
    let mut broken = None;
    for (index, byte) in bytes.iter().enumerate().skip(from) {
        broken = match byte {
            b'\n' => screen.rows.get(screen.row).map(Vec::len),
            // Readline writes a blank to the next row and returns to the row's start.
            b'\r' if bytes[..index].ends_with(b" ") => screen.column.checked_sub(1),
            _ => broken,
        };
        if broken.is_some() {
            break;
        }
        screen.write(std::slice::from_ref(byte));
    }
    let usual = (bytes.len() >= USUAL_WIDTH).then_some(USUAL_WIDTH);
    let broken = broken.filter(|width| *width > 0);
    [Some(ENDLESS), broken, usual].into_iter().flatten()
}

#[derive(Debug)]
struct Screen {
    width: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    /// The cursor's column; at `width` the next character goes to the next row.
    column: usize,
    saved: (usize, usize),
    sequence: Sequence,
    /// The first bytes of an unfinished character.
    unfinished: Vec<u8>,
}

/// The position of the output within an escape sequence.
#[derive(Debug)]
enum Sequence {
    None,
    /// After ESC and any intermediate bytes.
    Escape,
    /// In `ESC [ …`.
    Control(String),
    /// In a title, a link or a similar string, which BEL or `ESC \` ends.
    String,
}

impl Screen {
    fn new(width: usize) -> Self {
        Self {
            width,
            rows: vec![Vec::new()],
            row: 0,
            column: 0,
            saved: (0, 0),
            sequence: Sequence::None,
            unfinished: Vec::new(),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (&mut self.sequence, byte) {
            (_, 0x1b) => self.sequence = Sequence::Escape,
            (Sequence::String, 0x07) => self.sequence = Sequence::None,
            (Sequence::String, _) => {}
            (_, b'\r') => self.column = 0,
            (_, b'\n') => self.newline(),
            (_, 0x08) => self.column = self.column.min(self.width - 1).saturating_sub(1),
            (_, 0..=0x08 | 0x0b..=0x1f | 0x7f) => {}
            (Sequence::None, _) => self.text(byte),
            (Sequence::Escape, _) => self.escape(byte),
            (Sequence::Control(parameters), 0x20..=0x3f) => parameters.push(char::from(byte)),
            (Sequence::Control(parameters), _) => {
                let parameters = std::mem::take(parameters);
                self.sequence = Sequence::None;
                self.control(&parameters, byte);
            }
        }
    }

    fn text(&mut self, byte: u8) {
        self.unfinished.push(byte);
        match std::str::from_utf8(&self.unfinished) {
            Ok(text) => {
                let found = text.chars().next();
                self.unfinished.clear();
                found.into_iter().for_each(|c| self.put(c));
            }
            Err(e) if e.error_len().is_none() => {}
            Err(_) => {
                // The byte may begin a new character, unless it is alone.
                let before = self.unfinished.len().saturating_sub(1);
                self.unfinished.clear();
                (0..before.max(1)).for_each(|_| self.put(char::REPLACEMENT_CHARACTER));
                if before > 0 {
                    self.text(byte);
                }
            }
        }
    }

    fn put(&mut self, c: char) {
        (self.row, self.column) = self.wrapped();
        self.extend_row(self.column);
        match self.rows[self.row].get_mut(self.column) {
            Some(cell) => *cell = c,
            None => self.rows[self.row].push(c),
        }
        self.column += 1;
    }

    /// Returns the cell of the next character.
    fn wrapped(&self) -> (usize, usize) {
        match self.column < self.width {
            true => (self.row, self.column),
            false => (self.row + 1, 0),
        }
    }

    /// Extends the screen so that the cursor's row exists and has the first `columns` cells.
    fn extend_row(&mut self, columns: usize) {
        while self.rows.len() <= self.row {
            self.rows.push(Vec::new());
        }
        let row = &mut self.rows[self.row];
        if row.len() < columns {
            row.resize(columns, ' ');
        }
    }

    fn newline(&mut self) {
        self.row += 1;
        self.column = 0;
        self.extend_row(0);
    }

    fn escape(&mut self, byte: u8) {
        self.sequence = match byte {
            b'[' => Sequence::Control(String::new()),
            b']' | b'P' | b'X' | b'^' | b'_' => Sequence::String,
            0x20..=0x2f => Sequence::Escape,
            _ => Sequence::None,
        };
        match byte {
            b'7' => self.saved = (self.row, self.column),
            b'8' => (self.row, self.column) = self.saved,
            _ => {}
        }
    }

    /// Runs a control sequence; one that changes no cell and does not move the cursor has no effect.
    fn control(&mut self, parameters: &str, last: u8) {
        /// The largest count: the board's output must not make the model use much memory.
        const FAR: usize = 4096;
        let number = parameters.parse().unwrap_or(0_usize).min(FAR);
        let count = number.max(1);
        let column = self.column;
        match last {
            b'A' => self.row = self.row.saturating_sub(count),
            b'B' => {
                self.row = (self.row + count).min(FAR);
                self.extend_row(0);
            }
            b'C' => self.column = (column + count).min(self.width - 1),
            b'D' => self.column = column.saturating_sub(count),
            b'G' => self.column = (count - 1).min(self.width - 1),
            b'K' => self.erase_line(number),
            b'J' => {
                self.erase_line(number);
                if number == 0 {
                    self.rows.truncate(self.row + 1);
                }
            }
            b'P' => {
                let row = &mut self.rows[self.row];
                let end = row.len().min(column + count);
                row.drain(column.min(end)..end);
            }
            b'@' if column < self.rows[self.row].len() => {
                let blanks = std::iter::repeat_n(' ', count);
                self.rows[self.row].splice(column..column, blanks);
            }
            b's' => self.saved = (self.row, column),
            b'u' => (self.row, self.column) = self.saved,
            _ => {}
        }
        self.extend_row(0);
    }

    /// Erases the cursor's row: to its end, from its start, or all of it.
    fn erase_line(&mut self, which: usize) {
        let row = &mut self.rows[self.row];
        let column = self.column.min(row.len());
        match which {
            0 => row.truncate(column),
            1 => row[..column].fill(' '),
            _ => row.clear(),
        }
    }

    fn text_from(&self, (row, column): (usize, usize)) -> String {
        let mut text = String::new();
        let mut skip = column;
        for row in self.rows.iter().skip(row) {
            text.extend(row.iter().skip(skip));
            if row.len() < self.width {
                text.push('\n');
            }
            skip = 0;
        }
        text.truncate(text.trim_end().len());
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::uart::pattern::decode::lossy;

    #[test]
    fn a_line_is_the_text_that_stays_on_the_screen() {
        for (bytes, expected) in [
            ("> ping", "> ping"),
            ("\r> p\r> pi\r> ping", "> ping"),
            ("> pinh\x08g", "> ping"),
            ("> pinh\x08 \x08g", "> ping"),
            ("> png\x1b[2Ding", "> ping"),
            ("> png\x1b[2D\x1b[@i\x1b[2C", "> ping"),
            ("> piing\x1b[3D\x1b[P\x1b[2C", "> ping"),
            ("> ping pong\x1b[5D\x1b[K", "> ping"),
            ("\x1b[1;32m> \x1b[mp\x1b[0mi\x1b[7mng", "> ping"),
            ("\r> ping\x1b[0K\r\x1b[6C", "> ping"),
            ("junk\x1b[2K\r> ping", "> ping"),
            ("> pi\x1b[4D\x1b[Jlog\n> ping", "log\n> ping"),
            ("\x1b]0;title\x07> ping\x07", "> ping"),
            ("\x1b]8;;x\x1b\\> ping", "> ping"),
            ("> p\x1b7ing\x1b8xx", "> pxxg"),
            ("> \x1b[sping\x1b[u\x1b[7Gx", "> pingx"),
            ("> gr\u{fc}\u{df}", "> gr\u{fc}\u{df}"),
            ("> a\tb", "> a\tb"),
        ] {
            assert_eq!(shown(bytes.as_bytes(), 0, ENDLESS), expected, "{bytes:?}");
        }
    }

    #[test]
    fn an_invalid_byte_is_one_character_as_in_the_transcript() {
        for bytes in [
            &b"21\xb0C"[..],
            b"\xc3(",
            b"\xe2\x82x",
            b"\xff\xfe",
            b"\xc3\xc3\xa9",
        ] {
            assert_eq!(shown(bytes, 0, ENDLESS), lossy(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn a_line_wrapped_by_the_terminal_is_one_line() {
        for (bytes, width) in [
            ("> abcdef", 5),
            ("> abc\r\ndef", 5),
            ("> abc \rdef", 5),
            ("> abc\n\rdef", 5),
            (
                "\r\x1b[0K> abc\n\r\r\x1b[0K\x1b[1A\r\x1b[0K> abcdef\r\x1b[3C",
                5,
            ),
            ("> a\r\nbcd\r\nef", 3),
        ] {
            assert_eq!(shown(bytes.as_bytes(), 0, width), "> abcdef", "{bytes:?}");
        }
    }

    #[test]
    fn the_width_is_found_by_where_a_line_wraps() {
        for (bytes, from, expected) in [
            ("> abcdef", 2, vec![ENDLESS]),
            ("> abc\r\ndef", 2, vec![ENDLESS, 5]),
            ("> abc \rdef", 2, vec![ENDLESS, 5]),
            ("\r> a\r> ab", 2, vec![ENDLESS]),
        ] {
            let found: Vec<_> = widths(bytes.as_bytes(), from).collect();
            assert_eq!(found, expected, "{bytes:?}");
        }
        let long = format!("> {}", "x".repeat(100));
        assert!(widths(long.as_bytes(), 2).any(|width| width == USUAL_WIDTH));
    }

    proptest! {
        #[test]
        fn any_output_is_shown_without_a_panic_and_in_bounds(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(&b"\x1b[]0123456789;ABCDGJKP@su78\r\n\x08 x"[..])],
                0..200,
            ),
            from in 0..200usize,
            width in prop_oneof![1..20usize, Just(ENDLESS)],
        ) {
            let from = from.min(bytes.len());
            let text = shown(&bytes, from, width);
            prop_assert!(text.len() < 200 * 4200);
            prop_assert!(widths(&bytes, from).all(|width| width > 0));
        }
    }
}

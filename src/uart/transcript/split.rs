//! The lines of a stream, whatever their end-of-line.
//!
//! A [`Splitter`] is fed the stream piece by piece; how the stream is cut changes no [`Line`].
//! A line ends at `\n` or `\r`. After a `\r`, any further `\r` and one `\n` belong to the same
//! end; a `\r` at the start of a line is ignored. Hence `\n`, `\r\n`, `\r\r\n`, `\n\r` and a
//! lone `\r` each end one line, however they were cut into reads.

use super::chunk::Piece;

/// The limit for a line, which has to be held in memory.
pub(crate) const LONGEST_LINE: usize = 8 << 20;

/// A splitter of a stream into lines.
#[derive(Debug)]
pub(crate) struct Splitter {
    longest: usize,
    /// The start of a line that is longer.
    too_long: Option<u64>,
    /// The bytes of the unfinished line.
    carry: Vec<u8>,
    /// The offset of the first of them.
    start: u64,
    /// Set if the line before ended with a `\r`.
    after_cr: bool,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    /// The offset of the first byte.
    pub(crate) start: u64,
    /// The offset of the byte that ended it.
    pub(crate) end: u64,
    /// Set if that byte is a `\r`.
    pub(crate) after_cr: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::up_to(LONGEST_LINE)
    }
}

impl Splitter {
    /// Makes a splitter that stops at a line longer than `longest`.
    pub(crate) fn up_to(longest: usize) -> Self {
        Self {
            longest,
            too_long: None,
            carry: Vec::new(),
            start: 0,
            after_cr: false,
        }
    }

    /// Drops the unfinished line and starts anew.
    pub(crate) fn restart(&mut self) {
        *self = Self::up_to(self.longest);
    }

    /// Returns the start of the line that was too long, if the splitter has stopped at one.
    pub(crate) fn too_long(&self) -> Option<u64> {
        self.too_long
    }

    /// Returns the unfinished line, if there is one.
    pub(crate) fn unfinished(&self) -> Option<&[u8]> {
        (!self.carry.is_empty()).then_some(&self.carry)
    }

    /// Calls `visit` with every line that ends in `piece`, until it returns a value.
    pub(crate) fn feed<B>(
        &mut self,
        piece: Piece<'_>,
        mut visit: impl FnMut(Line<'_>) -> Option<B>,
    ) -> Option<B> {
        let mut piece = piece;
        loop {
            if self.carry.is_empty() {
                piece = self.line_start(piece);
                self.start = piece.offset;
            }
            let Some(length) = memchr::memchr2(b'\r', b'\n', piece.bytes) else {
                self.carry.extend_from_slice(piece.bytes);
                self.check_length(self.carry.len());
                return None;
            };
            if !self.check_length(self.carry.len() + length) {
                return None;
            }
            self.after_cr = piece.bytes[length] == b'\r';
            let in_piece = piece.take(length);
            let bytes = if self.carry.is_empty() {
                in_piece.bytes
            } else {
                self.carry.extend_from_slice(in_piece.bytes);
                &self.carry
            };
            let found = visit(Line {
                bytes,
                start: self.start,
                end: in_piece.end(),
                after_cr: self.after_cr,
            });
            if found.is_some() {
                return found;
            }
            self.carry.clear();
            piece = piece.skip(length + 1);
        }
    }

    /// Returns false, now and from then on, once a line is longer than the limit.
    fn check_length(&mut self, length: usize) -> bool {
        if length > self.longest {
            self.too_long = Some(self.start);
        }
        self.too_long.is_none()
    }

    /// Returns `piece` without the bytes that belong to the end of the line before.
    fn line_start<'a>(&mut self, piece: Piece<'a>) -> Piece<'a> {
        let returns = |piece: Piece<'_>| piece.bytes.iter().take_while(|b| **b == b'\r').count();
        let piece = piece.skip(returns(piece));
        match piece.bytes.first() {
            None => piece,
            Some(b'\n') if self.after_cr => {
                self.after_cr = false;
                let piece = piece.skip(1);
                piece.skip(returns(piece))
            }
            Some(_) => {
                self.after_cr = false;
                piece
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], size: usize) -> Vec<String> {
        let mut lines = Splitter::default();
        let mut found = Vec::new();
        let mut offset = 0;
        for bytes in input.chunks(size) {
            let none: Option<()> = lines.feed(Piece { offset, bytes }, |line| {
                assert!(input[line.start as usize..].starts_with(line.bytes));
                assert!(matches!(input[line.end as usize], b'\r' | b'\n'));
                found.push(String::from_utf8(line.bytes.to_vec()).unwrap());
                None
            });
            assert!(none.is_none());
            offset += bytes.len() as u64;
        }
        found
    }

    #[test]
    fn a_line_over_the_limit_is_too_long_however_it_is_cut() {
        let find = |input: &[u8], size| {
            let mut lines = Splitter::up_to(4);
            let mut offset = 0;
            let found = input.chunks(size).find_map(|bytes| {
                let found = lines.feed(Piece { offset, bytes }, |line| Some(line.bytes.to_vec()));
                offset += bytes.len() as u64;
                found
            });
            (found, lines.too_long())
        };
        for size in 1..=6 {
            assert_eq!(find(b"abcd\n", size), (Some(b"abcd".to_vec()), None));
            assert_eq!(find(b"abcde\n", size), (None, Some(0)), "{size}");
        }
    }

    #[test]
    fn every_end_of_line_ends_one_line() {
        for (input, expected) in [
            ("a\nb\n", vec!["a", "b"]),
            ("a\r\nb\r\n", vec!["a", "b"]),
            ("a\r\r\nb\r\r\n", vec!["a", "b"]),
            ("a\n\rb\n\r", vec!["a", "b"]),
            ("10%\r20%\r", vec!["10%", "20%"]),
            ("a\n\nb\n", vec!["a", "", "b"]),
            ("a\r\n\r\nb\r\n", vec!["a", "", "b"]),
            ("a\n\r\n\rb\n", vec!["a", "", "b"]),
            ("\ra\n", vec!["a"]),
            ("\n", vec![""]),
            ("unfinished", vec![]),
        ] {
            for size in 1..=input.len() {
                assert_eq!(
                    lines(input.as_bytes(), size),
                    expected,
                    "{input:?} by {size}"
                );
            }
        }
    }
}

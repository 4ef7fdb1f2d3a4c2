//! Bytes as the text that a `regex::Regex` needs.
//!
//! What is not UTF-8 becomes U+FFFD; a character of which the end has not
//! arrived yet is held back. Offsets can be turned back into those of the bytes.

use std::borrow::Cow;
use std::ops::Range;

pub(super) struct Decoded<'a> {
    bytes: &'a [u8],
    /// Where in `bytes` the text starts.
    begin: usize,
    text: Cow<'a, str>,
    from: usize,
}

impl<'a> Decoded<'a> {
    /// Decodes `bytes`; matches are to be looked for from `from` on, or from the
    /// next character where `from` is within one.
    pub(super) fn new(bytes: &'a [u8], from: usize) -> Self {
        let (begin, from) = match from {
            0 => (0, 0),
            _ => (boundary(bytes, 0), boundary(bytes, from)),
        };
        let text = decode(&bytes[begin..]);
        let from = match &text {
            Cow::Borrowed(text) => (from - begin).min(text.len()),
            Cow::Owned(_) => decode(&bytes[begin..from]).len(),
        };
        Self {
            bytes,
            begin,
            text,
            from,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the text matches are to be looked for.
    pub(super) fn from(&self) -> usize {
        self.from
    }

    /// The bytes behind a range of the text.
    pub(super) fn to_bytes(&self, range: Range<usize>) -> Range<usize> {
        match self.text {
            Cow::Borrowed(_) => self.begin + range.start..self.begin + range.end,
            Cow::Owned(_) => self.to_byte(range.start)..self.to_byte(range.end),
        }
    }

    fn to_byte(&self, offset: usize) -> usize {
        let (mut in_text, mut in_bytes) = (0, self.begin);
        for chunk in self.bytes[self.begin..].utf8_chunks() {
            let valid = chunk.valid().len();
            if offset <= in_text + valid {
                return in_bytes + offset - in_text;
            }
            in_text += valid + char::REPLACEMENT_CHARACTER.len_utf8();
            in_bytes += valid + chunk.invalid().len();
        }
        in_bytes
    }
}

/// The first index from `at` on at which a character can start.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let inside = bytes[at..].iter().take(3);
    at + inside.take_while(|b| **b & 0xc0 == 0x80).count()
}

fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let complete = &bytes[..bytes.len() - unfinished(bytes)];
            String::from_utf8_lossy(complete)
        }
    }
}

/// How many bytes at the end are a character's beginning.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let starts = (0..tail.len()).find(|at| {
        std::str::from_utf8(&tail[*at..])
            .is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
    });
    starts.map_or(0, |at| tail.len() - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_as_it_is() {
        let decoded = Decoded::new("grün".as_bytes(), 0);
        assert_eq!(decoded.text(), "grün");
        assert_eq!(decoded.to_bytes(2..4), 2..4);
    }

    #[test]
    fn an_unfinished_character_is_held_back() {
        assert_eq!(Decoded::new("gr\u{fc}".as_bytes(), 0).text(), "grü");
        assert_eq!(Decoded::new(b"gr\xc3", 0).text(), "gr");
        assert_eq!(Decoded::new(b"\xff \xf0\x9f\x98", 0).text(), "\u{fffd} ");
    }

    #[test]
    fn offsets_lead_back_over_invalid_bytes() {
        let decoded = Decoded::new(b"a\xff\xfeb\xc3\xbc!", 0);
        assert_eq!(decoded.text(), "a\u{fffd}\u{fffd}bü!");
        assert_eq!(decoded.to_bytes(1..4), 1..2);
        assert_eq!(decoded.to_bytes(7..8), 3..4);
        assert_eq!(decoded.to_bytes(10..11), 6..7);
    }

    #[test]
    fn a_window_that_starts_within_a_character_starts_at_the_next() {
        let decoded = Decoded::new("é12é3".as_bytes().get(1..).unwrap(), 4);
        assert_eq!(decoded.text(), "12é3");
        assert_eq!(&decoded.text()[decoded.from()..], "3");
    }
}

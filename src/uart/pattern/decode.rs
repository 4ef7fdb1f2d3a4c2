//! Decoding bytes into the text that patterns search and tests receive.
//!
//! Each byte that is not UTF-8 becomes one U+FFFD. Whether a byte belongs to a character
//! depends only on its neighbours: a sequence that is a character is one wherever it is, and
//! every other byte is invalid by itself. A character whose end has not arrived yet is
//! unfinished, neither a character nor invalid. [`Decoded`] is for a text in one piece,
//! [`decoder`](super::decoder) for a stream.

use std::borrow::Cow;
use std::ops::Range;
use std::str::from_utf8;

/// The text of an invalid byte.
pub(crate) const REPLACEMENT: &str = "\u{fffd}";

/// Returns `bytes` as text.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut text = String::with_capacity(bytes.len());
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|_| REPLACEMENT));
            }
            Cow::Owned(text)
        }
    }
}

/// Bytes as text, whose offsets can be converted back to those of the bytes.
pub(crate) struct Decoded<'a> {
    bytes: &'a [u8],
    text: Cow<'a, str>,
    from: usize,
}

impl<'a> Decoded<'a> {
    /// Decodes all of `bytes`, which are complete, for a search from `from` on, or from the
    /// next character if `from` is within one.
    pub(crate) fn whole(bytes: &'a [u8], from: usize) -> Self {
        let from = boundary(bytes, from);
        let text = lossy(bytes);
        let from = match &text {
            Cow::Borrowed(_) => from,
            Cow::Owned(_) => lossy(&bytes[..from]).len(),
        };
        Self { bytes, text, from }
    }

    /// Decodes as [`whole`](Self::whole) does, without an unfinished character at the end.
    pub(crate) fn so_far(bytes: &'a [u8], from: usize) -> Self {
        let complete = &bytes[..bytes.len() - unfinished(bytes)];
        Self::whole(complete, from.min(complete.len()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the place in the text where the search starts.
    pub(crate) fn from(&self) -> usize {
        self.from
    }

    /// Converts a range of the text to that of its bytes.
    pub(crate) fn to_bytes(&self, range: Range<usize>) -> Range<usize> {
        match self.text {
            Cow::Borrowed(_) => range,
            Cow::Owned(_) => self.to_byte(range.start)..self.to_byte(range.end),
        }
    }

    fn to_byte(&self, offset: usize) -> usize {
        let (mut in_text, mut in_bytes) = (0, 0);
        for chunk in self.bytes.utf8_chunks() {
            let valid = chunk.valid().len();
            if offset <= in_text + valid {
                return in_bytes + offset - in_text;
            }
            in_text += valid;
            in_bytes += valid;
            let invalid = ((offset - in_text) / REPLACEMENT.len()).min(chunk.invalid().len());
            in_text += invalid * REPLACEMENT.len();
            in_bytes += invalid;
        }
        in_bytes
    }
}

/// Returns `at`, or the end of the character that it is within.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let inside = |byte: &&u8| is_continuation(**byte);
    let before = bytes[..at].iter().rev().take(3).take_while(inside).count();
    let start = at.saturating_sub(before + 1);
    let end = start + bytes.get(start).map_or(0, |lead| width(*lead));
    match bytes.get(start..end) {
        Some(character) if (start + 1..end).contains(&at) && from_utf8(character).is_ok() => end,
        _ => at,
    }
}

/// Returns the number of bytes at the end that are an unfinished character.
pub(crate) fn unfinished(bytes: &[u8]) -> usize {
    let most = bytes.len().min(3);
    (1..=most)
        .rev()
        .find(|missing| is_beginning(&bytes[bytes.len() - missing..]))
        .unwrap_or(0)
}

/// Returns true if `bytes` are an unfinished character.
pub(super) fn is_beginning(bytes: &[u8]) -> bool {
    from_utf8(bytes).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
}

pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Returns the length of a character that begins with `lead`.
pub(super) fn width(lead: u8) -> usize {
    match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// Returns the ends of the characters in `bytes`, which are complete.
pub(crate) fn character_ends(bytes: &[u8]) -> Vec<usize> {
    let (mut ends, mut end) = (Vec::new(), 0);
    for chunk in bytes.utf8_chunks() {
        let characters = chunk.valid().chars().map(char::len_utf8);
        for length in characters.chain(chunk.invalid().iter().map(|_| 1)) {
            end += length;
            ends.push(end);
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_text_is_decoded_unchanged() {
        let decoded = Decoded::whole("grün".as_bytes(), 0);
        assert_eq!(decoded.text(), "grün");
        assert_eq!(decoded.to_bytes(2..4), 2..4);
    }

    #[test]
    fn an_incomplete_character_is_held_back_until_the_end() {
        assert_eq!(Decoded::so_far("gr\u{fc}".as_bytes(), 0).text(), "grü");
        assert_eq!(Decoded::so_far(b"gr\xc3", 0).text(), "gr");
        assert_eq!(Decoded::whole(b"gr\xc3", 0).text(), "gr\u{fffd}");
        assert_eq!(Decoded::so_far(b"\xff \xf0\x9f\x98", 0).text(), "\u{fffd} ");
    }

    #[test]
    fn each_invalid_byte_is_one_character() {
        assert_eq!(lossy(b"21\xb0C"), "21\u{fffd}C");
        assert_eq!(lossy(b"\xe2\x82x"), "\u{fffd}\u{fffd}x");
        assert_eq!(lossy(b"\xf0\x9f\x98"), "\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn offsets_lead_back_over_invalid_bytes() {
        let decoded = Decoded::whole(b"a\xff\xfeb\xc3\xbc!\xe2\x82", 0);
        assert_eq!(decoded.text(), "a\u{fffd}\u{fffd}bü!\u{fffd}\u{fffd}");
        assert_eq!(decoded.to_bytes(1..4), 1..2);
        assert_eq!(decoded.to_bytes(1..7), 1..3);
        assert_eq!(decoded.to_bytes(7..8), 3..4);
        assert_eq!(decoded.to_bytes(10..11), 6..7);
        assert_eq!(decoded.to_bytes(14..17), 8..9);
    }

    #[test]
    fn a_window_that_starts_within_a_character_starts_at_the_next() {
        let bytes = "é12é3".as_bytes();
        let decoded = Decoded::whole(&bytes[1..], 4);
        assert_eq!(decoded.text(), "\u{fffd}12é3");
        assert_eq!(&decoded.text()[decoded.from()..], "3");
        let decoded = Decoded::whole(b"ab\xa9c", 2);
        assert_eq!(&decoded.text()[decoded.from()..], "\u{fffd}c");
    }
}

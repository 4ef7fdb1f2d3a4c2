//! Bytes as the text that patterns see and tests are given.
//!
//! What is not UTF-8 becomes U+FFFD, one for each byte. Whether a byte belongs to a
//! character depends on its neighbours alone: a sequence that is a character is one
//! wherever it stands, and every other byte is invalid by itself. A character of which
//! the end has not arrived yet is neither.

use std::borrow::Cow;
use std::ops::Range;
use std::str::from_utf8;

/// What an invalid byte becomes.
pub(crate) const REPLACEMENT: &str = "\u{fffd}";

/// No more than this is looked at at once, so that a match that comes early costs little.
const BLOCK: usize = 4 << 10;

/// `bytes` as text.
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

/// Bytes as text, whose offsets can be turned back into those of the bytes.
pub(crate) struct Decoded<'a> {
    bytes: &'a [u8],
    text: Cow<'a, str>,
    from: usize,
}

impl<'a> Decoded<'a> {
    /// All of `bytes`, which nothing follows; matches are to be looked for from `from`
    /// on, or from the next character where `from` is within one.
    pub(crate) fn whole(bytes: &'a [u8], from: usize) -> Self {
        let from = boundary(bytes, from);
        let text = lossy(bytes);
        let from = match &text {
            Cow::Borrowed(_) => from,
            Cow::Owned(_) => lossy(&bytes[..from]).len(),
        };
        Self { bytes, text, from }
    }

    /// As [`whole`](Self::whole), without a character of which the end is missing.
    pub(crate) fn so_far(bytes: &'a [u8], from: usize) -> Self {
        let complete = &bytes[..bytes.len() - unfinished(bytes)];
        Self::whole(complete, from.min(complete.len()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the text matches are to be looked for.
    pub(crate) fn from(&self) -> usize {
        self.from
    }

    /// The bytes behind a range of the text.
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

/// `at`, or the end of the character that it is within.
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

/// How many bytes at the end are a character's beginning.
pub(crate) fn unfinished(bytes: &[u8]) -> usize {
    let most = bytes.len().min(3);
    (1..=most)
        .rev()
        .find(|missing| is_beginning(&bytes[bytes.len() - missing..]))
        .unwrap_or(0)
}

/// Whether `bytes` may yet become one character.
fn is_beginning(bytes: &[u8]) -> bool {
    from_utf8(bytes).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// How many bytes a character has that begins with `lead`.
fn width(lead: u8) -> usize {
    match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// Where the characters of `bytes` end, of which nothing is missing.
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

/// Decodes a stream that comes in slices.
#[derive(Default)]
pub(crate) struct Decoder {
    /// The beginning of a character.
    held: [u8; 4],
    count: usize,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// So many bytes, which are text.
    Text(usize),
    /// A character that began in an earlier slice; so many of its bytes are in this one.
    Character {
        bytes: [u8; 4],
        length: usize,
        here: usize,
    },
    /// Invalid bytes, so many of them in this slice.
    Invalid {
        count: usize,
        here: usize,
        /// It is the byte behind them that tells.
        by_next: bool,
    },
    /// The rest of the slice is a character's beginning.
    Beginning,
}

impl Decoder {
    pub(crate) fn restart(&mut self) {
        self.count = 0;
    }

    /// Whether a character is under way.
    pub(crate) fn is_within(&self) -> bool {
        self.count > 0
    }

    /// Takes what comes next from `rest`, which is not empty.
    pub(crate) fn next(&mut self, rest: &[u8]) -> Part {
        if self.is_within() {
            return self.go_on(rest);
        }
        let block = &rest[..rest.len().min(BLOCK)];
        let Err(error) = from_utf8(block) else {
            return Part::Text(block.len());
        };
        match (error.valid_up_to(), error.error_len()) {
            (0, Some(count)) => Part::Invalid {
                count,
                here: count,
                by_next: is_beginning(&block[..count]),
            },
            (0, None) => {
                self.count = block.len();
                self.held[..block.len()].copy_from_slice(block);
                Part::Beginning
            }
            (valid, _) => Part::Text(valid),
        }
    }

    /// Goes on with the character that is under way.
    fn go_on(&mut self, rest: &[u8]) -> Part {
        for (here, byte) in rest.iter().enumerate() {
            self.held[self.count] = *byte;
            let length = self.count + 1;
            match from_utf8(&self.held[..length]) {
                Ok(_) => {
                    self.count = 0;
                    let (bytes, here) = (self.held, here + 1);
                    return Part::Character {
                        bytes,
                        length,
                        here,
                    };
                }
                Err(error) if error.error_len().is_none() => self.count = length,
                Err(_) => {
                    let (count, by_next) = (self.finish(), true);
                    return Part::Invalid {
                        count,
                        here,
                        by_next,
                    };
                }
            }
        }
        Part::Beginning
    }

    /// The stream ends: how many invalid bytes that leaves.
    pub(crate) fn finish(&mut self) -> usize {
        std::mem::take(&mut self.count)
    }
}

/// Decodes a stream from its end on, byte by byte.
#[derive(Default)]
pub(crate) struct Backwards {
    /// What may be the last bytes of a character, the last one first.
    held: Vec<u8>,
}

impl Backwards {
    /// Takes the byte before; `visit` gets each character that is known by that, the last one
    /// first, with the number of its bytes in the stream.
    pub(crate) fn take<B>(
        &mut self,
        byte: u8,
        mut visit: impl FnMut(&[u8], usize) -> Option<B>,
    ) -> Option<B> {
        if byte.is_ascii() && self.held.is_empty() {
            return visit(&[byte], 1);
        }
        if is_continuation(byte) {
            self.held.push(byte);
            // No character has so many of these.
            return match self.held.len() {
                ..=3 => None,
                _ => {
                    self.held.remove(0);
                    visit(REPLACEMENT.as_bytes(), 1)
                }
            };
        }
        let behind = width(byte) - 1;
        let mut character = vec![byte];
        character.extend(self.held.iter().rev().take(behind));
        let is_valid = from_utf8(&character).is_ok();
        let invalid = match is_valid {
            true => self.held.len() - behind,
            false => self.held.len(),
        };
        self.held.clear();
        for _ in 0..invalid {
            if let Some(found) = visit(REPLACEMENT.as_bytes(), 1) {
                return Some(found);
            }
        }
        match is_valid {
            true => visit(&character, character.len()),
            false => visit(REPLACEMENT.as_bytes(), 1),
        }
    }

    /// There is nothing before.
    pub(crate) fn finish<B>(
        &mut self,
        mut visit: impl FnMut(&[u8], usize) -> Option<B>,
    ) -> Option<B> {
        self.held
            .drain(..)
            .find_map(|_| visit(REPLACEMENT.as_bytes(), 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_taken_as_it_is() {
        let decoded = Decoded::whole("grün".as_bytes(), 0);
        assert_eq!(decoded.text(), "grün");
        assert_eq!(decoded.to_bytes(2..4), 2..4);
    }

    #[test]
    fn an_unfinished_character_is_held_back_unless_nothing_follows() {
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

    /// Bytes many of which begin, continue or break a character.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop::sample::select(&b"ab\n\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xff\xed\xa0"[..]);
        prop::collection::vec(byte, 0..20)
    }

    /// What the decoder makes of slices of `size` bytes.
    fn decoded_in_slices(bytes: &[u8], size: usize) -> String {
        let mut decoder = Decoder::default();
        let mut text = Vec::new();
        let invalid = |text: &mut Vec<u8>, count| {
            text.extend(REPLACEMENT.repeat(count).bytes());
        };
        for slice in bytes.chunks(size) {
            let mut at = 0;
            while at < slice.len() {
                match decoder.next(&slice[at..]) {
                    Part::Text(length) => {
                        text.extend_from_slice(&slice[at..at + length]);
                        at += length;
                    }
                    Part::Character {
                        bytes,
                        length,
                        here,
                    } => {
                        text.extend_from_slice(&bytes[..length]);
                        at += here;
                    }
                    Part::Invalid { count, here, .. } => {
                        invalid(&mut text, count);
                        at += here;
                    }
                    Part::Beginning => break,
                }
            }
        }
        invalid(&mut text, decoder.finish());
        String::from_utf8(text).unwrap()
    }

    fn decoded_backwards(bytes: &[u8]) -> String {
        let mut backwards = Backwards::default();
        let mut characters = Vec::new();
        let mut length = 0;
        let mut visit = |character: &[u8], raw| {
            characters.push(String::from_utf8(character.to_vec()).unwrap());
            length += raw;
            None::<()>
        };
        for byte in bytes.iter().rev() {
            backwards.take(*byte, &mut visit);
        }
        backwards.finish(&mut visit);
        assert_eq!(length, bytes.len());
        characters.into_iter().rev().collect()
    }

    proptest! {
        #[test]
        fn the_same_is_read_in_one_piece_in_slices_and_backwards(bytes in bytes(), size in 1..5_usize) {
            let text = lossy(&bytes);
            prop_assert_eq!(&text, &decoded_in_slices(&bytes, size));
            prop_assert_eq!(&text, &decoded_backwards(&bytes));
            let ends = character_ends(&bytes);
            prop_assert_eq!(ends.len(), text.chars().count());
            for (end, count) in ends.into_iter().zip(1..) {
                prop_assert_eq!(lossy(&bytes[..end]).chars().count(), count);
            }
        }
    }
}

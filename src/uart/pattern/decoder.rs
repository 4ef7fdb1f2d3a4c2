//! Decoding a stream, forwards in slices or backwards byte by byte.
//!
//! A [`Decoder`] and a [`ReverseDecoder`] find the same characters as
//! [`lossy`](super::decode::lossy) does in one piece, wherever the stream is cut.

use std::str::from_utf8;

use super::decode::{REPLACEMENT, is_beginning, is_continuation, width};

/// The number of bytes of a slice that are decoded at a time, so that an early match costs
/// little.
const BLOCK: usize = 4 << 10;

/// A decoder of a stream that arrives in slices.
#[derive(Default)]
pub(crate) struct Decoder {
    /// The bytes of an unfinished character.
    held: [u8; 4],
    /// The number of bytes of `held` in use.
    count: usize,
}

/// The next part of a slice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// This number of bytes, all of them text.
    Text(usize),
    /// A character that began in an earlier slice.
    Character {
        bytes: [u8; 4],
        length: usize,
        /// The number of its bytes in this slice.
        here: usize,
    },
    /// Invalid bytes.
    Invalid {
        count: usize,
        /// The number of them in this slice.
        here: usize,
        /// Set if only the byte behind them shows that they are invalid.
        by_next: bool,
    },
    /// An unfinished character, which is the rest of the slice.
    Unfinished,
}

impl Decoder {
    /// Drops an unfinished character.
    pub(crate) fn restart(&mut self) {
        self.count = 0;
    }

    /// Returns true while a character is unfinished.
    pub(crate) fn is_within_character(&self) -> bool {
        self.count > 0
    }

    /// Takes the next part from `rest`, which is not empty.
    pub(crate) fn next(&mut self, rest: &[u8]) -> Part {
        if self.is_within_character() {
            return self.continue_character(rest);
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
                Part::Unfinished
            }
            (valid, _) => Part::Text(valid),
        }
    }

    /// Continues the unfinished character.
    fn continue_character(&mut self, rest: &[u8]) -> Part {
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
        Part::Unfinished
    }

    /// Ends the stream, and returns the number of bytes that this makes invalid.
    pub(crate) fn finish(&mut self) -> usize {
        std::mem::take(&mut self.count)
    }
}

/// A decoder of a stream from its end to its start, byte by byte.
#[derive(Default)]
pub(crate) struct ReverseDecoder {
    /// The bytes that may end a character, the last one first.
    held: Vec<u8>,
}

impl ReverseDecoder {
    /// Takes the byte before, and calls `visit` with each character that this completes, the
    /// last one first, and the number of its bytes in the stream.
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
            // No character has more than three of these.
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

    /// Ends at the start of the stream.
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
    use crate::uart::pattern::decode::{character_ends, lossy};

    /// Generates bytes many of which begin, continue or break a character.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop::sample::select(&b"ab\n\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xff\xed\xa0"[..]);
        prop::collection::vec(byte, 0..20)
    }

    /// Returns the text that the decoder makes of slices of `size` bytes.
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
                    Part::Unfinished => break,
                }
            }
        }
        invalid(&mut text, decoder.finish());
        String::from_utf8(text).unwrap()
    }

    fn decoded_backwards(bytes: &[u8]) -> String {
        let mut decoder = ReverseDecoder::default();
        let mut characters = Vec::new();
        let mut length = 0;
        let mut visit = |character: &[u8], raw| {
            characters.push(String::from_utf8(character.to_vec()).unwrap());
            length += raw;
            None::<()>
        };
        for byte in bytes.iter().rev() {
            decoder.take(*byte, &mut visit);
        }
        decoder.finish(&mut visit);
        assert_eq!(length, bytes.len());
        characters.into_iter().rev().collect()
    }

    proptest! {
        #[test]
        fn one_piece_slices_and_reverse_give_the_same_text(bytes in bytes(), size in 1..5_usize) {
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

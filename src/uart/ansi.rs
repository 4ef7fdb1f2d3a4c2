//! Separates the text of a stream from ANSI escape sequences.
//!
//! [`Stripper`] is a byte-wise state machine: whether a byte is text is known when it arrives, so
//! the result does not depend on how the bytes were split into reads.

use std::ops::Range;

/// The longest control sequence; behind so many bytes the output is text again. It also limits
/// the strings that no terminal shows (APC, PM, SOS), since two bytes of noise can begin one.
const LONGEST_SEQUENCE: u16 = 256;
/// The longest string that terminals use (titles, links, device control).
const LONGEST_STRING: u16 = 4096;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
/// The first byte of every sequence; never text.
pub(crate) const ESC: u8 = 0x1b;

/// The position of a stream within an escape sequence; it starts in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stripper {
    state: State,
    /// The number of bytes of the current sequence.
    length: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and intermediate bytes, for example to select a character set.
    Intermediate,
    /// In `ESC [ …`.
    Control,
    /// In `ESC ] …`, which BEL ends as well.
    OsCommand,
    /// In a DCS string.
    DeviceControl,
    /// In an SOS, PM or APC string.
    String,
}

impl Stripper {
    /// Appends to `visible` the spans of `bytes` that are text, shifted by `base`.
    ///
    /// A span that continues the last one extends it.
    pub(crate) fn strip(&mut self, bytes: &[u8], base: u32, visible: &mut Vec<Range<u32>>) {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Text {
                let rest = &bytes[at..];
                let text = memchr::memchr(ESC, rest).unwrap_or(rest.len());
                push(visible, base, at, at + text);
                at += text;
                if at < bytes.len() {
                    *self = Self::after_escape();
                    at += 1;
                }
            } else {
                if self.is_text(bytes[at]) {
                    push(visible, base, at, at + 1);
                }
                at += 1;
            }
        }
    }

    /// Returns the number of bytes of a sequence that has not ended, if there is one.
    pub(crate) fn unfinished(&self) -> Option<u16> {
        (self.state != State::Text).then_some(self.length)
    }

    fn after_escape() -> Self {
        Self {
            state: State::Escape,
            length: 1,
        }
    }

    /// Takes one byte of a sequence; returns true if it is text nevertheless.
    fn is_text(&mut self, byte: u8) -> bool {
        self.length += 1;
        let (next, text) = match (self.state, byte) {
            // A newline ends every sequence: a sequence that a reset has cut off must
            // not hide the lines that follow.
            (_, b'\n') => (State::Text, true),
            (_, CAN | SUB) => (State::Text, false),
            (_, ESC) => {
                *self = Self::after_escape();
                return false;
            }
            (State::OsCommand, BEL) => (State::Text, false),
            (state @ (State::OsCommand | State::DeviceControl | State::String), _) => {
                (state, false)
            }
            // Other control characters act as if the sequence were not there.
            (state, 0..=0x1f) => (state, true),
            (_, 0x80..) => (State::Text, true),
            (state, 0x7f) => (state, false),
            (State::Control, 0x20..=0x3f) => (State::Control, false),
            (State::Escape, b'[') => (State::Control, false),
            (State::Escape, b']') => (State::OsCommand, false),
            (State::Escape, b'P') => (State::DeviceControl, false),
            (State::Escape, b'X' | b'^' | b'_') => (State::String, false),
            (State::Escape | State::Intermediate, 0x20..=0x2f) => (State::Intermediate, false),
            (_, _) => (State::Text, false),
        };
        let longest = match next {
            State::OsCommand | State::DeviceControl => LONGEST_STRING,
            _ => LONGEST_SEQUENCE,
        };
        self.state = if self.length >= longest {
            State::Text
        } else {
            next
        };
        text
    }
}

fn push(visible: &mut Vec<Range<u32>>, base: u32, start: usize, end: usize) {
    let (start, end) = (base + start as u32, base + end as u32);
    match visible.last_mut() {
        _ if start == end => {}
        Some(last) if last.end == start => last.end = end,
        _ => visible.push(start..end),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strip(input: &[u8]) -> String {
        strip_in_pieces(input, input.len().max(1))
    }

    fn strip_in_pieces(input: &[u8], size: usize) -> String {
        let text = spans(input.chunks(size))
            .into_iter()
            .flat_map(|span| input[span.start as usize..span.end as usize].to_vec())
            .collect();
        String::from_utf8(text).unwrap()
    }

    fn spans<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Range<u32>> {
        let mut stripper = Stripper::default();
        let mut spans = Vec::new();
        let mut base = 0;
        for piece in pieces {
            stripper.strip(piece, base, &mut spans);
            base += piece.len() as u32;
        }
        spans
    }

    /// A byte, which often begins, continues or ends a sequence.
    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![
            any::<u8>(),
            prop::sample::select(&b"\x1b\x1b[]P\\_;0m\x07\x18\n\r"[..]),
        ]
    }

    proptest! {
        #[test]
        fn sequences_are_found_the_same_however_reads_are_cut(
            input in prop::collection::vec(byte(), 0..600),
            size in 1..40usize,
        ) {
            let whole = spans([&input[..]].into_iter());
            prop_assert_eq!(&whole, &spans(input.chunks(size)));
            let mut end = 0;
            for span in &whole {
                prop_assert!(span.start < span.end && (end == 0 || span.start > end));
                end = span.end;
            }
            prop_assert!(end as usize <= input.len());
            let is_text = |at: usize| whole.iter().any(|span| span.contains(&(at as u32)));
            let first = input.iter().position(|byte| *byte == ESC).unwrap_or(input.len());
            prop_assert!((0..first).all(is_text), "text before any sequence");
            for (at, byte) in input.iter().enumerate() {
                prop_assert!(*byte != b'\n' || is_text(at), "a newline is text");
                prop_assert!(*byte != ESC || !is_text(at), "an escape is none");
            }
        }
    }

    #[test]
    fn escape_sequences_are_not_text() {
        for (input, text) in [
            ("plain", "plain"),
            ("\x1b[1;31mred\x1b[0m!", "red!"),
            ("\x1b[?25lx\x1b[2 qy", "xy"),
            ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
            (
                "\x1bPq#0\x1b\\a\x1b_apc\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d",
                "abcd",
            ),
            ("\x1b(Ba\x1b#8b\x1b7c\x1bMd", "abcd"),
            ("\x1b[3\x181a\x1b[3\x1ab", "1ab"),
            ("\x1b[3\r1mx", "\rx"),
            ("\x1b]never ended\nnext", "\nnext"),
            ("\x1b[31\x1b[32mx", "x"),
            ("\x1b[3é", "é"),
            ("\x1b\x1b[0mx", "x"),
            ("end\x1b", "end"),
        ] {
            assert_eq!(strip(input.as_bytes()), text, "{input:?}");
            for size in 1..4 {
                assert_eq!(strip_in_pieces(input.as_bytes(), size), text, "{input:?}");
            }
        }
    }

    #[test]
    fn garbage_hides_a_bounded_amount_of_output() {
        let input = format!("\x1b]{}seen", "x".repeat(usize::from(LONGEST_STRING)));
        assert!(strip(input.as_bytes()).ends_with("seen"));
        for begin in ["\x1b[", "\x1b_", "\x1b^", "\x1bX"] {
            let input = format!("{begin}{}seen", "1".repeat(usize::from(LONGEST_SEQUENCE)));
            assert!(strip(input.as_bytes()).ends_with("seen"));
        }
    }
}

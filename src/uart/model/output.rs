//! The output of a board: text, escape sequences, invalid bytes, cut anywhere.

use proptest::prelude::*;

/// Pieces of text.
pub(super) const TEXT: &[&str] = &[
    "a", "b", "ab", " ", "\n", "\r\n", "\r", "\n\r", "é", "_", "aab ", "\u{2028}",
];
/// Complete escape sequences.
const SEQUENCES: &[&str] = &[
    "\x1b[31m",
    "\x1b[0;1m",
    "\x1b]0;ab\x07",
    "\x1b]8;;a\x1b\\",
    "\x1b(B",
    "\x1bPab\x1b\\",
    "\x1b7",
];

/// A piece of output.
#[derive(Debug, Clone)]
pub(super) enum Token {
    Text(&'static str),
    Sequence(&'static str),
    Byte(u8),
}

impl Token {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::Sequence(text) => text.as_bytes(),
            Self::Byte(byte) => std::slice::from_ref(byte),
        }
    }
}

/// The output of a board, and the reads in which it arrives.
#[derive(Debug, Clone)]
pub(super) struct Output {
    tokens: Vec<Token>,
    /// The places at which it is cut into reads.
    cuts: Vec<usize>,
    /// Set if all of it arrives, and most moves to the file, before the first operation.
    pub(super) late: bool,
}

impl Output {
    /// Returns all bytes.
    pub(super) fn raw(&self) -> Vec<u8> {
        self.tokens
            .iter()
            .flat_map(|token| token.bytes().to_vec())
            .collect()
    }

    /// Returns the bytes of the text, each with its place in the raw output.
    pub(super) fn text(&self) -> Vec<(u8, u64)> {
        let mut at = 0;
        let mut text = Vec::new();
        for token in &self.tokens {
            for byte in token.bytes() {
                if !matches!(token, Token::Sequence(_)) {
                    text.push((*byte, at));
                }
                at += 1;
            }
        }
        text
    }

    /// Returns the bytes in the reads in which they arrive.
    pub(super) fn reads(&self) -> Vec<Vec<u8>> {
        let raw = self.raw();
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut % (raw.len() + 1)).collect();
        cuts.extend([0, raw.len()]);
        cuts.sort_unstable();
        cuts.windows(2)
            .map(|cut| raw[cut[0]..cut[1]].to_vec())
            .collect()
    }
}

/// Generates output.
pub(super) fn output() -> impl Strategy<Value = Output> {
    let token = prop_oneof![
        8 => proptest::sample::select(TEXT).prop_map(Token::Text),
        2 => proptest::sample::select(SEQUENCES).prop_map(Token::Sequence),
        1 => proptest::sample::select(&[0xff_u8, 0xc3, 0x80, 0xe2, 0xf0][..]).prop_map(Token::Byte),
    ];
    let tokens = proptest::collection::vec(token, 0..24);
    let cuts = proptest::collection::vec(any::<usize>(), 0..12);
    (tokens, cuts, proptest::bool::weighted(0.25)).prop_map(|(tokens, cuts, late)| Output {
        tokens,
        cuts,
        late,
    })
}

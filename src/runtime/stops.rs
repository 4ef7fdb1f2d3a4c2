//! The output at which a guest is stopped: [`ByteSet`] and [`Stops`].
//!
//! A stop too many costs time; one too few would let the guest run beyond what a wait is for.

use std::collections::BTreeSet;
use std::sync::Arc;

/// A set of byte values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(crate) const NONE: Self = Self([0; 4]);
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    pub(crate) fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        bytes.into_iter().fold(Self::NONE, |mut set, byte| {
            set.0[usize::from(byte / 64)] |= 1 << (byte % 64);
            set
        })
    }

    pub(crate) fn union(self, other: Self) -> Self {
        let mut set = self;
        for (word, more) in set.0.iter_mut().zip(other.0) {
            *word |= more;
        }
        set
    }

    pub(crate) fn covers(self, other: Self) -> bool {
        self.union(other) == self
    }

    /// Returns the set as a number of 256 bits, in hexadecimal digits.
    fn to_hex(self) -> String {
        let [a, b, c, d] = self.0;
        format!("{d:016x}{c:016x}{b:016x}{a:016x}")
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// Texts of which one must be in the line that the guest prints, for a stop to be useful.
pub(crate) type Texts = Arc<[Box<[u8]>]>;

/// The output of one UART at which its guest is stopped.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Stops {
    /// Bytes that stop the guest wherever they are.
    bytes: ByteSet,
    /// Bytes that stop it in a line that contains one of the texts.
    in_lines: BTreeSet<(ByteSet, Texts)>,
}

impl Stops {
    /// Stops at each of `bytes`.
    pub(crate) fn at(bytes: ByteSet) -> Self {
        Self {
            bytes,
            in_lines: BTreeSet::new(),
        }
    }

    /// Stops at each of `bytes` in a line that contains one of `texts`, and in a line whose text is
    /// not known: with control characters, or very long.
    pub(crate) fn in_lines_with(texts: Texts, bytes: ByteSet) -> Self {
        Self {
            bytes: ByteSet::NONE,
            in_lines: BTreeSet::from([(bytes, texts)]),
        }
    }

    /// Adds the stops of `other`.
    pub(crate) fn union(mut self, other: &Self) -> Self {
        self.bytes = self.bytes.union(other.bytes);
        self.in_lines.extend(other.in_lines.iter().cloned());
        self
    }

    /// Returns true if a guest with these stops is stopped wherever one with the `other` ones is.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let is_covered =
            |rule: &(ByteSet, Texts)| self.bytes.covers(rule.0) || self.in_lines.contains(rule);
        self.bytes.covers(other.bytes) && other.in_lines.iter().all(is_covered)
    }

    /// Returns the stops as a word of an order: sets, of which those after the first are followed
    /// by the texts that they need.
    pub(crate) fn to_word(&self) -> String {
        let set = |bytes: ByteSet| match bytes {
            ByteSet::NONE => "-".to_owned(),
            bytes => bytes.to_hex(),
        };
        let mut word = set(self.bytes);
        for (bytes, texts) in &self.in_lines {
            word.push(',');
            word.push_str(&set(*bytes));
            for text in texts.iter() {
                word.push(':');
                word.extend(text.iter().map(|byte| format!("{byte:02x}")));
            }
        }
        word
    }

    #[cfg(test)]
    /// Returns true if `byte` stops the guest in a line with this text.
    pub(crate) fn stops_at(&self, byte: u8, line: &[u8]) -> bool {
        let one = ByteSet::of([byte]);
        let contains = |text: &[u8]| line.windows(text.len()).any(|window| window == text);
        self.bytes.covers(one)
            || self
                .in_lines
                .iter()
                .any(|(bytes, texts)| bytes.covers(one) && texts.iter().any(|text| contains(text)))
    }
}

/// The stops of a wait on one UART, or of a guard.
#[derive(Clone, Default, Debug)]
pub(crate) struct Wants {
    pub(crate) uart: usize,
    pub(crate) stops: Stops,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(texts: [&str; N]) -> Texts {
        texts.map(|text| text.as_bytes().into()).into()
    }

    #[test]
    fn a_union_covers_its_parts_only() {
        let x = Stops::at(ByteSet::of([b'x']));
        let ok = Stops::in_lines_with(texts(["ok"]), ByteSet::of([b'\n']));
        let both = x.clone().union(&ok);
        assert!(both.covers(&x) && both.covers(&ok) && both.covers(&Stops::default()));
        assert!(!x.covers(&both) && !ok.covers(&both));
        let other = Stops::in_lines_with(texts(["no"]), ByteSet::of([b'\n']));
        assert!(!both.covers(&other));
        assert!(Stops::at(ByteSet::ALL).covers(&both), "every byte stops");
    }

    #[test]
    fn a_word_has_sets_and_texts() {
        assert_eq!(Stops::default().to_word(), "-");
        let newline = format!("{:064x}", 1 << 10);
        assert_eq!(Stops::at(ByteSet::of([b'\n'])).to_word(), newline);
        let stops = Stops::in_lines_with(texts(["ok", "é"]), ByteSet::of([b'\n']));
        assert_eq!(stops.to_word(), format!("-,{newline}:6f6b:c3a9"));
    }
}

//! [`Comparison`]: the numbers on which the end of a loop depends, in one of its rounds.

use super::value::ones;

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Equal,
    NotEqual,
    Less,
    NotLess,
}

/// Two numbers in a round of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparison {
    first: u64,
    second: u64,
    kind: Kind,
    signed: bool,
}

impl Comparison {
    pub(super) fn new(first: u64, second: u64, kind: Kind, signed: bool) -> Self {
        Self {
            first,
            second,
            kind,
            signed,
        }
    }

    /// Returns the comparison that holds if the loop ends.
    pub(super) fn exits(mut self, stays_if_it_holds: bool) -> Self {
        if stays_if_it_holds {
            self.kind = match self.kind {
                Kind::Equal => Kind::NotEqual,
                Kind::NotEqual => Kind::Equal,
                Kind::Less => Kind::NotLess,
                Kind::NotLess => Kind::Less,
            };
        }
        self
    }

    /// Returns how many rounds after the first of three a loop ends, if each round changes the
    /// numbers of so many bits by the same amount.
    pub(super) fn rounds(of: [&Self; 3], word: u32) -> Option<u64> {
        let [start, next, last] = of;
        let step = |from: &Self, to: &Self| {
            let by = |from: u64, to: u64| signed(to.wrapping_sub(from) & ones(word), word);
            (by(from.first, to.first), by(from.second, to.second))
        };
        let (first, second) = step(start, next);
        if step(next, last) != (first, second) {
            return None;
        }
        let number = |it: u64| match start.signed {
            true => signed(it, word),
            false => i128::from(it),
        };
        let (from, with) = (number(start.first), number(start.second));
        let (distance, change) = (from - with, first - second);
        if change == 0 {
            return None;
        }
        let rounds = match start.kind {
            Kind::NotEqual => return None,
            Kind::Equal => {
                // The numbers may wrap around.
                let whole = i128::from(ones(word)) + 1;
                let way = (-distance * change.signum()).rem_euclid(whole);
                (way % change == 0).then(|| way / change.abs())?
            }
            Kind::Less if change < 0 => quotient(distance.max(-1) + 1, -change),
            Kind::NotLess if change > 0 => quotient((-distance).max(0), change),
            _ => return None,
        };
        // Neither number may wrap around before.
        let half = (i128::from(ones(word)) + 1) / 2;
        let range = match start.signed {
            true => -half..=half - 1,
            false => 0..=i128::from(ones(word)),
        };
        let stays = start.kind == Kind::Equal
            || range.contains(&(from + first * rounds))
                && range.contains(&(with + second * rounds));
        stays.then(|| u64::try_from(rounds).ok())?
    }
}

/// Returns the signed number of so many bits.
fn signed(number: u64, word: u32) -> i128 {
    let unsigned = i128::from(number);
    match number > ones(word - 1) {
        true => unsigned - i128::from(ones(word)) - 1,
        false => unsigned,
    }
}

/// Divides, rounding up.
fn quotient(number: i128, by: i128) -> i128 {
    (number + by - 1) / by
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rounds of a loop that ends if a comparison holds, by the numbers in its rounds.
    fn rounds(kind: Kind, signed: bool, numbers: [(u64, u64); 3]) -> Option<u64> {
        let of = numbers.map(|it| Comparison::new(it.0, it.1, kind, signed));
        Comparison::rounds([&of[0], &of[1], &of[2]], 32)
    }

    #[test]
    fn the_end_is_where_the_comparison_holds() {
        let minus = |it: u64| 0x1_0000_0000 - it;
        for (kind, signed, numbers, expected) in [
            // Down to 0, up to a limit, and up to 0.
            (Kind::Equal, false, [(9, 0), (8, 0), (7, 0)], Some(9)),
            (Kind::Equal, false, [(4, 10), (6, 10), (8, 10)], Some(3)),
            (
                Kind::Equal,
                false,
                [(minus(9), 0), (minus(8), 0), (minus(7), 0)],
                Some(9),
            ),
            (
                Kind::Equal,
                false,
                [(0, 0), (minus(1), 0), (minus(2), 0)],
                Some(0),
            ),
            // The limit is never met.
            (Kind::Equal, false, [(3, 10), (5, 10), (7, 10)], None),
            (Kind::NotLess, false, [(3, 10), (5, 10), (7, 10)], Some(4)),
            (Kind::NotLess, false, [(3, 10), (2, 10), (1, 10)], None),
            (Kind::Less, true, [(5, 0), (3, 0), (1, 0)], Some(3)),
            (
                Kind::Less,
                true,
                [(0, 0), (minus(1), 0), (minus(2), 0)],
                Some(1),
            ),
            // It wraps around before.
            (Kind::Less, false, [(5, 0), (3, 0), (1, 0)], None),
            // The limit counts.
            (Kind::Less, false, [(7, 3), (7, 4), (7, 5)], Some(5)),
            // No steady step, or none.
            (Kind::Equal, false, [(9, 0), (8, 0), (6, 0)], None),
            (Kind::Equal, false, [(9, 0), (9, 0), (9, 0)], None),
            (Kind::NotEqual, false, [(9, 0), (8, 0), (7, 0)], None),
        ] {
            assert_eq!(
                rounds(kind, signed, numbers),
                expected,
                "{kind:?} {numbers:?}"
            );
        }
    }
}

//! [`Value`]: what is known of a register in a pass through a loop.

/// What is known of a value in a register.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Value {
    pub(super) number: Option<u64>,
    /// The load that it comes from.
    pub(super) source: Option<Source>,
    /// The flags and the condition that make it 1 instead of 0.
    pub(super) truth: Option<Truth>,
}

/// A load, and which of its bits are where in the register.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) mask: u64,
    /// By how many bits it is moved to the right; to the left if it is negative.
    pub(super) moved: i32,
}

/// The flags: a value that was compared with a constant, or the sign of a moved value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags {
    pub(super) source: Source,
    pub(super) with: u64,
    /// The bit of the source that is the sign.
    pub(super) sign: Option<u32>,
    /// The number of the condition that holds if NE does, if these flags are a comparison of its
    /// truth with 0.
    pub(super) not_equal: Option<u8>,
}

/// Flags and the number of a condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Truth {
    flags: Flags,
    condition: u8,
}

impl Value {
    pub(super) fn of(number: Option<u64>) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    pub(super) fn constant(number: u64) -> Self {
        Self::of(Some(number))
    }

    pub(super) fn masked(mut self, mask: u64) -> Self {
        self.number = self.number.map(|it| it & mask);
        if let Some(source) = &mut self.source {
            source.mask &= moved(mask, source.moved);
        }
        self.truth = self.truth.filter(|_| mask & 1 == 1);
        self
    }

    /// Returns the value shifted to the left in a word of so many bits.
    pub(super) fn shifted(self, by: u32, word: u32) -> Self {
        if by == 0 {
            return self;
        }
        let mut value = self.masked(ones(word.saturating_sub(by)));
        value.number = value.number.map(|it| it.checked_shl(by).unwrap_or(0));
        if let Some(source) = &mut value.source {
            source.moved -= by.cast_signed();
        }
        value.truth = None;
        value
    }

    /// Returns bits moved to the lowest place; the number of signed ones is not followed.
    pub(super) fn extracted(self, low: u32, width: u32, signed: bool) -> Self {
        let mut value = self.masked(moved(ones(width), low.cast_signed()));
        let number = value.number.filter(|_| !signed);
        value.number = number.and_then(|it| it.checked_shr(low));
        if let Some(source) = &mut value.source {
            source.moved += low.cast_signed();
        }
        value.truth = self.truth.filter(|_| low == 0);
        value
    }

    /// Returns the flags of a comparison with a constant.
    pub(super) fn compared(self, with: u64) -> Option<Flags> {
        if let (Some(truth), 0) = (self.truth, with) {
            let not_equal = match (truth.flags.not_equal, truth.condition) {
                // The truth of a truth, by EQ or NE.
                (Some(condition), it @ (0 | 1)) => condition ^ it ^ 1,
                (Some(_), _) => return None,
                (None, condition) => condition,
            };
            return Some(Flags {
                not_equal: Some(not_equal),
                ..truth.flags
            });
        }
        let source = self.source?;
        // The loaded bits have their value without those that they are moved to the left by, and
        // without copies of the sign.
        let with = match source.moved {
            right @ 0.. => with & moved(source.mask, -right),
            left => moved(with, left) & source.mask,
        };
        Some(Flags {
            source,
            with,
            sign: None,
            not_equal: None,
        })
    }

    /// Returns the flags of the value's sign in a word of so many bits.
    pub(super) fn sign(self, word: u32) -> Option<Flags> {
        let source = self.source?;
        let bit = (word.cast_signed() - 1 + source.moved).try_into().ok();
        let bit: Option<u32> = bit.map(|it: u32| it.min(8 * source.size as u32 - 1));
        Some(Flags {
            source,
            with: 0,
            sign: bit,
            not_equal: None,
        })
    }
}

impl Flags {
    pub(super) fn truth(self, condition: u8) -> Truth {
        Truth {
            flags: self,
            condition,
        }
    }
}

/// Returns a number whose lowest bits are set.
pub(super) fn ones(count: u32) -> u64 {
    u64::MAX
        .checked_shr(64_u32.saturating_sub(count))
        .unwrap_or(0)
}

/// Returns a loaded number of so many bits as the register has it: of a signed one, the highest bit is
/// copied into the rest.
pub(super) fn extended(number: u64, bits: u32, signed: bool) -> u64 {
    let number = number & ones(bits);
    match signed && number > ones(bits - 1) {
        true => number | !ones(bits),
        false => number,
    }
}

/// Moves bits to the left, or to the right if the distance is negative.
fn moved(bits: u64, by: i32) -> u64 {
    let distance = by.unsigned_abs();
    match by {
        0.. => bits.checked_shl(distance),
        _ => bits.checked_shr(distance),
    }
    .unwrap_or(0)
}

//! Raw bytes, escape sequences included: [`ReadExact`], and [`ReadSome`] for a stream.

use crate::runtime::{ByteSet, Stops};
use crate::uart::error::UartError;
use crate::uart::expect::wait::{Found, Matcher};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};

/// The matcher of `read_exact`.
pub(crate) struct ReadExact {
    count: usize,
    bytes: Vec<u8>,
}

impl ReadExact {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            bytes: Vec::new(),
        }
    }
}

impl Matcher for ReadExact {
    type Output = Vec<u8>;

    fn view(&self) -> View {
        View::Raw
    }

    fn restart(&mut self, _at: u64) {
        self.bytes.clear();
    }

    fn stops(&self) -> Stops {
        Stops::at(ByteSet::ALL)
    }

    fn ready_without_input(&mut self) -> Option<Vec<u8>> {
        (self.count == 0).then(Vec::new)
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        _uart: &UartState,
    ) -> Result<Option<Found<Vec<u8>>>, UartError> {
        let missing = self.count - self.bytes.len();
        let piece = piece.take(missing.min(piece.bytes.len()));
        self.bytes.extend_from_slice(piece.bytes);
        Ok((self.bytes.len() == self.count).then(|| Found {
            output: std::mem::take(&mut self.bytes),
            end: piece.end(),
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        format!(
            "read_exact({}), after {} bytes,",
            self.count,
            self.bytes.len()
        )
    }
}

/// The matcher of a `UartStream`'s reads: at least one byte, at most this many.
pub(crate) struct ReadSome(pub(crate) usize);

impl Matcher for ReadSome {
    type Output = Vec<u8>;

    fn view(&self) -> View {
        View::Raw
    }

    fn restart(&mut self, _at: u64) {}

    fn stops(&self) -> Stops {
        Stops::at(ByteSet::ALL)
    }

    fn ready_without_input(&mut self) -> Option<Vec<u8>> {
        (self.0 == 0).then(Vec::new)
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        _uart: &UartState,
    ) -> Result<Option<Found<Vec<u8>>>, UartError> {
        let piece = piece.take(self.0.min(piece.bytes.len()));
        Ok(Some(Found {
            output: piece.bytes.to_vec(),
            end: piece.end(),
            after_cr: false,
        }))
    }

    fn finish(&mut self, end: u64, _uart: &UartState) -> Result<Option<Found<Vec<u8>>>, UartError> {
        Ok(Some(Found {
            output: Vec::new(),
            end,
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        "read".to_owned()
    }
}

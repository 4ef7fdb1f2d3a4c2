//! The transcript as a [`UartLog`]: bytes to copy, and the times at which they arrived.

use std::time::{Duration, Instant};

use super::error::Unavailable;
use super::transcript::Transcript;
use crate::artifacts::{Lost, UartLog};

impl UartLog for Transcript {
    fn end(&self) -> u64 {
        self.end_position().offset
    }

    fn bytes(&self, from: u64) -> Result<Vec<u8>, Lost> {
        let chunk = self.chunk(from).map_err(|lost: Unavailable| Lost {
            until: lost.until(),
            why: lost.to_string(),
        })?;
        Ok(chunk.bytes[(from - chunk.start) as usize..].to_vec())
    }

    fn arrived(&self, offset: u64, began: Instant) -> Duration {
        self.time_since(offset, began)
    }
}

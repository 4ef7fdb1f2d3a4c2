//! The errors of UARTs: [`UartError`] and its [`UartErrorKind`], data with their texts.

mod ending;
mod kind;
mod reason;
mod uart_error;
mod unavailable;

pub use ending::{Ending, OffReason};
pub use kind::UartErrorKind;
pub use reason::{Ambiguity, NotSent, Reported, Stalled};
pub use uart_error::UartError;
pub(super) use unavailable::Loss;
pub use unavailable::Unavailable;

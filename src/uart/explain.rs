//! [`Explain`]: how an operation asks for the state of the board, which is not known here.

use std::future::Future;
use std::pin::Pin;

use super::addresses::Address;
use crate::runtime::Hold;

/// What the error of a failed operation is to say of the board.
#[derive(Default)]
pub(crate) struct Question {
    /// True to ask where the firmware is.
    pub(crate) state: bool,
    /// Keeps the guest where it was when the operation failed, until its state is known.
    pub(crate) hold: Option<Hold>,
    /// What may be addresses of the firmware's code.
    pub(crate) addresses: Vec<Address>,
}

/// What the board has answered, as far as it is known.
#[derive(Default)]
pub(crate) struct Answer {
    /// Where the firmware is, and why.
    pub(crate) state: Option<String>,
    /// A line for each address that is one of code.
    pub(crate) names: Vec<String>,
}

/// The future answer.
pub(crate) type Explanation = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A board that tells its state.
pub(crate) trait Explain: Send + Sync {
    /// Asks for the state of the board; returns at once, on any thread.
    fn ask(&self, question: Question) -> Explanation;

    /// Returns a line for each address that is one of code. Reads the files of the program.
    fn names(&self, addresses: &[Address]) -> Vec<String>;
}

//! [`Explain`]: how an operation asks for the state of the board, which is not known here.

use std::future::Future;
use std::pin::Pin;

use crate::runtime::Hold;

/// The future state of the board, as text; `None` if it is not known.
pub(crate) type Explanation = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// A function that asks for the state of the board. It returns at once, on any thread. The guest is
/// held where it was when the operation failed, until the state is known.
pub(crate) type Explain = dyn Fn(Option<Hold>) -> Explanation + Send + Sync;

//! The types of the results of a backend's calls.

use std::pin::Pin;

use super::error::EmulatorError;

/// A boxed future, which `dyn Backend` requires.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outcome of a backend's call.
pub(crate) type Outcome<'a> = BoxFuture<'a, Result<(), EmulatorError>>;

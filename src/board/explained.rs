//! The state of a board in the error of a wait for something else than output.

use super::inner::Inner;
use crate::debug::DebugError;
use crate::error::{Error, ErrorKind};
use crate::uart::{Answer, Question, addresses};

/// Adds the state of the board to `error`, if the board did not do what was waited for.
pub(super) async fn explained(inner: &Inner, mut error: Error) -> Error {
    let ErrorKind::Debug(failure) = error.kind() else {
        return error;
    };
    let Some((machine, line)) = waited_for(failure) else {
        return error;
    };
    let machines = &inner.machines;
    let machine = machines.iter().find(|it| it.name == machine);
    let Some(explain) = machine.unwrap_or(&machines[0]).ports.explain() else {
        return error;
    };
    let Answer { state, names } = explain
        .ask(Question {
            state: true,
            hold: None,
            addresses: addresses(line),
        })
        .await;
    let lines: Vec<String> = names.into_iter().chain(state).collect();
    if !lines.is_empty() {
        error.set_post_mortem(lines.join("\n"));
    }
    error
}

/// Returns the name of the machine that did not do what was waited for, or logged what it must not,
/// and that line.
fn waited_for(failure: &DebugError) -> Option<(&str, &str)> {
    match failure {
        DebugError::NotReached { machine, .. }
        | DebugError::NotWritten { machine, .. }
        | DebugError::NoChange { machine, .. }
        | DebugError::NoLevel { machine, .. }
        | DebugError::NotLogged { machine, .. } => Some((machine, "")),
        DebugError::Logged { machine, line, .. } => Some((machine, line)),
        _ => None,
    }
}

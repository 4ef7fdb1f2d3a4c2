//! Reading the metrics of a board from Renode.

use super::monitor::command::MonitorCommand;
use super::session::Session;
use super::setup::cpu::Processor;
use super::time::guest_clock;
use crate::backend::error::Unexpected;
use crate::backend::{EmulatorError, Metrics};

const STEP: &str = "reading the board's metrics";

/// Returns the instructions that these `processors` of the selected machine have executed, by name.
pub(super) async fn instructions(
    session: &Session,
    processors: &[Processor],
) -> Result<Vec<(String, u64)>, EmulatorError> {
    let mut instructions = Vec::new();
    for processor in processors {
        let command = MonitorCommand::executed_instructions(&processor.name);
        let answer = session.run(STEP, &command).await?;
        let digits = answer.text.trim().strip_prefix("0x");
        let count = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let count =
            count.ok_or_else(|| session.nonsense(STEP, Unexpected::Text(answer.text.clone())))?;
        instructions.push((processor.name.to_string(), count));
    }
    Ok(instructions)
}

/// Returns these instructions with the times of the whole emulation.
pub(super) async fn with_times(
    session: &Session,
    instructions: Vec<(String, u64)>,
) -> Result<Metrics, EmulatorError> {
    let times = session
        .run(STEP, &MonitorCommand::time_source())
        .await?
        .text;
    let time = |name| {
        let time = guest_clock::field(&times, name);
        time.ok_or_else(|| session.nonsense(STEP, Unexpected::Text(times.clone())))
    };
    Ok(Metrics {
        instructions,
        virtual_time: time("Elapsed Virtual Time")?,
        host_time: time("Elapsed Host Time")?,
    })
}

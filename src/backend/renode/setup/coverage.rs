//! Recording which code of a machine runs, by a script of ours inside Renode.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use crate::backend::EmulatorError;
use crate::backend::renode::context::{KIND, LOADING};
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::session::{Session, plain};
use crate::backend::renode::time::{Script, script};
use crate::coverage::{BlockStarts, Recording};

const STEP: &str = "preparing the coverage";

const SCRIPT: Script = script("coverage.py", include_str!("coverage.py"));

/// Begins to record what the selected machine, which does not run, will run, if that is wanted.
pub(crate) async fn record(
    session: &Session,
    recording: Option<&Arc<Recording>>,
) -> Result<(), EmulatorError> {
    let Some(recording) = recording else {
        return Ok(());
    };
    let io = |source| EmulatorError::io(KIND, STEP, source);
    for include in session.include(STEP, &[SCRIPT])? {
        session.run(LOADING, &include).await?;
    }
    let starts = BlockStarts::create_in(session.directory(), read_starts);
    let (starts, path) = starts.map_err(io)?;
    let begin = MonitorCommand::begin_coverage(&plain(&path)?);
    session.run_strictly(LOADING, &begin).await?;
    recording.begin(starts).map_err(io)
}

/// Reads the lines that the script has written; the last one may be incomplete.
fn read_starts(file: &mut BufReader<File>) -> io::Result<BTreeSet<u64>> {
    let mut starts = BTreeSet::new();
    let mut line = String::new();
    while file.read_line(&mut line)? > 0 {
        if let Some(digits) = line.strip_suffix('\n')
            && let Ok(start) = u64::from_str_radix(digits.trim_end(), 16)
        {
            starts.insert(start);
        }
        line.clear();
    }
    Ok(starts)
}

//! Making a board by a script of the user.
//!
//! The script is run in its own directory, which is linked into the private one: so Renode
//! receives a plain path, and `$ORIGIN` leads to the files next to the script. Renode itself
//! looks for a script that is part of Renode. Files in variables are copied, as firmware is.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::backend::EmulatorError;
use crate::backend::error::{ErrorPlace, Unsupported};
use crate::backend::renode::context::{KIND, SETTING_UP};
use crate::backend::renode::monitor::command::{MonitorCommand, Setting};
use crate::backend::renode::monitor::plain::Name;
use crate::backend::renode::session::{Session, plain};
use crate::backend::renode::time::guest_clock;
use crate::config::{Script, Variable};
use crate::firmware;

/// The output of `start` (Renode's `StartCommand`).
const STARTS: &str = "Starting emulation...";

/// Runs `script`, selects the machine that is the board, and returns its name.
pub(crate) async fn run(script: &Script, session: &Session) -> Result<Name, EmulatorError> {
    let place = |error: EmulatorError| {
        error.at(ErrorPlace::Script {
            path: script.file.clone(),
            is_built_in: is_built_in(script),
        })
    };
    let commands = commands(script, session.directory()).map_err(place)?;
    let included = session.run_all(SETTING_UP, &commands).await;
    let output = included.map_err(place)?.text;
    check_has_not_run(session, &output).await.map_err(place)?;
    let machine = match &script.machine {
        Some(name) => Name::machine(name)?,
        None => selected(session).await.map_err(place)?,
    };
    let select = MonitorCommand::select_machine(&machine);
    session
        .run_strictly(SETTING_UP, &select)
        .await
        .map_err(place)?;
    Ok(machine)
}

fn commands(script: &Script, directory: &Path) -> Result<Vec<MonitorCommand>, EmulatorError> {
    let io = |source| EmulatorError::io(KIND, "handing the script to Renode", source);
    let mut commands = Vec::new();
    for (name, value) in &script.variables {
        let setting = match value {
            Variable::Text(text) => Setting::Text(text),
            Variable::Literal(text) => Setting::Literal(text),
            Variable::File(file) => {
                let staged = firmware::stage(file, directory, &format!("variable-{name}"));
                Setting::File(plain(&staged.map_err(io)?)?)
            }
        };
        commands.push(MonitorCommand::set_variable(name, &setting)?);
    }
    if is_built_in(script) {
        let name = script.file.to_string_lossy();
        commands.push(MonitorCommand::include_built_in(&name)?);
        return Ok(commands);
    }
    let origin = directory.join("script");
    let parent = script.file.parent().unwrap_or(Path::new("/"));
    symlink(parent, &origin).map_err(io)?;
    let file = origin.join(script.file.file_name().unwrap_or_default());
    commands.push(MonitorCommand::include(&plain(&file)?));
    Ok(commands)
}

/// Returns true if the script is part of Renode; a script of the project has an absolute path.
fn is_built_in(script: &Script) -> bool {
    script.file.is_relative()
}

/// Checks that the script, which has printed `output`, has not let the board run: the board's
/// output until then is lost. A board that is paused soon may have run although its clock
/// shows zero.
async fn check_has_not_run(session: &Session, output: &str) -> Result<(), EmulatorError> {
    let was_started = output.lines().any(|line| line.trim() == STARTS);
    let started = session
        .run(SETTING_UP, &MonitorCommand::is_started())
        .await?;
    let times = session
        .run(SETTING_UP, &MonitorCommand::time_source())
        .await?;
    let elapsed = guest_clock::field(&times.text, "Elapsed Virtual Time");
    let runs = started.text.trim() != "False";
    if !was_started && !runs && elapsed.is_none_or(|elapsed| elapsed.is_zero()) {
        return Ok(());
    }
    Err(EmulatorError::unsupported(KIND, Unsupported::RunningScript))
}

/// Returns the machine that the script has left selected.
async fn selected(session: &Session) -> Result<Name, EmulatorError> {
    let listed = session.run(SETTING_UP, &MonitorCommand::machines()).await?;
    let mut lines = listed.text.lines();
    match lines.find_map(|line| line.strip_prefix("Current machine: ")) {
        Some(name) => Ok(Name::machine(name)?),
        None => Err(EmulatorError::unsupported(KIND, Unsupported::NoMachine)),
    }
}

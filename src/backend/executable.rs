//! Finds an emulator's program: by an environment variable, else in `PATH`, else at the path of
//! the project's own installation.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The places that were searched for a program without success, as the text of a message.
pub(super) struct NotThere(pub(super) String);

/// Returns the program that the environment variable `variable` names, else the first `name` in
/// `PATH`, else `installed`.
pub(super) fn find(
    variable: &str,
    name: &str,
    installed: Option<PathBuf>,
) -> Result<PathBuf, NotThere> {
    if let Some(named) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
        let path = std::path::absolute(&named).unwrap_or_else(|_| PathBuf::from(&named));
        return match complaint(&path) {
            None => Ok(path),
            Some(complaint) => Err(NotThere(format!(
                "{variable} is {named:?}, which {complaint}"
            ))),
        };
    }
    if let Some(found) = in_path(name) {
        return Ok(found);
    }
    let looked = format!("no {name} in PATH, and {variable} is not set");
    match installed {
        Some(installed) => match complaint(&installed) {
            None => Ok(installed),
            Some(complaint) => Err(NotThere(format!("{looked}, and {installed:?} {complaint}"))),
        },
        None => Err(NotThere(looked)),
    }
}

/// Returns the program `named`: an absolute path, or a name to find in `PATH`.
pub(super) fn locate(named: &Path) -> Result<PathBuf, NotThere> {
    if named.is_absolute() {
        return check(named);
    }
    let name = named.display().to_string();
    in_path(&name).ok_or_else(|| NotThere(format!("no {name} in PATH")))
}

/// Returns true if a directory of `PATH` has this program.
pub(crate) fn is_in_path(name: &str) -> bool {
    in_path(name).is_some()
}

/// Returns the program at a path.
pub(super) fn check(path: &Path) -> Result<PathBuf, NotThere> {
    match complaint(path) {
        None => {
            std::path::absolute(path).map_err(|why| NotThere(format!("{}: {why}", path.display())))
        }
        Some(complaint) => Err(NotThere(format!("{} {complaint}", path.display()))),
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(name))
        .find(|candidate| complaint(candidate).is_none())
        .and_then(|found| std::path::absolute(found).ok())
}

/// Returns the reason why `path` is not executable, or `None` if it is.
fn complaint(path: &Path) -> Option<&'static str> {
    match std::fs::metadata(path) {
        Err(_) => Some("does not exist"),
        Ok(meta) if !meta.is_file() => Some("is not a file"),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => {
            Some("is not executable (chmod +x it)")
        }
        Ok(_) => None,
    }
}

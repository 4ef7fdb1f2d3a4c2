//! Passing the user's platform descriptions to Renode.
//!
//! The path of a description may contain characters that the monitor does not accept, and
//! files that it includes by `using "./…"` must be next to it. So [`stage`] writes a file of
//! our own that includes the user's: inside a description, a path is text like any other.
//!
//! A platform of Renode's own is loaded by its name. If Renode does not know the name, the
//! error suggests the nearest name among the files where Renode is installed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::backend::EmulatorError;
use crate::backend::error::{ErrorPlace, PathFlaw, UnusablePath};
use crate::backend::renode::context::SETTING_UP;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::session::Session;
use crate::config::{Fragment, nearest};

/// The directory of Renode's platforms, in its own directory.
const PLATFORMS: &str = "platforms";

/// Writes a description into `directory` that includes the one in `file`.
pub(crate) fn stage(file: &Path, directory: &Path) -> io::Result<PathBuf> {
    write(directory, "platform", &including(file)?)
}

/// Writes the `index`th fragment into `directory`.
pub(crate) fn stage_fragment(
    fragment: &Fragment,
    index: usize,
    directory: &Path,
) -> io::Result<PathBuf> {
    let name = format!("fragment-{index}");
    match fragment {
        Fragment::Text(text) => write(directory, &name, text),
        Fragment::File(file) => write(directory, &name, &including(file)?),
    }
}

fn write(directory: &Path, name: &str, description: &str) -> io::Result<PathBuf> {
    let staged = directory.join(name).with_extension("repl");
    // A Renode that makes the board ahead may be reading it.
    if !fs::read(&staged).is_ok_and(|present| present == description.as_bytes()) {
        fs::write(&staged, description)?;
    }
    Ok(staged)
}

/// Returns a description that includes the one in `file`.
fn including(file: &Path) -> io::Result<String> {
    Ok(format!("using {}\n", quoted(file)?))
}

/// Returns the path as a string of the language of platform descriptions.
fn quoted(file: &Path) -> io::Result<String> {
    let unusable = |flaw| {
        let path = file.to_owned();
        io::Error::from(UnusablePath { path, flaw })
    };
    let Some(text) = file.to_str() else {
        return Err(unusable(PathFlaw::NotUtf8));
    };
    if text.contains(['\n', '\r']) {
        return Err(unusable(PathFlaw::LineEnd));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

/// Adds two things to Renode's `error` about its own platform `name`: the project has no such
/// file either, and the name of Renode's that may be meant.
pub(crate) async fn none_of_the_projects(
    name: &str,
    error: EmulatorError,
    session: &Session,
) -> EmulatorError {
    let is_unknown = is_unknown(name, &error);
    let similar = match is_unknown {
        true => similar(name, session).await,
        false => None,
    };
    error.at(ErrorPlace::Platform {
        name: name.to_owned(),
        is_unknown,
        similar,
    })
}

/// Returns true if Renode has not found the file itself, rather than a file that it includes.
fn is_unknown(name: &str, error: &EmulatorError) -> bool {
    let missing = format!("Could not find file '{name}'");
    let why = error.refusal();
    why.is_some_and(|why| why.contains(&missing))
}

/// Returns the platform of Renode whose name is similar to `name`; none if Renode does not
/// show where its platforms are.
async fn similar(name: &str, session: &Session) -> Option<String> {
    let answer = session
        .run(SETTING_UP, &MonitorCommand::search_path())
        .await
        .ok()?;
    let roots = own_directories(&answer.text);
    // Blocks while about thirty directories are read.
    let known = tokio::task::spawn_blocking(move || roots.iter().flat_map(|it| all(it)).collect());
    let known: Vec<String> = known.await.ok()?;
    most_similar(name, &known).map(str::to_owned)
}

/// Returns Renode's own directories in its search path: the others are the user's.
fn own_directories(answer: &str) -> Vec<PathBuf> {
    let mut lines = answer.lines().map(str::trim);
    let own = lines.find_map(|line| line.strip_prefix("Default 'PATH' value is: "));
    let directories = own.unwrap_or_default().split(';').map(PathBuf::from);
    directories.filter(|it| it.is_absolute()).collect()
}

/// Returns the names of all platforms in `root`, sorted.
fn all(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut directories = vec![root.join(PLATFORMS)];
    while let Some(directory) = directories.pop() {
        // A directory that cannot be read offers no names.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            // Links to directories are not followed: they may form a loop.
            if entry.file_type().is_ok_and(|it| it.is_dir()) {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "repl")
                && let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str)
            {
                found.push(name.to_owned());
            }
        }
    }
    found.sort_unstable();
    found
}

/// Returns the path among `known` whose file name is most similar to that of `name`: all paths
/// begin alike, and the directory may be wrong.
fn most_similar<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let files: Vec<&str> = known.iter().map(|path| stem(path)).collect();
    let meant = nearest(stem(name), &files)?;
    let called_so = known.iter().map(String::as_str);
    let called_so: Vec<&str> = called_so.filter(|path| stem(path) == meant).collect();
    nearest(name, &called_so).or_else(|| called_so.first().copied())
}

/// Returns the name of a platform's file, without directory and ending.
fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".repl").unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_platform_is_found_by_its_file_name() {
        let root = tempfile::tempdir().unwrap();
        let paths = [
            "platforms/boards/silabs/brd2601b.repl",
            "platforms/boards/stm32f4_discovery-kit.repl",
            "platforms/boards/stm32f4_discovery.repl",
            "platforms/cpus/cc2538.repl",
            "platforms/cpus/stm32f4.repl",
            "platforms/readme.md",
            "tests/platforms/none.repl",
        ];
        for path in paths {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        std::os::unix::fs::symlink("..", root.path().join("platforms/up")).unwrap();
        let known = all(root.path());
        assert_eq!(known, paths[..5]);
        for (name, expected) in [
            ("platforms/boards/stm32f4_discovry.repl", Some(paths[2])),
            (
                "platforms/boards/stm32f4_discovery-kitt.repl",
                Some(paths[1]),
            ),
            (
                "platforms/boards/STM32F4_discovery-kit.repl",
                Some(paths[1]),
            ),
            ("platforms/boards/stm32f4_discovery-kit", Some(paths[1])),
            ("platforms/boards/stm32f4.repl", Some(paths[4])),
            ("silabs/brd2601.repl", Some(paths[0])),
            ("platforms/boards/none.repl", None),
        ] {
            assert_eq!(most_similar(name, &known), expected, "{name}");
        }
        assert_eq!(all(&root.path().join("nowhere")), [""; 0]);
    }

    #[test]
    fn renodes_own_directories_are_read_from_its_search_path() {
        let answer = "path\r\nallows modification of internal 'PATH' variable.\r\n\
                    Current 'PATH' value is: /project;/opt/renode\r\n\
                    Default 'PATH' value is: /opt/renode;/more here\r\n";
        let expected = ["/opt/renode", "/more here"].map(PathBuf::from);
        assert_eq!(own_directories(answer), expected);
        for nothing in [
            "",
            "Default 'PATH' value is: .\r\n",
            "Default 'PATH' value is: ",
        ] {
            assert_eq!(own_directories(nothing), [""; 0].map(PathBuf::from));
        }
    }
}

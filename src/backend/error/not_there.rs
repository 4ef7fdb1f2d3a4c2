//! [`NotThere`]: the search for a program, without success.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// The places that were searched for a program without success.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotThere {
    /// An environment variable names a program that cannot be used.
    #[non_exhaustive]
    Named {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: OsString,
        /// What is wrong with the program.
        flaw: ProgramFlaw,
    },
    /// No such program is in `PATH`, and the environment variable is not set.
    #[non_exhaustive]
    Nowhere {
        /// The program's name.
        name: String,
        /// The variable that can name it.
        variable: &'static str,
        /// The place of the project's own installation, and what is wrong there.
        installed: Option<(PathBuf, ProgramFlaw)>,
    },
    /// The path is not that of a program.
    #[non_exhaustive]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        flaw: ProgramFlaw,
    },
    /// No such program is in `PATH`.
    #[non_exhaustive]
    NotInPath {
        /// The program's name.
        name: PathBuf,
    },
}

impl fmt::Display for NotThere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named {
                variable,
                value,
                flaw,
            } => write!(f, "{variable} is {value:?}, which {flaw}"),
            Self::Nowhere {
                name,
                variable,
                installed,
            } => {
                write!(f, "no {name} in PATH, and {variable} is not set")?;
                match installed {
                    Some((path, flaw)) => write!(f, ", and {path:?} {flaw}"),
                    None => Ok(()),
                }
            }
            Self::Path { path, flaw } => write!(f, "{} {flaw}", path.display()),
            Self::NotInPath { name } => write!(f, "no {} in PATH", name.display()),
        }
    }
}

/// The reason why a file is no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramFlaw {
    /// It does not exist.
    #[error("does not exist")]
    Missing,
    /// It is a directory or the like.
    #[error("is not a file")]
    NotAFile,
    /// It has no permission to be executed.
    #[error("is not executable (chmod +x it)")]
    NotExecutable,
}

//! [`Script`]: a board that a Renode script makes, from a file and its variables; and
//! [`Fragment`], an addition to a platform.
//!
//! The values of variables are checked here, because they become part of monitor commands.

use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::error::{BadValue, BuiltIn, Explanation, Problem};
use super::field::is_file;
use super::values;
use crate::files::{self, LARGEST_IMAGE, LARGEST_TEXT};

/// A Renode script that makes a board, and the script's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Script {
    pub(crate) file: PathBuf,
    pub(crate) variables: Vec<(String, Variable)>,
    pub(crate) machine: Option<String>,
}

impl Script {
    /// Returns `script`: a file of monitor commands, `.resc`. An absolute path, or the path of a script
    /// that comes with Renode, such as `scripts/single-node/stm32f4_discovery.resc`.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns `variables`: the variables that are set before the script runs, in the order of the file.
    pub fn variables(&self) -> &[(String, Variable)] {
        &self.variables
    }

    /// Returns `machine_name`: the name of the script's machine that is the board. Default: the machine
    /// that is selected when the script ends, which is the last that the script has made.
    pub fn machine(&self) -> Option<&str> {
        self.machine.as_deref()
    }
}

/// The value of a script's variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// A text.
    Text(String),
    /// A number, `true` or `false`, as Renode reads it.
    Literal(String),
    /// A file, written as `@` and a path. Here the path is absolute.
    File(PathBuf),
}

pub(super) fn script(name: &str, base_dir: &Path) -> Result<PathBuf, Explanation> {
    let file = files::tidy(&base_dir.join(name));
    if !name.ends_with(".resc") {
        return Err(BadValue::NotAScript { name }.into());
    }
    if is_file(&file, LARGEST_TEXT)? {
        let file_name = file.file_name().unwrap_or_default().to_string_lossy();
        values::script_name(&file_name)?;
        return Ok(file);
    }
    values::built_in(BuiltIn::Script, name, &file).map(PathBuf::from)
}

pub(super) fn variables(
    given: &Mapping,
    base_dir: &Path,
) -> Result<Vec<(String, Variable)>, Problem> {
    let one = |(name, value): (&Value, &Value)| {
        let Some(name) = name.as_str() else {
            return Err(Problem::new("variables", BadValue::VariableName));
        };
        let name = values::variable_name(name).map_err(|why| Problem::new("variables", why))?;
        let value = variable(value, base_dir)
            .map_err(|why| Problem::new(format!("variables.{name}"), why))?;
        Ok((name, value))
    };
    given.iter().map(one).collect()
}

fn variable(value: &Value, base_dir: &Path) -> Result<Variable, Explanation> {
    match value {
        Value::String(text) => match text.strip_prefix('@') {
            None => values::variable_text(text).map(Variable::Text),
            Some(path) => {
                let file = files::tidy(&base_dir.join(path));
                if is_file(&file, LARGEST_IMAGE)? {
                    return Ok(Variable::File(file));
                }
                Err(BadValue::NoFile { file: &file }.into())
            }
        },
        Value::Bool(flag) => Ok(Variable::Literal(flag.to_string())),
        Value::Number(number) => {
            let text = number.to_string();
            let plain = |c: char| c.is_ascii_digit() || "-.".contains(c);
            if text.chars().all(plain) {
                return Ok(Variable::Literal(text));
            }
            Err(BadValue::VariableNumber { text: &text }.into())
        }
        value => Err(BadValue::VariableValue { value }.into()),
    }
}

/// A description that is loaded after the platform or script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment {
    /// The text of a platform description.
    Text(String),
    /// A file of the project. An absolute path.
    File(PathBuf),
}

/// Checks a fragment: one line that ends in `.repl` is a path, other text a description.
pub(super) fn fragment(given: &str, base_dir: &Path) -> Result<Fragment, Explanation> {
    if given.trim().is_empty() {
        return Err(BadValue::EmptyFragment.into());
    }
    if given.contains('\n') || !given.ends_with(".repl") {
        return Ok(Fragment::Text(given.to_owned()));
    }
    let file = files::tidy(&base_dir.join(given));
    if is_file(&file, LARGEST_TEXT)? {
        return Ok(Fragment::File(file));
    }
    Err(BadValue::NoFile { file: &file }.into())
}

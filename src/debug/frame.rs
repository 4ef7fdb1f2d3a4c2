//! [`Frame`]: one function of a chain of calls.

use std::fmt;

/// A place in the program: a function that is executed, or that has called the one before it.
///
/// Its text is such as `read_sensor (sensor.c:42)`, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The address of the next instruction: after the call, in a function that has called.
    pub address: u64,
    /// The name of the function, demangled; `None` without a symbol.
    pub function: Option<String>,
    /// The source file, as the compiler was given it; `None` without debug information.
    pub file: Option<String>,
    /// The line in the file.
    pub line: Option<u32>,
    /// False for a guess: a word on the stack that looks like a return address.
    pub certain: bool,
}

/// Writes `read_sensor (sensor.c:42)`, as much of it as is known, with a `?` after a guess.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => f.write_str(function)?,
            None => write!(f, "0x{:08x}", self.address)?,
        }
        if !self.certain {
            f.write_str("?")?;
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        match self.line {
            Some(line) => write!(f, " ({name}:{line})"),
            None => write!(f, " ({name})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_shows_as_much_as_is_known() {
        let whole = Frame {
            address: 0x0800_0124,
            function: Some("read_sensor".to_owned()),
            file: Some("../src/sensor.c".to_owned()),
            line: Some(42),
            certain: true,
        };
        assert_eq!(whole.to_string(), "read_sensor (sensor.c:42)");
        let guess = Frame {
            certain: false,
            ..whole.clone()
        };
        assert_eq!(guess.to_string(), "read_sensor? (sensor.c:42)");
        let stripped = Frame {
            function: None,
            file: None,
            ..whole
        };
        assert_eq!(stripped.to_string(), "0x08000124");
    }
}

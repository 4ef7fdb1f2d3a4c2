//! [`DebugError`]: a memory or a variable that a test cannot look at.

use std::path::PathBuf;

/// A memory or a variable of the firmware that a test cannot look at.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DebugError {
    /// Some of the addresses are not those of a memory.
    #[error(
        "cannot {operation} `{machine}`: {length} bytes at {address:#010x} are not all in one of its memories; \
         a peripheral is not touched, because reading a register can change it"
    )]
    NoMemory {
        /// The requested operation.
        operation: &'static str,
        /// The machine's name.
        machine: String,
        /// The first address.
        address: u64,
        /// The number of bytes.
        length: u64,
    },
    /// The machine's firmware has no symbols.
    #[error("no variables are known of `{machine}`: {}", no_symbols(file.as_ref()))]
    NoSymbols {
        /// The machine's name.
        machine: String,
        /// The firmware, if there is one.
        file: Option<PathBuf>,
    },
    /// The firmware has no symbol of this name.
    #[error("{file:?} has no symbol `{name}`{}", did_you_mean(similar.as_ref()))]
    NoSymbol {
        /// The name.
        name: String,
        /// The firmware.
        file: PathBuf,
        /// The known name that is most like it.
        similar: Option<String>,
    },
    /// A variable has another size than the type by which it is read or written.
    #[error("`{name}` has {size} bytes in {file:?}, not the {wanted} of {of_type}")]
    WrongSize {
        /// The name.
        name: String,
        /// The firmware.
        file: PathBuf,
        /// The size in the firmware.
        size: u64,
        /// The size of the type.
        wanted: u64,
        /// The type.
        of_type: &'static str,
    },
}

fn no_symbols(file: Option<&PathBuf>) -> String {
    match file {
        Some(file) => {
            format!("{file:?} has no symbols; flash the ELF file, or name it in `symbols`")
        }
        None => "it has no firmware; flash an ELF file, or name it in `symbols`".to_owned(),
    }
}

fn did_you_mean(similar: Option<&String>) -> String {
    similar.map_or(String::new(), |it| format!("; did you mean `{it}`?"))
}

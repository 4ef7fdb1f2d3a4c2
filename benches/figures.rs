//! `target/figures.json`: one flat object of measured figures; several tools add to it.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The figures of one tool, and those of other tools that are already in the file.
pub struct Figures {
    file: PathBuf,
    figures: Map<String, Value>,
}

impl Figures {
    /// Loads the figures that are already in the file.
    pub fn load() -> io::Result<Self> {
        let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target"));
        fs::create_dir_all(target)?;
        let file = target.join("figures.json");
        let figures = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => Map::new(),
        };
        Ok(Self { file, figures })
    }

    /// Sets a figure.
    pub fn set(&mut self, key: &str, figure: impl Into<Value>) {
        self.figures.insert(key.to_owned(), figure.into());
        self.figures.remove(&format!("{key}.why"));
    }

    /// Records that a figure cannot be measured here: it becomes `null`, with the reason under
    /// `<key>.why`.
    pub fn missing(&mut self, key: &str, why: impl Display) {
        self.set(key, Value::Null);
        self.set(&format!("{key}.why"), why.to_string());
    }

    /// Writes all figures to the file.
    pub fn save(self) -> io::Result<()> {
        fs::write(&self.file, format!("{self}\n"))
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", Value::from(self.figures.clone()))
    }
}

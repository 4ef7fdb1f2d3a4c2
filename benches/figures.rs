//! `target/figures.json`: one flat object of measured figures, to which several tools add.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The figures of one tool, and those that other tools have left in the file.
pub struct Figures {
    file: PathBuf,
    figures: Map<String, Value>,
}

impl Figures {
    /// Those that are in the file already.
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

    /// Sets a figure, or says why there is none.
    pub fn set(&mut self, key: &str, figure: Result<f64, &str>) {
        let why = format!("{key}.why");
        self.figures.remove(&why);
        if let Err(reason) = figure {
            self.figures.insert(why, reason.into());
        }
        let value = figure.map_or(Value::Null, Value::from);
        self.figures.insert(key.to_owned(), value);
    }

    /// Writes them all.
    pub fn save(self) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&self.figures)?;
        fs::write(self.file, text + "\n")
    }
}

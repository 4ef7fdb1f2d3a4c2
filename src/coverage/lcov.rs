//! [`Lines`]: the lines and functions of sources, hit or not, as an `lcov.info` file has them.
//!
//! A count is 1 or 0: how often code ran is not known. Lines that were merged from several images
//! are hit if they are hit in one of them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use super::error::LcovProblem;

/// The lines and functions of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// Whether each line that has code is hit.
    pub(super) lines: BTreeMap<u32, bool>,
    /// The line of each function, by name, and whether the function is hit.
    pub(super) functions: BTreeMap<String, (u32, bool)>,
}

/// The sources by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines(pub(super) BTreeMap<String, Source>);

impl Source {
    pub(super) fn add_line(&mut self, line: u32, hit: bool) {
        *self.lines.entry(line).or_default() |= hit;
    }

    pub(super) fn add_function(&mut self, name: &str, line: u32, hit: bool) {
        // For lcov, a name ends at a comma.
        let name = name.replace(',', ";");
        let known = self.functions.entry(name).or_insert((line, hit));
        *known = (known.0.min(line), known.1 | hit);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.functions.is_empty()
    }

    pub(super) fn lines_hit(&self) -> usize {
        self.lines.values().filter(|hit| **hit).count()
    }
}

impl Lines {
    /// Adds the lines and hits of `other`.
    pub(super) fn merge(&mut self, other: Self) {
        for (path, source) in other.0 {
            let into = self.0.entry(path).or_default();
            for (line, hit) in source.lines {
                into.add_line(line, hit);
            }
            for (name, (line, hit)) in source.functions {
                into.add_function(&name, line, hit);
            }
        }
    }

    /// Parses an `lcov.info` file; records of other kinds are skipped.
    pub(super) fn parse(text: &str) -> io::Result<Self> {
        let mut all = Self::default();
        let mut current: Option<(String, Source)> = None;
        let mut starts = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let bad = || LcovProblem::NoRecord {
                number,
                line: line.to_owned(),
            };
            if let Some(path) = line.strip_prefix("SF:") {
                current = Some((path.to_owned(), Source::default()));
                continue;
            }
            if line == "end_of_record" {
                let (path, source) = current.take().ok_or_else(bad)?;
                starts.clear();
                all.merge(Self(BTreeMap::from([(path, source)])));
                continue;
            }
            let Some((kind, rest)) = line.split_once(':') else {
                return Err(bad().into());
            };
            if !["DA", "FN", "FNDA"].contains(&kind) {
                continue;
            }
            let (_, source) = current.as_mut().ok_or_else(bad)?;
            let (number, rest) = rest.split_once(',').ok_or_else(bad)?;
            let number: u64 = number.parse().map_err(|_| bad())?;
            let line_number = || u32::try_from(number).map_err(|_| bad());
            match kind {
                "DA" => {
                    // A checksum may follow.
                    let count = rest.split(',').next().unwrap_or_default();
                    let count: u64 = count.parse().map_err(|_| bad())?;
                    source.add_line(line_number()?, count > 0);
                }
                "FN" => drop(starts.insert(rest, line_number()?)),
                _ => {
                    let start = starts.get(rest).copied().unwrap_or_default();
                    source.add_function(rest, start, number > 0);
                }
            }
        }
        match current {
            None => Ok(all),
            Some((path, _)) => Err(LcovProblem::NoEnd { path }.into()),
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, source) in &self.0 {
            writeln!(f, "TN:\nSF:{path}")?;
            for (name, (line, _)) in &source.functions {
                writeln!(f, "FN:{line},{name}")?;
            }
            for (name, (_, hit)) in &source.functions {
                writeln!(f, "FNDA:{},{name}", u8::from(*hit))?;
            }
            let hit = source.functions.values().filter(|(_, hit)| *hit).count();
            writeln!(f, "FNF:{}\nFNH:{hit}", source.functions.len())?;
            for (line, hit) in &source.lines {
                writeln!(f, "DA:{line},{}", u8::from(*hit))?;
            }
            let (found, hit) = (source.lines.len(), source.lines_hit());
            writeln!(f, "LF:{found}\nLH:{hit}\nend_of_record")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, lines: &[(u32, bool)], functions: &[(&str, u32, bool)]) -> Lines {
        let mut source = Source::default();
        for (line, hit) in lines {
            source.add_line(*line, *hit);
        }
        for (name, line, hit) in functions {
            source.add_function(name, *line, *hit);
        }
        Lines(BTreeMap::from([(path.to_owned(), source)]))
    }

    #[test]
    fn a_line_is_hit_if_one_of_the_images_hits_it() {
        let mut all = lines("/a.c", &[(1, true), (2, false)], &[("f", 1, false)]);
        all.merge(lines("/a.c", &[(2, true), (3, false)], &[("f", 1, true)]));
        all.merge(lines(
            "/b.c",
            &[(7, false)],
            &[("core::fmt<A, B>", 7, false)],
        ));
        let expected = "TN:\nSF:/a.c\nFN:1,f\nFNDA:1,f\nFNF:1\nFNH:1\nDA:1,1\nDA:2,1\nDA:3,0\n\
             LF:3\nLH:2\nend_of_record\n\
             TN:\nSF:/b.c\nFN:7,core::fmt<A; B>\nFNDA:0,core::fmt<A; B>\nFNF:1\nFNH:0\nDA:7,0\n\
             LF:1\nLH:0\nend_of_record\n";
        assert_eq!(all.to_string(), expected);
        assert_eq!(Lines::parse(expected).unwrap(), all);
    }

    /// The text is what lcov 1.16 writes for a program of gcc.
    #[test]
    fn files_of_other_programs_are_read() {
        let text = "TN:t\nSF:/x.c\nFN:3,main\nFNDA:5,main\nFNF:1\nFNH:1\nBRDA:4,0,0,1\nBRF:1\nBRH:1\n\
                    DA:3,5,aGVsbG8\nDA:4,0\nLF:2\nLH:1\nend_of_record\n";
        let read = Lines::parse(text).unwrap();
        assert_eq!(
            read,
            lines("/x.c", &[(3, true), (4, false)], &[("main", 3, true)])
        );
    }

    #[test]
    fn a_damaged_file_is_an_error_with_its_line() {
        for (text, why) in [
            ("SF:/a\nDA:x,1\nend_of_record\n", "line 2 "),
            ("DA:1,1\n", "line 1 "),
            ("end_of_record\n", "line 1 "),
            ("SF:/a\nhello\n", "line 2 "),
            ("SF:/a\nDA:1,1\n", "\"/a\" has no end"),
        ] {
            let error = Lines::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}

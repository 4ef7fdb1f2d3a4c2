//! The tests that `docs/jep-0010.md` names are there.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use regex::Regex;

/// Names as in `` `board::greets_and_answers::renode` ``; `…::name` continues the name before.
#[test]
fn the_tests_that_the_table_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("docs/jep-0010.md")).unwrap();
    let tests = root.join("tests/engines/tests");
    let sources: Vec<String> = fs::read_dir(tests)
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let named = Regex::new(r"`(?:…|\w+)::([\w:]+)`").unwrap();
    let mut names = 0;
    for name in named.captures_iter(&table) {
        let parts = name[1].split("::");
        let test = parts
            .filter(|part| !["renode", "qemu"].contains(part))
            .last()
            .unwrap();
        // Declared by `fn` or by a macro of the file's own.
        let declared = Regex::new(&format!(r"\b{test}\b")).unwrap();
        let is_there = sources.iter().any(|source| declared.is_match(source));
        assert!(is_there, "{}: no test has this name", &name[0]);
        names += 1;
    }
    assert!(names > 20, "only {names} tests are named");
}

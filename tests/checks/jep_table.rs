//! All tests and files that `docs/jep-0010.md` names exist.

use std::fs;
use std::path::Path;

use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> String {
    fs::read_to_string(root().join("docs/jep-0010.md")).unwrap()
}

/// Returns true if `source` declares `test`: as a function, or as a row of a table from which a
/// macro makes functions.
fn declares(source: &str, test: &str) -> bool {
    let declared = format!(r"(?m)\bfn {test}\b *\(|^    {test}: ");
    Regex::new(&declared).unwrap().is_match(source)
}

/// Names look like `` `board::greets_and_answers::renode` ``; `…::name` means the file before.
#[test]
fn every_test_in_the_table_exists() {
    let table = table();
    let named = Regex::new(r"`(…|[a-z_0-9]+)((?:::[a-z_0-9]+)+)`").unwrap();
    let mut file = String::new();
    let mut names = 0;
    for name in named.captures_iter(&table) {
        if &name[1] != "…" {
            file = name[1].to_owned();
        }
        let path = root().join(format!("tests/engines/tests/{file}.rs"));
        let source = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let parts = name[2].split("::").filter(|part| !part.is_empty());
        let parts = parts.filter(|part| !["renode", "qemu", "physical"].contains(part));
        let parts: Vec<&str> = parts.collect();
        let [modules @ .., test] = &parts[..] else {
            panic!("{} names no test", &name[0]);
        };
        assert!(
            declares(&source, test),
            "{}: {path:?} has no such test",
            &name[0]
        );
        for module in modules {
            let exists = source.contains(&format!("mod {module} {{"));
            assert!(exists, "{}: {path:?} has no module {module}", &name[0]);
        }
        names += 1;
    }
    assert!(names > 40, "only {names} tests are named");
}

#[test]
fn only_a_definition_declares_a_test() {
    for source in [
        "// fn boots",
        "boots()",
        "\"fn boots_twice()\"",
        "let boots: u8",
        "x boots: 1",
    ] {
        assert!(!declares(source, "boots"), "{source}");
    }
    for source in [
        "fn boots() {}",
        "    pub fn boots(engine) {",
        "    boots: \"a\", \"b\";",
    ] {
        assert!(declares(source, "boots"), "{source}");
    }
}

#[test]
fn every_file_in_the_table_exists() {
    let table = table();
    let path = Regex::new(r"`((?:tests|src|fixtures|scripts|docs|examples)/[^`:]*)`").unwrap();
    for name in path.captures_iter(&table) {
        assert!(root().join(&name[1]).exists(), "there is no {}", &name[1]);
    }
    // A row that all tests of a file cover names only the file.
    let word = Regex::new(r"`([a-z_0-9]+)`").unwrap();
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let shown_by = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        for word in word.captures_iter(shown_by) {
            let file = root().join(format!("tests/engines/tests/{}.rs", &word[1]));
            let known = ["over_telnet", "physical", "load_command", "switches"];
            assert!(
                file.exists() || known.contains(&&word[1]),
                "{}: {row}",
                &word[1]
            );
        }
    }
}

/// The template's CI installs Renode as the JEP's does, in the version that the script pins.
#[test]
fn ci_installs_renode() {
    let suite = root().join("examples/firmware-suite");
    let workflow = suite.join(".github/workflows/firmware-tests.yml");
    let workflow = fs::read_to_string(workflow).unwrap();
    assert!(
        workflow
            .lines()
            .any(|line| line.trim() == "run: scripts/install-renode")
    );
    let script = |root: &Path| fs::read_to_string(root.join("scripts/install-renode")).unwrap();
    assert_eq!(script(&suite), script(root()), "the template's is a copy");
}

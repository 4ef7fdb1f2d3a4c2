//! [`TestName`]: the name of the running test, and the number of the attempt.
//!
//! Nextest sets the name in the environment; libtest gives the name to the test's thread, also with
//! `--test-threads=1`. Without either (a thread of the test's own under libtest), the name is the
//! place in the source that made the target.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::Location;
use std::path::{Path, PathBuf};

use super::beginning::beginning;

const MAX_LEN: usize = 120;

/// The name of a test, usable as a directory's name, and the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestName {
    /// Binary and test, such as `my-firmware.boots.on_both.qemu`.
    pub(super) name: String,
    /// Counted from 1.
    pub(super) attempt: u32,
}

impl TestName {
    /// Returns true if this process runs tests: cargo gives the program of tests a name that ends with a
    /// hash, and no other program. A program that a test starts inherits nextest's variables.
    pub(crate) fn runs_tests() -> bool {
        let is_hashed = |program: PathBuf| {
            let stem = program.file_stem()?.to_str()?;
            Some(is_hash(stem.rsplit_once('-')?.1))
        };
        env::current_exe().ok().and_then(is_hashed) == Some(true)
    }

    /// Returns the test that the calling thread runs; `caller` makes a target in the test.
    pub(crate) fn current(caller: &Location<'_>) -> Self {
        Self::of_this_thread().unwrap_or_else(|| Self::of_test(&place(caller)))
    }

    /// Returns the test that nextest runs, or else the one that has this thread's name, if it has
    /// a name of its own.
    pub(super) fn of_this_thread() -> Option<Self> {
        let thread = std::thread::current();
        let thread = thread.name().filter(|name| names_a_test(name));
        let test = variable(NEXTEST_TEST).or(thread.map(str::to_owned))?;
        Some(Self::of_test(&test))
    }

    /// Returns the test whose end is the end of this thread, if the thread's name tells it.
    pub(super) fn of_own_thread() -> Option<Self> {
        let thread = std::thread::current();
        let name = thread.name().filter(|name| names_a_test(name))?;
        // A thread that a test has started may have any name.
        let is_other = variable(NEXTEST_TEST).is_some_and(|test| test != name);
        (!is_other).then(|| Self::of_test(name))
    }

    /// Returns true if nextest has started this process, for one test.
    pub(super) fn is_told_by_nextest() -> bool {
        variable(NEXTEST_TEST).is_some()
    }

    fn of_test(test: &str) -> Self {
        // Cargo's naming, also under nextest, so that both write a test's artifacts to one place.
        let program = env::current_exe().ok();
        let binary = program.and_then(|it| binary(&it, variable("CARGO_PKG_NAME")));
        Self {
            name: directory_name(&[binary.as_deref().unwrap_or("test"), test].join("::")),
            attempt: variable("NEXTEST_ATTEMPT")
                .and_then(|attempt| attempt.parse().ok())
                .unwrap_or(1),
        }
    }
}

/// The variable in which nextest tells a test's name.
const NEXTEST_TEST: &str = "NEXTEST_TEST_NAME";

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns false for threads that libtest did not name by a test's path.
fn names_a_test(thread: &str) -> bool {
    thread != "main" && !thread.starts_with("tokio-")
}

/// Returns a name made of the file and the line, such as `boots.rs-12`.
fn place(caller: &Location<'_>) -> String {
    let file = Path::new(caller.file()).file_name();
    let file = file.map_or(caller.file().into(), |name| name.to_string_lossy());
    format!("{file}-{}", caller.line())
}

/// Returns the name of a test binary: the package's, and the file's if it differs.
fn binary(program: &Path, package: Option<String>) -> Option<String> {
    let stem = program.file_name()?.to_str()?;
    let stem = match stem.rsplit_once('-') {
        Some((stem, hash)) if is_hash(hash) => stem,
        _ => stem,
    };
    Some(match package {
        Some(package) if package.replace('-', "_") == stem.replace('-', "_") => package,
        Some(package) => format!("{package}::{stem}"),
        None => stem.to_owned(),
    })
}

/// Returns true if cargo can have added `text` to the name of a test's program.
fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Replaces the characters of `name` that are special in a path or a shell, and limits its length.
fn directory_name(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let mut short: String = name.replace("::", ".").trim_start_matches('.').to_owned();
    short = short.replace(|c| !plain(c), "_");
    if short.len() > MAX_LEN {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let hash = hasher.finish();
        short = format!("{}-{hash:016x}", beginning(&short, MAX_LEN - 17));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_names_are_safe_short_and_distinct() {
        assert_eq!(directory_name("fw::boots::case_1"), "fw.boots.case_1");
        assert_eq!(directory_name("fw::a b/../c"), "fw.a_b_.._c");
        assert_eq!(directory_name("::../x"), "_x");
        let long = |last| directory_name(&format!("fw::{}{last}", "é".repeat(200)));
        assert!(long('a').len() <= MAX_LEN, "{}", long('a').len());
        assert_ne!(long('a'), long('b'));
    }

    #[test]
    fn a_binary_has_the_name_of_its_package_and_file() {
        let path = Path::new("/t/debug/deps/my_fw-0123456789abcdef");
        assert_eq!(binary(path, Some("my-fw".into())).unwrap(), "my-fw");
        assert_eq!(binary(path, Some("app".into())).unwrap(), "app::my_fw");
        assert_eq!(binary(path, None).unwrap(), "my_fw");
    }

    #[test]
    fn the_name_is_that_of_the_test() {
        let name = TestName::current(Location::caller()).name;
        assert!(
            name.ends_with("test_name.tests.the_name_is_that_of_the_test"),
            "{name}"
        );
        let unnamed = std::thread::spawn(|| place(Location::caller()));
        assert!(unnamed.join().unwrap().starts_with("test_name.rs-"));
    }
}

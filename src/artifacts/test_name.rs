//! The name of the running test, and which attempt at it this is.
//!
//! Nextest says it in the environment; libtest gives a test's thread its name.
//! Where there is neither (`--test-threads=1`, a thread of the test's own), it is
//! the place in the source that made the target.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::Location;
use std::path::Path;

use super::beginning::beginning;

const LONGEST: usize = 120;

/// A test, in names that a directory can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestName {
    /// Binary and test, such as `my-firmware.boots.on_both.qemu`.
    pub(super) name: String,
    /// Counted from 1.
    pub(super) attempt: u32,
}

impl TestName {
    /// The test that the calling thread runs; `caller` makes a target in it.
    pub(crate) fn current(caller: &Location<'_>) -> Self {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let thread = std::thread::current();
        let thread = thread.name().filter(|name| names_a_test(name));
        let test = variable("NEXTEST_TEST_NAME").or(thread.map(str::to_owned));
        let test = test.unwrap_or_else(|| place(caller));
        // Cargo's own way, under nextest too: both are to leave a test's artifacts in one place.
        let program = env::current_exe().ok();
        let binary = program.and_then(|it| binary(&it, variable("CARGO_PKG_NAME")));
        Self {
            name: directory_name(&[binary.as_deref().unwrap_or("test"), &test].join("::")),
            attempt: variable("NEXTEST_ATTEMPT")
                .and_then(|attempt| attempt.parse().ok())
                .unwrap_or(1),
        }
    }
}

/// Libtest names a test's thread by its path; these are threads of others.
fn names_a_test(thread: &str) -> bool {
    thread != "main" && !thread.starts_with("tokio-")
}

/// `boots.rs-12`
fn place(caller: &Location<'_>) -> String {
    let file = Path::new(caller.file()).file_name();
    let file = file.map_or(caller.file().into(), |name| name.to_string_lossy());
    format!("{file}-{}", caller.line())
}

/// The name of a test binary: the package's, and the file's where that differs.
fn binary(program: &Path, package: Option<String>) -> Option<String> {
    let stem = program.file_name()?.to_str()?;
    let stem = match stem.rsplit_once('-') {
        Some((stem, hash)) if hash.len() == 16 => stem,
        _ => stem,
    };
    Some(match package {
        Some(package) if package.replace('-', "_") == stem.replace('-', "_") => package,
        Some(package) => format!("{package}::{stem}"),
        None => stem.to_owned(),
    })
}

/// `name` without what a path or a shell would stumble over, and not too long.
fn directory_name(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let mut short: String = name.replace("::", ".").trim_start_matches('.').to_owned();
    short = short.replace(|c| !plain(c), "_");
    if short.len() > LONGEST {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let hash = hasher.finish();
        short = format!("{}-{hash:016x}", beginning(&short, LONGEST - 17));
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
        assert!(long('a').len() <= LONGEST, "{}", long('a').len());
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

//! A Renode that is a single file, as the official portable one: it unpacks itself before
//! it does anything else. Simulated by a script of that form in front of the stand-in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use engine_tests::emulator_variant::write_launcher;
use engine_tests::sample;

const FAKE: &str = env!("CARGO_BIN_EXE_fake-renode");

/// Unpacks as .NET does: into a directory of its own, which is then moved to its place. An
/// existing directory is used without a check.
const UNPACKING: &str = r#"
place=$DOTNET_BUNDLE_EXTRACT_BASE_DIR/renode/a1b2
fail() { echo "Failure processing application bundle." >&2; exit "$1"; }
if [ ! -e "$place" ]; then
    mkdir -p "$place.$$" || fail 159
    echo "$place" >> "$COUNT"
    echo 12345 > "$place.$$/lib" || fail 160
    mv -T "$place.$$" "$place" 2>/dev/null || rm -r "$place.$$"
fi
if [ "$(cat "$place/lib")" != 12345 ]; then
    echo "Failed to create CoreCLR, HRESULT: 0x80004005" >&2
    exit 134
fi
"#;

/// A user with such a Renode.
struct User {
    directory: tempfile::TempDir,
    renode: PathBuf,
}

impl User {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let count = directory.path().join("count");
        let script = format!(
            "COUNT='{}'\n{UNPACKING}\nFAKE_RENODE= exec '{FAKE}' \"$@\"",
            count.display()
        );
        let renode = write_launcher(directory.path(), &script);
        let target = format!(
            "backend: renode\nplatform: platforms/boards/stm32f4_discovery-kit.repl\n\
             uart: sysbus.usart2\nmachine_name: stm32f4\nfirmware: {:?}\n",
            sample("shell.elf")
        );
        fs::write(directory.path().join("target.yaml"), target).unwrap();
        Self { directory, renode }
    }

    fn cache(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    /// Returns a boot by another process, in an environment without `HOME`.
    fn boot_once(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boot_once"));
        command
            .arg(self.directory.path().join("target.yaml"))
            .env_remove("HOME")
            .env_remove("DOTNET_BUNDLE_EXTRACT_BASE_DIR")
            .env("XDG_CACHE_HOME", self.cache())
            // A user who names a proxy decides about downloads: nothing is probed here.
            .env("https_proxy", "http://127.0.0.1:1")
            .env("VTARGET_RENODE", &self.renode)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns the directory of each unpacking.
    fn unpacked(&self) -> Vec<PathBuf> {
        let count = fs::read_to_string(self.directory.path().join("count"));
        let count = count.unwrap_or_default();
        count.lines().map(PathBuf::from).collect()
    }
}

fn finish(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_boots(outcome: &Output) {
    let error = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{error}");
}

#[test]
fn unpacks_once_per_user() {
    let user = User::new();
    for _ in 0..3 {
        assert_boots(&user.boot_once().output().unwrap());
    }
    let unpacked = user.unpacked();
    assert_eq!(unpacked.len(), 1, "{unpacked:?}");
    assert!(unpacked[0].starts_with(user.cache()), "{unpacked:?}");
}

#[test]
fn parallel_first_starts_are_safe() {
    let user = User::new();
    let started: Vec<Child> = (0..6).map(|_| user.boot_once().spawn().unwrap()).collect();
    for child in started {
        assert_boots(&finish(child));
    }
    let so_far = user.unpacked().len();
    assert_boots(&user.boot_once().output().unwrap());
    assert_eq!(user.unpacked().len(), so_far, "unpacked again");
}

#[test]
fn unpacks_next_to_the_program_without_a_cache() {
    let user = User::new();
    fs::write(user.cache(), "a file").unwrap();
    assert_boots(&user.boot_once().output().unwrap());
    assert_boots(&user.boot_once().output().unwrap());
    let unpacked = user.unpacked();
    assert_eq!(unpacked.len(), 1, "{unpacked:?}");
    assert!(
        unpacked[0].starts_with(user.directory.path()),
        "{unpacked:?}"
    );
}

#[test]
fn unpacks_to_the_directory_that_the_user_has_set() {
    let user = User::new();
    let place = user.directory.path().join("mine");
    let mut boot_once = user.boot_once();
    boot_once.env("DOTNET_BUNDLE_EXTRACT_BASE_DIR", &place);
    assert_boots(&boot_once.output().unwrap());
    assert_eq!(user.unpacked(), [place.join("renode/a1b2")]);
}

#[test]
fn a_damaged_copy_is_replaced() {
    let user = User::new();
    assert_boots(&user.boot_once().output().unwrap());
    let place = user.unpacked().remove(0);
    fs::write(place.join("lib"), "123").unwrap();
    assert_boots(&user.boot_once().output().unwrap());
    assert_eq!(user.unpacked().len(), 2);
    assert_boots(&user.boot_once().output().unwrap());
    assert_eq!(user.unpacked().len(), 2);
    // Damaged from the first start on, as on a full disk.
    let kept = kept(&place);
    fs::remove_file(kept.join("unpacked.list")).unwrap();
    fs::write(place.join("lib"), "").unwrap();
    assert_boots(&user.boot_once().output().unwrap());
    assert_eq!(user.unpacked().len(), 3);
    let left = fs::read_dir(&kept).unwrap().count();
    assert_eq!(left, 2, "what was unpacked, and its list");
}

/// Returns the directory of a program's kept files, from the place where it has unpacked itself.
fn kept(place: &Path) -> PathBuf {
    place.ancestors().nth(3).unwrap().to_owned()
}

#[test]
fn an_unwritable_directory_is_named() {
    let user = User::new();
    let place = user.directory.path().join("file");
    fs::write(&place, "").unwrap();
    let mut boot_once = user.boot_once();
    boot_once.env("DOTNET_BUNDLE_EXTRACT_BASE_DIR", &place);
    let outcome = boot_once.output().unwrap();
    let error = String::from_utf8(outcome.stderr).unwrap();
    for part in [
        "while starting Renode: Renode exited with status 159",
        &format!("cannot unpack itself into {}", place.display()),
        "set DOTNET_BUNDLE_EXTRACT_BASE_DIR",
        "Failure processing application bundle.",
    ] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

#[test]
fn a_low_limit_is_named() {
    let user = User::new();
    // This launcher does not run Renode: the error names the limit, whatever the cause of an early exit.
    let limited = write_launcher(user.directory.path(), "exit 134");
    let boot_once = user.boot_once();
    let script = format!(
        "ulimit -n 100; exec '{}' '{}'",
        env!("CARGO_BIN_EXE_boot_once"),
        user.directory.path().join("target.yaml").display()
    );
    let mut shell = Command::new("sh");
    for (name, value) in boot_once.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let outcome = shell
        .args(["-c", &script])
        .env("VTARGET_RENODE", limited)
        .output()
        .unwrap();
    let error = String::from_utf8(outcome.stderr).unwrap();
    for part in ["exited with status 134", "only 100 files open", "ulimit -n"] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

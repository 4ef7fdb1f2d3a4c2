//! `scripts/install-renode`, with a small file in place of Renode and a local server.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A cache, and an archive in place of Renode's.
struct Fixture {
    directory: TempDir,
    archive: PathBuf,
    sum: String,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let content = directory.path().join("renode-portable");
        fs::create_dir(&content).unwrap();
        sh(
            &content,
            "printf '#!/bin/sh\\necho renode\\n' > renode && chmod +x renode && head -c 300000 /dev/urandom > dll",
        );
        sh(directory.path(), "tar -czf archive.tar.gz renode-portable");
        let sum = sh(
            directory.path(),
            "(sha256sum archive.tar.gz || shasum -a 256 archive.tar.gz) 2>/dev/null",
        );
        let archive = directory.path().join("archive.tar.gz");
        let sum = sum.split(' ').next().unwrap().to_owned();
        Self {
            directory,
            archive,
            sum,
        }
    }

    fn cache(&self) -> PathBuf {
        self.directory.path().join("a cache")
    }

    fn command(&self, prefix: &str, arguments: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install-renode");
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                &format!("{prefix} exec '{}' {arguments}", script.display()),
            ])
            .env("XDG_CACHE_HOME", self.cache())
            .env("VTARGET_RENODE_SHA256", &self.sum)
            .env("VTARGET_RENODE_URL", "http://127.0.0.1:1")
            .env("no_proxy", "127.0.0.1");
        command
    }

    fn install_archive(&self) -> Command {
        self.command("", &format!("--from '{}'", self.archive.display()))
    }

    fn download(&self, from: &str) -> Command {
        let mut command = self.command("", "");
        command.env("VTARGET_RENODE_URL", from);
        command
    }

    fn assert_installed(&self, outcome: &Output) {
        assert!(outcome.status.success(), "{outcome:?}");
        let renode = self.cache().join("virtual-target/renode-1.16.1/renode");
        let stdout = Command::new(renode).output().unwrap().stdout;
        assert_eq!(stdout, b"renode\n");
        self.assert_holds(&["renode-1.16.1"]);
    }

    /// Asserts that the cache holds exactly the `expected` entries.
    fn assert_holds(&self, expected: &[&str]) {
        let entries = fs::read_dir(self.cache().join("virtual-target"));
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, expected);
    }
}

fn sh(directory: &Path, script: &str) -> String {
    let outcome = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(outcome.status.success(), "{script}: {outcome:?}");
    String::from_utf8(outcome.stdout).unwrap()
}

fn assert_refused(outcome: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(outcome.status.code(), Some(1), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in: {stderr}");
    }
}

/// Serves `file` under every name, to one request per entry of `limits`: the connection is cut
/// after that many bytes of the answer.
fn serve(file: &Path, limits: Vec<usize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let content = fs::read(file).unwrap();
    std::thread::spawn(move || {
        for limit in limits {
            let (mut stream, _) = listener.accept().unwrap();
            let mut begin = 0;
            for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                    begin = range.trim_end_matches('-').parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let rest = &content[begin..];
            let status = match begin {
                0 => "200 OK".to_owned(),
                _ => format!(
                    "206 Partial Content\r\nContent-Range: bytes {begin}-{}/{}",
                    content.len() - 1,
                    content.len()
                ),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                rest.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            let _ = stream.write_all(&rest[..limit.min(rest.len())]);
        }
    });
    url
}

#[test]
fn from_installs_a_local_archive_once() {
    let fixture = Fixture::new();
    let is_installed = || fixture.command("", "--installed").status().unwrap();
    assert!(!is_installed().success());
    fixture.assert_installed(&fixture.install_archive().output().unwrap());
    assert!(is_installed().success());
    let again = fixture.command("", "").output().unwrap();
    assert!(
        String::from_utf8_lossy(&again.stdout).contains("is already in"),
        "{again:?}"
    );
    fixture.assert_installed(&again);
    assert!(fixture.archive.exists(), "the user's file is kept");
}

#[test]
fn a_download_is_installed() {
    let fixture = Fixture::new();
    let url = serve(&fixture.archive, vec![usize::MAX]);
    fixture.assert_installed(&fixture.download(&url).output().unwrap());
}

/// The archives of other versions have other names from 1.17 on.
#[test]
fn another_version_needs_its_checksum() {
    let fixture = Fixture::new();
    let install = |version: &str, more: &str| {
        let mut command = fixture.command("", &format!("--version {version} {more}"));
        command.env_remove("VTARGET_RENODE_SHA256");
        command
    };
    let refused = install("1.17.0", "").output().unwrap();
    assert_refused(&refused, &["Renode 1.17.0 is not known", "--sha256"]);
    fixture.assert_holds(&[]);
    for (version, old) in [("1.17.0", false), ("1.16.0", true), ("2.0", false)] {
        let url = serve(&fixture.archive, vec![usize::MAX]);
        let mut command = install(version, &format!("--sha256 {}", fixture.sum));
        let outcome = command.env("VTARGET_RENODE_URL", url).output().unwrap();
        let stdout = String::from_utf8_lossy(&outcome.stdout);
        assert!(outcome.status.success(), "{outcome:?}");
        assert_eq!(stdout.contains("-dotnet"), old, "{stdout}");
        let program = fixture
            .cache()
            .join(format!("virtual-target/renode-{version}/renode"));
        let hint = format!("set VTARGET_RENODE={}", program.display());
        assert!(program.exists() && stdout.contains(&hint), "{stdout}");
    }
    let from = format!(
        "--sha256 {} --from '{}'",
        fixture.sum,
        fixture.archive.display()
    );
    assert!(install("1.18.0", &from).status().unwrap().success());
    let is_installed = |version| install(version, "--installed").status().unwrap().success();
    assert!(is_installed("1.18.0") && !is_installed("1.19.0"));
}

#[test]
fn an_interrupted_download_is_continued() {
    let fixture = Fixture::new();
    let url = serve(&fixture.archive, vec![100_000, usize::MAX]);
    let cut = fixture.download(&url).output().unwrap();
    assert_refused(&cut, &["cut off", "again to continue"]);
    assert!(
        !fixture
            .cache()
            .join("virtual-target/renode-1.16.1")
            .exists()
    );
    fixture.assert_installed(&fixture.download(&url).output().unwrap());
}

#[test]
fn a_wrong_checksum_installs_nothing() {
    let fixture = Fixture::new();
    let wrong = "0".repeat(64);
    let mut command = fixture.install_archive();
    let outcome = command
        .env("VTARGET_RENODE_SHA256", &wrong)
        .output()
        .unwrap();
    assert_refused(&outcome, &["archive.tar.gz", &fixture.sum, &wrong]);
    fixture.assert_holds(&[]);

    let url = serve(&fixture.archive, vec![usize::MAX]);
    let mut command = fixture.download(&url);
    let outcome = command
        .env("VTARGET_RENODE_SHA256", &wrong)
        .output()
        .unwrap();
    assert_refused(&outcome, &["was removed", "again"]);
    fixture.assert_holds(&[]);
}

#[test]
fn no_space_leaves_nothing_half_installed() {
    let fixture = Fixture::new();
    let url = serve(&fixture.archive, vec![usize::MAX]);
    let mut command = fixture.command("trap '' XFSZ; ulimit -f 100;", "");
    let outcome = command.env("VTARGET_RENODE_URL", url).output().unwrap();
    assert_refused(&outcome, &["space"]);

    let from = format!("--from '{}'", fixture.archive.display());
    let mut command = fixture.command("trap '' XFSZ; ulimit -f 100;", &from);
    assert_refused(&command.output().unwrap(), &["space"]);
    assert!(
        !fixture
            .cache()
            .join("virtual-target/renode-1.16.1")
            .exists()
    );
}

#[test]
fn an_unreachable_server_is_reported_with_advice() {
    let fixture = Fixture::new();
    let outcome = fixture.download("http://127.0.0.1:1").output().unwrap();
    assert_refused(&outcome, &["cannot reach http://127.0.0.1:1", "--from"]);
    fixture.assert_holds(&[]);
}

#[test]
fn bad_arguments_are_named() {
    let fixture = Fixture::new();
    for (arguments, part) in [
        ("--form x", "--form"),
        ("--from", "--from needs a value"),
        ("--version 1/2 --sha256 0", "'1/2' is no version"),
        ("--sha256", "--sha256 needs a value"),
        ("--from nowhere", "no file 'nowhere'"),
    ] {
        assert_refused(&fixture.command("", arguments).output().unwrap(), &[part]);
    }
}

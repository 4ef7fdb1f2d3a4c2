//! `vtarget install` runs `scripts/install-renode`, which has tests of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use nix::pty::openpty;
use virtual_target::uart::Uart;
use virtual_target::{Result, secs};

use super::run::Started;
use super::{text, vtarget};

#[test]
fn install_passes_its_options_to_the_script() {
    let cache = tempfile::tempdir().unwrap();
    let install = |arguments: &[&str]| {
        let mut command = vtarget();
        command.env("XDG_CACHE_HOME", cache.path()).arg("install");
        command.args(arguments).output().unwrap()
    };
    assert_eq!(install(&["--installed"]).status.code(), Some(1));
    let refused = install(&["--from", "no such file"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        text(&refused.stderr),
        "install-renode: there is no file 'no such file'\n"
    );
    let refused = install(&["--version", "1/2", "--sha256", "0"]);
    assert_eq!(
        text(&refused.stderr),
        "install-renode: '1/2' is no version\n"
    );
    assert_eq!(install(&["--version", "1.17.0"]).status.code(), Some(2));
}

/// Serves a file that is no Renode, whatever is asked for; returns the address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = BufReader::new(stream.try_clone().unwrap());
            request
                .lines()
                .find(|line| line.as_ref().unwrap().is_empty());
            let content = [b'x'; 300_000];
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                content.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&content).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn a_download_has_a_progress_bar_in_a_terminal_only() -> Result<()> {
    let server = serve();
    let install = || -> (Command, tempfile::TempDir) {
        let cache = tempfile::tempdir().unwrap();
        let mut command = vtarget();
        command.arg("install").env("XDG_CACHE_HOME", cache.path());
        command
            .env("VTARGET_RENODE_URL", &server)
            .env("no_proxy", "127.0.0.1");
        (command, cache)
    };
    let (mut command, _cache) = install();
    let output = command.output().unwrap();
    let message = text(&output.stderr);
    assert!(message.starts_with("install-renode: '"), "{message}");
    assert!(message.contains(" has the SHA-256 "), "{message}");

    let (command, _cache) = install();
    let pty = openpty(None, None).unwrap();
    let terminal = Uart::over_fd(pty.master.try_clone().unwrap())?;
    let program = Started::in_terminal(command, &pty);
    terminal.expect("100").within(secs(30)).wait()?;
    terminal
        .expect(" has the SHA-256 ")
        .within(secs(30))
        .wait()?;
    assert!(!program.succeeds());
    let shown = terminal.transcript()?;
    assert!(!shown.contains(&b'\x1b'), "{}", text(&shown));
    Ok(())
}

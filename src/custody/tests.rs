//! Tests of custody with shells as processes; the endings of the test process
//! itself are in the engine tests.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// Runs `script` in a shell of its own; returns the process, its input and its output.
fn shell(
    custody: &Custody,
    script: &str,
) -> (Arc<Process>, std::io::PipeWriter, std::io::PipeReader) {
    let (theirs_in, stdin) = std::io::pipe().unwrap();
    let (stdout, theirs_out) = std::io::pipe().unwrap();
    let process = custody
        .spawn(Launch {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: std::env::vars_os().collect(),
            gate: stdin.try_clone().unwrap().into(),
            stdin: theirs_in.into(),
            stderr: theirs_out.try_clone().unwrap().into(),
            stdout: theirs_out.into(),
            aside: false,
        })
        .unwrap();
    (process, stdin, stdout)
}

fn exists(pid: i32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

#[test]
fn release_kills_and_reaps_the_whole_group() {
    let custody = Custody::new();
    let (process, _stdin, mut stdout) = shell(&custody, "trap '' TERM; sleep 1000 & echo $!; wait");
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    let child: i32 = String::from_utf8(line).unwrap().trim().parse().unwrap();
    assert!(exists(process.pid()) && exists(child));
    custody.release();
    assert!(!exists(process.pid()), "still there, or a zombie");
    assert_eq!(process.exit().unwrap().to_string(), "was killed by SIGKILL");
    // The child's pipe is closed when it is dead, whoever reaps it.
    stdout.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn the_program_gets_what_follows_the_gate() {
    let custody = Custody::new();
    let (process, mut stdin, mut stdout) = shell(&custody, "cat; exit 7");
    std::io::Write::write_all(&mut stdin, b"first\nsecond\n").unwrap();
    drop(stdin);
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    assert_eq!(said, "first\nsecond\n");
    process.wait_gone();
    assert_eq!(process.exit().unwrap().to_string(), "exited with status 7");
}

#[test]
fn children_of_an_ended_launcher_end_too() {
    let custody = Custody::new();
    let (process, _stdin, mut stdout) = shell(&custody, "sleep 1000 & exit 0");
    process.wait_gone();
    // Ends only when the last writer, the sleeper, is gone.
    stdout.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn private_directories_are_private_and_go_with_their_content() {
    let custody = Custody::new();
    let directory = custody.private_dir().unwrap();
    let path = directory.path().to_owned();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o700
    );
    fs::create_dir(path.join("sub")).unwrap();
    fs::write(path.join("sub/file"), "x").unwrap();
    drop(directory);
    custody.release();
    assert!(!path.exists());
}

#[test]
fn a_released_custody_takes_nothing_more() {
    let custody = Custody::new();
    custody.release();
    assert!(matches!(custody.private_dir(), Err(CustodyError::Released)));
}

//! Other programs talk to a board through a pseudo-terminal of a UART's, beside the test.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use virtual_target::uart::UartPty;

use crate::common::uart;

/// The end of another program.
fn open(pty: &UartPty) -> File {
    let flags = OFlag::O_NOCTTY.bits();
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(flags);
    options.open(pty.path()).unwrap()
}

fn read(program: &mut File, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    program.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn another_program_and_the_test_see_the_same_and_both_send() {
    let (uart, mut board) = uart();
    board.write_all(b"before").unwrap();
    uart.expect("before").wait().unwrap();
    let pty = uart.open_pty().unwrap();
    let mut program = open(&pty);
    // Every byte as it is, either way, escape sequences and control characters too.
    let all: Vec<u8> = (0..=255).chain(*b"\x1b[31mred\x1b[0m").collect();
    board.write_all(&all).unwrap();
    assert_eq!(read(&mut program, all.len()), all);
    assert!(uart.transcript().unwrap().ends_with(&all));
    program.write_all(&all).unwrap();
    let mut got = vec![0; all.len()];
    board.read_exact(&mut got).unwrap();
    assert_eq!(got, all);
    uart.send("test").wait().unwrap();
    let mut got = [0; 4];
    board.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"test");
}

#[test]
fn what_no_program_reads_holds_up_nobody_and_is_not_lost() {
    const SIZE: usize = 1 << 20;
    let (uart, mut board) = uart();
    let pty = uart.open_pty().unwrap();
    let sent: Vec<u8> = (0..SIZE).map(|i| (i * 7 + (i >> 8)) as u8).collect();
    board.write_all(&sent).unwrap();
    board.write_all(b"the end").unwrap();
    uart.expect("the end").wait().unwrap();
    let mut program = open(&pty);
    assert!(read(&mut program, SIZE) == sent);
    assert_eq!(read(&mut program, 7), b"the end");
    // The next program goes on where that one stopped.
    drop(program);
    board.write_all(b"more").unwrap();
    assert_eq!(read(&mut open(&pty), 4), b"more");
}

#[test]
fn it_is_gone_when_it_is_dropped() {
    let (uart, mut board) = uart();
    let pty = uart.open_pty().unwrap();
    let mut program = open(&pty);
    drop(pty);
    let mut rest = Vec::new();
    // The other side hangs up: the end, or an error on Linux.
    let _ = program.read_to_end(&mut rest);
    assert!(rest.is_empty());
    board.write_all(b"still here").unwrap();
    uart.expect("still here").wait().unwrap();
}

//! `UartPty`: other programs use a UART through a pseudo-terminal while the test uses it too.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use virtual_target::uart::UartPty;

use crate::common::uart;

/// Opens the pseudo-terminal as another program does.
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
fn a_program_on_the_pty_and_the_test_share_the_uart() {
    let (uart, mut board) = uart();
    board.write_all(b"before").unwrap();
    uart.expect("before").wait().unwrap();
    let pty = uart.open_pty().unwrap();
    let mut program = open(&pty);
    // Every byte passes unchanged both ways, escape sequences and control characters too.
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
fn unread_pty_output_blocks_nothing_and_is_kept() {
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
    // The next program continues where the first one stopped.
    drop(program);
    board.write_all(b"more").unwrap();
    assert_eq!(read(&mut open(&pty), 4), b"more");
}

#[test]
fn drop_closes_the_pty() {
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

//! Large input to a board, and a busy host.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use virtual_target::uart::Uart;
use virtual_target::{Result, secs};

/// Sends `bytes` to the shell, which is at its prompt; returns the time until all arrived, in
/// order.
pub fn sink(uart: &Uart, bytes: &[u8]) -> Result<Duration> {
    let count = bytes.len();
    uart.send_line(format!("sink {count}")).wait()?;
    uart.expect(format!("sink {count}\r\n")).wait()?;
    let since = Instant::now();
    uart.send(bytes).within(secs(600)).wait()?;
    let said = uart.expect_line("re:^sink").within(secs(60)).wait()?;
    let took = since.elapsed();
    let expected = format!("sink {count} crc32 {:08x}", crc32(bytes));
    assert_eq!(said.line(), expected);
    Ok(took)
}

/// Returns the bytes that the shell's `source` sends.
pub fn all_values(count: usize) -> Vec<u8> {
    (0..count)
        .map(|i| ((i * 7 + (i >> 8)) & 0xff) as u8)
        .collect()
}

pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Processes that keep the host busy; they end when this is dropped, or with the test's process.
pub struct Busy(Vec<Child>);

impl Busy {
    pub fn start(processes: usize) -> Self {
        let process = |_| {
            Command::new("/bin/sh")
                .args(["-c", "while kill -0 $PPID; do :; done"])
                .stderr(Stdio::null())
                .spawn()
                .expect("a shell")
        };
        Self((0..processes).map(process).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // A process that has already ended is no error.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

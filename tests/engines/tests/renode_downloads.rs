//! The files that Renode downloads: once per user, and never at the cost of a boot's time limit.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_tests::sample;

const BOOT_ONCE: &str = env!("CARGO_BIN_EXE_boot_once");

/// The peripherals that the sample firmware needs, without a file from elsewhere.
const PLATFORM: &str = r#"
nvic: IRQControllers.NVIC @ sysbus 0xE000E000
    systickFrequency: 16000000
    IRQ -> cpu@0
cpu: CPU.CortexM @ sysbus
    cpuType: "cortex-m4f"
    nvic: nvic
flash: Memory.MappedMemory @ sysbus 0x08000000
    size: 0x200000
sram: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x40000
usart2: UART.STM32_UART @ sysbus <0x40004400, +0x100>
    -> nvic@38
"#;

/// Writes a target on `platform`, with the lines `more`.
fn target(directory: &Path, platform: &str, more: &str) -> PathBuf {
    let file = directory.join("target.yaml");
    let text = format!(
        "backend: renode\nplatform: {platform}\nuart: sysbus.usart2\nmachine_name: stm32f4\n\
         firmware: {:?}\n{more}",
        sample("shell.elf")
    );
    fs::write(&file, text).unwrap();
    file
}

/// Answers each request with 16 bytes, and counts the requests.
fn serve(server: TcpListener) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let answer = move |mut stream: TcpStream| -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while lines
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        counted.fetch_add(1, Ordering::SeqCst);
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n0123456789abcdef",
        )
    };
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let _ = stream.and_then(&answer);
        }
    });
    count
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_file_is_downloaded_once_per_user() {
    let directory = tempfile::tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let fetched = serve(server);
    fs::write(directory.path().join("board.repl"), PLATFORM).unwrap();
    let load = |name: &str| {
        let command = format!("sysbus LoadBinary @{url}/{name} 0x20030000");
        target(
            directory.path(),
            "board.repl",
            &format!("extra_commands: ['{command}', 'sysbus ReadDoubleWord 0x20030000']\n"),
        )
    };
    let boot = |target: PathBuf| {
        let outcome = Command::new(BOOT_ONCE)
            .arg(target)
            .env("XDG_CACHE_HOME", directory.path().join("cache"))
            // The server must not be reached through a proxy.
            .env("no_proxy", "127.0.0.1")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&outcome.stderr);
        assert!(outcome.status.success(), "{error}");
    };
    for _ in 0..2 {
        boot(load("first"));
        assert_eq!(fetched.load(Ordering::SeqCst), 1);
    }
    // Files of later boots are kept as well.
    for _ in 0..2 {
        boot(load("second"));
        assert_eq!(fetched.load(Ordering::SeqCst), 2);
    }
}

/// Renode would wait for its resolver five times, longer than the limit of a command.
#[test]
#[cfg_attr(
    not(all(renode, namespaces)),
    ignore = "no Renode, or no right to make namespaces (or no unshare, or no ip)"
)]
fn a_network_that_drops_packets_does_not_delay_a_boot() {
    let directory = tempfile::tempdir().unwrap();
    let platform = "platforms/boards/stm32f4_discovery-kit.repl";
    let target = target(directory.path(), platform, "");
    let outcome =
        engine_tests::network::with_unresponsive_resolver(directory.path(), Path::new(BOOT_ONCE))
            .arg(target)
            .env("XDG_CACHE_HOME", directory.path().join("cache"))
            .output()
            .unwrap();
    let error = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{error}");
    let noted = directory.path().join("cache/virtual-target/network");
    assert_eq!(fs::read_to_string(noted).unwrap(), "unreachable\n");
}

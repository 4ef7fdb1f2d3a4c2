//! Finds the emulators at build time. A test whose emulator is missing is then ignored, with
//! the reason, instead of passing without having run.
//!
//! The command-line program's tests use this script, too.
//!
//! `VTARGET_REQUIRE=renode,qemu` makes a missing emulator an error; `VTARGET_SOAK` enables the
//! long runs whose emulator was found.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!(
        "cargo::rustc-check-cfg=cfg(mounts, namespaces, renode, qemu, qemu_aarch64, qemu_riscv, soak)"
    );
    for variable in [
        "PATH",
        "VTARGET_RENODE",
        "VTARGET_QEMU",
        "VTARGET_REQUIRE",
        "VTARGET_SOAK",
        "XDG_CACHE_HOME",
    ] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if may_mount() {
        println!("cargo::rustc-cfg=mounts");
    }
    if may_enter_namespaces() {
        println!("cargo::rustc-cfg=namespaces");
    }
    if env::var_os("VTARGET_SOAK").is_some() {
        println!("cargo::rustc-cfg=soak");
    }
    for (cfg, program) in [("qemu_aarch64", AARCH64), ("qemu_riscv", RISC_V)] {
        let beside = env::var_os("VTARGET_QEMU").map(|arm| Path::new(&arm).with_file_name(program));
        if find("", program, beside) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
    let required = env::var("VTARGET_REQUIRE").unwrap_or_default();
    for required in required.split(',').filter(|name| !name.is_empty()) {
        if !["renode", "qemu"].contains(&required) {
            println!(
                "cargo::error=VTARGET_REQUIRE names {required:?}; it takes renode and qemu, with a comma between them"
            );
        }
    }
    let engines = [
        ("renode", "VTARGET_RENODE", "renode", renode_in_cache()),
        ("qemu", "VTARGET_QEMU", "qemu-system-arm", None),
    ];
    for (cfg, variable, program, elsewhere) in engines {
        if find(variable, program, elsewhere) {
            println!("cargo::rustc-cfg={cfg}");
        } else if required.split(',').any(|name| name == cfg) {
            println!(
                "cargo::error=VTARGET_REQUIRE asks for {cfg}, but {variable} names no program and there is no {program} in PATH"
            );
        } else if env::var("CARGO_PKG_NAME").is_ok_and(|name| name == "engine-tests") {
            println!(
                "cargo::warning=no {cfg}: its tests are ignored ({variable} names no program and there is no {program} in PATH)"
            );
        }
    }
}

/// QEMU for 64-bit Arm.
const AARCH64: &str = "qemu-system-aarch64";

/// QEMU for 32-bit RISC-V.
const RISC_V: &str = "qemu-system-riscv32";

/// Returns true if a test may mount a small file system of its own, to fill it.
fn may_mount() -> bool {
    let mount = ["-m", "mount", "-t", "tmpfs", "none", "/tmp"];
    let tried = std::process::Command::new("unshare").args(mount).output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// Returns true if a test may have a network and a name server of its own.
fn may_enter_namespaces() -> bool {
    let enter = "ip link set lo up && mount --bind /dev/null /etc/resolv.conf";
    let tried = std::process::Command::new("unshare")
        .args(["-rnm", "sh", "-c", enter])
        .output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// Returns true if the program exists; makes cargo run this script again when that may have changed.
fn find(variable: &str, program: &str, elsewhere: Option<PathBuf>) -> bool {
    if let Some(named) = env::var_os(variable).filter(|named| !named.is_empty()) {
        println!("cargo::rerun-if-changed={}", Path::new(&named).display());
        return Path::new(&named).is_file();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = false;
    for directory in env::split_paths(&path) {
        if directory.is_dir() {
            println!("cargo::rerun-if-changed={}", directory.display());
            found |= directory.join(program).is_file();
        }
    }
    found || elsewhere.is_some_and(|program| program.is_file())
}

/// Returns the path at which `scripts/install-renode` installs Renode.
fn renode_in_cache() -> Option<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty()) {
        Some(cache) => PathBuf::from(cache),
        None if cfg!(target_os = "macos") => {
            Path::new(&env::var_os("HOME")?).join("Library/Caches")
        }
        None => Path::new(&env::var_os("HOME")?).join(".cache"),
    };
    Some(cache.join("virtual-target/renode-1.16.1/renode"))
}

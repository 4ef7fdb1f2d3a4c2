//! The lines that are hit, compared with what an engine tells when it reports each block that runs, not
//! only those that it translates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine_tests::coverage::{Lcov, Lines, line_starts};
use engine_tests::emulator_variant::write_launcher;
use engine_tests::{on_each_engine, on_renode, sample, sample_for};
use virtual_target::Result;
use virtual_target::config::BackendKind;

use super::{Run, pass};

/// Firmware that is flashed, and the ELF files with its code.
#[derive(Debug)]
struct Covered {
    image: PathBuf,
    elves: Vec<PathBuf>,
}

impl Covered {
    /// Returns an ELF file.
    fn elf(path: PathBuf) -> Self {
        Self {
            elves: vec![path.clone()],
            image: path,
        }
    }

    /// Returns the command that talks to this firmware.
    fn command(&self, run: &Run) -> Command {
        let mut command = run.command("talks", "one");
        command.env("COVERED_IMAGE", &self.image);
        if !self.elves.contains(&self.image) {
            let symbols = std::env::join_paths(&self.elves).unwrap();
            command.env("COVERED_SYMBOLS", symbols);
        }
        command
    }

    /// Returns the lines that begin at instructions.
    fn line_starts(&self) -> BTreeMap<u64, Lines> {
        let mut starts: BTreeMap<u64, Lines> = BTreeMap::new();
        for (address, lines) in self.elves.iter().flat_map(|it| line_starts(it)) {
            starts.entry(address).or_default().extend(lines);
        }
        starts
    }
}

/// Returns the firmware whose coverage is compared: C, C++ and Rust, optimised or not, of one program
/// or two, and in a file without lines. For the STM32F4.
fn firmware() -> Vec<Covered> {
    let elf = |directory, name| Covered::elf(sample_for(directory, name));
    let loader = ["loader.elf", "app.elf"].map(|it| sample_for("loader", it));
    vec![
        elf("stm32f4", "shell-debug.elf"),
        elf("faults", "faults-O0.elf"),
        elf("faults", "faults-Os.elf"),
        elf("languages", "cpp.elf"),
        elf("languages", "rust.elf"),
        Covered {
            image: sample("shell.bin"),
            elves: vec![sample("shell-debug.elf")],
        },
        Covered {
            image: sample_for("loader", "both.hex"),
            elves: loader.into(),
        },
    ]
}

/// Returns the coverage of a conversation with an image, and the instructions that have run, as the
/// engine reports them for each block that runs.
fn covered(engine: BackendKind, firmware: &Covered) -> (Lcov, BTreeSet<u64>) {
    let run = Run::on(engine);
    let trace = run.target.path().join("trace");
    let mut command = firmware.command(&run);
    match engine {
        BackendKind::Renode => {
            let hook = format!(
                "sysbus.cpu SetHookAtBlockBegin \"import sys; import System; \
                 s = sys.__dict__.setdefault('blocks', set()); \
                 (pc, size) in s or (s.add((pc, size)), \
                 System.IO.File.AppendAllText('{}', '%x %x;' % (pc, size)))\"",
                trace.display()
            );
            command.env("COVERED_HOOK", hook);
        }
        _ => {
            // QEMU reports each block that runs in the log that this crate reads, too.
            let qemu = std::env::var("VTARGET_QEMU").unwrap_or("qemu-system-arm".to_owned());
            let script = format!(
                "for it; do shift; case $it in in_asm) it=in_asm,exec,nochain;; */blocks-*) ln \"$it\" {};; esac; \
                 set -- \"$@\" \"$it\"; done; exec {qemu} \"$@\"",
                trace.display()
            );
            command.env("VTARGET_QEMU", write_launcher(run.target.path(), &script));
        }
    }
    pass(command);
    let trace = fs::read_to_string(trace).unwrap();
    (
        run.lcov(),
        match engine {
            BackendKind::Renode => instructions_of_renode(&trace, firmware),
            _ => instructions_of_qemu(&trace),
        },
    )
}

/// Returns the instructions of the blocks that Renode has reported, by their starts and their numbers
/// of instructions.
fn instructions_of_renode(trace: &str, firmware: &Covered) -> BTreeSet<u64> {
    let number = |text| u64::from_str_radix(text, 16).unwrap();
    let instructions = firmware.elves.iter().map(|it| instructions(it));
    let instructions: BTreeSet<u64> = instructions.flatten().collect();
    let mut all = BTreeSet::new();
    for block in trace.split_terminator(';') {
        let (start, count) = block.split_once(' ').unwrap();
        let ran = instructions.range(number(start)..);
        all.extend(ran.take(number(count) as usize));
    }
    all
}

/// Returns the addresses of all instructions of an image, as binutils reads them.
fn instructions(image: &Path) -> BTreeSet<u64> {
    let binutils = match image.to_string_lossy().contains("sifive") {
        true => "riscv64-unknown-elf-objdump",
        false => "arm-none-eabi-objdump",
    };
    let output = Command::new(binutils).arg("-d").arg(image).output();
    let text = String::from_utf8(output.expect(binutils).stdout).unwrap();
    let addresses = text.lines().filter_map(|line| {
        let (digits, _) = line.trim_start().split_once(":\t")?;
        u64::from_str_radix(digits, 16).ok()
    });
    addresses.collect()
}

/// Returns the instructions of the blocks that QEMU has reported as they ran.
fn instructions_of_qemu(trace: &str) -> BTreeSet<u64> {
    let number = |text| u64::from_str_radix(text, 16).unwrap();
    let mut ran = BTreeSet::new();
    // Trace 0: 0x7f… [00000000/08000212/00000110/ff020000] Reset_Handler
    for line in trace.lines().filter(|line| line.starts_with("Trace ")) {
        ran.insert(number(line.split('/').nth(1).unwrap()));
    }
    let mut all = BTreeSet::new();
    for block in trace.split("----------------\n").skip(1) {
        let addresses = block.lines().filter_map(|line| {
            let (digits, _) = line.strip_prefix("0x")?.split_once(':')?;
            Some(number(digits))
        });
        let addresses: Vec<u64> = addresses.collect();
        if addresses.first().is_some_and(|first| ran.contains(first)) {
            all.extend(addresses);
        }
    }
    all
}

/// Checks the lines that are hit against the instructions that have run.
fn assert_exact(engine: BackendKind, firmware: &Covered) {
    let (lcov, ran) = covered(engine, firmware);
    let starts = firmware.line_starts();
    let lines: Lines = starts.values().flatten().cloned().collect();
    let hit: Lines = starts
        .iter()
        .filter(|(address, _)| ran.contains(address))
        .flat_map(|(_, lines)| lines.clone())
        .collect();
    let only = |a: &Lines, b: &Lines| Vec::from_iter(a.difference(b).cloned());
    let nothing: [(String, u32); 0] = [];
    for (found, what) in [
        (only(&lcov.lines, &lines), "these lines have no code"),
        (only(&lines, &lcov.lines), "these lines have code"),
        (
            only(&lcov.hit, &hit),
            "hit, but the engine did not report it",
        ),
        (only(&hit, &lcov.hit), "not hit, but the engine reported it"),
    ] {
        assert_eq!(found, nothing, "{what}: {firmware:?}");
    }
    let (hit, lines) = (hit.len(), lines.len());
    assert!(
        hit * 5 > lines && hit < lines,
        "{hit} of {lines}: {firmware:?}"
    );
}

on_each_engine! {
    fn the_lines_that_are_hit_are_those_that_ran(engine) {
        for firmware in firmware() {
            assert_exact(engine, &firmware);
        }
        Ok(())
    }
}

on_renode! {
    fn risc_v_is_covered() -> Result<()> {
        let image = sample_for("sifive-fe310", "shell-debug.elf");
        assert_exact(BackendKind::Renode, &Covered::elf(image));
        Ok(())
    }

    fn both_engines_have_the_same_coverage() -> Result<()> {
        for firmware in firmware() {
            let [renode, qemu] = [BackendKind::Renode, BackendKind::Qemu].map(|engine| {
                let run = Run::on(engine);
                pass(firmware.command(&run));
                run.lcov()
            });
            let only = |a: &Lines, b: &Lines| Vec::from_iter(a.difference(b).cloned());
            assert_eq!(only(&renode.hit, &qemu.hit), [], "on Renode only: {firmware:?}");
            assert_eq!(only(&qemu.hit, &renode.hit), [], "on QEMU only: {firmware:?}");
            assert!(renode == qemu, "{firmware:?}");
        }
        Ok(())
    }
}

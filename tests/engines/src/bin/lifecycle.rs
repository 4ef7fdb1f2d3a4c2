//! Runs all endings and all faults on every installed engine, and prints the leftovers.
//! Fails if anything is left.

use std::process::ExitCode;

use engine_tests::emulator_variant::FAKES;
use engine_tests::lifecycle::{Table, installed_engines};
use engine_tests::{faults, load};
use virtual_target::config::BackendKind;

fn main() -> ExitCode {
    let mut variants = installed_engines();
    variants.extend(FAKES);
    println!("Milliseconds from the end of the test process until nothing of it is left:\n");
    for (number, variant) in variants.iter().enumerate() {
        println!("  {} = {}", number + 1, variant.name());
    }
    print!("\n{:38}", "ending");
    (1..=variants.len()).for_each(|number| print!("{number:>8}"));
    println!();
    let mut errors = Vec::new();
    let table = Table::of(&variants, |ending, cells| {
        print!("{:38}", ending.name);
        for cell in cells {
            match cell {
                Ok(after) => print!("{:>8}", after.as_millis()),
                Err(_) => print!("{:>8}", "FAILED"),
            }
        }
        println!();
    });
    for (ending, cells) in &table.rows {
        let wrong = cells
            .iter()
            .zip(&variants)
            .filter_map(|(cell, variant)| Some((cell.as_ref().err()?, variant)));
        errors.extend(
            wrong.map(|(error, variant)| format!("{}, {}: {error}", ending.name, variant.name())),
        );
    }
    let cells = faults::cells();
    let failed = faults::failed(&cells);
    println!("\nfaults: {} cells, {} failed", cells.len(), failed.len());
    errors.extend(failed);
    match load::cycles(BackendKind::Qemu, 100) {
        Ok(cycles) => println!(
            "QEMU: {} boots and drops left {} processes, {} descriptors, {} threads, {} paths; \
             {} listening sockets; a drop takes {:?}",
            cycles.count,
            cycles.processes,
            cycles.descriptors,
            cycles.threads,
            cycles.paths,
            cycles.listening,
            cycles.drops[cycles.count / 2],
        ),
        Err(error) => println!("no boots and drops: {error}"),
    }
    for error in &errors {
        println!("\nFAILED {error}");
    }
    ExitCode::from(u8::from(!errors.is_empty()))
}

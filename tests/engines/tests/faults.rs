//! What a test is told in every cell of the table of steps and faults.

use engine_tests::faults;

#[test]
fn every_fault_at_every_step_is_named_and_leaves_nothing() {
    let cells = faults::cells();
    assert!(cells.len() > 150, "the table has shrunk to {}", cells.len());
    let failed = faults::failed(&cells);
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        cells.len(),
        failed.join("\n\n")
    );
}

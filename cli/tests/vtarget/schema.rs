//! `vtarget schema`.

use std::fs;

use super::{root, run, text};

#[test]
fn schema_prints_the_committed_one() {
    let output = run(["schema"]);
    let committed = fs::read_to_string(root().join("docs/virtual-target.schema.json"));
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), committed.unwrap());
}

//! `vtarget schema`.

use std::fs;
use std::process::Command;

#[test]
fn schema_prints_the_committed_one() {
    let output = Command::new(env!("CARGO_BIN_EXE_vtarget"))
        .arg("schema")
        .output()
        .unwrap();
    let committed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/virtual-target.schema.json"
    );
    let committed = fs::read_to_string(committed).unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), committed);
}

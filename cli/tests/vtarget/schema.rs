//! `vtarget schema`.

use std::fs;

use super::{root, run, text, vtarget};

#[test]
fn schema_prints_the_committed_one() {
    let output = run(["schema"]);
    let committed = fs::read_to_string(root().join("docs/virtual-target.schema.json"));
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), committed.unwrap());
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    for arguments in [&["schema"][..], &["check", "fixtures/netduino2.yaml"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = vtarget().args(arguments).stdout(writer).output().unwrap();
        assert_eq!(text(&output.stderr), "");
        assert!(output.status.success(), "{arguments:?}");
    }
    // The standard error may be a pipe as well.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = vtarget().args(["check", "no.yaml"]).stderr(writer).status();
    assert_eq!(status.unwrap().code(), Some(1));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = fs::File::create("/dev/full").unwrap();
    let output = vtarget().arg("schema").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.starts_with("vtarget: cannot write to the standard output: "),
        "{message}"
    );
}

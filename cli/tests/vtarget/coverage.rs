//! `vtarget coverage`.

use std::fs;

use super::{text, vtarget};

#[test]
fn coverage_is_a_table_and_may_fail_under_a_limit() {
    let project = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = vtarget();
        command.current_dir(&project).env_remove("CARGO_TARGET_DIR");
        let output = command.arg("coverage").args(arguments).output().unwrap();
        let (code, out) = (output.status.code().unwrap(), text(&output.stdout));
        (code, out, text(&output.stderr))
    };
    let (code, _, why) = run(&[]);
    assert!(code == 1 && why.contains("VTARGET_COVERAGE=1"), "{why}");

    let directory = project.path().join("target/virtual-target/coverage");
    fs::create_dir_all(&directory).unwrap();
    let main = project.path().canonicalize().unwrap().join("src/main.c");
    let lcov = format!(
        "SF:{}\nDA:1,1\nDA:2,1\nDA:4,0\nend_of_record\n",
        main.display()
    );
    fs::write(directory.join("lcov.info"), lcov).unwrap();
    let table = "file        lines    hit       %\n\
                 src/main.c      3      2    66.6\n\
                 total           3      2    66.6\n";
    assert_eq!(
        run(&["--fail-under", "66"]),
        (0, table.into(), String::new())
    );
    let (code, out, why) = run(&["--fail-under", "67"]);
    assert_eq!((code, out), (1, table.into()));
    assert!(
        why.contains("66.7 percent of the lines have run, less than 67"),
        "{why}"
    );
}

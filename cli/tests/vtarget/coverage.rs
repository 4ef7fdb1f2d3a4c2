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
    let looked = project.path().canonicalize().unwrap();
    let looked = looked.join("target/virtual-target/coverage");
    let expected = format!(
        "vtarget: there is no coverage in {looked:?}; run the tests with VTARGET_COVERAGE=1 "
    );
    assert!(code == 1 && why.starts_with(&expected), "{why}");

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

#[test]
fn coverage_is_in_the_target_directory_that_cargo_tells() {
    let project = tempfile::tempdir().unwrap();
    let at = |path: &str| project.path().join(path);
    fs::create_dir_all(at("deep/tests/src")).unwrap();
    fs::write(at("deep/tests/src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"tests\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(at("deep/tests/Cargo.toml"), manifest).unwrap();
    let run = |variable: Option<&str>, directory: &str| {
        let mut command = vtarget();
        command
            .current_dir(at(directory))
            .env_remove("CARGO_TARGET_DIR");
        command.envs(variable.map(|it| ("CARGO_TARGET_DIR", it)));
        let output = command.arg("coverage").output().unwrap();
        text(&output.stdout) + &text(&output.stderr)
    };
    let written = |target: &str, source: &str| {
        let directory = at(target).join("virtual-target/coverage");
        fs::create_dir_all(&directory).unwrap();
        let lcov = format!("SF:{source}\nDA:1,1\nend_of_record\n");
        fs::write(directory.join("lcov.info"), lcov).unwrap();
    };
    // One that was left from before the configuration.
    written("deep/tests/target", "/old.c");
    assert!(run(None, "deep/tests").contains("/old.c"));
    fs::create_dir(at(".cargo")).unwrap();
    fs::write(
        at(".cargo/config.toml"),
        "[build]\ntarget-dir = \"built here\"\n",
    )
    .unwrap();
    written("built here", "/configured.c");
    assert!(run(None, "deep/tests").contains("/configured.c"));
    assert!(run(None, "deep/tests/src").contains("/configured.c"));
    // Relative to the directory in which cargo was called.
    written("deep/tests/named", "/named.c");
    assert!(run(Some("named"), "deep/tests").contains("/named.c"));
    assert!(run(Some("named"), "deep/tests/src").contains("/named.c"));
    let absolute = at("deep/tests/named");
    assert!(run(absolute.to_str(), ".").contains("/named.c"));
}

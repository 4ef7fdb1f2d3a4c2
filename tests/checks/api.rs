//! The public API equals the list in `api.txt`, so that every change of it is noticed.
//!
//! The list is in the form of `cargo public-api`, made from rustdoc's JSON, without blanket, auto
//! and derived implementations. `make api` rewrites it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_public_api_matches_api_txt() {
    let listing = listing(&documentation());
    let file = Path::new(ROOT).join("api.txt");
    if env::var_os("VTARGET_WRITE_API").is_some() {
        fs::write(&file, &listing).unwrap();
    }
    let listed = fs::read_to_string(&file).unwrap_or_default();
    let (now, before): (BTreeSet<_>, BTreeSet<_>) =
        (listing.lines().collect(), listed.lines().collect());
    let added = now.difference(&before).map(|item| format!("+{item}\n"));
    let gone = before.difference(&now).map(|item| format!("-{item}\n"));
    let changes: String = gone.chain(added).collect();
    assert!(
        listing == listed,
        "the public API has changed; if that is meant, run `make api` and mention it in CHANGELOG.md\n{changes}"
    );
}

/// Runs rustdoc with JSON output, in a separate target directory, and returns the file.
///
/// That output is unstable; a stable rustdoc refuses it unless `RUSTC_BOOTSTRAP` is set.
fn documentation() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("api");
    let output = Command::new(env!("CARGO"))
        .args([
            "rustdoc",
            "--quiet",
            "--lib",
            "--all-features",
            "--manifest-path",
        ])
        .arg(Path::new(ROOT).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTDOCFLAGS")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    target.join("doc/virtual_target.json")
}

fn listing(documentation: &Path) -> String {
    let api = public_api::Builder::from_rustdoc_json(documentation)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build();
    let api = api.unwrap_or_else(|e| {
        panic!("{e}\n(rustdoc's JSON changes with Rust: update the dev-dependency public-api)")
    });
    api.to_string()
}

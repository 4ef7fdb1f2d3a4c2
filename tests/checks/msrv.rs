//! The crate's `rust-version` is enough for all its dependencies.
//! Clippy's `incompatible_msrv` checks the crate itself.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Returns the first two numbers of a version such as `1.88` or `1.88.0`.
fn version(text: &str) -> Vec<u32> {
    text.split('.')
        .take(2)
        .map(|part| part.parse().unwrap())
        .collect()
}

#[test]
fn no_dependency_needs_a_newer_rust() {
    // Dependencies for other systems may not be downloaded, so only those of this host count.
    let host = Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output();
    let host = String::from_utf8(host.unwrap().stdout).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", host.trim()])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node["id"]), node))
        .collect();

    let root = packages
        .values()
        .find(|package| package["name"] == "virtual-target")
        .unwrap();
    let stated = version(root["rust_version"].as_str().unwrap());
    let mut needed = BTreeSet::new();
    let mut open = vec![text(&root["id"])];
    while let Some(id) = open.pop() {
        for dependency in list(&nodes[&id]["deps"]) {
            let only_for_tests = list(&dependency["dep_kinds"])
                .iter()
                .all(|kind| kind["kind"] == "dev");
            if !only_for_tests && needed.insert(text(&dependency["pkg"])) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    assert!(needed.len() > 10, "these cannot be all: {needed:?}");
    let too_new: Vec<String> = needed
        .iter()
        .map(|id| &packages[id])
        .filter(|package| {
            package["rust_version"]
                .as_str()
                .is_some_and(|v| version(v) > stated)
        })
        .map(|package| {
            format!(
                "{} {}: {}",
                package["name"], package["version"], package["rust_version"]
            )
        })
        .collect();
    assert!(
        too_new.is_empty(),
        "newer than {stated:?}; pin an older release or raise `rust-version`: {too_new:?}"
    );
}

//! The arrows between the source files point downwards in the drawing of ARCHITECTURE.md and
//! make no circles.

mod graph;
mod modules;

use std::fs;
use std::path::Path;

use graph::{Graph, circles, graph};
use modules::Sources;
pub use modules::is_conditional;

/// Circles that are allowed: a file of each, and the reason.
const REASONS: [(&str, &str); 0] = [];

#[test]
fn arrows_point_downwards_and_make_no_circles() {
    let problems = problems(&graph(&sources()), &drawn(), &REASONS.map(|(file, _)| file));
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Returns the arrows of a graph that break the order of `parts` or make a circle.
fn problems(graph: &Graph, parts: &[Vec<String>], allowed: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    for (from, arrows) in graph {
        for (to, line) in arrows {
            if let (Some(above), Some(below)) = (place(parts, from), place(parts, to))
                && below < above
                && !parts[above].starts_with(&parts[below])
                && !parts[below].starts_with(&parts[above])
            {
                problems.push(format!(
                    "src/{from}:{line} uses src/{to}, which ARCHITECTURE.md draws above it"
                ));
            }
        }
    }
    for circle in circles(graph) {
        if allowed.iter().any(|file| circle.contains(*file)) {
            continue;
        }
        for file in &circle {
            for (to, line) in graph[file].iter().filter(|(to, _)| circle.contains(*to)) {
                problems.push(format!(
                    "src/{file}:{line} uses src/{to}, in a circle of {} files",
                    circle.len()
                ));
            }
        }
    }
    problems
}

/// Returns the position in `parts` of the part that a file belongs to.
fn place(parts: &[Vec<String>], file: &str) -> Option<usize> {
    let path: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    let contains =
        |part: &&Vec<String>| part.iter().zip(&path).filter(|(a, b)| a == *b).count() == part.len();
    let longest = parts
        .iter()
        .filter(contains)
        .max_by_key(|part| part.len())?;
    parts.iter().position(|part| part == longest)
}

/// Returns the parts that ARCHITECTURE.md draws, from the top; an indented part belongs to the
/// less indented one above.
fn drawn() -> Vec<Vec<String>> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, from) = page.split_once("## Parts").unwrap();
    parts(from.split("```").nth(1).unwrap())
}

fn parts(drawing: &str) -> Vec<Vec<String>> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut within: Vec<(usize, String)> = Vec::new();
    for line in drawing.lines().filter(|line| !line.trim().is_empty()) {
        let indent = line.len() - line.trim_start().len();
        let name = line
            .split_whitespace()
            .next()
            .unwrap()
            .trim_end_matches('/');
        within.retain(|(outer, _)| *outer < indent);
        within.push((indent, name.to_owned()));
        let path = within.iter().flat_map(|(_, name)| name.split('/'));
        parts.push(path.map(str::to_owned).collect());
    }
    parts
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn sources() -> Sources {
    let source = root().join("src");
    let mut sources = Sources::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(&source).unwrap().to_str().unwrap();
                sources.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    sources
}

/// Returns the problems of a crate with the parts `top`, `middle` (with a facade) and `bottom`.
fn small(middle: &str, bottom: &str) -> Vec<String> {
    let files = [
        (
            "lib.rs",
            "mod top; mod middle; mod bottom; pub use top::Top;",
        ),
        ("top.rs", "use crate::middle::Inner; pub struct Top(Inner);"),
        (
            "middle/mod.rs",
            "mod inner; mod other; pub use inner::Inner;",
        ),
        ("middle/inner.rs", middle),
        ("middle/other.rs", "pub struct Other(super::inner::Inner);"),
        ("bottom.rs", bottom),
    ];
    let sources = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let parts = parts("\ntop      the user's\nmiddle\n  other\n  inner\nbottom\n");
    problems(&graph(&sources.into_iter().collect()), &parts, &[])
}

const INNER: &str = "use crate::bottom::B; pub struct Inner(B);";

#[test]
fn a_crate_in_order_has_no_problem() {
    assert_eq!(small(INNER, "pub struct B;"), [""; 0]);
    assert_eq!(
        small(
            INNER,
            "pub struct B; #[cfg(test)] mod tests { use crate::top::Top; }"
        ),
        [""; 0]
    );
}

#[test]
fn an_arrow_upwards_is_found_however_it_is_written() {
    let upwards = [
        ("use crate::top::Top; pub struct B;", "top.rs"),
        ("use crate::{top::{Top as T}}; pub struct B;", "top.rs"),
        ("pub struct B; fn f(_: &crate::top::Top) {}", "top.rs"),
        ("pub struct B; fn f() { super::top::go() }", "top.rs"),
        ("use crate::Top; pub struct B;", "top.rs"),
        (
            "use crate::middle; pub struct B(Option<Box<middle::Inner>>);",
            "middle/inner.rs",
        ),
        (
            "use crate::middle::*; pub struct B(Option<Box<Inner>>);",
            "middle/inner.rs",
        ),
        (
            "pub struct B; fn f() { println!(\"{}\", crate::top::NAME) }",
            "top.rs",
        ),
        (
            "pub struct B; impl B { fn f() { tokio::select! { _ = crate::top::go() => {} } } }",
            "top.rs",
        ),
    ];
    for (bottom, to) in upwards {
        let problems = small(INNER, bottom);
        let expected =
            format!("src/bottom.rs:1 uses src/{to}, which ARCHITECTURE.md draws above it");
        assert!(problems.contains(&expected), "{bottom}: {problems:?}");
    }
    // The same holds between the parts of one part.
    let problems = small(
        "use super::other::Other; pub struct Inner;",
        "pub struct B;",
    );
    let expected =
        "src/middle/inner.rs:1 uses src/middle/other.rs, which ARCHITECTURE.md draws above it";
    assert!(problems.contains(&expected.to_owned()), "{problems:?}");
}

#[test]
fn a_circle_is_found_and_its_files_are_named() {
    let problems = small(
        "pub struct Inner(Option<Box<super::other::Other>>);",
        "pub struct B;",
    );
    for (from, to) in [("inner", "other"), ("other", "inner")] {
        let expected =
            format!("src/middle/{from}.rs:1 uses src/middle/{to}.rs, in a circle of 2 files");
        assert!(problems.contains(&expected), "{problems:?}");
    }
}

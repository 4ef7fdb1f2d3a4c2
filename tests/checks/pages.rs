//! The links of README and of the pages in `docs` lead to files, and README stays short.

use std::fs;
use std::path::Path;

use regex::Regex;

/// README has what a new user needs first; the rest is in the guide.
const MAX_README_LINES: usize = 150;

#[test]
fn links_between_pages_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    for directory in ["docs", "docs/guide"] {
        let entries = fs::read_dir(root.join(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").unwrap();
    let mut links = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in link.captures_iter(&text) {
            let file = page.parent().unwrap().join(&link[1]);
            assert!(file.exists(), "{}: {}", page.display(), &link[0]);
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}

#[test]
fn readme_is_short() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(
        lines <= MAX_README_LINES,
        "{lines} lines: the guide has the details"
    );
}

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use roxmltree::{Document, Node, ParsingOptions};
use tempfile::TempDir;

use super::{CONFIGURATION, MESSAGE, PAGE, UNFINISHED, update};
use crate::artifacts::dir_lock::DirLock;

/// What a guest may print to break out of its element, or to deceive the reader.
const HOSTILE: &str = "</pre></script><script>alert(1)</script><!-- ]]> &lt; &#0; \" onload='x' \
    \x1b[31mred\x1b[0m \0 \x08 \x7f \u{85} \u{9b}31m \u{202e}txt.exe \u{2028} \u{feff} \u{ffff} \u{1fffe}";

fn failed(root: &Path, path: &str, message: &str) -> PathBuf {
    let directory = root.join(path);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(MESSAGE), message).unwrap();
    directory
}

fn page(root: &Path) -> String {
    fs::read_to_string(root.join(PAGE)).unwrap()
}

/// Parses the page as XML, which no text that breaks out of its element survives.
fn parse(page: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(page, options).unwrap_or_else(|e| panic!("{e}:\n{page}"))
}

fn text(node: Node<'_, '_>) -> String {
    let parts = node.descendants().filter(Node::is_text);
    parts.filter_map(|part| part.text()).collect()
}

fn elements<'a>(page: &'a Document<'_>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    page.descendants()
        .filter(move |node| node.has_tag_name(name))
}

/// Returns the text of the first element `name` whose class is `class`.
fn shown(page: &Document<'_>, name: &str, class: &str) -> String {
    let found = elements(page, name).find(|node| node.attribute("class") == Some(class));
    text(found.unwrap())
}

fn root() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_page_shows_message_output_timeline_and_logs() {
    let root = root();
    let directory = failed(root.path(), "fw.boots", "expect(\"ready\") timed out");
    fs::write(
        directory.join("uart.txt"),
        "   0.250000 Hello\n   0.500000 > \n",
    )
    .unwrap();
    fs::write(directory.join("uart.older.txt"), "long ago").unwrap();
    fs::write(directory.join("emulator.log"), "warning: a wire is loose").unwrap();
    let timeline = r#"{"left_out": 3, "events": [
        {"at_s": 1.0, "took_s": 1.0, "what": "boot", "at": "t.rs:1", "outcome": "ok"},
        {"at_s": 2.0, "took_s": 2.0, "what": "wait", "at": "t.rs:2", "outcome": "timed out\nmore"},
        {"at_s": 3.0, "took_s": null, "what": "hang", "at": "t.rs:3", "outcome": "under way"}]}"#;
    fs::write(directory.join("timeline.json"), timeline).unwrap();
    assert!(update(root.path()));
    let page = page(root.path());
    let page = parse(&page);
    assert_eq!(text(elements(&page, "h1").next().unwrap()), "1 failed test");
    assert_eq!(text(elements(&page, "h2").next().unwrap()), "fw.boots");
    assert_eq!(
        shown(&page, "pre", "message"),
        "expect(\"ready\") timed out"
    );
    let files: Vec<String> = elements(&page, "details").map(text).collect();
    assert!(files[0].contains("3 earlier operations"), "{files:?}");
    assert_eq!(files[1], "uart.txt\n   0.250000 Hello\n   0.500000 >");
    assert_eq!(files[2], "emulator.log\nwarning: a wire is loose");
    assert_eq!(files.len(), 3);
    let bar = |rect: Node<'_, '_>| {
        let of = |name| rect.attribute(name).unwrap().to_owned();
        let class = rect.parent().unwrap().parent().unwrap().attribute("class");
        (class.unwrap().to_owned(), of("x"), of("width"))
    };
    let bars: Vec<_> = elements(&page, "rect").map(bar).collect();
    let expected = [
        ("ok", "0.0", "333.3"),
        ("failed", "333.3", "666.7"),
        ("open", "666.7", "333.3"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(bars, expected);
    let outcomes: Vec<String> = elements(&page, "span")
        .filter(|node| node.attribute("class") == Some("outcome"))
        .map(text)
        .collect();
    assert_eq!(outcomes, ["", "timed out", "under way"]);
    let links: Vec<&str> = elements(&page, "a")
        .filter_map(|a| a.attribute("href"))
        .collect();
    assert!(links.contains(&"./fw.boots/uart.older.txt"), "{links:?}");
    for link in links {
        assert!(root.path().join(link).is_file(), "{link}");
    }
}

#[test]
fn boards_without_a_failure_are_listed_with_their_files() {
    let root = root();
    let kept = |path: &str| {
        let directory = root.path().join(path);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(CONFIGURATION), "").unwrap();
        directory
    };
    kept("fw.greets");
    kept("fw.boots/attempt-2");
    fs::write(kept("fw.killed").join(UNFINISHED), "").unwrap();
    fs::create_dir(root.path().join("coverage")).unwrap();
    let long = format!("{}\nmore", "timed out ".repeat(50));
    failed(root.path(), "fw.boots", &long);
    assert!(update(root.path()));
    let content = page(root.path());
    let document = parse(&content);
    // The list of the failed tests has the beginning of each message.
    let failed: Vec<String> = elements(&document, "ol").map(text).collect();
    let begin = format!("fw.boots {}\n", "timed out ".repeat(20));
    assert!(failed[0].contains(&begin), "{failed:?}");
    assert!(
        failed[0].contains("fw.killed This test was killed"),
        "{failed:?}"
    );
    let list = elements(&document, "ul").next().unwrap();
    let listed: Vec<String> = list.children().filter(Node::is_element).map(text).collect();
    let expected = ["fw.boots/attempt-2", "fw.greets"].map(|it| format!("{it}configuration.txt"));
    assert_eq!(listed, expected);
    for link in list.descendants().filter_map(|a| a.attribute("href")) {
        assert!(root.path().join(link).is_file(), "{link}");
    }
    fs::remove_dir_all(root.path().join("fw.boots")).unwrap();
    fs::remove_dir_all(root.path().join("fw.killed")).unwrap();
    assert!(update(root.path()));
    assert!(page(root.path()).contains("<h1>0 failed tests</h1>"));
    fs::remove_dir_all(root.path().join("fw.greets")).unwrap();
    assert!(!update(root.path()));
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let root = root();
    let directory = failed(root.path(), "fw.boots", HOSTILE);
    let outcome = serde_json::json!({"left_out": 0, "events": [
        {"at_s": -1e300, "took_s": 1e300, "what": HOSTILE, "at": HOSTILE, "outcome": HOSTILE}]});
    fs::write(directory.join("timeline.json"), outcome.to_string()).unwrap();
    let mut output = HOSTILE.as_bytes().to_vec();
    output.extend(b"\xff\xfe\xc0\x80\xed\xa0\x80");
    fs::write(directory.join("uart.txt"), output).unwrap();
    fs::write(directory.join("emulator.log"), HOSTILE).unwrap();
    fs::write(directory.join("uart-<b>'\"&.txt"), HOSTILE).unwrap();
    fs::create_dir(root.path().join("<i> :x")).unwrap();
    failed(root.path(), "<i> :x", HOSTILE);
    assert!(update(root.path()));
    let page = page(root.path());
    let page = parse(&page);
    for element in ["script", "b"] {
        assert_eq!(elements(&page, element).count(), 0);
    }
    let attributes = page.descendants().flat_map(|node| node.attributes());
    assert!(
        attributes
            .clone()
            .all(|attribute| !attribute.name().starts_with("on"))
    );
    let links = attributes.filter(|attribute| attribute.name() == "href");
    assert!(
        links
            .clone()
            .all(|link| link.value().starts_with(['.', '#']))
    );
    let message = shown(&page, "pre", "message");
    assert!(message.contains("</pre></script><script>alert(1)</script><!-- ]]> &lt; &#0; \""));
    assert!(
        message.contains(r"\x1b[31mred\x1b[0m \x00 \x08 \x7f \u{85} \u{9b}31m \u{202e}txt.exe"),
        "{message}"
    );
    let everything = text(page.root());
    assert!(!everything.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    assert!(!everything.contains(['\u{202e}', '\u{2028}', '\u{feff}']));
}

#[test]
fn large_files_and_many_failures_are_cut() {
    let root = root();
    let directory = failed(root.path(), "fw.boots", "message");
    let mut lines = "   0.000001 <line>\n".repeat(600_000);
    lines.push_str("   9.000000 the end\n");
    fs::write(directory.join("uart.txt"), &lines).unwrap();
    fs::write(directory.join("uart-b.txt"), "x".repeat(100 << 20)).unwrap();
    fs::write(directory.join("emulator.log"), "é".repeat(1 << 20)).unwrap();
    assert!(update(root.path()));
    let one = page(root.path());
    assert!(one.len() < 1 << 20, "{}", one.len());
    let parsed = parse(&one);
    let output = elements(&parsed, "details").map(text);
    let output: Vec<String> = output
        .filter(|text| text.starts_with("uart.txt\n["))
        .collect();
    assert!(output[0].ends_with("   9.000000 the end"), "{output:.99?}");
    assert!(output[0].contains(" bytes before this are in uart.txt]\n   0.000001 <line>\n"));
    for n in 0..400 {
        let directory = failed(root.path(), &format!("many.{n}"), "message");
        fs::write(directory.join("uart.txt"), &lines[..64 << 10]).unwrap();
    }
    assert!(update(root.path()));
    let page = page(root.path());
    assert!(page.len() < 9 << 20, "{}", page.len());
    let page = parse(&page);
    assert_eq!(elements(&page, "h2").count(), 401);
}

#[test]
fn attempts_and_boards_of_one_test_are_shown_together() {
    let root = root();
    for path in [
        "fw.a",
        "fw.a/attempt-2",
        "fw.b",
        "fw.a/attempt-2/process-3/target-2",
    ] {
        failed(root.path(), path, path);
    }
    fs::create_dir(root.path().join("fw.passes")).unwrap();
    fs::write(root.path().join("fw.passes/uart.txt"), "").unwrap();
    assert!(update(root.path()));
    let page = page(root.path());
    let page = parse(&page);
    let mut tests: Vec<String> = elements(&page, "h2").map(text).collect();
    tests.sort();
    assert_eq!(tests, ["fw.a", "fw.b"]);
    let parts: Vec<String> = elements(&page, "h3").map(text).collect();
    assert_eq!(parts, ["attempt 2", "attempt 2, process 3, target 2"]);
}

#[test]
fn tests_without_a_result_are_shown() {
    let root = root();
    let unfinished = |test: &str| {
        let directory = root.path().join(test);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(UNFINISHED), "").unwrap();
        directory
    };
    let killed = unfinished("fw.killed");
    let timeline = r#"{"left_out": 0, "events": [
        {"at_s": 1.0, "took_s": 1.0, "what": "boot", "at": "t.rs:1", "outcome": "ok"},
        {"at_s": 3.0, "took_s": null, "what": "hang", "at": "t.rs:3", "outcome": "under way"}]}"#;
    fs::write(killed.join("timeline.json"), timeline).unwrap();
    let runs = unfinished("fw.runs");
    unfinished("fw.runs/target-2");
    let lock = DirLock::create(&runs).unwrap();
    let shown = || {
        assert!(update(root.path()));
        let page = page(root.path());
        let page = parse(&page);
        let messages = elements(&page, "pre").filter(|it| it.attribute("class") == Some("message"));
        let messages: Vec<String> = messages.map(text).collect();
        (text(elements(&page, "h1").next().unwrap()), messages)
    };
    let (title, messages) = shown();
    assert_eq!(title, "1 test without a result");
    let message = "This test was killed, or its process ended in another way, before it had a result.\n\
                   Under way: hang, called at t.rs:3";
    assert_eq!(messages, [message]);

    // Most tests that run pass after a while.
    let began = std::time::SystemTime::now() - Duration::from_secs(13);
    let file = fs::File::options().append(true).open(runs.join(UNFINISHED));
    file.unwrap().set_modified(began).unwrap();
    failed(root.path(), "fw.fails", "message");
    let (title, messages) = shown();
    assert_eq!(title, "1 failed test, 2 without a result");
    let running = messages
        .iter()
        .filter(|it| it.contains("it still runs, or was killed since."));
    assert_eq!((running.count(), messages.len()), (1, 3));
    drop(lock);
    let (_, messages) = shown();
    assert!(
        !messages.iter().any(|it| it.contains("it still runs")),
        "{messages:?}"
    );
    assert_eq!(messages.len(), 4);
}

#[test]
fn the_page_goes_with_its_last_failure() {
    let root = root();
    let directory = failed(root.path(), "fw.a", "message");
    assert!(update(root.path()));
    fs::remove_dir_all(directory).unwrap();
    assert!(!update(root.path()));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    assert!(!update(&root.path().join("missing")));
}

/// The directory of a process that [`fails_in_another_process`] shows its failure in.
const ROOT: &str = "VTARGET_TEST_PAGE_ROOT";

#[test]
fn fails_in_another_process() {
    if let Some(root) = std::env::var_os(ROOT) {
        let root = Path::new(&root);
        for n in 0..20 {
            let test = format!("fw.{}-{n}", std::process::id());
            failed(root, &test, "message");
            assert!(update(root));
            // A page that another process has made from older directories would not have it.
            assert!(page(root).contains(&test));
        }
    }
}

#[test]
fn failures_of_processes_at_the_same_time_are_all_shown() {
    let root = root();
    let start = |_| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let test = concat!(module_path!(), "::fails_in_another_process");
        let (_, test) = test.split_once("::").unwrap();
        command.args(["--exact", test]).env(ROOT, root.path());
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let processes: Vec<Child> = (0..4).map(start).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let page = page(root.path());
    assert_eq!(elements(&parse(&page), "h2").count(), 4 * 20);
    // The directories and the page: no temporary file.
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 4 * 20 + 1);
}

#[test]
fn a_process_that_holds_the_lock_for_ever_delays_a_failure_by_seconds() {
    let root = root();
    failed(root.path(), "fw.a", "message");
    let lock = DirLock::wait(root.path()).unwrap();
    let began = std::time::Instant::now();
    assert!(!update(root.path()));
    assert!(began.elapsed() >= Duration::from_secs(5));
    drop(lock);
    assert!(update(root.path()));
}

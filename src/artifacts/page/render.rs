//! [`render`]: the page of failures as HTML.
//!
//! The page is also well-formed XML, which the tests parse: a text that breaks out of its element
//! would be seen there.

use std::fmt::{self, Display, Write};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::escape::{Href, Text};
use super::failures::{CONFIGURATION, Failure, MESSAGE, TestResult};
use super::tail::Tail;
use crate::artifacts::beginning::beginning;
use crate::artifacts::timeline::{Event, Timeline, UNDER_WAY};

/// The size in bytes above which the page shows further failures by their names only.
const MAX_PAGE_LEN: usize = 8 << 20;
/// The greatest part of a UART's output that is shown, in bytes.
const MAX_UART_LEN: u64 = 64 << 10;
/// The greatest part of another log that is shown, in bytes.
const MAX_LOG_LEN: u64 = 16 << 10;
/// The greatest part of a message's first line that is shown in the list of all tests, in bytes.
const MAX_FIRST_LINE_LEN: usize = 200;
/// The number of operations that are drawn.
const MAX_DRAWN: usize = 200;
/// The largest timeline that is read, in bytes.
const MAX_TIMELINE_LEN: u64 = 8 << 20;
/// The width of the drawing, in its own units.
const WIDTH: f64 = 1000.0;

/// The files that are shown closed, in this order.
const LOGS: [&str; 4] = ["emulator.log", "renode.log", "commands.log", CONFIGURATION];

/// Returns the page that shows `tests`, each a test's failures, and the files of `unfailed` boards.
pub(super) fn render(tests: &[Vec<Failure>], unfailed: &[(String, PathBuf)]) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, tests, unfailed);
    page
}

fn write_page(
    page: &mut String,
    tests: &[Vec<Failure>],
    unfailed: &[(String, PathBuf)],
) -> fmt::Result {
    let title = title(tests);
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width\"/>\n\
         <title>{title}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        include_str!("style.css")
    )?;
    if tests.len() > 1 {
        page.push_str("<ol>\n");
        for failures in tests {
            let test = Text(failures[0].names().0);
            let message = message(&failures[0], None);
            let first_line = message.lines().next().unwrap_or_default();
            let first_line = Text(beginning(first_line, MAX_FIRST_LINE_LEN));
            writeln!(
                page,
                "<li><a href=\"#{test}\">{test}</a> <span class=\"files\">{first_line}</span></li>"
            )?;
        }
        page.push_str("</ol>\n");
    }
    for failures in tests {
        let test = Text(failures[0].names().0);
        writeln!(page, "<section id=\"{test}\">\n<h2>{test}</h2>")?;
        for failure in failures {
            page.push_str("<article>\n");
            write_failure(page, failure)?;
            page.push_str("</article>\n");
        }
        page.push_str("</section>\n");
    }
    if !unfailed.is_empty() {
        write_unfailed(page, unfailed)?;
    }
    page.push_str("</body>\n</html>\n");
    Ok(())
}

/// Lists boards on which nothing has failed.
fn write_unfailed(page: &mut String, unfailed: &[(String, PathBuf)]) -> fmt::Result {
    page.push_str(
        "<section>\n<h2>Kept without a failure</h2>\n\
         <p>On these boards nothing failed while they existed. Their tests have passed, or failed \
         later or with an error of their own, which is in the output of the tests only.</p>\n<ul>\n",
    );
    for (path, directory) in unfailed {
        write!(page, "<li>{}<br/><span class=\"files\">", Text(path))?;
        write_links(page, path, &files(directory))?;
        page.push_str("</span></li>\n");
    }
    page.push_str("</ul>\n</section>\n");
    Ok(())
}

/// Returns the number of tests in words.
fn title(tests: &[Vec<Failure>]) -> String {
    let is_failed = |failure: &Failure| failure.result == TestResult::Failed;
    let failed = tests.iter().filter(|test| test.iter().any(is_failed));
    let failed = failed.count();
    let tests_of = |number: usize| match number {
        1 => "test",
        _ => "tests",
    };
    match (failed, tests.len() - failed) {
        (_, 0) => format!("{failed} failed {}", tests_of(failed)),
        (0, rest) => format!("{rest} {} without a result", tests_of(rest)),
        (_, rest) => format!(
            "{failed} failed {}, {rest} without a result",
            tests_of(failed)
        ),
    }
}

fn write_failure(page: &mut String, failure: &Failure) -> fmt::Result {
    if let (_, Some(part)) = failure.names() {
        writeln!(page, "<h3>{}</h3>", Text(&part))?;
    }
    let time = httpdate::fmt_http_date(printable(failure.modified));
    let files = files(&failure.directory);
    write!(page, "<p class=\"files\">{time} · ")?;
    write_links(page, &failure.path, &files)?;
    page.push_str("</p>\n");
    if page.len() > MAX_PAGE_LEN {
        page.push_str("<p>The page is full: the files have the rest.</p>\n");
        return Ok(());
    }
    let timeline = timeline(failure);
    let message = message(failure, timeline.as_ref());
    let message = Text(message.trim_end());
    writeln!(page, "<pre class=\"message\">{message}</pre>")?;
    if let Some(timeline) = timeline {
        write_timeline(page, &timeline)?;
    }
    for uart in files.iter().filter(|name| is_uart(name)) {
        write_file(page, failure, uart, MAX_UART_LEN, " open=\"open\"")?;
    }
    for log in LOGS.iter().filter(|log| files.iter().any(|it| it == *log)) {
        write_file(page, failure, log, MAX_LOG_LEN, "")?;
    }
    Ok(())
}

/// Links the files of the directory `path`.
fn write_links(page: &mut String, path: &str, files: &[String]) -> fmt::Result {
    for (number, file) in files.iter().enumerate() {
        let separator = if number > 0 { " · " } else { "" };
        let path = format!("{path}/{file}");
        write!(
            page,
            "{separator}<a href=\"{}\">{}</a>",
            Href(&path),
            Text(file)
        )?;
    }
    Ok(())
}

/// Returns the message of a failure, or what is known of a test without a result.
fn message(failure: &Failure, timeline: Option<&Timeline>) -> String {
    let mut message = match failure.result {
        TestResult::Failed => {
            let message = Tail::read(&failure.directory.join(MESSAGE), MAX_UART_LEN);
            return message.map_or(String::new(), |message| message.text);
        }
        TestResult::Killed => {
            "This test was killed, or its process ended in another way, before it had a result."
                .to_owned()
        }
        TestResult::None => {
            let now = httpdate::fmt_http_date(printable(SystemTime::now()));
            format!("This test had no result yet at {now}: it still runs, or was killed since.")
        }
    };
    let events = timeline.into_iter().flat_map(|timeline| &timeline.events);
    for event in events.filter(|event| event.is_under_way()) {
        message += &format!("\nUnder way: {}, called at {}", event.what, event.at);
    }
    message
}

/// Returns the nearest time that has a date of four digits for the year.
fn printable(time: SystemTime) -> SystemTime {
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    time.clamp(SystemTime::UNIX_EPOCH, last)
}

/// Returns the names of the files in the directory of a board, sorted.
fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.ends_with(".new"))
        .collect();
    files.sort();
    files
}

/// Returns true for a UART's output with times.
fn is_uart(file: &str) -> bool {
    let text = file.strip_suffix(".txt");
    text.is_some_and(|name| name.starts_with("uart") && !name.ends_with(".older"))
}

fn write_file(
    page: &mut String,
    failure: &Failure,
    name: &str,
    max_len: u64,
    open: &str,
) -> fmt::Result {
    let Ok(Tail { text, left_out }) = Tail::read(&failure.directory.join(name), max_len) else {
        return Ok(());
    };
    let (is_log, name) = (name != CONFIGURATION, Text(name));
    // A log is shown from its end, where the failure is.
    let class = if is_log { "end" } else { "begin" };
    write!(
        page,
        "<details{open}><summary>{name}</summary>\n<div class=\"{class}\"><pre>"
    )?;
    if left_out > 0 {
        writeln!(page, "<i>[{left_out} bytes before this are in {name}]</i>")?;
    }
    if text.is_empty() {
        page.push_str("<i>[empty]</i>");
    }
    for line in text.trim_end().split_inclusive('\n') {
        match line.split_at_checked(12) {
            Some((time, rest)) if time.trim().parse::<f64>().is_ok() => {
                write!(page, "<i>{}</i>{}", Text(time), Text(rest))?;
            }
            _ => write!(page, "{}", Text(line))?,
        }
    }
    page.push_str("</pre></div></details>\n");
    Ok(())
}

fn timeline(failure: &Failure) -> Option<Timeline> {
    let path = failure.directory.join("timeline.json");
    let length = fs::metadata(&path).ok()?.len();
    let text = (length <= MAX_TIMELINE_LEN).then(|| fs::read(path).ok())?;
    serde_json::from_slice(&text?).ok()
}

/// Draws the operations, each as a bar from its begin to its end.
fn write_timeline(page: &mut String, timeline: &Timeline) -> fmt::Result {
    let events = &timeline.events;
    let hidden = events.len().saturating_sub(MAX_DRAWN);
    let drawn = || events.iter().skip(hidden);
    let from = drawn()
        .map(|event| event.at_s)
        .fold(f64::INFINITY, f64::min);
    let to = drawn().map(Event::end_s).fold(from, f64::max);
    page.push_str("<details open=\"open\"><summary>timeline</summary>\n");
    let earlier = timeline.left_out + hidden as u64;
    if earlier > 0 {
        writeln!(
            page,
            "<p><i>{earlier} earlier operations are not drawn.</i></p>"
        )?;
    }
    page.push_str("<div class=\"timeline\">\n");
    for event in drawn() {
        write_event(page, event, from, to)?;
    }
    page.push_str("</div></details>\n");
    Ok(())
}

fn write_event(page: &mut String, event: &Event, from: f64, to: f64) -> fmt::Result {
    let scale = WIDTH / (to - from).max(1e-6);
    let x = (event.at_s - from) * scale;
    let end = event.took_s.map_or(to, |took| event.at_s + took);
    let width = ((end - event.at_s) * scale).clamp(4.0, WIDTH);
    let x = x.clamp(0.0, WIDTH - width);
    let (class, outcome): (_, &dyn Display) = match event.outcome.as_str() {
        "ok" => ("ok", &""),
        "dropped" => ("open", &"dropped"),
        _ if event.is_under_way() => ("open", &UNDER_WAY),
        failed => ("failed", &Text(failed.lines().next().unwrap_or_default())),
    };
    let took = event
        .took_s
        .map_or(String::new(), |took| format!(" + {took:.3}"));
    writeln!(
        page,
        "<div class=\"{class}\"><span>{}</span><span class=\"at\">{}</span>\
         <span class=\"s\">{:.3}{took} s</span>\
         <svg viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\">\
         <rect x=\"{x:.1}\" width=\"{width:.1}\" height=\"10\"/></svg>\
         <span class=\"outcome\">{outcome}</span></div>",
        Text(&event.what),
        Text(&event.at),
        event.at_s,
    )
}

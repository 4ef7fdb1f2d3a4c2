//! `vtarget init`.

use std::cell::LazyCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use virtual_target::EmulatorInfo;

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::template::{FILES, SAMPLE};

/// Makes a project of tests on virtual boards
///
/// In an empty directory the project fills it. Beside a firmware project it becomes the directory
/// `firmware-tests`, and its CI workflows go to the firmware's. No file is overwritten: a GitLab
/// pipeline that is there can include that of the tests.
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 success, 1 a file is there already or cannot be written, 2 wrong arguments")]
pub(crate) struct Init {
    /// The directory; made if it is missing
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The image that the firmware's build writes, instead of a sample
    #[arg(long, value_name = "FILE")]
    firmware: Option<PathBuf>,
    /// The command that builds the firmware, in the current directory, before the tests run; a shell
    /// runs it if it has more than words, such as `&&`
    #[arg(long, value_name = "COMMAND", requires = "firmware")]
    build: Option<String>,
    /// The clock of the boards: virtual, for which Renode is needed, unless only QEMU is installed
    #[arg(long, value_parser = ["virtual", "realtime"])]
    clock: Option<String>,
}

/// The characters that mean something to a shell.
const SPECIAL: &str = "\"'\\`$&|;<>()*?[]{}~#!";

/// The board that the sample runs on, too.
const SECOND_BOARD: &str = "boards/netduino2.yaml";

/// The directory of the tests beside a firmware project.
const BESIDE: &str = "firmware-tests";
const GITHUB: &str = ".github/workflows/firmware-tests.yml";
const GITLAB: &str = ".gitlab-ci.yml";
const SAMPLE_FILE: &str = "firmware/sample.elf";

impl Init {
    pub(crate) fn run(self) -> Outcome {
        let root = std::path::absolute(&self.directory)?;
        let installed = Installed::new();
        let is_virtual = match self.clock.as_deref() {
            Some(clock) => clock == "virtual",
            None => *installed.renode || !*installed.qemu,
        };
        let is_beside = fs::read_dir(&root).is_ok_and(|entries| {
            let names = entries.flatten().map(|entry| entry.file_name());
            names.into_iter().any(|name| name != ".git")
        });
        let suite = match is_beside {
            true => root.join(BESIDE),
            false => root.clone(),
        };
        let has_pipeline = is_beside && root.join(GITLAB).exists();
        let image = match &self.firmware {
            Some(image) => std::path::absolute(image)?,
            None => suite.join(SAMPLE_FILE),
        };
        let mut files = Vec::new();
        for (name, text) in FILES {
            // Firmware for one board does not run on another one.
            if self.firmware.is_some() && name == SECOND_BOARD {
                continue;
            }
            let (place, text) = match name {
                GITHUB if is_beside => (root.join(name), on_github_beside(text)),
                GITLAB if is_beside && has_pipeline => (suite.join(name), on_gitlab_beside(text)),
                GITLAB if is_beside => (root.join(name), on_gitlab_beside(text)),
                "build.rs" => (suite.join(name), self.build_script(text, &suite, &image)?),
                "Cargo.toml" => (suite.join(name), manifest(text)),
                _ if name.ends_with(".yaml") => {
                    let image = relative(&image, &suite.join("boards"));
                    (suite.join(name), board(text, &image, is_virtual))
                }
                _ if self.firmware.is_some() && name.starts_with("tests/") => {
                    (suite.join(name), of_other_firmware(name, text))
                }
                _ => (suite.join(name), text.to_owned()),
            };
            files.push((place, text.into_bytes()));
        }
        if self.firmware.is_none() {
            files.push((suite.join(SAMPLE_FILE), SAMPLE.to_vec()));
        }
        if let Some((file, _)) = files.iter().find(|(file, _)| file.exists()) {
            let file = file.display();
            return Err(Failure(format!(
                "{file} is there already; nothing was written"
            )));
        }
        for (file, content) in &files {
            write(file, content)?;
        }
        if has_pipeline {
            output::line(format_args!(
                "{GITLAB} stays as it is. To run the tests in its pipeline, add to it:\n  \
                 include: {BESIDE}/{GITLAB}"
            ))?;
        }
        self.tell(&suite, is_virtual, &installed)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Returns the build script with the command that builds the firmware.
    fn build_script(&self, text: &str, suite: &Path, image: &Path) -> Result<String, Failure> {
        let Some(command) = &self.build else {
            return Ok(text.to_owned());
        };
        let words = match command.contains(|c| SPECIAL.contains(c)) {
            true => vec!["sh", "-c", command],
            false => command.split_whitespace().collect(),
        };
        let directory = relative(&std::env::current_dir()?, suite);
        let directory = match directory.as_os_str().is_empty() {
            true => Path::new("."),
            false => &directory,
        };
        let text = text.replace(
            "const BUILD: &[&str] = &[];",
            &format!("const BUILD: &[&str] = &{words:?};"),
        );
        let text = text.replace(
            "const DIRECTORY: &str = \"..\";",
            &format!("const DIRECTORY: &str = {directory:?};"),
        );
        Ok(text.replace(
            "const IMAGE: &str = \"../build/firmware.elf\";",
            &format!("const IMAGE: &str = {:?};", relative(image, suite)),
        ))
    }

    fn tell(&self, suite: &Path, is_virtual: bool, installed: &Installed) -> Result<(), Failure> {
        let here = std::env::current_dir().unwrap_or_default();
        if self.clock.is_none() && !is_virtual {
            output::line(
                "There is no Renode, so the boards run on QEMU, in real time. `vtarget install` installs Renode;\n\
                 then write `clock: virtual` into the board's file, for exact times.",
            )?;
        }
        output::line(format_args!("The tests are in {}. Next:", suite.display()))?;
        if suite != here {
            let directory = relative(suite, &here);
            output::line(format_args!("  cd {}", directory.display()))?;
        }
        if is_virtual && !*installed.renode {
            output::line("  vtarget install      # Renode, which `clock: virtual` needs")?;
        }
        if !*installed.qemu {
            output::line("  vtarget doctor       # says how to install QEMU")?;
        }
        output::line("  cargo test           # or: cargo nextest run")?;
        output::line(match self.firmware {
            Some(_) => {
                "  vtarget run boards/stm32f4-discovery.yaml    # a console: its greeting, prompt and commands\n  \
                 README.md            # what to adapt to your firmware"
            }
            None => "  README.md            # what to adapt to a firmware of yours",
        })
    }
}

/// Which emulators are installed; each is asked once, if that matters.
struct Installed {
    renode: LazyCell<bool>,
    qemu: LazyCell<bool>,
}

impl Installed {
    fn new() -> Self {
        Self {
            renode: LazyCell::new(|| EmulatorInfo::find_renode().wait().is_ok()),
            qemu: LazyCell::new(|| EmulatorInfo::find_qemu().wait().is_ok()),
        }
    }
}

/// Returns a board file with the project's image and clock.
fn board(text: &str, image: &Path, is_virtual: bool) -> String {
    let is_for_renode = text.lines().any(|line| line.starts_with("platform:"));
    let mut lines = Vec::new();
    for line in text.lines() {
        match line {
            _ if line.starts_with("firmware:") => {
                lines.push(format!("firmware: {}", quoted(image)));
            }
            _ if line.starts_with("backend:") && is_for_renode && is_virtual => {
                lines.push(line.to_owned());
                lines.push("clock: virtual       # exact times on any host; on Renode".to_owned());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

/// Returns a file of tests for firmware whose greeting, prompt and commands are not known: what needs
/// them is ignored, and the rest passes if it prints something.
fn of_other_firmware(name: &str, text: &str) -> String {
    const TO_ADAPT: &str =
        "#[tokio::test]\n#[ignore = \"to be adapted: your prompt and commands\"]\n";
    let text = text
        .replace("\"Hello from\"", "r\"re:\\S\"")
        .replace(
            "\"stm32f4-discovery\", \"netduino2\"",
            "\"stm32f4-discovery\"",
        )
        .replace("    #[with(\"netduino2\")]\n", "");
    match name {
        "tests/shell.rs" => {
            text.replace("#[tokio::test]\nasync fn", &format!("{TO_ADAPT}async fn"))
        }
        _ => text,
    }
}

/// Returns the template's manifest as that of a project of its own.
fn manifest(text: &str) -> String {
    // A program that was built in a clone of the repository takes the library from there.
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize();
    let library = match clone {
        Ok(clone) if clone.join("fixtures").is_dir() => format!("{{ path = {clone:?} }}"),
        _ => concat!("\"", env!("CARGO_PKG_VERSION"), "\"").to_owned(),
    };
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("virtual-target", _)) => format!("virtual-target = {library}"),
        _ => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    // Without it, cargo would look for a workspace in the directories above.
    lines.join("\n") + "\n\n[workspace]\n"
}

/// Returns the template's pipeline for a repository that has the tests in a directory.
fn on_gitlab_beside(text: &str) -> String {
    let script = "  script:\n";
    let there = format!("    - cd {BESIDE}\n{script}");
    text.replace("[scripts/", &format!("[{BESIDE}/scripts/"))
        .replace("[Cargo.toml]", &format!("[{BESIDE}/Cargo.toml]"))
        .replace("    - scripts/", &format!("    - {BESIDE}/scripts/"))
        .replace(" target/debug/", &format!(" {BESIDE}/target/debug/"))
        .replace("[target/", &format!("[{BESIDE}/target/"))
        .replace("junit: target/", &format!("junit: {BESIDE}/target/"))
        .replace(script, &there)
}

/// Returns the template's workflow for a repository that has the tests in a directory.
fn on_github_beside(text: &str) -> String {
    let steps = "    timeout-minutes: 30\n";
    let defaults =
        format!("{steps}    defaults:\n      run:\n        working-directory: {BESIDE}\n");
    text.replace(steps, &defaults)
        .replace(
            "hashFiles('scripts/",
            &format!("hashFiles('{BESIDE}/scripts/"),
        )
        .replace(
            "            target/",
            &format!("            {BESIDE}/target/"),
        )
        .replace("workspaces: .", &format!("workspaces: {BESIDE}"))
}

/// Returns the path of `to`, seen from the directory `from`; both are absolute.
fn relative(to: &Path, from: &Path) -> PathBuf {
    let common = to
        .components()
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

/// Returns a path as YAML text.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("{text:?}"),
    }
}

fn write(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure(format!("cannot write {}: {error}", file.display()));
    fs::create_dir_all(file.parent().unwrap_or(file)).map_err(failed)?;
    fs::write(file, content).map_err(failed)?;
    if content.starts_with(b"#!") {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(())
}

//! Shells of real boards, simulated byte by byte: the bytes that each sends for each byte it receives.
//!
//! The shapes are those of Zephyr's shell, NuttX's nsh, linenoise and ESP-IDF's console, readline
//! (bash), zsh, U-Boot, MicroPython, FreeRTOS+CLI, a Linux terminal, and of small shells with all
//! kinds of line ends. A [`Shape`] is a shell together with its description in a target's file.

/// A shell and its description for the crate.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub name: &'static str,
    /// The pattern of the prompt.
    pub prompt: &'static str,
    pub line_ending: &'static str,
    /// The described echo, if the description has one.
    pub echo: Option<bool>,
    pub ignore_lines: &'static [&'static str],
    /// True if answers are ambiguous, or lines are lost, so that errors are correct as well.
    pub is_hopeless: bool,
    shell: Options,
}

#[derive(Debug, Clone, Copy)]
struct Options {
    /// The prompt as it is sent.
    prompt: &'static str,
    echo: Echo,
    ends: Ends,
    /// The end of an output line.
    newline: &'static str,
    /// Sent when a line was received, after the end of its echo.
    taken: &'static str,
    /// Sent after an answer.
    answered: &'static str,
    /// True if an empty line runs the last command again.
    repeats: bool,
    log: Option<Log>,
    /// The number of characters of a line that are accepted.
    longest: usize,
}

/// A way to echo a line.
#[derive(Debug, Clone, Copy)]
enum Echo {
    None,
    /// Each character as it is received.
    Characters,
    /// The whole line, once it has ended.
    AtTheEnd,
    /// Each character, including the line end, before the shell adds its own.
    WithLineEnd,
    /// The line is written again with each character.
    Redrawn,
    /// The same, followed by an erase sequence and a cursor position.
    Refreshed,
    /// Refreshed over several rows of this width.
    RefreshedRows(usize),
    /// The end of the line, as far as it fits into this width.
    Scrolled(usize),
    /// Broken by a newline at this width.
    Broken(usize),
    /// Broken by a blank and a carriage return at this width.
    Wrapped(usize),
    /// The last character is written again with each new one.
    Doubled,
}

/// The bytes that end a received line.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Lf,
    Cr,
    /// `\r`, `\n` or `\r\n`.
    Any,
    /// `\r` and `\n`, each by itself.
    Each,
}

/// A log line at intervals.
#[derive(Debug, Clone, Copy)]
struct Log {
    /// The number of output bytes between log lines; a prime, so that they appear at every position.
    every: usize,
    text: &'static str,
    style: LogStyle,
}

#[derive(Debug, Clone, Copy)]
enum LogStyle {
    /// At any position.
    Plain,
    /// While a line is typed: erases it, and draws it again after the log line.
    Erasing,
    /// The same, and between the lines of answers.
    ErasingOrWithin,
    /// While a line is typed: after it, and draws it again.
    Redrawing,
}

const SHELL: Options = Options {
    prompt: "> ",
    echo: Echo::Characters,
    ends: Ends::Any,
    newline: "\r\n",
    taken: "",
    answered: "",
    repeats: false,
    log: None,
    longest: 256,
};

const SHAPE: Shape = Shape {
    name: "",
    prompt: "> ",
    line_ending: "\n",
    echo: None,
    ignore_lines: &[],
    is_hopeless: false,
    shell: SHELL,
};

const ZEPHYR: Options = Options {
    prompt: "\x1b[1;32muart:~$ \x1b[m",
    echo: Echo::Broken(80),
    ..SHELL
};

const NUTTX: Options = Options {
    prompt: "nsh> \x1b[K",
    ..SHELL
};

const ESP_IDF: Options = Options {
    prompt: "esp32> ",
    echo: Echo::RefreshedRows(80),
    ends: Ends::Any,
    ..SHELL
};

const BASH: Options = Options {
    prompt: "\x1b[?2004hroot@board:~# ",
    taken: "\x1b[?2004l\r",
    echo: Echo::Wrapped(80),
    ..SHELL
};

const ZSH: Options = Options {
    prompt: "\x1b[1m\x1b[7m%\x1b[27m\x1b[1m\x1b[0m    \r \r\r\x1b[0m\x1b[27m\x1b[24m\x1b[Jboard% \x1b[K\x1b[?2004h",
    taken: "\x1b[?2004l\r\r",
    echo: Echo::Doubled,
    ..SHELL
};

const U_BOOT: Options = Options {
    prompt: "=> ",
    ends: Ends::Each,
    repeats: true,
    ..SHELL
};

const MICRO_PYTHON: Options = Options {
    prompt: ">>> ",
    ends: Ends::Cr,
    ..SHELL
};

const FREE_RTOS: Options = Options {
    prompt: ">",
    echo: Echo::WithLineEnd,
    ends: Ends::Each,
    answered: "\r\n[Press ENTER to execute the previous command again]\r\n",
    repeats: true,
    ..SHELL
};

const TWICE: Options = Options {
    ends: Ends::Each,
    ..SHELL
};

const SILENT: Options = Options {
    echo: Echo::None,
    ..SHELL
};

const STAMPED: Log = Log {
    every: 61,
    text: "[00:00:07.123,000] <inf> app: beat",
    style: LogStyle::Plain,
};

const STAMP: &[&str] = &[r"re:\[\d\d:\d\d:\d\d\.\d+,\d+\] <\w+> "];

/// Returns all shapes.
pub fn shapes() -> Vec<Shape> {
    let shape = |name, prompt, line_ending, shell| Shape {
        name,
        prompt,
        line_ending,
        shell,
        ..SHAPE
    };
    let erased = Log {
        style: LogStyle::Erasing,
        ..STAMPED
    };
    let redrawn = Log {
        style: LogStyle::Redrawing,
        ..STAMPED
    };
    vec![
        shape("plain", "> ", "\n", SHELL),
        shape("plain, CR", "> ", "\r", SHELL),
        shape("plain, CRLF taken for one line end", "> ", "\r\n", SHELL),
        shape(
            "plain, LF only",
            "> ",
            "\n",
            Options {
                ends: Ends::Lf,
                ..SHELL
            },
        ),
        shape(
            "plain, CRLF of which the LF counts",
            "> ",
            "\r\n",
            Options {
                ends: Ends::Lf,
                ..SHELL
            },
        ),
        shape(
            "plain, lines end in LF",
            "> ",
            "\n",
            Options {
                newline: "\n",
                ..SHELL
            },
        ),
        shape(
            "plain, lines end in LF CR",
            "> ",
            "\n",
            Options {
                newline: "\n\r",
                ..SHELL
            },
        ),
        shape(
            "plain, lines end in CR CR LF",
            "> ",
            "\n",
            Options {
                newline: "\r\r\n",
                ..SHELL
            },
        ),
        shape("plain, prompt without its blank", ">", "\n", SHELL),
        shape(
            "plain, the beginning of its prompt",
            "uart:",
            "\n",
            Options {
                prompt: "uart:~$ ",
                ..SHELL
            },
        ),
        shape(
            "a terminal that echoes whole lines",
            "re:(?m)^\\$ ",
            "\n",
            Options {
                prompt: "$ ",
                echo: Echo::AtTheEnd,
                ..SHELL
            },
        ),
        Shape {
            echo: Some(true),
            ..shape("plain, said to echo", "> ", "\n", SHELL)
        },
        shape("answers CRLF twice", "> ", "\r\n", TWICE),
        shape(
            "answers CRLF twice, lines end in LF CR",
            "> ",
            "\r\n",
            Options {
                newline: "\n\r",
                ..TWICE
            },
        ),
        Shape {
            echo: Some(true),
            ..shape("answers CRLF twice, said to echo", "> ", "\r\n", TWICE)
        },
        shape("Zephyr", "uart:~$ ", "\n", ZEPHYR),
        shape("Zephyr, CRLF", "uart:~$ ", "\r\n", ZEPHYR),
        shape(
            "Zephyr, narrow, the beginning of its prompt",
            "uart:",
            "\n",
            Options {
                echo: Echo::Broken(20),
                ..ZEPHYR
            },
        ),
        shape(
            "Zephyr, narrow",
            "uart:~$ ",
            "\n",
            Options {
                echo: Echo::Broken(20),
                ..ZEPHYR
            },
        ),
        shape(
            "Zephyr, log lines",
            "uart:~$ ",
            "\n",
            Options {
                log: Some(erased),
                ..ZEPHYR
            },
        ),
        Shape {
            ignore_lines: STAMP,
            ..shape(
                "Zephyr, log lines within answers",
                "uart:~$ ",
                "\n",
                Options {
                    log: Some(Log {
                        style: LogStyle::ErasingOrWithin,
                        ..STAMPED
                    }),
                    ..ZEPHYR
                },
            )
        },
        shape("NuttX nsh", "nsh> ", "\n", NUTTX),
        shape(
            "NuttX nsh, CRLF answered twice",
            "nsh> ",
            "\r\n",
            Options {
                ends: Ends::Each,
                ..NUTTX
            },
        ),
        shape(
            "NuttX nsh, redrawn",
            "nsh> ",
            "\n",
            Options {
                echo: Echo::Refreshed,
                ..NUTTX
            },
        ),
        shape(
            "linenoise, a line written anew",
            "> ",
            "\n",
            Options {
                echo: Echo::Redrawn,
                ..SHELL
            },
        ),
        shape(
            "linenoise, refreshed",
            "> ",
            "\r",
            Options {
                echo: Echo::Refreshed,
                ..SHELL
            },
        ),
        shape(
            "linenoise, scrolled",
            "> ",
            "\r",
            Options {
                echo: Echo::Scrolled(24),
                ..SHELL
            },
        ),
        Shape {
            ignore_lines: STAMP,
            ..shape(
                "linenoise, log lines redrawn",
                "> ",
                "\n",
                Options {
                    echo: Echo::Refreshed,
                    log: Some(redrawn),
                    ..SHELL
                },
            )
        },
        shape("ESP-IDF", "esp32> ", "\n", ESP_IDF),
        shape(
            "ESP-IDF, narrow",
            "esp32> ",
            "\r\n",
            Options {
                echo: Echo::RefreshedRows(20),
                ..ESP_IDF
            },
        ),
        shape(
            "ESP-IDF without a terminal",
            "esp32> ",
            "\n",
            Options {
                echo: Echo::Characters,
                ..ESP_IDF
            },
        ),
        shape("readline", "re:root@board:.*# ", "\n", BASH),
        shape(
            "readline, narrow",
            "# ",
            "\n",
            Options {
                echo: Echo::Wrapped(30),
                ..BASH
            },
        ),
        shape("zsh", "board% ", "\n", ZSH),
        shape("U-Boot", "=> ", "\n", U_BOOT),
        shape("U-Boot, CRLF: each command again", "=> ", "\r\n", U_BOOT),
        shape("MicroPython", ">>> ", "\r", MICRO_PYTHON),
        shape("MicroPython, CRLF", ">>> ", "\r\n", MICRO_PYTHON),
        shape(
            "FreeRTOS+CLI",
            r"re:(?:\[Press ENTER[^\n]*\r\n|\n)>",
            "\n",
            FREE_RTOS,
        ),
        shape(
            "FreeRTOS+CLI, CRLF: each command again",
            r"re:(?:\[Press ENTER[^\n]*\r\n|\n)>",
            "\r\n",
            FREE_RTOS,
        ),
        shape("no echo", "> ", "\n", SILENT),
        Shape {
            echo: Some(false),
            ..shape("no echo, said so", "> ", "\n", SILENT)
        },
        Shape {
            echo: Some(false),
            ..shape("no echo, CRLF taken for one line end", "> ", "\r\n", SILENT)
        },
        Shape {
            echo: Some(false),
            is_hopeless: true,
            ..shape(
                "no echo, CRLF answered twice",
                "> ",
                "\r\n",
                Options {
                    echo: Echo::None,
                    ..TWICE
                },
            )
        },
        Shape {
            is_hopeless: true,
            ..shape(
                "no echo, not said, CRLF answered twice",
                "> ",
                "\r\n",
                Options {
                    echo: Echo::None,
                    ..TWICE
                },
            )
        },
        Shape {
            ignore_lines: STAMP,
            ..shape(
                "no echo, log lines",
                "> ",
                "\n",
                Options {
                    log: Some(STAMPED),
                    ..SILENT
                },
            )
        },
        Shape {
            ignore_lines: STAMP,
            ..shape(
                "log lines anywhere",
                "> ",
                "\n",
                Options {
                    log: Some(STAMPED),
                    ..SHELL
                },
            )
        },
        Shape {
            ignore_lines: STAMP,
            ..shape(
                "log lines anywhere, CRLF answered twice",
                "> ",
                "\r\n",
                Options {
                    log: Some(Log {
                        every: 101,
                        ..STAMPED
                    }),
                    ..TWICE
                },
            )
        },
        Shape {
            ignore_lines: STAMP,
            ..shape(
                "log lines that redraw the line",
                "> ",
                "\n",
                Options {
                    log: Some(redrawn),
                    ..SHELL
                },
            )
        },
        Shape {
            is_hopeless: true,
            ..shape(
                "takes no long lines",
                "> ",
                "\n",
                Options {
                    longest: 4,
                    ..SHELL
                },
            )
        },
    ]
}

/// Returns the `n`th of the commands that are run on a shell.
pub fn command(n: usize) -> String {
    match n % 10 {
        0 => "ping".to_owned(),
        1 => format!("echo {n}"),
        2 => "version".to_owned(),
        3 => "set led on".to_owned(),
        4 => format!("echo a > b {n}"),
        5 => format!(
            "write 0x2000{n:04} deadbeefdeadbeefdeadbeefdeadbeefdeadbeef and some more words to fill the line"
        ),
        6 => "uptime".to_owned(),
        7 => "echo ping".to_owned(),
        8 => "list".to_owned(),
        _ => "ping".to_owned(),
    }
}

/// Returns the lines of a shell's answer to `command`, after `before` earlier commands.
fn answer(command: &str, before: usize) -> Vec<String> {
    match command.split_once(' ') {
        Some(("echo", text)) => vec![text.replace('>', "to")],
        Some(("write", _)) => vec!["ok".to_owned()],
        Some(("set", _)) => vec![],
        None if command == "ping" => vec!["pong".to_owned()],
        None if command == "version" => vec!["thermo".to_owned(), "1.0.0".to_owned()],
        None if command == "list" => ["a", "bc", "def"].map(str::to_owned).to_vec(),
        None if command == "uptime" => vec![format!("up {before} times")],
        _ => vec![format!("{command}: unknown")],
    }
}

impl Shape {
    /// Returns the shell in its initial state.
    pub fn start(&self) -> Shell {
        let mut shell = Shell {
            options: self.shell,
            line: String::new(),
            last: String::new(),
            after_cr: false,
            is_typed: false,
            output: Vec::new(),
            since_log: 0,
            run: 0,
        };
        shell.output.extend_from_slice(b"booting\r\n");
        if let Some(log) = self.shell.log {
            shell.output.extend_from_slice(log.text.as_bytes());
            shell.output.extend_from_slice(b"\r\n");
        }
        shell.prompt();
        shell
    }

    /// Returns the correct answer to a command that was run after `before` others.
    pub fn answer(&self, command: &str, before: usize) -> String {
        let before = match self.shell.repeats && self.line_ending == "\r\n" {
            true => 2 * before,
            false => before,
        };
        answer(command, before).join(self.shell.newline)
    }
}

/// A running shell.
pub struct Shell {
    options: Options,
    /// The characters of the current line.
    line: String,
    last: String,
    after_cr: bool,
    /// True if a line is being typed after a prompt.
    is_typed: bool,
    output: Vec<u8>,
    since_log: usize,
    /// The number of commands it has run.
    run: usize,
}

impl Shell {
    /// Receives a byte.
    pub fn receive(&mut self, byte: u8) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        match (self.options.ends, byte) {
            (Ends::Any, b'\n') if after_cr => {}
            (Ends::Lf, b'\r') | (Ends::Cr, b'\n') => {}
            (_, b'\r' | b'\n') => self.end(byte),
            _ if self.line.len() < self.options.longest => self.character(char::from(byte)),
            _ => self.send("\x07"),
        }
    }

    /// Returns the output since the last call.
    pub fn sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn character(&mut self, c: char) {
        self.line.push(c);
        let line = self.line.clone();
        let prompt = self.options.prompt;
        let start = width(prompt);
        let columns = start + line.len();
        match self.options.echo {
            Echo::None | Echo::AtTheEnd => {}
            Echo::Characters | Echo::WithLineEnd => self.send(&c.to_string()),
            Echo::Redrawn => self.send(&format!("\r{prompt}{line}")),
            Echo::Refreshed => self.send(&format!("\r{prompt}{line}\x1b[0K\r\x1b[{columns}C")),
            Echo::RefreshedRows(width) => self.refresh_rows(width),
            Echo::Scrolled(width) => {
                let room = width - start - 1;
                let shown = &line[line.len().saturating_sub(room)..];
                let column = start + shown.len();
                self.send(&format!("\r{prompt}{shown}\x1b[0K\r\x1b[{column}C"));
            }
            Echo::Broken(width) => {
                let end = if columns.is_multiple_of(width) {
                    "\r\n"
                } else {
                    ""
                };
                self.send(&format!("{c}{end}"));
            }
            Echo::Wrapped(width) => {
                let end = if columns.is_multiple_of(width) {
                    " \r"
                } else {
                    ""
                };
                self.send(&format!("{c}{end}"));
            }
            Echo::Doubled => {
                let before = line[..line.len() - 1].chars().last();
                let again = before.map_or(String::new(), |before| format!("\x08{before}"));
                self.send(&format!("{again}{c}"));
            }
        }
    }

    fn refresh_rows(&mut self, width_of_terminal: usize) {
        let (prompt, line) = (self.options.prompt, self.line.clone());
        let columns = width(prompt) + line.len();
        let rows_before = (columns - 1).div_ceil(width_of_terminal).max(1);
        let up = "\r\x1b[0K\x1b[1A".repeat(rows_before - 1);
        // The row that a full row has opened is left again.
        let left = match (columns - 1).is_multiple_of(width_of_terminal) {
            true => "\r\x1b[0K\x1b[1A",
            false => "",
        };
        let end = match columns.is_multiple_of(width_of_terminal) {
            true => "\n\r".to_owned(),
            false => format!("\r\x1b[{}C", columns % width_of_terminal),
        };
        self.send(&format!("{left}{up}\r\x1b[0K{prompt}{line}{end}"));
    }

    fn end(&mut self, byte: u8) {
        let newline = self.options.newline;
        let line = std::mem::take(&mut self.line);
        self.is_typed = false;
        let columns = width(self.options.prompt) + line.len();
        match self.options.echo {
            Echo::None => {}
            Echo::AtTheEnd => self.send(&format!("{line}{newline}")),
            Echo::WithLineEnd => self.send(&format!("{}{newline}", char::from(byte))),
            Echo::Broken(width) if columns.is_multiple_of(width) => {}
            _ => self.send(newline),
        }
        self.send(self.options.taken);
        let command = match line.is_empty() && self.options.repeats {
            true => self.last.clone(),
            false => line,
        };
        if !command.is_empty() {
            for line in answer(&command, self.run) {
                self.send(&line);
                self.send(newline);
            }
            self.run += 1;
            self.last = command;
        }
        self.send(self.options.answered);
        self.prompt();
    }

    fn prompt(&mut self) {
        self.output
            .extend_from_slice(self.options.prompt.as_bytes());
        self.is_typed = true;
        self.send("");
    }

    /// Sends `text`, and the log lines that are due.
    fn send(&mut self, text: &str) {
        let Some(log) = self.options.log else {
            self.output.extend_from_slice(text.as_bytes());
            return;
        };
        if let LogStyle::Plain = log.style {
            for byte in text.bytes() {
                self.output.push(byte);
                self.since_log += 1;
                self.log_if_due(log, "", "");
            }
            return;
        }
        self.output.extend_from_slice(text.as_bytes());
        self.since_log += text.len().max(1);
        match (self.is_typed, log.style) {
            (true, LogStyle::Redrawing) => {
                let drawn = format!("{}{}", self.options.prompt, self.line);
                self.log_if_due(log, self.options.newline, &drawn);
            }
            (true, _) => {
                let (erased, drawn) = self.erased_and_drawn();
                self.log_if_due(log, &erased, &drawn);
            }
            (false, LogStyle::ErasingOrWithin) if text.ends_with('\n') => {
                self.log_if_due(log, "", "");
            }
            (false, _) => {}
        }
    }

    fn log_if_due(&mut self, log: Log, before: &str, after: &str) {
        if self.since_log < log.every {
            return;
        }
        self.since_log = 0;
        for part in [before, log.text, self.options.newline, after] {
            self.output.extend_from_slice(part.as_bytes());
        }
    }

    /// Returns the sequences that erase the line being typed, and that draw it again.
    fn erased_and_drawn(&self) -> (String, String) {
        let prompt = self.options.prompt;
        let columns = width(prompt) + self.line.len();
        let Echo::Broken(width_of_terminal) = self.options.echo else {
            return (
                format!("\x1b[{columns}D\x1b[J"),
                format!("{prompt}{}", self.line),
            );
        };
        let (rows, column) = (columns / width_of_terminal, columns % width_of_terminal);
        let left = match column {
            0 => String::new(),
            column => format!("\x1b[{column}D"),
        };
        let up = match rows {
            0 => String::new(),
            rows => format!("\x1b[{rows}A"),
        };
        let mut drawn = prompt.to_owned();
        for (index, c) in self.line.chars().enumerate() {
            drawn.push(c);
            if (width(prompt) + index + 1).is_multiple_of(width_of_terminal) {
                drawn.push_str("\r\n");
            }
        }
        (format!("{left}{up}\x1b[J"), drawn)
    }
}

/// Returns the number of columns of a prompt on the screen.
fn width(prompt: &str) -> usize {
    let last = prompt.rsplit('\r').next().unwrap_or_default();
    let mut columns = 0;
    let mut rest = last.chars();
    while let Some(c) = rest.next() {
        if c != '\x1b' {
            columns += 1;
            continue;
        }
        let _ = rest.find(char::is_ascii_alphabetic);
    }
    columns
}

//! Writing for people: colours on a terminal only, tables that line up, and a closed pipe that is no failure.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::secrets::redactor;

/// Widest cell of a table, in characters; longer ones are cut.
const CELL_CHARS_MAX: usize = 72;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();

/// Standard output or standard error.
pub(super) struct Out {
    stream: Box<dyn Write>,
}

impl Out {
    /// For results.
    pub(super) fn stdout() -> Self {
        Self { stream: Box::new(anstream::stdout()) }
    }

    /// For everything else.
    pub(super) fn stderr() -> Self {
        Self { stream: Box::new(anstream::stderr()) }
    }

    /// One line. That the reader has gone away is his right.
    pub(super) fn line(&mut self, text: &str) {
        let _closed = writeln!(self.stream, "{text}");
    }

    /// A failure, named as one.
    pub(super) fn failure(&mut self, text: &str) {
        let text = redactor().redact(text);
        let _closed = writeln!(self.stream, "{}: {text}", painted(BAD.bold(), "error"));
    }

    /// A warning, named as one.
    pub(super) fn warning(&mut self, text: &str) {
        let text = redactor().redact(text);
        let _closed = writeln!(self.stream, "{}: {text}", painted(WARN, "warning"));
    }

    /// Indented JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|fault| format!("{{\"error\":\"{fault}\"}}"));
        self.line(&text);
    }

    /// Rows under a head, columns lined up. The last column is as wide as it is.
    pub(super) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
        let width = |column: usize| {
            let of_rows = cells.iter().filter_map(|row| row.get(column)).map(|cell| visible_chars(cell));
            of_rows.chain([head[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let titles: Vec<String> = head.iter().map(|title| painted(BOLD, title)).collect();
        for row in std::iter::once(&titles).chain(&cells) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                line.push_str(cell);
                if column + 1 < row.len() {
                    line.push_str(&" ".repeat(widths[column].saturating_sub(visible_chars(cell)) + 2));
                }
            }
            self.line(line.trim_end());
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The text in a style; the stream takes the style out again where there is no terminal.
pub(super) fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// `1 tool`, `3 tools`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Without line breaks and control characters that a server's texts may bring, and not too long.
pub(super) fn one_line(text: &str) -> String {
    if text.starts_with('\u{1b}') {
        return text.to_owned();
    }
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() > CELL_CHARS_MAX {
        let cut: String = clean.chars().take(CELL_CHARS_MAX - 1).collect();
        format!("{}…", cut.trim_end())
    } else {
        clean
    }
}

/// Characters without escape sequences.
fn visible_chars(text: &str) -> usize {
    let mut count = 0;
    let mut in_escape = false;
    for c in text.chars() {
        match (in_escape, c) {
            (false, '\u{1b}') => in_escape = true,
            (true, letter) if letter.is_ascii_alphabetic() => in_escape = false,
            (true, _) => {}
            (false, _) => count += 1,
        }
    }
    count
}

//! Lines of a kept result that match a pattern, with the lines around them. In a line that is too long to be shown (JSON in one
//! line, say) each match is shown with the text around it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::ops::RangeInclusive;

use regex::{Regex, RegexBuilder};

use super::body::Position;
use super::{Error, Kept, Results};

/// Longest pattern, in bytes, and the memory that it may take when it is made ready, in bytes. Guesses.
const PATTERN_BYTES_MAX: usize = 1_000;
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Lines that are longer are looked through in parts of that size, in bytes.
const PART_BYTES: usize = 32 * 1024;
/// How far a part reaches into the one before it, in bytes, so that a match at the border is found: longer ones are not.
const OVERLAP_BYTES: usize = 1024;
/// Longest line that is shown whole, in bytes; of longer ones the text around a match, so many bytes before and behind it.
const LINE_BYTES_SHOWN: usize = 500;
const AROUND_BYTES: usize = 120;
/// Longest match that is shown, in bytes.
const MATCH_BYTES_SHOWN: usize = 300;
/// Lines around a match at most.
const CONTEXT_MAX: usize = 20;

/// What to look for.
#[derive(Debug, Clone)]
pub struct Grep<'a> {
    /// A regular expression as the crate `regex` knows them.
    pub pattern: &'a str,
    /// Lines before and behind each match, at most 20.
    pub context: usize,
    /// Matches that are passed over: those of the answers before.
    pub skip: usize,
    /// Matches that are shown.
    pub matches_max: usize,
    /// Only in these lines, numbered from 1.
    pub lines: Option<RangeInclusive<usize>>,
    /// Longest answer, in bytes.
    pub bytes_max: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grepped {
    /// Lines that match (in a long line each match) in all.
    pub total: usize,
    /// How many of them are shown.
    pub shown: usize,
    /// `12: a line that matches`, `13- a line beside it`, `1 (character 5021): a part of a long line`; `--` between those that
    /// do not follow each other.
    pub text: String,
}

impl Results {
    /// Looks through the whole text. Blocks: a second for some hundred megabytes.
    ///
    /// # Errors
    /// [`Error::Pattern`], [`Error::File`].
    pub fn grep(&self, kept: &Kept, grep: &Grep<'_>) -> Result<Grepped, Error> {
        let regex = compile(grep.pattern)?;
        let mut scan = Scan::new(&regex, grep);
        let mut line = String::new();
        let mut start = Position::default();
        // How far into `line` the part before it was looked through already.
        let mut seen = 0;
        let mut is_part = false;
        for piece in kept.view.pieces(start) {
            let (_, piece) = piece.map_err(|fault| self.file("reading", fault))?;
            for part in piece.split_inclusive('\n') {
                line.push_str(part);
                if part.ends_with('\n') {
                    scan.look(&line, start, seen, is_part);
                    start = start.past(&line);
                    line.clear();
                    (seen, is_part) = (0, false);
                } else if line.len() >= PART_BYTES {
                    scan.look(&line, start, seen, true);
                    let mut cut = line.len() - OVERLAP_BYTES;
                    while !line.is_char_boundary(cut) {
                        cut += 1;
                    }
                    seen = line.len() - cut;
                    start = start.past(&line[..cut]);
                    line.drain(..cut);
                    is_part = true;
                }
            }
        }
        if !line.is_empty() {
            scan.look(&line, start, seen, is_part);
        }
        Ok(Grepped { total: scan.total, shown: scan.shown, text: scan.text })
    }
}

fn compile(pattern: &str) -> Result<Regex, Error> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(Error::Pattern { fault: format!("it has more than {PATTERN_BYTES_MAX} bytes") });
    }
    let built = RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX).build();
    // The crate's message draws the pattern over several lines; the last one says what is wrong.
    built.map_err(|fault| Error::Pattern {
        fault: fault.to_string().lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned(),
    })
}

struct Scan<'a> {
    regex: &'a Regex,
    grep: &'a Grep<'a>,
    total: usize,
    shown: usize,
    text: String,
    /// The last lines that were not shown, with their numbers.
    before: VecDeque<(usize, String)>,
    /// Lines that are still shown behind the last match.
    behind: usize,
    last_line: usize,
    /// The next match would not fit, so no more are shown; all are counted.
    is_full: bool,
}

impl<'a> Scan<'a> {
    fn new(regex: &'a Regex, grep: &'a Grep<'a>) -> Self {
        Self {
            regex,
            grep,
            total: 0,
            shown: 0,
            text: String::new(),
            before: VecDeque::new(),
            behind: 0,
            last_line: 0,
            is_full: false,
        }
    }

    /// A line or a part of one; what ends within its first `seen` bytes was found before.
    fn look(&mut self, line: &str, start: Position, seen: usize, is_part: bool) {
        let number = start.line + 1;
        if self.grep.lines.as_ref().is_some_and(|lines| !lines.contains(&number)) {
            return;
        }
        let text = line.trim_end_matches(['\n', '\r']);
        if is_part || text.len() > LINE_BYTES_SHOWN {
            self.look_within(text, start, seen);
        } else if self.regex.is_match(text) {
            self.total += 1;
            if self.is_wanted() {
                self.show_line(number, text);
            } else {
                self.pass(number, text);
            }
        } else {
            self.pass(number, text);
        }
    }

    fn is_wanted(&self) -> bool {
        self.total > self.grep.skip && self.shown < self.grep.matches_max && !self.is_full
    }

    fn look_within(&mut self, text: &str, start: Position, seen: usize) {
        let number = start.line + 1;
        self.behind = 0;
        self.before.clear();
        for found in self.regex.find_iter(text) {
            // What is empty matches everywhere, which says nothing.
            if found.is_empty() || found.end() <= seen && seen > 0 {
                continue;
            }
            self.total += 1;
            if !self.is_wanted() {
                continue;
            }
            let char = start.char + text[..found.start()].chars().count();
            let excerpt = excerpt(text, found.start(), found.end());
            self.show(&[format!("{number} (character {char}): {excerpt}\n")], number, number);
        }
    }

    fn show_line(&mut self, number: usize, text: &str) {
        let context: Vec<String> = self.before.drain(..).map(|(at, text)| format!("{at}- {text}\n")).collect();
        let first = number - context.len();
        let mut lines = context;
        lines.push(format!("{number}: {text}\n"));
        self.show(&lines, first, number);
        self.behind = if self.is_full { 0 } else { self.grep.context.min(CONTEXT_MAX) };
    }

    fn show(&mut self, lines: &[String], first: usize, last: usize) {
        let gap = if self.grep.context > 0 && self.last_line > 0 && first > self.last_line + 1 { "--\n" } else { "" };
        let len: usize = lines.iter().map(String::len).sum::<usize>() + gap.len();
        // The first is shown in any case: it is short.
        if self.shown > 0 && self.text.len() + len > self.grep.bytes_max {
            self.is_full = true;
            return;
        }
        self.text.push_str(gap);
        for line in lines {
            self.text.push_str(line);
        }
        self.shown += 1;
        self.last_line = last;
    }

    /// A line that is shown only if it is beside one that matches.
    fn pass(&mut self, number: usize, text: &str) {
        if self.behind > 0 && self.text.len() + text.len() + 12 <= self.grep.bytes_max {
            self.behind -= 1;
            self.last_line = number;
            let _infallible = writeln!(self.text, "{number}- {text}");
            return;
        }
        self.behind = 0;
        self.before.push_back((number, text.to_owned()));
        while self.before.len() > self.grep.context.min(CONTEXT_MAX) {
            self.before.pop_front();
        }
    }
}

/// The match with some text around it, in one line.
fn excerpt(text: &str, start: usize, end: usize) -> String {
    let is_cut = end - start > MATCH_BYTES_SHOWN;
    let end = if is_cut { start + MATCH_BYTES_SHOWN } else { end };
    let mut from = start.saturating_sub(AROUND_BYTES);
    let mut to = text.len().min(end + if is_cut { 0 } else { AROUND_BYTES });
    while !text.is_char_boundary(from) {
        from += 1;
    }
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    let before = if from > 0 { "…" } else { "" };
    let behind = if to < text.len() { "…" } else { "" };
    format!("{before}{}{behind}", &text[from..to])
}

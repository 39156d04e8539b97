//! A text as words with what stands around them.

/// What ends a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing but space.
    None,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `;`, or the end of a line.
    Break,
    /// `.` or `!`
    Stop,
    /// `?`
    Question,
}

/// A run without spaces.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Where it begins, in bytes, marks included.
    pub(super) start: usize,
    /// Without marks around it, in lower case.
    pub(super) word: String,
    /// What follows it.
    pub(super) mark: Mark,
    /// Where it ends, in bytes, without the marks behind it.
    pub(super) end: usize,
    /// It is part of a quotation.
    pub(super) is_quoted: bool,
}

/// Abbreviations whose dot ends no sentence.
const ABBREVIATIONS: &[&str] = &["dr", "e.g", "etc", "i.e", "mr", "mrs", "ms", "no", "st", "vs"];

/// All of them, in order.
pub(super) fn of(text: &str) -> Vec<Token> {
    let quotations = quotations(text);
    let mut tokens: Vec<Token> = Vec::new();
    let mut line_ends = false;
    for chunk in text.split_inclusive(char::is_whitespace) {
        let start = chunk.as_ptr() as usize - text.as_ptr() as usize;
        let trimmed = chunk.trim_end();
        let breaks = chunk.ends_with('\n');
        if trimmed.is_empty() {
            line_ends |= breaks;
        } else {
            if line_ends {
                end_line(&mut tokens);
            }
            let bare = trimmed.trim_end_matches([',', ';', ':', '.', '!', '?', ')', ']', '"', '”', '\'', '»']);
            let bare = bare.trim_start_matches(['(', '[', '"', '“', '\'', '«']);
            let word = bare.to_lowercase();
            let end = bare.as_ptr() as usize - text.as_ptr() as usize + bare.len();
            let mark = mark(&trimmed[trimmed.rfind(bare).map_or(0, |at| at + bare.len())..], &word);
            let is_quoted = quotations.iter().any(|(from, to)| start < *to && start + trimmed.len() > *from);
            tokens.push(Token { start, word, mark, end, is_quoted });
            line_ends = breaks;
        }
    }
    tokens
}

fn end_line(tokens: &mut [Token]) {
    if let Some(last) = tokens.last_mut()
        && matches!(last.mark, Mark::None | Mark::Comma)
    {
        last.mark = Mark::Break;
    }
}

fn mark(behind: &str, word: &str) -> Mark {
    // The gravest of several, so that `").` ends a sentence.
    let has = |mark: char| behind.contains(mark);
    if has('?') {
        Mark::Question
    } else if has('!') || (has('.') && !ABBREVIATIONS.contains(&word)) {
        Mark::Stop
    } else if has(';') {
        Mark::Break
    } else if has(':') {
        Mark::Colon
    } else if has(',') {
        Mark::Comma
    } else {
        Mark::None
    }
}

/// Where something is quoted, in bytes with the quotation marks. An apostrophe within a word quotes nothing.
fn quotations(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut until, mut previous) = (0, ' ');
    for (at, letter) in text.char_indices() {
        let closing = match letter {
            '"' | '`' => letter,
            '\'' if !previous.is_alphanumeric() => '\'',
            '“' => '”',
            '«' => '»',
            _ => '\0',
        };
        previous = letter;
        let inside = at + letter.len_utf8();
        if at < until || closing == '\0' {
            continue;
        }
        if let Some(end) = text[inside..].find(closing) {
            until = inside + end + closing.len_utf8();
            found.push((at, until));
        }
    }
    found
}

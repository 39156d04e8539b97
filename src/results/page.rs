//! A part of a kept result, by characters or by lines.

use std::ops::RangeInclusive;

use super::body::Position;
use super::{Error, Kept, Results};

/// A part of the text, exactly as it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The part.
    pub text: String,
    /// The number of its first character, from 0.
    pub from: usize,
    /// The number behind that of its last character: where the next page starts.
    pub to: usize,
    /// The numbers of its first and last line, from 1; either may be there in part.
    pub lines: (usize, usize),
}

impl Results {
    /// At most that many characters from `offset` (from 0) on, in at most `bytes_max` bytes. Blocks when the result lies in a
    /// file.
    ///
    /// # Errors
    /// [`Error::BehindEnd`], [`Error::File`].
    pub fn page(&self, kept: &Kept, offset: usize, chars_max: usize, bytes_max: usize) -> Result<Page, Error> {
        if offset > kept.chars || (offset == kept.chars && offset > 0) {
            return Err(Error::BehindEnd { offset, chars: kept.chars, lines: kept.lines });
        }
        let from = kept.view.at_char(offset).map_err(|fault| self.file("reading", fault))?;
        self.cut(kept, from, Bounds { chars: chars_max, lines: usize::MAX, bytes: bytes_max })
    }

    /// These lines, numbered from 1, in at most `bytes_max` bytes. Blocks when the result lies in a file.
    ///
    /// # Errors
    /// [`Error::BehindEnd`], [`Error::File`].
    pub fn page_of_lines(&self, kept: &Kept, lines: &RangeInclusive<usize>, bytes_max: usize) -> Result<Page, Error> {
        let first = (*lines.start()).max(1);
        if first > kept.lines.max(1) {
            return Err(Error::BehindEnd { offset: first, chars: kept.chars, lines: kept.lines });
        }
        let from = kept.view.at_line(first - 1).map_err(|fault| self.file("reading", fault))?;
        let count = (*lines.end()).max(first) - first + 1;
        self.cut(kept, from, Bounds { chars: usize::MAX, lines: count, bytes: bytes_max })
    }

    fn cut(&self, kept: &Kept, from: Position, mut bounds: Bounds) -> Result<Page, Error> {
        let mut text = String::new();
        'all: for piece in kept.view.pieces(from) {
            let (_, piece) = piece.map_err(|fault| self.file("reading", fault))?;
            for letter in piece.chars() {
                if !bounds.allow(letter) {
                    break 'all;
                }
                text.push(letter);
            }
        }
        let to = from.past(&text);
        let last = if text.ends_with('\n') { to.line } else { to.line + 1 };
        Ok(Page { text, from: from.char, to: to.char, lines: (from.line + 1, last.max(from.line + 1)) })
    }
}

struct Bounds {
    chars: usize,
    lines: usize,
    bytes: usize,
}

impl Bounds {
    fn allow(&mut self, letter: char) -> bool {
        if self.chars == 0 || self.lines == 0 || self.bytes < letter.len_utf8() {
            return false;
        }
        self.chars -= 1;
        self.bytes -= letter.len_utf8();
        self.lines -= usize::from(letter == '\n');
        true
    }
}

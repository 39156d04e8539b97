//! Text to token numbers, exactly as the model's own tokenizer does it: clean, split CJK, strip accents, lower-case,
//! split at spaces and punctuation, then cut each word greedily into the longest pieces of the vocabulary.
//! Nothing is read beyond what fits the model, so a giant text costs no more than a long one.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

use super::weights::{self, SLOTS, TOKENS_MAX};

const PAD: u16 = 0;
const UNKNOWN: u16 = 100;
const START: u16 = 101;
const END: u16 = 102;
const MASK: u16 = 103;

/// Marks that stand for themselves when they are written out in a text.
const MARKS: [(&str, u16); 5] =
    [("[PAD]", PAD), ("[UNK]", UNKNOWN), ("[CLS]", START), ("[SEP]", END), ("[MASK]", MASK)];

/// A longer word is unknown as a whole.
const WORD_CHARS_MAX: usize = 100;

/// Longest word piece in bytes, without its `##`; the test over the vocabulary holds this true.
const PIECE_BYTES_MAX: usize = 18;

const EMPTY: u16 = u16::MAX;

/// Appends the tokens of one text to `tokens`, with the marks at both ends, at most [`TOKENS_MAX`] in all.
pub(super) fn encode(text: &str, tokens: &mut Vec<u16>) {
    let limit = tokens.len() + TOKENS_MAX - 1;
    tokens.push(START);
    let mut words = Words { word: Vec::new(), chars: 0, tokens, limit };
    let mut rest = text;
    while let Some((at, mark, id)) = first_mark(rest) {
        words.read(&rest[..at]);
        words.tokens.push(id);
        rest = &rest[at + mark.len()..];
        if words.is_full() {
            break;
        }
    }
    words.read(rest);
    tokens.truncate(limit);
    tokens.push(END);
}

fn first_mark(text: &str) -> Option<(usize, &'static str, u16)> {
    text.match_indices('[').find_map(|(at, _)| {
        let (mark, id) = MARKS.iter().find(|(mark, _)| text[at..].starts_with(mark))?;
        Some((at, *mark, *id))
    })
}

/// Collects the word under way, and cuts it into pieces when it ends.
struct Words<'a> {
    word: Vec<u8>,
    chars: usize,
    tokens: &'a mut Vec<u16>,
    /// Length of `tokens` at which reading may stop.
    limit: usize,
}

impl Words<'_> {
    fn is_full(&self) -> bool {
        self.tokens.len() >= self.limit
    }

    /// Reads a stretch of text that holds no mark; a word never goes on in the next stretch.
    fn read(&mut self, text: &str) {
        // Most text is ASCII, which needs no tables.
        let plain = text.bytes().position(|byte| !byte.is_ascii()).unwrap_or(text.len());
        // An accent that is a character of its own belongs to the letter before it, so that letter goes the long way.
        let plain = if plain == text.len() { plain } else { plain.saturating_sub(1) };
        for byte in text.as_bytes()[..plain].iter() {
            match byte {
                b'\t' | b'\n' | b'\r' | b' ' => self.end_word(),
                byte if byte.is_ascii_control() => {}
                byte if byte.is_ascii_punctuation() => self.lone(char::from(*byte)),
                byte => self.letter(char::from(byte.to_ascii_lowercase())),
            }
            if self.is_full() {
                return;
            }
        }
        let normalised = text[plain..]
            .chars()
            .filter(|c| !(*c == '\0' || *c == '\u{fffd}' || is_control(*c)))
            .flat_map(|c| if is_cjk(c) { [Some(' '), Some(c), Some(' ')] } else { [Some(c), None, None] })
            .flatten()
            .nfd()
            .map(|(c, _)| c)
            .filter(|c| !c.is_mark_nonspacing())
            .flat_map(char::to_lowercase);
        for c in normalised {
            if c.is_whitespace() {
                self.end_word();
            } else if c.is_ascii_punctuation() || c.is_punctuation() {
                self.lone(c);
            } else {
                self.letter(c);
            }
            if self.is_full() {
                return;
            }
        }
        self.end_word();
    }

    fn letter(&mut self, c: char) {
        self.chars += 1;
        if self.chars <= WORD_CHARS_MAX {
            self.word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// A character that is a word by itself.
    fn lone(&mut self, c: char) {
        self.end_word();
        self.letter(c);
        self.end_word();
    }

    fn end_word(&mut self) {
        if self.chars == 0 {
            return;
        }
        let before = self.tokens.len();
        if self.chars > WORD_CHARS_MAX || !cut(&self.word, self.tokens) {
            self.tokens.truncate(before);
            self.tokens.push(UNKNOWN);
        }
        self.word.clear();
        self.chars = 0;
    }
}

/// Cuts a word into pieces, longest first; `false` when some part of it is no piece.
fn cut(word: &[u8], tokens: &mut Vec<u16>) -> bool {
    let mut start = 0;
    while start < word.len() {
        let Some((id, len)) = longest_piece(&word[start..], start > 0) else { return false };
        tokens.push(id);
        start += len;
    }
    true
}

fn longest_piece(rest: &[u8], continues: bool) -> Option<(u16, usize)> {
    let mut hashes = [0; PIECE_BYTES_MAX];
    // FNV-1a, which gives the hash of every prefix on the way; pack.py fills the table with the same.
    let mut state: u32 = 0x811C_9DC5 ^ if continues { 0x5BD1_E995 } else { 0 };
    for (hash, byte) in hashes.iter_mut().zip(rest) {
        state = (state ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        *hash = state;
    }
    let longest = rest.len().min(PIECE_BYTES_MAX);
    (1..=longest).rev().find_map(|len| {
        let id = find(&rest[..len], hashes[len - 1], continues)?;
        Some((id, len))
    })
}

fn find(letters: &[u8], hash: u32, continues: bool) -> Option<u16> {
    let slots = weights::slots();
    let mut slot = (hash ^ (hash >> 16)) as usize & (SLOTS - 1);
    loop {
        let id = slots[slot];
        if id == EMPTY {
            return None;
        }
        let piece = weights::piece(id);
        let piece = if continues { piece.strip_prefix(b"##") } else { Some(piece) };
        if piece == Some(letters) {
            return Some(id);
        }
        slot = (slot + 1) & (SLOTS - 1);
    }
}

/// Controls, formats and private use; tab and line ends are spaces.
fn is_control(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r') && c.is_other()
}

/// The blocks that the model's tokenizer splits character by character; the list is its, gaps included.
fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{2A6DF}' | '\u{2A700}'..='\u{2B73F}'
        | '\u{2B740}'..='\u{2B81F}' | '\u{2B920}'..='\u{2CEAF}' | '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}

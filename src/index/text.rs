//! How names and texts become words, the same for tools and for requests.
//!
//! Identifiers fall apart at `_ - . / :` and at camelCase, digits stay with their letters (`s3`, `v2`), each CJK
//! character is a word of its own, Latin letters lose their accents and case.

use unicode_normalization_alignments::UnicodeNormalization;

/// Words that say how a request is put, not what it is about; nothing is counted for them. Sorted. The frequent function
/// words of English; verbs of asking are in ("want", "please"), verbs that tools are named by are not ("get", "find",
/// "show": without those the words alone lost 3 points on two development sets).
pub(super) const STOP_WORDS: &[&str] = &[
    "a", "about", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "being", "but", "by",
    "can", "could", "d", "did", "do", "does", "doing", "don", "done", "for", "from", "had", "has", "have", "he", "her",
    "here", "his", "how", "i", "if", "im", "in", "into", "is", "it", "its", "just", "ll", "m", "me", "my", "need",
    "no", "not", "of", "on", "or", "our", "please", "re", "s", "she", "so", "some", "t", "than", "that", "the",
    "their", "them", "then", "there", "they", "this", "to", "us", "use", "using", "ve", "very", "want", "was", "we",
    "were", "what", "when", "where", "which", "who", "whose", "why", "will", "with", "would", "you", "your",
];

/// Words of one text that are longer than this are cut: nobody names a thing so, and base64 would fill the index.
const WORD_CHARS_MAX: usize = 40;

/// Takes the words of `text` out, in order: folded, without stop words, stemmed.
pub fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for_each_plain_word(text, |word| {
        if !is_stop_word(word) {
            out.push(stem(word).into_owned());
        }
    });
    out
}

/// The words of `text` as they stand: folded, but with stop words and endings. For comparing names.
pub fn plain_words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for_each_plain_word(text, |word| out.push(word.to_owned()));
    out
}

/// An identifier as words with single spaces between them: `listOpen_PRs` is `list Open PRs`. Case and accents stay.
pub(crate) fn spaced(identifier: &str) -> String {
    let mut out = String::with_capacity(identifier.len() + 8);
    let letters: Vec<char> = identifier.chars().collect();
    for (at, &letter) in letters.iter().enumerate() {
        if matches!(letter, '_' | '-' | '.' | '/' | ':') || letter.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            continue;
        }
        if at > 0
            && is_camel_border(letters[at - 1], letter, &mut letters[at + 1..].iter().copied())
            && !out.ends_with(' ')
        {
            out.push(' ');
        }
        out.push(letter);
    }
    out.truncate(out.trim_end().len());
    out
}

/// A server's name without the words that every server has in it.
pub(crate) fn server_words(name: &str) -> String {
    let spaced = spaced(name);
    let rest: Vec<&str> = spaced
        .split(' ')
        .filter(|word| !word.eq_ignore_ascii_case("mcp") && !word.eq_ignore_ascii_case("server"))
        .collect();
    if rest.is_empty() { spaced } else { rest.join(" ") }
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

fn for_each_plain_word(text: &str, mut take: impl FnMut(&str)) {
    let mut word = String::new();
    let mut chars = 0;
    let mut previous = ' ';
    let mut letters = text.chars();
    let mut flush = |word: &mut String, chars: &mut usize| {
        if !word.is_empty() {
            take(word);
            word.clear();
            *chars = 0;
        }
    };
    while let Some(letter) = letters.next() {
        let is_word = letter.is_alphanumeric() || is_mark(letter);
        if !is_word || is_cjk(letter) {
            flush(&mut word, &mut chars);
            if is_cjk(letter) {
                word.push(letter);
                flush(&mut word, &mut chars);
            }
        } else {
            if is_camel_border(previous, letter, &mut letters.clone()) {
                flush(&mut word, &mut chars);
            }
            if chars < WORD_CHARS_MAX {
                chars += 1;
                push_folded(letter, &mut word);
            }
        }
        previous = letter;
    }
    flush(&mut word, &mut chars);
}

/// Is there a border between `a` and `b` in camelCase? `aB`, `4B`, and the last capital of `ABc`, but not in `ABs`.
fn is_camel_border(a: char, b: char, rest: &mut dyn Iterator<Item = char>) -> bool {
    if !b.is_uppercase() || !(a.is_lowercase() || a.is_numeric() || a.is_uppercase()) {
        return false;
    }
    if !a.is_uppercase() {
        return true;
    }
    let is_plural = |first, second: Option<char>| first == 's' && !second.is_some_and(char::is_lowercase);
    rest.next().is_some_and(|first| first.is_lowercase() && !is_plural(first, rest.next()))
}

/// Scripts written without spaces: kana, Han, Hangul syllables.
fn is_cjk(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{323af}')
}

fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

fn push_folded(letter: char, word: &mut String) {
    if letter.is_ascii() {
        word.push(letter.to_ascii_lowercase());
        return;
    }
    if is_mark(letter) {
        return;
    }
    for lower in letter.to_lowercase() {
        match lower {
            'ß' => word.push_str("ss"),
            'æ' => word.push_str("ae"),
            'œ' => word.push_str("oe"),
            'ø' => word.push('o'),
            'ł' => word.push('l'),
            'đ' => word.push('d'),
            'ı' => word.push('i'),
            // Latin, Greek and Cyrillic only: taking other scripts apart changes what is read (Hangul, kana).
            '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{4ff}' | '\u{1e00}'..='\u{1fff}' => {
                let parts = std::iter::once(lower).nfd();
                word.extend(parts.map(|(part, _)| part).filter(|part| !is_mark(*part)));
            }
            other => word.push(other),
        }
    }
}

/// Takes the plural off, and nothing else. Measured against Porter's English stemmer and a table of suffixes: the words
/// alone, and the fusion even more, were as good or better with this one (docs/routing.md); the encoder knows the rest.
fn stem(word: &str) -> std::borrow::Cow<'_, str> {
    let len = word.len();
    if len > 4 && word.ends_with("ies") {
        return format!("{}y", &word[..len - 3]).into();
    }
    let is_plural = len > 3 && word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    if is_plural { word[..len - 1].into() } else { word.into() }
}

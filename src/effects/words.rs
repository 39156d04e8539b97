//! How names and texts become words. The coefficients were fitted on words cut in this way (models/fit_effects.py), so a
//! change here needs a new fit.

/// Words of one text or of all parameter names that count; the point of a tool comes early.
const WORDS_MAX: usize = 40;
/// Characters of the first line that may belong to the first sentence.
const SENTENCE_CHARS_MAX: usize = 200;
/// Endings of verbs, and what the verb has instead.
const ENDINGS: &[(&str, &str)] =
    &[("s", ""), ("es", ""), ("ies", "y"), ("ing", ""), ("ing", "e"), ("ed", ""), ("d", "")];

/// Adds the runs of letters and digits in `text`, apart at camelCase, in lower case, up to the maximum in `words`.
/// Letters of other scripts and with accents are letters: their words are just not known.
pub(super) fn push_words(text: &str, words: &mut Vec<String>) {
    let mut word = String::new();
    let mut previous = ' ';
    for letter in text.chars() {
        let is_camel_border =
            letter.is_ascii_uppercase() && (previous.is_ascii_lowercase() || previous.is_ascii_digit());
        if (is_camel_border || !letter.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if words.len() >= WORDS_MAX {
            return;
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        previous = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
}

/// Of the first line that is not empty, the part up to the end of its first sentence.
pub(super) fn first_sentence(text: &str) -> &str {
    let line = text.split('\n').map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let end = line.char_indices().nth(SENTENCE_CHARS_MAX).map_or(line.len(), |(at, _)| at);
    let line = &line[..end];
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let is_followed_by_space = letters.peek().is_some_and(|(_, next)| next.is_whitespace());
        if matches!(letter, '.' | '!' | '?') && is_followed_by_space {
            return &line[..=at];
        }
    }
    line
}

/// The verb behind `lists`, `listing`, `listed`, where `is_verb` knows one; else the word itself.
pub(super) fn form(word: String, is_verb: impl Fn(&str) -> bool) -> String {
    if is_verb(&word) {
        return word;
    }
    let forms = ENDINGS.iter().filter_map(|(ending, instead)| Some((word.strip_suffix(ending)?, *instead)));
    let verb = forms.map(|(start, instead)| [start, instead].concat()).find(|verb| is_verb(verb));
    verb.unwrap_or(word)
}

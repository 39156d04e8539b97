//! Does a server keep state between calls? Told by its tools' names: who opens something also closes it.

/// Pairs of verbs of which a server that keeps something open has both.
const PAIRS: &[(&str, &str)] = &[
    ("open", "close"),
    ("connect", "disconnect"),
    ("start", "stop"),
    ("login", "logout"),
    ("create_session", "close_session"),
    ("begin", "commit"),
    ("attach", "detach"),
    ("navigate", "click"),
];

/// Whether the names of its tools say that calls build on each other: both halves of a pair, each as a whole word, before
/// the same thing or alone.
pub(super) fn looks_stateful<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let names: Vec<Vec<String>> = names.map(words).collect();
    let has = |wanted: &str| {
        let wanted = words(wanted);
        names.iter().any(|name| name.windows(wanted.len()).any(|part| *part == *wanted))
    };
    PAIRS.iter().any(|(first, second)| has(first) && has(second))
}

/// Lower-case words of an identifier.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let starts_word = !c.is_alphanumeric() || (c.is_uppercase() && was_lower);
        if starts_word && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

//! Texts that talk to the model instead of describing a tool. An alarm, not a wall: of the public examples of hostile
//! descriptions that a test reads, it finds 29 of the 31 that give the model orders or hide characters, and with them 7 of
//! 49 harmless ones that talk about such texts; of 591 tools of 22 real servers it names one. A person should read what it
//! finds, and a server that lies in plain words is not found.

/// Openings that descriptions use to sound like somebody with authority.
const AUTHORITIES: &[&str] = &[
    "<important>",
    "<system>",
    "<secret>",
    "<instructions>",
    "[system:",
    "[system]",
    "{{ system",
    "assistant instructions",
    "note to assistant",
    "new system message",
    "developer mode",
    "hidden directive",
    "hidden instruction",
];
/// Files in which secrets lie.
const SECRET_FILES: &[&str] =
    &["id_rsa", "id_ed25519", ".aws/credentials", "/etc/passwd", "/etc/shadow", ".cursor/mcp", ".env file", "ssh keys"];
/// What somebody would do with them.
const TAKING: &[&str] = &[
    "append", "appends", "contents", "copy", "embed", "forward", "include", "pass", "post", "read", "reads", "return",
    "send", "sends", "upload", "uploads",
];
const COUNTERMANDS: &[&str] = &["bypass", "disregard", "forget", "ignore", "override"];
const EARLIER: &[&str] =
    &["above", "all", "any", "earlier", "preceding", "previous", "prior", "safety", "system", "your"];
const ORDERS: &[&str] = &[
    "constraints",
    "directions",
    "directives",
    "guidelines",
    "instruction",
    "instructions",
    "policy",
    "prompt",
    "prompts",
    "restrictions",
    "rules",
];
const NOT: &[&str] = &["don't", "never", "not", "without"];
const TELL: &[&str] = &["inform", "informing", "mention", "mentioning", "notify", "reveal", "tell", "telling"];
const PEOPLE: &[&str] = &["anyone", "human", "instructions", "them", "user", "users"];
const SECRETLY: &[&str] = &["covertly", "secretly", "silently"];
const SENDING: &[&str] =
    &["add", "append", "bcc", "copy", "embed", "forward", "include", "post", "read", "send", "upload"];
const REVEAL: &[&str] = &["disclose", "output", "print", "repeat", "reveal", "reveals"];
const OUGHT: &[&str] = &["always", "must", "should"];
const CALL: &[&str] = &["call", "invoke", "run", "use"];
const BEFORE_OTHERS: &[&str] = &[
    "this first",
    "it first",
    "this tool first",
    "this function first",
    "this instead",
    "this tool instead",
    "this tool before any",
    "this tool before every",
    "this function before any",
    "before any other",
    "before every other",
    "before all other",
    "for all requests",
    "for every request",
    "for any question",
];

/// The first thing in `text` that is odd, in a few words.
pub(super) fn find(text: &str) -> Option<String> {
    if let Some(letter) = hidden(text) {
        return Some(format!("the invisible character U+{:04X}", u32::from(letter)));
    }
    let lower = text.to_lowercase();
    if let Some(authority) = AUTHORITIES.iter().find(|authority| lower.contains(**authority)) {
        return Some(format!("{authority:?}"));
    }
    let words = words(&lower);
    if let Some(file) = SECRET_FILES.iter().find(|file| lower.contains(**file))
        && words.iter().any(|word| TAKING.contains(&word.text))
    {
        return Some(format!("{file:?} together with a word for taking it"));
    }
    (0..words.len()).find_map(|at| order(&words[at..])).map(|phrase| format!("{phrase:?}"))
}

struct Word<'a> {
    text: &'a str,
    /// In quotes it is talked about, not said.
    is_quoted: bool,
}

fn words(lower: &str) -> Vec<Word<'_>> {
    let is_inner = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '\'' | '’');
    let mut words = Vec::new();
    let mut start = None;
    for (at, letter) in lower.char_indices().chain([(lower.len(), ' ')]) {
        match (start, is_inner(letter)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let text = &lower[from..at];
                let before = lower[..from].chars().next_back();
                let is_quoted = text.starts_with('\'') || before.is_some_and(|mark| "\"‘“`".contains(mark));
                words.push(Word { text: text.trim_matches('\''), is_quoted });
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    words
}

/// The order that the words begin with, if they do.
fn order(words: &[Word<'_>]) -> Option<String> {
    let first = words.first().filter(|word| !word.is_quoted)?.text;
    let within = |from: usize, to: usize, any: &[&str]| {
        words.iter().take(to + 1).skip(from).any(|word| any.contains(&word.text))
    };
    let phrase = || words.iter().take(8).map(|word| word.text).collect::<Vec<_>>().join(" ");
    let is_countermand = COUNTERMANDS.contains(&first)
        && within(1, 6, EARLIER)
        && (within(1, 6, ORDERS) || within(1, 2, &["above", "previous"]));
    let is_secrecy = (NOT.contains(&first) && within(1, 1, TELL) && within(2, 7, PEOPLE))
        || (SECRETLY.contains(&first) && within(1, 3, SENDING))
        || matches!(first, "exfiltrate" | "exfiltrates");
    let is_revealing = REVEAL.contains(&first)
        && ["system prompt", "conversation history", "hidden system"].iter().any(|what| phrase().contains(what));
    let is_insisting =
        OUGHT.contains(&first) && within(1, 2, CALL) && BEFORE_OTHERS.iter().any(|words| phrase().contains(words));
    (is_countermand || is_secrecy || is_revealing || is_insisting).then(phrase)
}

/// Zero-width and directional marks, private use, and the tag characters that spell text nobody sees. The joiners, which
/// scripts and emoji need, count only between ASCII characters.
fn hidden(text: &str) -> Option<char> {
    let mut before = '\u{fffd}';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_joiner = matches!(letter, '\u{200c}' | '\u{200d}');
        let is_hidden = matches!(
            letter,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e007f}'
        );
        if is_hidden || (is_joiner && before.is_ascii() && letters.peek().is_none_or(char::is_ascii)) {
            return Some(letter);
        }
        before = letter;
    }
    None
}

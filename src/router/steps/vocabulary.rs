//! The words by which demands are told from everything else. A guess of ours, made from how people put requests; what is
//! missing here keeps a request whole.

/// Verbs that are rarely anything else.
const VERBS: &[&str] = &[
    "add",
    "analyse",
    "analyze",
    "append",
    "apply",
    "approve",
    "archive",
    "assign",
    "attach",
    "browse",
    "build",
    "buy",
    "calculate",
    "cancel",
    "clone",
    "compare",
    "compile",
    "compute",
    "convert",
    "create",
    "deactivate",
    "delete",
    "deploy",
    "describe",
    "detect",
    "disable",
    "download",
    "duplicate",
    "enable",
    "encode",
    "execute",
    "explain",
    "export",
    "extract",
    "fetch",
    "fill",
    "find",
    "format",
    "generate",
    "get",
    "give",
    "import",
    "insert",
    "inspect",
    "install",
    "invite",
    "launch",
    "look",
    "make",
    "merge",
    "modify",
    "move",
    "navigate",
    "notify",
    "publish",
    "purge",
    "push",
    "put",
    "read",
    "reject",
    "remove",
    "rename",
    "replace",
    "resize",
    "restart",
    "retrieve",
    "run",
    "save",
    "search",
    "select",
    "send",
    "show",
    "sort",
    "start",
    "stop",
    "store",
    "submit",
    "subscribe",
    "summarise",
    "summarize",
    "switch",
    "take",
    "tell",
    "transcribe",
    "transform",
    "translate",
    "turn",
    "uninstall",
    "unsubscribe",
    "unzip",
    "upload",
    "verify",
    "visit",
    "write",
];

/// Verbs that are as often a noun or something else: they count behind a full stop or "then", or before what only an
/// object begins with.
const ALSO_NOUNS: &[&str] = &[
    "back", "book", "change", "check", "chart", "clean", "clear", "click", "close", "comment", "commit", "copy",
    "count", "crop", "draft", "draw", "edit", "email", "empty", "file", "filter", "forward", "go", "group", "join",
    "list", "lock", "log", "mail", "mark", "message", "note", "open", "order", "pause", "pay", "pin", "ping", "play",
    "plot", "post", "press", "print", "pull", "query", "record", "reply", "report", "rotate", "round", "scan",
    "schedule", "scroll", "sell", "set", "share", "split", "tag", "test", "text", "type", "update", "view", "wait",
    "zip",
];

/// What an object begins with.
const OBJECT_STARTS: &[&str] = &[
    "a",
    "all",
    "an",
    "another",
    "any",
    "both",
    "each",
    "every",
    "everything",
    "her",
    "him",
    "his",
    "it",
    "its",
    "me",
    "my",
    "one",
    "our",
    "some",
    "that",
    "the",
    "their",
    "them",
    "these",
    "this",
    "those",
    "us",
    "your",
];

/// Behind these verbs "it" and "them" mean what was just made: "take a screenshot and save it" is one thing to ask for.
const MERGING: &[&str] = &[
    "call", "display", "give", "name", "output", "print", "replace", "return", "save", "show", "store", "tell", "title",
];

/// Openings that say nothing of what is asked for.
const LEADS: &[&[&str]] = &[
    &["after", "that"],
    &["afterward"],
    &["afterwards"],
    &["also"],
    &["and"],
    &["can", "you"],
    &["could", "you"],
    &["finally"],
    &["first"],
    &["first", "of", "all"],
    &["firstly"],
    &["go", "ahead", "and"],
    &["hello"],
    &["help", "me"],
    &["hey"],
    &["hi"],
    &["i", "need", "to"],
    &["i", "need", "you", "to"],
    &["i", "want", "to"],
    &["i", "want", "you", "to"],
    &["i", "would", "like", "to"],
    &["i", "would", "like", "you", "to"],
    &["i'd", "like", "to"],
    &["i'd", "like", "you", "to"],
    &["kindly"],
    &["lastly"],
    &["let", "us"],
    &["let's"],
    &["next"],
    &["now"],
    &["ok"],
    &["okay"],
    &["once", "that", "is", "done"],
    &["please"],
    &["plus"],
    &["second"],
    &["secondly"],
    &["subsequently"],
    &["then"],
    &["third"],
    &["thirdly"],
    &["we", "need", "to"],
    &["when", "done"],
    &["when", "that", "is", "done"],
    &["will", "you"],
    &["would", "you"],
];

/// Leads that say that something comes after something.
const SEQUENCE: &[&str] = &["after", "afterward", "afterwards", "finally", "lastly", "subsequently", "then"];

/// What makes a demand depend on something: such a request is not cut.
const CONDITIONS: &[&str] =
    &["before", "either", "else", "except", "if", "instead", "otherwise", "unless", "until", "whenever", "while"];

/// What takes something out of a demand, denies it, or may bind it to a time or a condition: no such step is certain.
const LIMITS: &[&str] = &[
    "apart",
    "aside",
    "avoid",
    "barring",
    "besides",
    "but",
    "cannot",
    "ensure",
    "excepting",
    "exclude",
    "excluding",
    "ignore",
    "ignoring",
    "keep",
    "leave",
    "leaving",
    "minus",
    "neither",
    "never",
    "no",
    "nobody",
    "none",
    "nor",
    "not",
    "nothing",
    "omit",
    "omitting",
    "once",
    "only",
    "other",
    "others",
    "provided",
    "rather",
    "rest",
    "should",
    "skip",
    "skipping",
    "spare",
    "till",
    "when",
    "where",
    "whether",
    "without",
];

/// From here on a sentence tells what is to be said, named or looked for, not what to do.
const CONTENT: &[&str] = &[
    "called", "entitled", "labeled", "labelled", "named", "remind", "reminder", "saying", "says", "states", "stating",
    "titled",
];

/// Sentences that begin so say how, not what.
const MANNERS: &[&str] = &["assume", "avoid", "be", "do", "don't", "ensure", "include", "keep", "never", "only", "use"];

const POLITE: &[&str] = &["cheers", "hello", "hi", "please", "thank", "thanks"];
const QUESTION_WORDS: &[&str] =
    &["how", "what", "what's", "when", "where", "where's", "which", "who", "who's", "whose", "why"];
const AUXILIARIES: &[&str] =
    &["am", "are", "can", "could", "did", "do", "does", "had", "has", "have", "is", "was", "were", "will", "would"];

/// Is it a verb that asks for something, in its plain form?
pub(super) fn is_verb(word: &str) -> bool {
    VERBS.contains(&word) || ALSO_NOUNS.contains(&word)
}

/// Is it one that is rarely anything else?
pub(super) fn is_clear_verb(word: &str) -> bool {
    VERBS.contains(&word)
}

pub(super) fn starts_object(word: &str) -> bool {
    OBJECT_STARTS.contains(&word) || word.starts_with(|letter: char| letter.is_ascii_digit())
}

pub(super) fn is_merging(word: &str) -> bool {
    MERGING.contains(&word)
}

pub(super) fn is_condition(word: &str) -> bool {
    CONDITIONS.contains(&word)
}

/// Does it take something out of a demand, deny it, or bind it to a condition? A contraction counts whatever its apostrophe.
pub(super) fn limits(word: &str) -> bool {
    let is_contraction = word.ends_with("n't") || word.ends_with("n’t");
    is_contraction || LIMITS.contains(&word) || CONDITIONS.contains(&word)
}

pub(super) fn opens_content(word: &str) -> bool {
    CONTENT.contains(&word)
}

pub(super) fn is_manner(word: &str) -> bool {
    MANNERS.contains(&word)
}

pub(super) fn is_polite(word: &str) -> bool {
    POLITE.contains(&word)
}

pub(super) fn is_question_word(word: &str) -> bool {
    QUESTION_WORDS.contains(&word)
}

pub(super) fn is_auxiliary(word: &str) -> bool {
    AUXILIARIES.contains(&word)
}

pub(super) fn is_sequence(word: &str) -> bool {
    SEQUENCE.contains(&word)
}

/// How many of these words are a lead; 0 when none is. The longest one counts.
pub(super) fn lead_len<'a>(words: impl Iterator<Item = &'a str> + Clone) -> usize {
    let fits = |lead: &&&[&str]| words.clone().take(lead.len()).eq(lead.iter().copied());
    LEADS.iter().filter(fits).map(|lead| lead.len()).max().unwrap_or(0)
}

//! What else a request may mean by a word that no tool of the catalogue has. Only then: replacing words that tools do have
//! was measured and dropped (docs/routing.md), since they say better what is meant.

/// How much a related word counts against the word itself. A guess; the development sets hardly tell (docs/routing.md).
pub(crate) const RELATED_WEIGHT: f32 = 0.5;

/// Everyday words, as `text::words` gives them, and the words that tools use for the same.
const RELATED: &[(&str, &[&str])] = &[
    ("appointment", &["event", "calendar", "meeting"]),
    ("bug", &["issue", "ticket"]),
    ("buy", &["purchase", "order"]),
    ("directory", &["folder"]),
    ("display", &["show", "view", "get"]),
    ("doc", &["document"]),
    ("download", &["fetch", "get", "url"]),
    ("duplicate", &["copy"]),
    ("edit", &["update", "modify", "change"]),
    ("email", &["mail", "message"]),
    ("erase", &["delete", "remove"]),
    ("film", &["movie"]),
    ("folder", &["directory"]),
    ("forget", &["delete", "remove", "memory"]),
    ("locate", &["find", "search"]),
    ("mail", &["email", "message"]),
    ("meeting", &["event", "calendar"]),
    ("memorise", &["memory", "store", "save"]),
    ("memorize", &["memory", "store", "save"]),
    ("modify", &["update", "edit", "change"]),
    ("movie", &["film"]),
    ("multiply", &["calculate", "expression"]),
    ("photo", &["image", "picture"]),
    ("pic", &["image", "picture", "photo"]),
    ("picture", &["image", "photo"]),
    ("purchase", &["buy", "order"]),
    ("reason", &["think", "thought", "thinking"]),
    ("remember", &["memory", "store", "save"]),
    ("remind", &["reminder", "note", "task"]),
    ("repo", &["repository"]),
    ("repository", &["repo"]),
    ("snapshot", &["screenshot", "capture"]),
    ("spreadsheet", &["workbook", "worksheet", "sheet", "excel"]),
    ("ticket", &["issue"]),
    ("todo", &["task"]),
    ("wipe", &["delete", "remove", "clear"]),
    ("webpage", &["url", "web", "page"]),
    ("website", &["url", "web", "site"]),
];

/// The related words, none for most.
pub(crate) fn related(word: &str) -> &'static [&'static str] {
    RELATED.iter().find(|(everyday, _)| *everyday == word).map_or(&[], |(_, words)| words)
}

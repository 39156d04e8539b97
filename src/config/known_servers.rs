//! Hints that we ship for well-known servers and their tools; `config/known_servers.toml` says why.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use serde::Deserialize;

use super::Launch;
use crate::domain::Hints;

const FILE: &str = include_str!("../../config/known_servers.toml");

/// What people say who need a tool: per server one line for each tool, its name and the sentences, tab-separated. Read only
/// for servers that are there: all of it together takes longer to read than the rest of the configuration.
const TOOLS: &[(&str, &str)] = &[
    ("arxiv", include_str!("../../config/known_tools/arxiv.tsv")),
    ("atlassian", include_str!("../../config/known_tools/atlassian.tsv")),
    ("calculator", include_str!("../../config/known_tools/calculator.tsv")),
    ("chrome-devtools", include_str!("../../config/known_tools/chrome-devtools.tsv")),
    ("context7", include_str!("../../config/known_tools/context7.tsv")),
    ("everything", include_str!("../../config/known_tools/everything.tsv")),
    ("excel", include_str!("../../config/known_tools/excel.tsv")),
    ("fetch", include_str!("../../config/known_tools/fetch.tsv")),
    ("filesystem", include_str!("../../config/known_tools/filesystem.tsv")),
    ("git", include_str!("../../config/known_tools/git.tsv")),
    ("git-extended", include_str!("../../config/known_tools/git-extended.tsv")),
    ("google-workspace", include_str!("../../config/known_tools/google-workspace.tsv")),
    ("kubectl", include_str!("../../config/known_tools/kubectl.tsv")),
    ("memory", include_str!("../../config/known_tools/memory.tsv")),
    ("mobile", include_str!("../../config/known_tools/mobile.tsv")),
    ("mongodb", include_str!("../../config/known_tools/mongodb.tsv")),
    ("notion", include_str!("../../config/known_tools/notion.tsv")),
    ("playwright", include_str!("../../config/known_tools/playwright.tsv")),
    ("sequential-thinking", include_str!("../../config/known_tools/sequential-thinking.tsv")),
    ("sqlite", include_str!("../../config/known_tools/sqlite.tsv")),
    ("time", include_str!("../../config/known_tools/time.tsv")),
    ("word", include_str!("../../config/known_tools/word.tsv")),
];

#[derive(Deserialize)]
struct KnownServers {
    server: Vec<KnownServer>,
}

#[derive(Deserialize)]
struct KnownServer {
    programs: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    examples: Vec<String>,
    /// Name of the file with its tools, in `config/known_tools`.
    #[serde(default)]
    tools: Option<String>,
}

/// The shipped hints for what is started, if it is known: the program itself, or the package that a starter such as `npx`
/// is given.
#[must_use]
pub fn known_hints(launch: &Launch) -> Option<Hints> {
    let found = find(launch)?;
    let (keywords, examples) = (found.keywords.clone(), found.examples.clone());
    Some(Hints { keywords, examples, ..Hints::default() })
}

/// The same for its tools, by their names.
#[must_use]
pub fn known_tool_hints(launch: &Launch) -> BTreeMap<String, Hints> {
    let name = find(launch).and_then(|server| server.tools.as_deref());
    let text = TOOLS.iter().find(|(file, _)| Some(*file) == name).map_or("", |(_, text)| *text);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let tools = lines.filter_map(|line| {
        let mut parts = line.split('\t').map(str::to_owned);
        let name = parts.next().filter(|name| !name.is_empty())?;
        Some((name, Hints { examples: parts.collect(), ..Hints::default() }))
    });
    tools.collect()
}

fn find(launch: &Launch) -> Option<&'static KnownServer> {
    let Launch::Child { command, args, .. } = launch else { return None };
    let is_started = |program: &String| std::iter::once(command).chain(args).any(|word| names(word, program));
    all().iter().find(|server| server.programs.iter().any(is_started))
}

/// Whether a word of a command line is this program: as it is, with a version behind, or with a folder before.
fn names(word: &str, program: &str) -> bool {
    let without_version = match word.rfind(['@', '=']) {
        Some(at) if at > 0 => word[..at].trim_end_matches('='),
        _ => word,
    };
    let file_name = Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let file_name = file_name.strip_suffix(".exe").unwrap_or(file_name);
    word == program || without_version == program || (!program.starts_with('@') && file_name == program)
}

fn all() -> &'static [KnownServer] {
    static ALL: OnceLock<Vec<KnownServer>> = OnceLock::new();
    ALL.get_or_init(|| {
        let parsed: Result<KnownServers, _> = toml::from_str(FILE);
        debug_assert!(parsed.is_ok(), "config/known_servers.toml: {:?}", parsed.as_ref().err());
        parsed.map(|file| file.server).unwrap_or_default()
    })
}

/// Servers whose file of tools is missing or has none.
#[cfg(test)]
pub(super) fn programs_without_tools() -> Vec<String> {
    let has_tools = |server: &KnownServer| {
        let file = TOOLS.iter().find(|(file, _)| Some(*file) == server.tools.as_deref());
        file.is_some_and(|(_, text)| text.lines().any(|line| line.contains('\t')))
    };
    all().iter().filter(|server| !has_tools(server)).filter_map(|server| server.programs.first().cloned()).collect()
}

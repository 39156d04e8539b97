//! Hints that we ship for well-known servers; `config/known_servers.toml` says why.

use std::path::Path;
use std::sync::OnceLock;

use serde::Deserialize;

use super::Launch;
use crate::domain::Hints;

const FILE: &str = include_str!("../../config/known_servers.toml");

#[derive(Deserialize)]
struct KnownServers {
    server: Vec<KnownServer>,
}

#[derive(Deserialize)]
struct KnownServer {
    programs: Vec<String>,
    keywords: Vec<String>,
    examples: Vec<String>,
}

/// The shipped hints for what is started, if it is known: the program itself, or the package that a starter such as `npx`
/// is given.
#[must_use]
pub fn known_hints(launch: &Launch) -> Option<Hints> {
    let Launch::Child { command, args, .. } = launch else { return None };
    let is_started = |program: &String| std::iter::once(command).chain(args).any(|word| names(word, program));
    let found = all().iter().find(|server| server.programs.iter().any(is_started))?;
    let (keywords, examples) = (found.keywords.clone(), found.examples.clone());
    Some(Hints { keywords, examples, ..Hints::default() })
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

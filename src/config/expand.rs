//! `${VAR}` and `~` in the texts of a registry.

use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use super::Env;
use super::home::{set, user_folder};

/// How deep defaults may lie in defaults.
const DEPTH_MAX: usize = 8;

/// Why a text cannot be resolved. Holds names only, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// The variable is not set and has no default.
    NotSet { name: String },
    /// A `${input:…}` of an editor, which asks the user.
    Input { name: String },
    /// No closing brace, or no name that a variable can have.
    Malformed,
}

impl Unresolved {
    pub(super) fn message(&self) -> String {
        match self {
            Self::NotSet { name } => format!("${{{name}}} is not set"),
            Self::Input { name } => format!("${{input:{name}}} asks a question that only an editor can ask"),
            Self::Malformed => "has a `${` without the name of a variable and a closing brace".to_owned(),
        }
    }

    pub(super) fn help(&self) -> String {
        match self {
            Self::NotSet { name } => format!("set {name} where mcporch is started, or write ${{{name}:-default}}"),
            Self::Input { .. } => "write ${VAR} and set that variable where mcporch is started".to_owned(),
            Self::Malformed => "write ${VAR} or ${VAR:-default}; $${ stands for a plain ${".to_owned(),
        }
    }
}

/// Resolves `${VAR}`, `${env:VAR}` and `${VAR:-default}`; the default counts when the variable is not set or empty, as in
/// a shell, and may hold references itself. `$${` is a plain `${`. Values are not resolved again.
pub(super) fn variables(text: &str, env: &dyn Env) -> Result<String, Unresolved> {
    resolve(text, env, 0)
}

/// A `~` or `~/` at the start becomes the user's folder; without one it stays.
pub(super) fn tilde(text: &str, env: &dyn Env) -> String {
    let rest = match text.strip_prefix('~') {
        Some("") => "",
        Some(rest) if rest.starts_with('/') || rest.starts_with(MAIN_SEPARATOR) => &rest[1..],
        _ => return text.to_owned(),
    };
    match user_folder(env) {
        Some(folder) if rest.is_empty() => folder.to_string_lossy().into_owned(),
        Some(folder) => folder.join(rest).to_string_lossy().into_owned(),
        None => text.to_owned(),
    }
}

/// The same for a path; one that is not Unicode has no `~` that we know of.
pub(super) fn tilde_path(path: &Path, env: &dyn Env) -> PathBuf {
    path.to_str().map_or_else(|| path.to_owned(), |text| PathBuf::from(tilde(text, env)))
}

fn resolve(text: &str, env: &dyn Env, depth: usize) -> Result<String, Unresolved> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let Some(len) = inner_len(&from[2..]).filter(|_| depth < DEPTH_MAX) else {
            return Err(Unresolved::Malformed);
        };
        out.push_str(&value_of(&from[2..2 + len], env, depth)?);
        rest = &from[2 + len + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The bytes up to the brace that closes, inner references skipped.
fn inner_len(text: &str) -> Option<usize> {
    let mut open = 1;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
        before = c;
    }
    None
}

fn value_of(inner: &str, env: &dyn Env, depth: usize) -> Result<String, Unresolved> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if let Some(name) = name.strip_prefix("input:") {
        return Err(Unresolved::Input { name: name.to_owned() });
    }
    let name = name.strip_prefix("env:").unwrap_or(name);
    // Parentheses: `ProgramFiles(x86)` is a variable on Windows.
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '(' | ')');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(Unresolved::Malformed);
    }
    match default {
        None => env.var(name).ok_or_else(|| Unresolved::NotSet { name: name.to_owned() }),
        Some(default) => set(env, name).map_or_else(|| resolve(default, env, depth + 1), Ok),
    }
}

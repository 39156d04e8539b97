//! `${VAR}`, `${file:PATH}`, `${keyring:SERVICE/NAME}` and `~` in the texts of a registry. Variables are resolved here;
//! files and the keyring are read when the server starts.

use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use super::home::{set, user_folder};
use super::{Env, below};
use crate::secrets::{Piece, Template};

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
    /// `${word:…}` with a word that means nothing here.
    UnknownKind { kind: String },
    /// A `${keyring:…}` without a service or a name.
    KeyringName,
    /// A `${file:…}` without a path.
    NoPath,
    /// A reference that only works under `env`, since it is read at the start and everybody may see the rest.
    OnlyInEnv { reference: String },
}

impl Unresolved {
    pub(super) fn message(&self) -> String {
        match self {
            Self::NotSet { name } => format!("${{{name}}} is not set"),
            Self::Input { name } => format!("${{input:{name}}} asks a question that only an editor can ask"),
            Self::Malformed => "has a `${` without the name of a variable and a closing brace".to_owned(),
            Self::UnknownKind { kind } => format!("${{{kind}:…}} is no kind of reference"),
            Self::KeyringName => "has a ${keyring:…} without a service and a name".to_owned(),
            Self::NoPath => "has a ${file:…} without a path".to_owned(),
            Self::OnlyInEnv { reference } => format!("{reference} works under `env` only"),
        }
    }

    pub(super) fn help(&self) -> String {
        match self {
            Self::NotSet { name } => format!("set {name} where mcporch is started, or write ${{{name}:-default}}"),
            Self::Input { .. } => "write ${VAR} and set that variable where mcporch is started".to_owned(),
            Self::Malformed => "write ${VAR} or ${VAR:-default}; $${ stands for a plain ${".to_owned(),
            Self::UnknownKind { .. } => {
                "write ${VAR}, ${env:VAR}, ${file:PATH} or ${keyring:SERVICE/NAME}; $${ stands for a plain ${"
                    .to_owned()
            }
            Self::KeyringName => "write ${keyring:SERVICE/NAME}".to_owned(),
            Self::NoPath => "write ${file:PATH}".to_owned(),
            Self::OnlyInEnv { .. } => {
                "put it under `env`; every user of the machine can read a program's arguments".to_owned()
            }
        }
    }
}

/// Resolves `${VAR}`, `${env:VAR}` and `${VAR:-default}`; the default counts when the variable is not set or empty, as in
/// a shell, and may hold references itself. `$${` is a plain `${`. Values are not resolved again. What is only read when
/// a server starts is refused.
pub(super) fn variables(text: &str, env: &dyn Env) -> Result<String, Unresolved> {
    let template = template(text, env, Path::new(""))?;
    match template.references().next() {
        Some(piece) => Err(Unresolved::OnlyInEnv { reference: piece.reference() }),
        None => Ok(template.plain().unwrap_or_default().to_owned()),
    }
}

/// The same with `${file:PATH}` and `${keyring:SERVICE/NAME}` kept as references; a relative path starts at the folder.
pub(super) fn template(text: &str, env: &dyn Env, folder: &Path) -> Result<Template, Unresolved> {
    resolve(text, &Scope { env, folder }, 0)
}

/// The names of the variables that the text refers to, those in defaults too.
pub(super) fn names(text: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let starts = text.match_indices("${").filter(|(at, _)| !text[..*at].ends_with('$'));
    let inner = starts.map(|(at, _)| &text[at + 2..]);
    let inner = inner.map(|inner| inner.strip_prefix("env:").unwrap_or(inner));
    let named = inner.filter_map(|inner| {
        let (name, rest) = inner.split_at(inner.find(|c: char| !is_name(c))?);
        // Else it is the kind of another reference, such as `keyring:`.
        (rest.starts_with('}') || rest.starts_with(":-")).then_some(name)
    });
    named.filter(|name| !name.is_empty()).map(str::to_owned).collect()
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

/// What references are resolved with.
struct Scope<'a> {
    env: &'a dyn Env,
    folder: &'a Path,
}

fn resolve(text: &str, scope: &Scope<'_>, depth: usize) -> Result<Template, Unresolved> {
    let mut out = Template::default();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_text(before);
            out.push_text("${");
            rest = &from[2..];
            continue;
        }
        out.push_text(before);
        let Some(len) = inner_len(&from[2..]).filter(|_| depth < DEPTH_MAX) else {
            return Err(Unresolved::Malformed);
        };
        out.append(value_of(&from[2..2 + len], scope, depth)?);
        rest = &from[2 + len + 1..];
    }
    out.push_text(rest);
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

fn value_of(inner: &str, scope: &Scope<'_>, depth: usize) -> Result<Template, Unresolved> {
    if let Some(path) = inner.strip_prefix("file:") {
        return file(path, scope, depth);
    }
    if let Some(entry) = inner.strip_prefix("keyring:") {
        return keyring(entry, scope, depth);
    }
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if let Some(name) = name.strip_prefix("input:") {
        return Err(Unresolved::Input { name: name.to_owned() });
    }
    let name = name.strip_prefix("env:").unwrap_or(name);
    if let Some((kind, _)) = name.split_once(':')
        && !kind.is_empty()
        && kind.chars().all(char::is_alphanumeric)
    {
        return Err(Unresolved::UnknownKind { kind: kind.to_owned() });
    }
    // Parentheses: `ProgramFiles(x86)` is a variable on Windows.
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '(' | ')');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(Unresolved::Malformed);
    }
    let value = match default {
        None => Some(scope.env.var(name).ok_or_else(|| Unresolved::NotSet { name: name.to_owned() })?),
        Some(_) => set(scope.env, name),
    };
    match (value, default) {
        (Some(value), _) => Ok(text_alone(&value)),
        (None, default) => resolve(default.unwrap_or_default(), scope, depth + 1),
    }
}

fn text_alone(text: &str) -> Template {
    let mut template = Template::default();
    template.push_text(text);
    template
}

/// The inner text of a file's or the keyring's reference: variables may stand in it, no other references.
fn inner_text(text: &str, scope: &Scope<'_>, depth: usize) -> Result<String, Unresolved> {
    let template = resolve(text, scope, depth + 1)?;
    template.plain().map(|text| text.trim().to_owned()).ok_or(Unresolved::Malformed)
}

fn file(path: &str, scope: &Scope<'_>, depth: usize) -> Result<Template, Unresolved> {
    let path = inner_text(path, scope, depth)?;
    if path.is_empty() {
        return Err(Unresolved::NoPath);
    }
    let mut template = Template::default();
    template.push(Piece::File(below(scope.folder, PathBuf::from(tilde(&path, scope.env)))));
    Ok(template)
}

fn keyring(entry: &str, scope: &Scope<'_>, depth: usize) -> Result<Template, Unresolved> {
    let entry = inner_text(entry, scope, depth)?;
    let parts = entry.split_once('/').filter(|(service, name)| !service.is_empty() && !name.is_empty());
    let (service, name) = parts.ok_or(Unresolved::KeyringName)?;
    let mut template = Template::default();
    template.push(Piece::Keyring { service: service.to_owned(), name: name.to_owned() });
    Ok(template)
}

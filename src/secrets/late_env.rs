//! The variables of one server that are only known when it starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::read::Contents;
use super::{Error, Fault, Piece, Place, Template, dotenv, keyring, read, redactor};

/// A secret in a file of its own: a key of 16384 bits has 13 KB as text.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// An env file: hundreds of variables, and less than a system takes as environment.
const ENV_FILE_BYTES_MAX: u64 = 256 << 10;

/// What of a server's environment is read at its start. Holds references, no secrets but those that stand in the registry
/// beside a reference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LateEnv {
    /// Variables with a reference in their value.
    pub variables: Vec<LateVariable>,
    /// Env files; of a name in several the last one counts, and what stands under `env` counts more.
    pub files: Vec<EnvFile>,
    /// Variables that the server requires and that only its env files can have.
    pub required: Vec<String>,
}

/// A variable with a reference in its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Template,
    /// Where it stands.
    pub place: Place,
}

/// An env file of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// The file.
    pub path: PathBuf,
    /// Where the registry names it.
    pub place: Place,
}

/// The environment, complete. `Debug` shows names only.
pub struct Resolved {
    /// Names and values, each name once.
    pub env: Vec<(String, String)>,
    /// What is odd about files: one line each, without values.
    pub warnings: Vec<String>,
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Resolved").field("env", &names).field("warnings", &self.warnings).finish()
    }
}

/// How one reference stands. Never its value.
#[derive(Debug)]
pub struct Examined {
    /// The variable that it is for; empty for an env file.
    pub variable: String,
    /// The reference as written, or the env file's path.
    pub reference: String,
    /// Where it stands.
    pub place: Place,
    /// Why it cannot be had; `None` when it can.
    pub fault: Option<Error>,
    /// What is odd about it.
    pub warning: Option<String>,
}

impl LateEnv {
    /// Is there nothing to read?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty() && self.files.is_empty()
    }

    /// Reads everything and puts it together with what is declared already, which counts more than env files. What was read
    /// is hidden from now on. Blocking: files, and the keyring with its own deadline.
    ///
    /// # Errors
    /// The first reference that cannot be resolved; nothing is passed on then.
    pub fn complete(&self, declared: &[(String, String)]) -> Result<Resolved, Error> {
        let mut env = BTreeMap::new();
        let mut warnings = Vec::new();
        for file in &self.files {
            let (pairs, warning) = env_file(&file.path).map_err(at(&file.place))?;
            redactor().learn(pairs.iter().map(|(_, value)| value.as_str()));
            warnings.extend(warning);
            env.extend(pairs);
        }
        env.extend(declared.iter().cloned());
        for variable in &self.variables {
            let mut value = String::new();
            for piece in variable.value.pieces() {
                let (text, warning) = piece_value(piece).map_err(at(&variable.place))?;
                warnings.extend(warning);
                value.push_str(&text);
            }
            env.insert(variable.name.clone(), value);
        }
        let is_missing = |name: &&String| env.get(*name).is_none_or(String::is_empty);
        let names: Vec<String> = self.required.iter().filter(is_missing).cloned().collect();
        if let (false, Some(file)) = (names.is_empty(), self.files.first()) {
            return Err(at(&file.place)(Fault::RequiredMissing { names }));
        }
        Ok(Resolved { env: env.into_iter().collect(), warnings })
    }

    /// How each reference stands. Blocking, as [`LateEnv::complete`].
    #[must_use]
    pub fn examine(&self) -> Vec<Examined> {
        let files = self.files.iter().map(|file| {
            let read = env_file(&file.path).map(|(_, warning)| warning);
            examined(String::new(), file.path.display().to_string(), &file.place, read)
        });
        let variables = self.variables.iter().flat_map(|variable| {
            variable.value.references().map(|piece| {
                let read = piece_value(piece).map(|(_, warning)| warning);
                examined(variable.name.clone(), piece.reference(), &variable.place, read)
            })
        });
        files.chain(variables).collect()
    }

    /// Has a variable of that name a value that is not empty, as far as can be told without asking the keyring? Blocking.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let is_file_there = |piece: &Piece| match piece {
            Piece::Text(_) | Piece::Keyring { .. } => true,
            Piece::File(_) => piece_value(piece).is_ok(),
        };
        if let Some(variable) = self.variables.iter().find(|variable| variable.name == name) {
            return variable.value.pieces().iter().all(is_file_there);
        }
        let in_file = |file: &EnvFile| {
            let pairs = env_file(&file.path).map(|(pairs, _)| pairs).unwrap_or_default();
            pairs.iter().any(|(one, value)| one == name && !value.is_empty())
        };
        self.files.iter().any(in_file)
    }

    /// Everything as written, for a fingerprint of what is started: no secret takes part.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        let files = self.files.iter().map(|file| file.path.to_string_lossy().into_owned());
        let variables = self.variables.iter().flat_map(|one| [one.name.clone(), one.value.written()]);
        files.chain(variables).collect()
    }
}

fn examined(variable: String, reference: String, place: &Place, read: Result<Option<String>, Fault>) -> Examined {
    let place = place.clone();
    match read {
        Ok(warning) => Examined { variable, reference, place, fault: None, warning },
        Err(fault) => {
            let fault = Some(at(&place)(fault));
            Examined { variable, reference, place, fault, warning: None }
        }
    }
}

fn at(place: &Place) -> impl Fn(Fault) -> Error + '_ {
    |fault| Error { place: place.clone(), fault }
}

type Pairs = Vec<(String, String)>;

fn env_file(path: &Path) -> Result<(Pairs, Option<String>), Fault> {
    let unreadable = |why| Fault::EnvFile { path: path.to_owned(), why };
    let Contents { text, warning } = read::text(path, ENV_FILE_BYTES_MAX, unreadable)?;
    let bad = |bad: dotenv::BadLine| Fault::EnvFileLine { path: path.to_owned(), line: bad.line, what: bad.what };
    Ok((dotenv::parse(&text).map_err(bad)?, warning))
}

fn piece_value(piece: &Piece) -> Result<(String, Option<String>), Fault> {
    let (value, warning) = match piece {
        Piece::Text(text) => return Ok((text.clone(), None)),
        Piece::File(path) => {
            let unreadable = |why| Fault::File { path: path.clone(), why };
            let Contents { text, warning } = read::text(path, FILE_BYTES_MAX, unreadable)?;
            (text.trim_end_matches(['\n', '\r']).to_owned(), warning)
        }
        Piece::Keyring { service, name } => (keyring::get(service, name)?, None),
    };
    if value.is_empty() {
        return Err(Fault::Empty { what: piece.reference() });
    }
    redactor().learn([value.as_str()]);
    Ok((value, warning))
}

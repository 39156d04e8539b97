//! JSON paths (RFC 9535) into structured content, or into a text that is JSON.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::digest::JSON_BYTES_MAX;
use super::{Error, Kept, Results};

/// Longest path, in bytes. A guess.
const PATH_BYTES_MAX: usize = 1_000;
/// `..` in one path: each may visit all below all.
const DESCENTS_MAX: usize = 2;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundNodes {
    /// How many nodes there are.
    pub nodes: usize,
    /// The window of their text that was asked for: one node as it is, several one to a line with their paths before them.
    pub text: String,
    /// The number of the window's first character.
    pub from: usize,
    /// Whether there is more behind the window.
    pub is_more: bool,
}

impl Results {
    /// Follows a path; gives at most `chars_max` characters and `bytes_max` bytes of what it leads to, from character `offset`
    /// on. Blocks: up to a second for the largest JSON that is allowed.
    ///
    /// # Errors
    /// [`Error::Path`], [`Error::NoJson`], [`Error::JsonTooLarge`], [`Error::File`].
    pub fn follow_path(
        &self,
        kept: &Kept,
        path: &str,
        offset: usize,
        chars_max: usize,
        bytes_max: usize,
    ) -> Result<FoundNodes, Error> {
        let parsed = parse(path)?;
        let at = kept.json.clone().unwrap_or(0..kept.view.end.byte);
        if at.len() > JSON_BYTES_MAX {
            return Err(Error::JsonTooLarge { bytes: at.len(), bytes_max: JSON_BYTES_MAX });
        }
        let text = kept.view.read(at).map_err(|fault| self.file("reading", fault))?;
        let json: Value = serde_json::from_str(&text).map_err(|_| Error::NoJson)?;
        drop(text);
        let found = parsed.query_located(&json);
        let nodes = found.len();
        let mut window =
            Window { skip: offset, chars: chars_max, bytes: bytes_max, text: String::new(), is_more: false };
        for node in found.iter() {
            let value = node.node().to_string();
            let line = if nodes == 1 { value } else { format!("{}: {value}\n", node.location()) };
            if !window.push(&line) {
                break;
            }
        }
        Ok(FoundNodes { nodes, text: window.text, from: offset, is_more: window.is_more })
    }
}

fn parse(path: &str) -> Result<JsonPath, Error> {
    let fault = |fault: String| Error::Path { path: path.chars().take(100).collect(), fault };
    let trimmed = path.trim();
    if trimmed.len() > PATH_BYTES_MAX {
        return Err(fault(format!("it has more than {PATH_BYTES_MAX} bytes")));
    }
    // Models leave the root out.
    let whole = match trimmed {
        whole if whole.starts_with('$') => whole.to_owned(),
        rest if rest.starts_with(['.', '[']) => format!("${rest}"),
        rest => format!("$.{rest}"),
    };
    if whole.matches("..").count() > DESCENTS_MAX {
        return Err(fault(format!("it has more than {DESCENTS_MAX} times `..`")));
    }
    // A filter that looks from the root for each node takes the square of the time.
    if whole.matches('$').count() > 1 && whole.contains('?') {
        return Err(fault("a filter here may look at its own node (`@`) only, not at the root (`$`)".to_owned()));
    }
    JsonPath::parse(&whole).map_err(|error| fault(error.to_string()))
}

struct Window {
    skip: usize,
    chars: usize,
    bytes: usize,
    text: String,
    is_more: bool,
}

impl Window {
    /// False once it is full.
    fn push(&mut self, text: &str) -> bool {
        for letter in text.chars() {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            if self.chars == 0 || self.bytes < letter.len_utf8() {
                self.is_more = true;
                return false;
            }
            self.chars -= 1;
            self.bytes -= letter.len_utf8();
            self.text.push(letter);
        }
        true
    }
}

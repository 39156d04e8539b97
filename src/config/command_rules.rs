//! The rules of `[commands]` as they are written.

use std::path::Path;

use serde_json::Value;

use super::settings_file::CommandRuleFile;

/// What a person is told to write.
pub(super) const EXPECTED: &str = "a list of whole paths, or of { command = \"/PATH\", args = [\"…\"], sha256 = \"…\" } (a name \
                                   alone is not enough; `*` stands for anything but a slash, `**` for anything)";

/// Is that a rule? A path must be whole, since a name says nothing of which program is meant.
pub(super) fn is_rule(value: &Value) -> bool {
    let is_whole = |path: &str| Path::new(path).is_absolute() || path.starts_with("**");
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match serde_json::from_value(value.clone()) {
        Ok(CommandRuleFile::Path(path)) => is_whole(&path),
        Ok(CommandRuleFile::Rule(rule)) => is_whole(&rule.command) && rule.sha256.as_deref().is_none_or(is_hash),
        Err(_) => false,
    }
}

//! Names of tools and prompts in views of several servers: short enough for every client, the same at each start, and never
//! the same for two.

use sha2::{Digest, Sha256};

/// Longest name, in bytes: clients that put a prefix of their own before it allow 64 in all.
pub(super) const NAME_BYTES_MAX: usize = 60;
/// Digits of the hash in a name that had to be changed.
const HASH_DIGITS: usize = 10;

/// `server__name`. A name that is too long, has characters that clients refuse, or could be read in two ways ends in a hash of
/// the whole.
pub(super) fn shown(server: &str, name: &str) -> String {
    let plain = format!("{server}__{name}");
    let is_clear = !server.contains("__") && !server.ends_with('_') && !name.starts_with('_');
    if is_clear && is_safe(&plain) && !looks_hashed(&plain) {
        return plain;
    }
    hashed(&plain, &format!("{server}\0{name}"))
}

/// The name alone, where nothing else has it; `is_taken` says so.
pub(super) fn bare(server: &str, name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if is_safe(name) && !name.contains("__") && !looks_hashed(name) && !is_taken(name) {
        name.to_owned()
    } else {
        shown(server, name)
    }
}

fn hashed(plain: &str, whole: &str) -> String {
    let safe: String = plain.chars().map(|c| if is_safe_char(c) { c } else { '_' }).collect();
    let start: String = safe.chars().take(NAME_BYTES_MAX - HASH_DIGITS - 1).collect();
    let hash = Sha256::digest(whole.as_bytes());
    let digits: String = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(HASH_DIGITS).map(digit).collect();
    format!("{start}-{digits}")
}

fn digit(value: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(value & 15)])
}

fn is_safe(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_safe_char)
}

fn is_safe_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Whether it could be one of ours that ends in a hash.
fn looks_hashed(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == HASH_DIGITS && end.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::{NAME_BYTES_MAX, shown};

    #[test]
    fn names_are_plain_where_they_can_be() {
        assert_eq!(shown("git", "log"), "git__log");
        assert_eq!(shown("my-git", "git_log"), "my-git__git_log");
    }

    #[test]
    fn no_two_tools_have_one_name_and_every_client_takes_it() {
        let long = "x".repeat(80);
        let tools = [
            ("a", "b__c"),
            ("a__b", "c"),
            ("a", "_b"),
            ("a_", "b"),
            ("a", "b.c"),
            ("a", "b c"),
            ("a.b", "c"),
            ("a", "b_c"),
            ("a", &long),
            ("b", &long),
            ("a", "c-0123456789"),
            ("ä", "b"),
        ];
        let names: std::collections::BTreeSet<String> =
            tools.iter().map(|(server, tool)| shown(server, tool)).collect();
        assert_eq!(names.len(), tools.len(), "{names:?}");
        for name in &names {
            assert!(
                name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            );
        }
        // What looks like one of ours gets a hash itself.
        assert_ne!(shown("a", "c-0123456789"), "a__c-0123456789");
    }
}

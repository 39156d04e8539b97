//! How deep a JSON text is nested, before anything parses it.

/// Deepest nesting that is taken. A guess: four times what our own parser takes where it looks inside, since what passes through is
/// another's business, and far below what ends a recursive parser's stack.
pub(in crate::gateway) const DEPTH_MAX: usize = 512;

/// Whether objects and lists lie deeper in each other than [`DEPTH_MAX`]. Reads the text once; it need not be JSON.
pub(in crate::gateway) fn is_too_deep(text: &[u8]) -> bool {
    // Shorter than two brackets a level: the usual message is not looked at at all.
    if text.len() <= DEPTH_MAX {
        return false;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(found) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
                    at += found;
                    if text[at] == b'"' {
                        break;
                    }
                    at += 2;
                }
                if at >= text.len() || text[at] != b'"' {
                    return false;
                }
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, is_too_deep};

    #[test]
    fn depth_counts_outside_of_texts_alone() {
        let check = |text: String, expected: bool| assert_eq!(is_too_deep(text.as_bytes()), expected, "{text:.40}");
        check("[".repeat(DEPTH_MAX), false);
        check("[".repeat(DEPTH_MAX + 1), true);
        check("{\"a\":".repeat(DEPTH_MAX + 1), true);
        check("[]".repeat(DEPTH_MAX * 2), false);
        check(format!("\"{}\"", "[".repeat(DEPTH_MAX * 2)), false);
        check(format!("\"\\\"{}\"", "[".repeat(DEPTH_MAX * 2)), false);
        check(format!("\"\\\\\"{}", "[".repeat(DEPTH_MAX * 2)), true);
        check(format!("\"{}\\", "[".repeat(DEPTH_MAX * 2)), false);
    }
}

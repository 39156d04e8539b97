//! JSON string literals as text, piece by piece: a text of a hundred megabytes is never held a second time.

use std::io;

/// Hands the text of a JSON string literal (with its quotes, and known to be one) over in pieces. A half of a surrogate pair
/// becomes U+FFFD.
///
/// # Errors
/// The first one of `take`.
pub(super) fn unescape(literal: &str, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut rest = literal.trim();
    rest = rest.strip_prefix('"').unwrap_or(rest);
    rest = rest.strip_suffix('"').unwrap_or(rest);
    let mut buffer = [0_u8; 4];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        if at > 0 {
            take(&rest[..at])?;
        }
        let (letter, len) = escape(&rest[at..]);
        take(letter.encode_utf8(&mut buffer))?;
        rest = rest.get(at + len..).unwrap_or_default();
    }
    if rest.is_empty() { Ok(()) } else { take(rest) }
}

/// The character that the escape at the start of `text` stands for, and the bytes that it takes.
fn escape(text: &str) -> (char, usize) {
    let letter = match text.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return unicode(text),
        Some(plain @ (b'"' | b'\\' | b'/')) => char::from(*plain),
        Some(_) | None => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (letter, 2)
}

fn unicode(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = unit(2) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if (0xd800..0xdc00).contains(&first)
        && text.get(6..8) == Some("\\u")
        && let Some(second) = unit(8).filter(|second| (0xdc00..0xe000).contains(second))
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

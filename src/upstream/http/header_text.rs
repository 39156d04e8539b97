//! Text as the value of a header. What a header cannot carry is put into base64 between two marks that the specification names.

use reqwest::header::HeaderValue;

const START: &str = "=?base64?";
const END: &str = "?=";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value that carries this text.
pub(super) fn header_text(text: &str) -> HeaderValue {
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.trim() == text;
    let looks_coded = text.starts_with(START) && text.ends_with(END);
    let coded = || format!("{START}{}{END}", base64(text.as_bytes()));
    let value = if is_plain && !looks_coded { HeaderValue::from_str(text) } else { HeaderValue::from_str(&coded()) };
    value.expect("visible ASCII and spaces make a header's value")
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let is_filling = place > group.len();
            let sextet = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if is_filling { '=' } else { char::from(sextet) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::header_text;

    #[test]
    fn what_a_header_cannot_carry_is_coded() {
        let check = |text: &str, expected: &str| assert_eq!(header_text(text).to_str().unwrap(), expected);
        check("us-west1", "us-west1");
        check("", "");
        check("us west 1", "us west 1");
        check("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?=");
        check(" padded ", "=?base64?IHBhZGRlZCA=?=");
        check("line1\nline2", "=?base64?bGluZTEKbGluZTI=?=");
        check("\tindented", "=?base64?CWluZGVudGVk?=");
        check("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
    }
}

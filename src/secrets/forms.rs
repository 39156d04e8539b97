//! The shapes in which a secret may come back: as it is, in JSON, in an address, in base64.

/// Lines of a secret of several lines that are hidden by themselves have at least that many characters: a key's lines are
/// 64, and `{` alone is no secret. A guess.
const LINE_CHARS_MIN: usize = 16;
/// Shortest piece of base64 that is looked for: shorter ones are words.
const BASE64_CHARS_MIN: usize = 8;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_ADDRESSES: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every shape of the value that is to be hidden, the value first; may hold doubles.
pub(super) fn of(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    if value.contains('\n') {
        // Logs and errors are cut into lines.
        let lines = value.lines().map(str::trim);
        let is_secret = |line: &&str| line.chars().count() >= LINE_CHARS_MIN && !line.starts_with("-----");
        forms.extend(lines.filter(is_secret).map(str::to_owned));
    }
    for form in forms.clone() {
        forms.extend(escaped(&form));
        forms.push(percent(&form, true));
        forms.push(percent(&form, false));
        forms.push(percent(&form, true).replace("%20", "+"));
    }
    for alphabet in [STANDARD, FOR_ADDRESSES] {
        forms.extend(base64(value.as_bytes(), alphabet));
    }
    forms
}

/// As inside the quotes of JSON, and as `{:?}` writes it.
fn escaped(value: &str) -> Vec<String> {
    let inside = |quoted: String| quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let json = serde_json::to_string(value).map(inside).unwrap_or_default();
    vec![json.replace('/', "\\/"), json, inside(format!("{value:?}"))]
}

/// As in an address: everything but letters, digits and `-._~` as `%` and two digits.
fn percent(value: &str, in_capitals: bool) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if in_capitals => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    };
    value.bytes().map(one).collect()
}

/// The value in base64, whole and as the part of something longer that it settles: `user:secret` encoded has the secret at
/// another place within the groups of three bytes, so there are three.
fn base64(value: &[u8], alphabet: &[u8; 64]) -> Vec<String> {
    let mut forms = Vec::new();
    let whole = encoded(value, alphabet);
    let padding = "=".repeat((4 - whole.len() % 4) % 4);
    forms.push(format!("{whole}{padding}"));
    forms.push(whole);
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value);
        let text = encoded(&bytes, alphabet);
        // Characters that also hold bits of what stands before, or of what may follow, are left out.
        let start = [0, 2, 3][before];
        let end = bytes.len() * 8 / 6;
        if let Some(inner) = text.get(start..end).filter(|inner| inner.len() >= BASE64_CHARS_MIN) {
            forms.push(inner.to_owned());
        }
    }
    forms
}

/// Without padding.
fn encoded(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..=group.len() {
            text.push(char::from(alphabet[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

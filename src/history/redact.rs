//! Takes out of a request what looks like a secret. A filter by looks: it takes some harmless texts, and it cannot know
//! every secret; who wants none of his words kept sets `history.enabled = false`.

/// What stands in place of a secret.
const SECRET: &str = "‹secret›";
/// Beginnings of keys that their makers gave so that they can be recognised.
const KEY_BEGINNINGS: &[&str] = &[
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "eyJ",
    "npm_",
    "pypi-",
    "hf_",
    "dop_v1_",
    "SG.",
    "shpat_",
    "lin_api_",
    "secret_",
    "ntn_",
];
/// Shortest rest of such a key; `sk-learn` is none.
const KEY_REST_MIN: usize = 12;
/// Words whose value is one, as parts of names: `DB_PASSWORD=…`, `"api_key": "…"`.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "accesskey",
    "private_key",
    "credential",
    "authorization",
    "bearer",
];
/// Of these the next word is one even without a sign between, if it does not look like a plain word.
const SECRET_BEFORE: &[&str] =
    &["password", "passwd", "passphrase", "passwort", "pwd", "bearer", "token", "secret", "key"];
/// From that length on a hexadecimal number is a hash or a key. A guess: UUIDs have dashes and pass.
const HEX_MIN: usize = 32;
/// From that length on a mixture of capitals, small letters and digits is a key. A guess.
const MIXED_MIN: usize = 20;
/// From that length on small letters and digits are a key. A guess: longer than names with a year or a version in them.
const SMALL_MIN: usize = 24;
/// From that length on a mixture with slashes in it is a key, if at least one letter in so many is followed by one of another
/// kind. Guesses: of random ones more than half are, of paths one in six.
const SLASHED_MIN: usize = 20;
const SLASHED_CHANGES_PER: usize = 4;
/// How often such a mixture goes from letters to digits and back, at least: `ReportForAllTeams2024` does it once.
const MIXED_CHANGES_MIN: usize = 3;

/// The text without what looks like keys, passwords, passwords in addresses, and long random texts. Names, numbers and
/// e-mail addresses stay: without them requests mean nothing.
#[must_use]
pub fn redact(text: &str) -> String {
    let text = without_pem(text);
    let mut clean = String::with_capacity(text.len());
    let mut awaits = Awaits::Nothing;
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if word.is_empty() {
            clean.push_str(piece);
            continue;
        }
        let is_secret = match awaits {
            Awaits::Value => true,
            Awaits::PerhapsValue => !is_plain_word(word),
            Awaits::Nothing => false,
        };
        let is_link =
            awaits != Awaits::Nothing && matches!(word.to_lowercase().as_str(), "is" | "=" | ":" | "ist" | "==");
        let is_scheme = awaits != Awaits::Nothing && word.eq_ignore_ascii_case("bearer");
        if is_link || is_scheme {
            clean.push_str(piece);
            awaits = Awaits::Value;
            continue;
        }
        let (replaced, next) = if is_secret { (SECRET.to_owned(), Awaits::Nothing) } else { redact_word(word) };
        clean.push_str(&replaced);
        clean.push_str(&piece[word.len()..]);
        awaits = next;
    }
    clean
}

/// What the words before say of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Nothing,
    /// It is a secret if it does not look like a plain word.
    PerhapsValue,
    /// It is a secret.
    Value,
}

/// Linear in the word's length: a request can be one long word.
fn redact_word(word: &str) -> (String, Awaits) {
    let word = without_userinfo(word);
    let (word, awaits) = without_named_values(&word);
    let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    let next =
        if awaits == Awaits::Nothing && SECRET_BEFORE.contains(&bare.as_str()) { Awaits::PerhapsValue } else { awaits };
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '_' | '-' | '.' | '/');
    let mut clean = String::with_capacity(word.len());
    let mut rest = word.as_str();
    while !rest.is_empty() {
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        if is_random_with_slashes(run) {
            clean.push_str(SECRET);
            // What base64 is filled up with is a part of it.
            rest = behind.trim_start_matches('=');
            continue;
        }
        for (place, part) in run.split('/').enumerate() {
            clean.push_str(if place > 0 { "/" } else { "" });
            clean.push_str(if looks_secret(part) { SECRET } else { part });
        }
        let sign = behind.chars().next().map_or(0, char::len_utf8);
        clean.push_str(&behind[..sign]);
        rest = &behind[sign..];
    }
    (clean, next)
}

/// Without the values of `name=value` and `name:value`, also quoted as in JSON, where the name says that it is a secret;
/// several may stand in one word, as in an address. And whether the next word is one.
fn without_named_values(word: &str) -> (String, Awaits) {
    let mut clean = String::with_capacity(word.len());
    let mut rest = word;
    let mut awaits = Awaits::Nothing;
    while let Some(sign) = rest.find(['=', ':']) {
        let name = rest[..sign].rsplit(['&', '?', ',', '{', ';']).next().unwrap_or_default();
        let (before, value) = rest.split_at(sign + 1);
        clean.push_str(before);
        rest = value;
        if is_secret_name(name) {
            let end = value.find(['&', ',', '}', ';']).unwrap_or(value.len());
            if value[..end].trim_matches(['"', '\'']).is_empty() {
                awaits = Awaits::Value;
                break;
            }
            clean.push_str(SECRET);
            rest = &value[end..];
        }
    }
    clean.push_str(rest);
    (clean, awaits)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

fn looks_secret(part: &str) -> bool {
    let has_key_beginning = KEY_BEGINNINGS
        .iter()
        .any(|beginning| part.strip_prefix(beginning).is_some_and(|rest| rest.len() >= KEY_REST_MIN));
    has_key_beginning
        || is_long_hex(part)
        || part.split(['.', '-', '_']).any(|piece| is_long_hex(piece) || is_random_small(piece))
        || is_random_mixture(part)
}

/// Small letters and digits only, as some services give keys.
fn is_random_small(part: &str) -> bool {
    part.len() >= SMALL_MIN
        && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && part.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count()
            >= MIXED_CHANGES_MIN
}

/// Base64 with slashes in it. Paths have them too, but change less often between capitals, small letters and digits, and
/// most have a dot.
fn is_random_with_slashes(run: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    };
    let has = |wanted: i32| run.bytes().any(|byte| kind(byte) == wanted);
    let changes = run.as_bytes().windows(2).filter(|pair| {
        let (left, right) = (kind(pair[0]), kind(pair[1]));
        left != 0 && right != 0 && left != right
    });
    run.len() >= SLASHED_MIN
        && run.contains('/')
        && !run.contains('.')
        && has(1)
        && has(2)
        && has(3)
        && changes.count() * SLASHED_CHANGES_PER >= run.len()
}

fn is_long_hex(part: &str) -> bool {
    part.len() >= HEX_MIN
        && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        && part.bytes().any(|b| b.is_ascii_digit())
}

fn is_random_mixture(part: &str) -> bool {
    let has = |is: fn(&u8) -> bool| part.bytes().any(|byte| is(&byte));
    let changes = part.as_bytes().windows(2).filter(|pair| {
        pair[0].is_ascii_alphanumeric()
            && pair[1].is_ascii_alphanumeric()
            && pair[0].is_ascii_digit() != pair[1].is_ascii_digit()
    });
    part.len() >= MIXED_MIN
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && changes.count() >= MIXED_CHANGES_MIN
}

/// Letters only, or a word with the marks of a sentence: no password that is worth the name.
fn is_plain_word(word: &str) -> bool {
    let word = word.trim_matches(|letter: char| matches!(letter, '.' | ',' | ';' | '!' | '?' | ')' | '('));
    word.chars().all(|letter| letter.is_alphabetic() || letter == '-') && word.len() < MIXED_MIN
}

/// `https://user:password@host` without what stands before the `@`.
fn without_userinfo(word: &str) -> String {
    let Some(scheme) = word.find("://") else { return word.to_owned() };
    let start = scheme + 3;
    let end = word[start..].find(['/', '?', '#']).map_or(word.len(), |end| start + end);
    match word[start..end].rfind('@') {
        Some(at) => format!("{}{SECRET}{}", &word[..start], &word[start + at..]),
        None => word.to_owned(),
    }
}

/// Without blocks as keys and certificates are written in.
fn without_pem(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let mut clean = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        clean.push_str(&rest[..begin]);
        clean.push_str(SECRET);
        let behind = &rest[begin + BEGIN.len()..];
        rest = match behind.find(END) {
            Some(end) => {
                let tail = &behind[end + END.len()..];
                tail.find("-----").map_or("", |close| &tail[close + 5..])
            }
            None => "",
        };
    }
    clean.push_str(rest);
    clean
}

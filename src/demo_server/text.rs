//! Tools of kind `text`: counting, changing, comparing and encoding texts.

use std::fmt::Write as _;

use serde_json::json;

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::demo_tool::{DemoTool, Hints};
use super::text_codes::{hash_text, recode_base64};
use super::world::World;

/// Most lines of either text of a comparison: the table of common lines grows with the product of both.
const DIFF_LINES_MAX: usize = 3000;

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "count_words",
        title: "Count words",
        description: "Counts the words, characters, lines, sentences and paragraphs of a text and estimates its reading time.",
        hints: Hints::Reads,
        properties: r#"{"text":{"type":"string","description":"Text to count."}}"#,
        required: &["text"],
        output: r#"{"type":"object","properties":{"words":{"type":"integer"},"characters":{"type":"integer"},"lines":{"type":"integer"},"sentences":{"type":"integer"},"paragraphs":{"type":"integer"}},"required":["words","characters","lines","sentences","paragraphs"]}"#,
        run: count_words,
    },
    DemoTool {
        name: "change_case",
        title: "Change upper and lower case",
        description: "Changes the case of a text: upper case, lower case, title case, sentence case, camelCase, snake_case or kebab-case.",
        hints: Hints::Reads,
        properties: r#"{"text":{"type":"string","description":"Text to change."},"to":{"type":"string","enum":["upper","lower","title","sentence","camel","snake","kebab"],"description":"Case to change to."}}"#,
        required: &["text", "to"],
        output: "",
        run: change_case,
    },
    DemoTool {
        name: "find_and_replace",
        title: "Find and replace",
        description: "Replaces every occurrence of a word or phrase in a text by another one and tells how many there were.",
        hints: Hints::Reads,
        properties: r#"{"text":{"type":"string","description":"Text to search."},"find":{"type":"string","minLength":1,"description":"What to look for, taken literally."},"replace":{"type":"string","default":"","description":"What to put in its place; nothing when left out."},"ignore_case":{"type":"boolean","default":false,"description":"Whether case is ignored when searching."}}"#,
        required: &["text", "find"],
        output: "",
        run: find_and_replace,
    },
    DemoTool {
        name: "compare_texts",
        title: "Compare two texts",
        description: "Compares two texts line by line and shows the differences (a diff): removed lines with -, added lines with +.",
        hints: Hints::Reads,
        properties: r#"{"old":{"type":"string","description":"The text before."},"new":{"type":"string","description":"The text after."}}"#,
        required: &["old", "new"],
        output: "",
        run: compare_texts,
    },
    DemoTool {
        name: "make_slug",
        title: "Make a URL slug",
        description: "Turns a title into a slug for URLs and file names: lower case, hyphens, accents removed.",
        hints: Hints::Reads,
        properties: r#"{"text":{"type":"string","description":"Title to turn into a slug.","examples":["Crème brûlée: how to"]}}"#,
        required: &["text"],
        output: "",
        run: make_slug,
    },
    DemoTool {
        name: "hash_text",
        title: "Hash a text",
        description: "Calculates the SHA-256, SHA-512 or CRC-32 checksum of a text, in hexadecimal.",
        hints: Hints::Reads,
        properties: r#"{"text":{"type":"string","description":"Text to hash, as UTF-8."},"algorithm":{"type":"string","enum":["sha256","sha512","crc32"],"default":"sha256","description":"Hash function."}}"#,
        required: &["text"],
        output: "",
        run: hash_text,
    },
    DemoTool {
        name: "convert_base64",
        title: "Encode or decode Base64",
        description: "Encodes a text as Base64, or decodes Base64 (also its URL-safe form) back to text.",
        hints: Hints::Reads,
        properties: r#"{"text":{"type":"string","description":"Text to encode, or Base64 to decode."},"direction":{"type":"string","enum":["encode","decode"],"default":"encode","description":"Which way to convert."}}"#,
        required: &["text"],
        output: "",
        run: recode_base64,
    },
    DemoTool {
        name: "extract_emails",
        title: "Extract e-mail addresses and links",
        description: "Finds all e-mail addresses and web links in a text and lists each once.",
        hints: Hints::Reads,
        properties: r#"{"text":{"type":"string","description":"Text to search."},"what":{"type":"string","enum":["all","emails","links"],"default":"all","description":"What to look for."}}"#,
        required: &["text"],
        output: r#"{"type":"object","properties":{"emails":{"type":"array","items":{"type":"string"}},"links":{"type":"array","items":{"type":"string"}}},"required":["emails","links"]}"#,
        run: extract_emails,
    },
];

fn count_words(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let text = arguments.text("text")?;
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
    let characters = text.chars().count();
    let lines = text.lines().count();
    let ends = text.split(['.', '!', '?', '…']).filter(|part| part.chars().any(char::is_alphanumeric)).count();
    let paragraphs = text.split("\n\n").filter(|part| !part.trim().is_empty()).count();
    let minutes = words.div_ceil(220);
    let summary = format!(
        "{words} words, {characters} characters, {lines} lines, {ends} sentences, {paragraphs} paragraphs; about {minutes} min to read"
    );
    let structured =
        json!({"words": words, "characters": characters, "lines": lines, "sentences": ends, "paragraphs": paragraphs});
    Ok(Answer::with(summary, structured))
}

fn change_case(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let text = arguments.text("text")?;
    let to = arguments.word("to", &["upper", "lower", "title", "sentence", "camel", "snake", "kebab"])?;
    Ok(Answer::text(match to {
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        "title" => text.split(' ').map(capitalised).collect::<Vec<_>>().join(" "),
        "sentence" => capitalised(text),
        "snake" => words(text).join("_"),
        "kebab" => words(text).join("-"),
        _ => {
            let words = words(text);
            let rest: String = words.iter().skip(1).map(|word| capitalised(word)).collect();
            words.first().cloned().unwrap_or_default() + &rest
        }
    }))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect())
}

/// The words of a text or identifier, in lower case; a capital after a small letter begins a word.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in text.chars() {
        if letter.is_alphanumeric() {
            if !before.is_alphanumeric() || before.is_lowercase() && letter.is_uppercase() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(letter.to_lowercase());
            }
        }
        before = letter;
    }
    words
}

fn find_and_replace(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let (text, find) = (arguments.text("text")?, arguments.text("find")?);
    let replace = arguments.optional_text("replace")?.unwrap_or_default();
    if find.is_empty() {
        return Err(Fault::Unusable { name: "find", why: "it is empty".to_owned() });
    }
    let (result, count) = if arguments.flag("ignore_case")? {
        replace_any_case(text, find, replace)
    } else {
        (text.replace(find, replace), text.matches(find).count())
    };
    Ok(Answer::text(format!("{count} replaced:\n{result}")))
}

/// Compares letter by letter in lower case, because whole texts change their length in lower case.
fn replace_any_case(text: &str, find: &str, replace: &str) -> (String, usize) {
    let lower = |letter: char| letter.to_lowercase().next().unwrap_or(letter);
    let find: Vec<char> = find.chars().map(lower).collect();
    let letters: Vec<char> = text.chars().collect();
    let (mut result, mut count, mut at) = (String::new(), 0, 0);
    while at < letters.len() {
        let here = letters[at..].iter().copied().map(lower).take(find.len());
        if here.eq(find.iter().copied()) {
            result.push_str(replace);
            count += 1;
            at += find.len();
        } else {
            result.push(letters[at]);
            at += 1;
        }
    }
    (result, count)
}

fn compare_texts(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let old: Vec<&str> = arguments.text("old")?.lines().collect();
    let new: Vec<&str> = arguments.text("new")?.lines().collect();
    for (name, lines) in [("old", &old), ("new", &new)] {
        if lines.len() > DIFF_LINES_MAX {
            return Err(Fault::Unusable { name, why: format!("it has more than {DIFF_LINES_MAX} lines") });
        }
    }
    if old == new {
        return Ok(Answer::text("The texts are equal."));
    }
    // Length of the longest common rest, from each pair of lines on.
    let width = new.len() + 1;
    let mut common = vec![0_u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut removed, mut added) = (0, 0, 0, 0);
    let mut lines = String::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            writeln!(lines, "  {}", old[i]).ok();
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            writeln!(lines, "- {}", old[i]).ok();
            (i, removed) = (i + 1, removed + 1);
        } else {
            writeln!(lines, "+ {}", new[j]).ok();
            (j, added) = (j + 1, added + 1);
        }
    }
    Ok(Answer::text(format!("{removed} lines removed, {added} added:\n{lines}")))
}

fn make_slug(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let slug = slug(arguments.filled_text("text")?);
    if slug.is_empty() {
        return Err(Fault::Unusable { name: "text", why: "it has no letters or digits".to_owned() });
    }
    Ok(Answer::text(slug))
}

/// Lower case, hyphens between words, accents of western languages removed.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        let plain = match letter {
            'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ą' => "a",
            'ä' | 'æ' => "ae",
            'ç' | 'ć' | 'č' => "c",
            'ď' => "d",
            'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
            'ì' | 'í' | 'î' | 'ï' | 'ī' => "i",
            'ł' => "l",
            'ñ' | 'ń' | 'ň' => "n",
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' => "o",
            'ö' | 'œ' => "oe",
            'ř' => "r",
            'ś' | 'š' => "s",
            'ß' => "ss",
            'ť' => "t",
            'ù' | 'ú' | 'û' | 'ū' | 'ů' => "u",
            'ü' => "ue",
            'ý' | 'ÿ' => "y",
            'ź' | 'ż' | 'ž' => "z",
            '\'' | '’' | '\u{301}' | '\u{300}' | '\u{308}' | '\u{302}' | '\u{303}' => continue,
            letter if letter.is_alphanumeric() => {
                slug.push(letter);
                continue;
            }
            _ => {
                if !slug.is_empty() && !slug.ends_with('-') {
                    slug.push('-');
                }
                continue;
            }
        };
        slug.push_str(plain);
    }
    slug.trim_end_matches('-').to_owned()
}

fn extract_emails(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let what = arguments.word("what", &["all", "emails", "links"])?;
    let (mut emails, mut links): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for word in arguments.text("text")?.split(|c: char| c.is_whitespace() || "<>()[]{}\"',;|".contains(c)) {
        let word = word.trim_end_matches(['.', ':', '!', '?']);
        let link = word.starts_with("http://") || word.starts_with("https://") || word.starts_with("www.");
        let email = word.strip_prefix("mailto:").unwrap_or(word);
        if link && what != "emails" && !links.contains(&word) {
            links.push(word);
        } else if !link && what != "links" && is_email(email) && !emails.contains(&email) {
            emails.push(email);
        }
    }
    let mut lines: Vec<&str> = emails.clone();
    lines.extend(&links);
    let text = if lines.is_empty() { "Nothing was found.".to_owned() } else { lines.join("\n") };
    Ok(Answer::with(text, json!({"emails": emails, "links": links})))
}

fn is_email(word: &str) -> bool {
    let allowed = |c: char, also: &str| c.is_alphanumeric() || also.contains(c);
    let Some((user, host)) = word.split_once('@') else { return false };
    let labels: Vec<&str> = host.split('.').collect();
    !user.is_empty()
        && user.chars().all(|c| allowed(c, "._%+-"))
        && labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty() && label.chars().all(|c| allowed(c, "-")))
        && labels.last().is_some_and(|last| last.len() >= 2 && last.chars().all(char::is_alphabetic))
}

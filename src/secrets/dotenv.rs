//! The text of an env file. A parser of our own: those at hand put values of mcporch's own environment in the place of
//! `$NAME`, turn an unknown one into nothing without a word, and quote the line, with its secret, in their messages.

/// A line that is no `NAME=value`. Holds no text of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// From 1.
    pub(super) line: usize,
    pub(super) what: &'static str,
}

/// Names and values in the order of the file. `export ` may stand before a name, `#` starts a comment at the start of a
/// line or after a space. In single quotes everything stands for itself; in double quotes `\n`, `\t`, `\r`, `\"`, `\\` and
/// `\$` are read; both may reach over several lines. `$` has no meaning.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, BadLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let (this, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = this.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            (rest, line) = (after, line + 1);
            continue;
        }
        let bad = |what| BadLine { line, what };
        let (name, _) = this.split_once('=').ok_or_else(|| bad("has no `=`"))?;
        let value_at = name.len() + 1;
        let name = name.trim();
        let name = name.strip_prefix("export ").map_or(name, str::trim);
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(bad("has no name of a variable before its `=`"));
        }
        let value = rest[value_at..].trim_start_matches([' ', '\t']);
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (value, after) = quoted(&value[1..], quote).ok_or_else(|| bad("has a quote that is not closed"))?;
                let (tail, after) = after.split_once('\n').unwrap_or((after, ""));
                let tail = tail.trim();
                if !tail.is_empty() && !tail.starts_with('#') {
                    return Err(bad("has text behind the closing quote"));
                }
                (value, after)
            }
            _ => (plain(&this[value_at..]).to_owned(), after),
        };
        pairs.push((name.to_owned(), value));
        line += rest[..rest.len() - after.len()].matches('\n').count();
        rest = after;
    }
    Ok(pairs)
}

/// The value up to the closing quote, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((value, &text[at + 1..]));
        }
        if c != '\\' || quote == '\'' {
            value.push(c);
            continue;
        }
        match chars.next()?.1 {
            'n' => value.push('\n'),
            't' => value.push('\t'),
            'r' => value.push('\r'),
            same @ ('"' | '\\' | '$') => value.push(same),
            other => value.extend(['\\', other]),
        }
    }
    None
}

/// An unquoted value: without spaces around it and without a comment.
fn plain(text: &str) -> &str {
    let end = text.char_indices().scan(' ', |before, (at, c)| {
        let is_comment = c == '#' && before.is_whitespace();
        *before = c;
        Some((at, is_comment))
    });
    let end = end.filter(|(_, is_comment)| *is_comment).map(|(at, _)| at).next().unwrap_or(text.len());
    text[..end].trim()
}

//! How many values for parameters a request seems to have in it: quotations, numbers, paths and addresses, names.

/// Requests are read up to here; a story has values enough for any tool.
const REQUEST_BYTES_MAX: usize = 4_000;

/// Counts them by their look alone. Neighbouring capitalised words are one name; the first word of a sentence is none.
pub(super) fn count(request: &str) -> usize {
    let request = &request[..request.floor_char_boundary(REQUEST_BYTES_MAX)];
    let (quoted, rest) = take_quotations(request);
    let mut count = quoted;
    let (mut starts_sentence, mut in_name) = (true, false);
    for token in rest.split_whitespace() {
        let word = token.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let is_name = word.chars().next().is_some_and(char::is_uppercase) && word != "I" && !starts_sentence;
        let is_number = word.chars().next().is_some_and(char::is_numeric);
        let is_address = token.len() > 1 && token.contains(['@', '/', '\\']);
        count += usize::from(is_number || is_address || (is_name && !in_name));
        in_name = is_name && !token.ends_with([',', ';', ':']);
        starts_sentence = token.ends_with(['.', '!', '?']);
    }
    count
}

/// How many quotations there are, and the text without them. An apostrophe within a word quotes nothing.
fn take_quotations(text: &str) -> (usize, String) {
    let (mut count, mut rest, mut from) = (0, String::with_capacity(text.len()), 0);
    let mut previous = ' ';
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let closing = match letter {
            '"' | '`' => Some(letter),
            '\'' if previous.is_whitespace() => Some('\''),
            '“' => Some('”'),
            _ => None,
        };
        let start = at + letter.len_utf8();
        let end = closing.and_then(|closing| Some((start + text[start..].find(closing)?, closing.len_utf8())));
        if let Some((end, len)) = end {
            count += 1;
            rest.push_str(&text[from..at]);
            rest.push(' ');
            from = end + len;
            letters.by_ref().take_while(|(place, _)| *place < end).for_each(drop);
        }
        previous = letter;
    }
    rest.push_str(&text[from..]);
    (count, rest)
}

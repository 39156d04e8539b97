//! Where one demand ends and the next begins.

use super::tokens::{self, Mark, Token};
use super::vocabulary as known;

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clause<'a> {
    /// Its words, without the leads.
    pub(super) text: &'a str,
    /// It stands behind a clear mark, or leaves no doubt by itself, and nothing limits it ("all but a.txt").
    pub(super) is_certain: bool,
}

/// The items of a numbered or bulleted list whose items are demands; `None` where there is none.
pub(super) fn of_list(request: &str) -> Option<Vec<Clause<'_>>> {
    let lines: Vec<&str> = request.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.iter().position(|line| item(line).is_some())?;
    let items: Vec<(&str, bool)> = lines[first..].iter().map(|line| item(line)).collect::<Option<_>>()?;
    let is_numbered = items.iter().all(|(_, is_numbered)| *is_numbered);
    let demands = |text: &str| {
        let tokens = tokens::of(text);
        let start = skip_leads(&tokens, 0);
        tokens.get(start).is_some_and(|token| known::is_verb(&token.word)) || is_question(&tokens[start..])
    };
    let is_foreign = |text: &str| !text.contains(|letter: char| letter.is_ascii_alphabetic());
    // What stands above a list of things ("add these to my list:") is the demand, and the items are none.
    let are_demands = items.iter().all(|(text, _)| demands(text))
        || (first == 0 && is_numbered && items.iter().all(|(text, _)| is_foreign(text)));
    let preamble_demands = lines[..first].iter().any(|line| demands(line) && !speaks_of_the_list(line));
    if !are_demands || preamble_demands || items.iter().any(|(text, _)| text.is_empty()) {
        return None;
    }
    // What limits the words above the list limits every item. In a language without a list of words nobody knows.
    let is_limited = lines[..first].iter().any(|line| is_limited(&tokens::of(line)));
    let is_certain = |text: &str| !is_limited && !is_foreign(text) && !self::is_limited(&tokens::of(text));
    let clause = |text| Clause { text: without_leads(text), is_certain: is_certain(text) };
    Some(items.iter().map(|(text, _)| clause(text)).collect())
}

/// Whether something is left out, denied or bound to a condition: "all but a.txt", "not the drafts", "when it rains".
pub(super) fn is_limited(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| !token.is_quoted && known::limits(&token.word))
}

/// "Do the following:", "here are the steps".
fn speaks_of_the_list(line: &str) -> bool {
    let line = line.to_lowercase();
    ["following", "these steps", "the steps", "these things"].iter().any(|words| line.contains(words))
}

/// The text of a list's item, and whether it has a number.
fn item(line: &str) -> Option<(&str, bool)> {
    for bullet in ["- ", "* ", "• ", "– "] {
        if let Some(text) = line.strip_prefix(bullet) {
            return Some((text.trim(), false));
        }
    }
    let digits = line.trim_start_matches('(').find(|letter: char| !letter.is_ascii_digit())?;
    let behind = line.trim_start_matches('(').get(digits..)?;
    let text = behind.strip_prefix(['.', ')', '、', '．'])?;
    (1..=2).contains(&digits).then(|| (text.trim(), true))
}

/// The demands of a text in sentences; one, the whole text, when any part of it is none or is doubtful.
pub(super) fn of_sentences(request: &str) -> Vec<Clause<'_>> {
    let tokens = tokens::of(request);
    let whole = vec![Clause { text: request, is_certain: !is_limited(&tokens) }];
    let is_conditional = |token: &Token| !token.is_quoted && known::is_condition(&token.word);
    if tokens.iter().any(is_conditional) {
        return whole;
    }
    let mut clauses: Vec<(usize, usize, bool)> = Vec::new();
    let (mut from, mut asks, mut demands) = (0, false, false);
    while from < tokens.len() {
        let ends = |token: &Token| matches!(token.mark, Mark::Stop | Mark::Question);
        let to = tokens[from..].iter().position(ends).map_or(tokens.len(), |at| from + at + 1);
        let start = skip_leads(&tokens[..to], from);
        let sentence = &tokens[start..to];
        // A limit may stand behind all that it is meant for: "stop it, then start it, but not today".
        let is_free = !is_limited(&tokens[from..to]);
        let earlier = clauses.len();
        // "I want to buy a gift. Can you find one?" tells a wish, and then what is to be done about it.
        let is_wish = tokens[from..start].iter().any(|token| matches!(token.word.as_str(), "i" | "i'd" | "we"))
            && !tokens[from..start].iter().any(|token| token.word == "you");
        if is_wish && (from > 0 || to < tokens.len()) {
            return whole;
        }
        match sentence.first() {
            // Nothing but "please" or "thanks".
            None => {}
            Some(first) if known::is_polite(&first.word) && sentence.len() <= 4 => {}
            Some(_) if is_manner(sentence) => match clauses.last_mut() {
                Some(last) => *last = (last.0, to, false),
                None => return whole,
            },
            Some(first) if known::is_verb(&first.word) && !first.is_quoted && sentence.len() > 1 => {
                demands = true;
                clauses.extend(of_sentence(&tokens, start, to));
            }
            Some(_) if is_question(sentence) => {
                asks = true;
                clauses.extend(of_question(&tokens, start, to));
            }
            Some(_) => return whole,
        }
        clauses[earlier..].iter_mut().for_each(|clause| clause.2 &= is_free);
        from = to;
    }
    // "Cancel my booking. How can I do that?" asks once.
    if asks && demands {
        return whole;
    }
    let text = |(from, to, is_certain): &(usize, usize, bool)| Clause {
        text: request[tokens[*from].start..end(request, &tokens[*to - 1])].trim(),
        is_certain: *is_certain,
    };
    clauses.iter().map(text).collect()
}

/// With a closing question or quotation mark, without a comma or stop behind it.
fn end(request: &str, last: &Token) -> usize {
    let behind = request[last.end..].split(char::is_whitespace).next().unwrap_or_default();
    last.end + behind.trim_end_matches([',', ';', '.', ':', '!']).len()
}

/// Cuts a sentence that begins with a verb. Each clause as its first token, the token behind its last, and its certainty.
fn of_sentence(tokens: &[Token], start: usize, to: usize) -> Vec<(usize, usize, bool)> {
    let mut clauses = vec![(start, to, true)];
    let mut content = false;
    for at in start + 1..to {
        let before = &tokens[at - 1];
        // What follows is told, not asked for: a text, a title, what somebody is to be reminded of.
        content |= before.mark == Mark::Colon || (!before.is_quoted && known::opens_content(&before.word));
        content |= before.word == "how" && tokens[at].word == "to";
        if content || tokens[at].is_quoted || at <= clauses[clauses.len() - 1].0 {
            continue;
        }
        let Some(next) = boundary(&tokens[..to], clauses[clauses.len() - 1].0, at) else { continue };
        if let Some(last) = clauses.last_mut() {
            last.1 = at;
        }
        clauses.push((next.0, to, next.1));
    }
    clauses
}

/// Whether a new demand begins at `at`, behind the one that began at `from`: its first word, and its certainty.
fn boundary(tokens: &[Token], from: usize, at: usize) -> Option<(usize, bool)> {
    let before = &tokens[at - 1];
    let verb = skip_leads(tokens, at);
    let leads = &tokens[at..verb];
    let is_sequence = leads.iter().any(|token| known::is_sequence(&token.word));
    let is_marked = matches!(before.mark, Mark::Comma | Mark::Break);
    let is_joined =
        tokens[at].word == "&" || leads.iter().any(|token| matches!(token.word.as_str(), "and" | "plus" | "also"));
    if !(is_sequence || is_joined || is_marked) {
        return None;
    }
    let verb = if tokens[at].word == "&" { skip_leads(tokens, at + 1) } else { verb };
    let first = tokens.get(verb).filter(|first| !first.is_quoted)?;
    let object = tokens.get(verb + 1)?;
    let left = &tokens[from..at];
    let shares_object = shares_object(left) && !is_sequence;
    if left.len() < 2 || shares_object || is_manner(&tokens[verb..]) || !known::is_verb(&first.word) {
        return None;
    }
    if is_sequence || before.mark == Mark::Break {
        return Some((verb, true));
    }
    // "Ask Bob to read it and send…": who is to do what is open.
    let has_infinitive =
        left.windows(2).any(|pair| pair[0].word == "to" && known::is_verb(&pair[1].word) && !pair[1].is_quoted);
    let is_merged =
        known::is_merging(&first.word) && matches!(object.word.as_str(), "it" | "them" | "me" | "that" | "this" | "us");
    if has_infinitive || is_merged || matches!(object.word.as_str(), "and" | "or") {
        return None;
    }
    let is_pronoun = matches!(object.word.as_str(), "it" | "them");
    let is_object = is_pronoun || known::starts_object(&object.word);
    if known::is_clear_verb(&first.word) { Some((verb, true)) } else { is_object.then_some((verb, is_pronoun)) }
}

/// Whether the last word is a verb, whose object follows behind the mark: "tools that create and delete files".
fn shares_object(left: &[Token]) -> bool {
    let [.., previous, last] = left else { return true };
    if last.is_quoted || !known::is_verb(&last.word) {
        return false;
    }
    let is_in_series = previous.mark != Mark::None || matches!(previous.word.as_str(), "and" | "or");
    let is_verb_here = matches!(previous.word.as_str(), "can" | "that" | "to" | "which" | "who" | "will");
    // "the file", "the weather report": a thing.
    known::is_clear_verb(&last.word) || is_in_series || is_verb_here
}

/// Cuts "what is … and what is …".
fn of_question(tokens: &[Token], start: usize, to: usize) -> Vec<(usize, usize, bool)> {
    let joint = (start + 1..to).find(|at| {
        let joins = tokens[*at].word == "and" && !tokens[*at].is_quoted;
        joins && is_question(&tokens[start..*at]) && is_question(&tokens[skip_leads(&tokens[..to], *at)..to])
    });
    match joint {
        Some(at) => vec![(start, at, true), (skip_leads(&tokens[..to], at), to, true)],
        None => vec![(start, to, true)],
    }
}

/// A question word, and a verb that asks.
fn is_question(tokens: &[Token]) -> bool {
    let Some(first) = tokens.first() else { return false };
    let has_verb = first.word.ends_with("'s") || tokens[1..].iter().any(|token| known::is_auxiliary(&token.word));
    known::is_question_word(&first.word) && !first.is_quoted && has_verb && tokens.len() > 2
}

/// Says how, not what: "use metric units", "make sure that …".
fn is_manner(tokens: &[Token]) -> bool {
    let word = |at: usize| tokens.get(at).map_or("", |token: &Token| token.word.as_str());
    known::is_manner(word(0)) || (word(0) == "make" && word(1) == "sure")
}

/// The first token that belongs to no lead.
fn skip_leads(tokens: &[Token], mut from: usize) -> usize {
    while from < tokens.len() && !tokens[from].is_quoted {
        let len = known::lead_len(tokens[from..].iter().map(|token| token.word.as_str()));
        if len == 0 {
            break;
        }
        from += len;
    }
    from.min(tokens.len())
}

fn without_leads(text: &str) -> &str {
    let tokens = tokens::of(text);
    let first = skip_leads(&tokens, 0);
    let (Some(first), Some(last)) = (tokens.get(first), tokens.last()) else { return text };
    text[first.start..end(text, last)].trim()
}

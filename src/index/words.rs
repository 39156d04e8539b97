//! BM25 over weighted fields: which tools share words with a request, and how telling these words are.

use std::collections::HashMap;

use crate::domain::Hints;

use super::fields::{self, Fields};
use super::related::{RELATED_WEIGHT, related};
use super::{Entry, text};

/// Saturation of repeated words. 2 against the usual 1.2: +.7 points for the words alone, +.4 in the fusion.
const K1: f32 = 2.0;
/// What a word scores at best for one unit of rarity.
pub(super) const BEST_PER_RARITY: f32 = K1 + 1.0;
/// How much long texts are held back; the usual value, .6 and .9 were no better.
const B: f32 = 0.75;
/// A word counts at most twice in a request, so that a long story does not become one word.
const REPEATS_MAX: u32 = 2;
/// Tools that a catalogue is taken to have beyond its own when the rarity of a word is judged. In a catalogue of three
/// tools a word of one of them is as telling as in one of fifty; without this, catalogues of three tools lost 4.6 points.
const UNSEEN_TOOLS: f32 = 50.0;

/// What a word is worth by where it stands. Name to parameter descriptions were measured on the development sets;
/// the weights of what operators write are set between those, by judgement.
const NAME: f32 = 3.0;
const TITLE: f32 = 1.0;
const DESCRIPTION: f32 = 1.0;
const SERVER: f32 = 1.0;
const PARAMETER_NAME: f32 = 0.6;
const PARAMETER_DESCRIPTION: f32 = 0.3;
const TOOL_KEYWORD: f32 = 3.0;
const TOOL_HINT: f32 = 1.0;
const SERVER_KEYWORD: f32 = 1.0;
const SERVER_HINT: f32 = 0.3;

/// Bytes of one description that are read, and of one parameter's; the rest adds length, not meaning.
const DESCRIPTION_BYTES_MAX: usize = 8_000;
const PARAMETER_BYTES_MAX: usize = 500;
/// Parameters of one tool that are read.
const PARAMETERS_MAX: usize = 100;

/// An inverted index. Words lie one behind the other in one text, sorted; postings in two arrays, grouped by word.
#[derive(Debug)]
pub(crate) struct Words {
    text: String,
    /// Where each word starts in `text`; one more than there are words.
    starts: Vec<u32>,
    /// Where each word's postings start; one more than there are words.
    first: Vec<u32>,
    /// Rows of tools, rising within a word.
    rows: Vec<u32>,
    /// What one occurrence of the word in a request is worth for that tool: rarity and saturation are in it.
    worth: Vec<f32>,
    rarity: Vec<f32>,
    tools: usize,
    pub(super) fields: Fields,
}

/// The words of one request, and what they are worth at best.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestWords {
    /// Word and how often it counts.
    known: Vec<(usize, f32)>,
    /// The score of a tool that would have every word of the request without end.
    pub(crate) highest_possible: f32,
    /// How many words there are, with repeats, without stop words.
    pub(crate) count: usize,
    /// Each word that a tool may have, once, with what finding it is worth; rising. Related words are worth less.
    pub(crate) distinct: Vec<(u32, f32)>,
    /// What all words of the request are worth, also those that no tool has.
    pub(crate) worth: f32,
}

impl Words {
    /// Reads the texts of all entries. Row numbers are places in `entries`.
    pub(crate) fn build(entries: &[Entry]) -> Self {
        let mut ids: HashMap<String, u32> = HashMap::new();
        let mut postings: Vec<(u32, u32, f32)> = Vec::new();
        let mut lengths = Vec::with_capacity(entries.len());
        let mut of_tool: Vec<(u32, f32)> = Vec::new();
        let mut fields = Fields::with_capacity(entries.len());
        for (row, entry) in entries.iter().enumerate() {
            of_tool.clear();
            for_each_field(entry, |field, weight, kind| {
                for word in text::words(field) {
                    let next = ids.len() as u32;
                    let id = *ids.entry(word).or_insert(next);
                    of_tool.push((id, weight));
                    fields.add(id, kind);
                }
            });
            fields.end_tool();
            lengths.push(of_tool.iter().map(|(_, weight)| weight).sum::<f32>());
            of_tool.sort_by_key(|(id, _)| *id);
            for group in of_tool.chunk_by(|a, b| a.0 == b.0) {
                postings.push((group[0].0, row as u32, group.iter().map(|(_, weight)| weight).sum()));
            }
        }
        Self::arrange(ids, postings, &lengths, fields)
    }

    fn arrange(ids: HashMap<String, u32>, mut postings: Vec<(u32, u32, f32)>, lengths: &[f32], fields: Fields) -> Self {
        let mut sorted: Vec<(String, u32)> = ids.into_iter().collect();
        sorted.sort_unstable();
        let mut place = vec![0_u32; sorted.len()];
        let mut words = Self {
            text: String::new(),
            starts: vec![0],
            first: vec![0; sorted.len() + 1],
            rows: Vec::with_capacity(postings.len()),
            worth: Vec::with_capacity(postings.len()),
            rarity: vec![0.0; sorted.len()],
            tools: lengths.len(),
            fields,
        };
        for (at, (word, id)) in sorted.iter().enumerate() {
            place[*id as usize] = at as u32;
            words.text.push_str(word);
            words.starts.push(words.text.len() as u32);
        }
        postings.iter_mut().for_each(|posting| posting.0 = place[posting.0 as usize]);
        postings.sort_unstable_by_key(|(word, row, _)| (*word, *row));
        let mean_length = (lengths.iter().sum::<f32>() / lengths.len().max(1) as f32).max(f32::MIN_POSITIVE);
        for group in postings.chunk_by(|a, b| a.0 == b.0) {
            let word = group[0].0 as usize;
            let rarity = words.rarity_of(group.len());
            words.rarity[word] = rarity;
            for (_, row, weight) in group {
                let damping = K1 * (1.0 - B + B * lengths[*row as usize] / mean_length);
                words.rows.push(*row);
                words.worth.push(rarity * weight * (K1 + 1.0) / (weight + damping));
            }
            words.first[word + 1] = words.rows.len() as u32;
        }
        words.fields.finish(&place, &words.rarity);
        words
    }

    /// The logarithm of how surprising a word is that `holders` tools have.
    fn rarity_of(&self, holders: usize) -> f32 {
        let (tools, holders) = (self.tools as f32 + UNSEEN_TOOLS, holders as f32);
        ((tools - holders + 0.5) / (holders + 0.5)).ln_1p()
    }

    /// Reads a request. A word that no tool has counts for what would have been possible, and half for related words that
    /// tools do have.
    pub(crate) fn read(&self, request: &str) -> RequestWords {
        let mut all = text::words(request);
        let count = all.len();
        all.sort_unstable();
        let mut words =
            RequestWords { known: Vec::new(), highest_possible: 0.0, count, distinct: Vec::new(), worth: 0.0 };
        for group in all.chunk_by(|a, b| a == b) {
            let times = (group.len() as u32).min(REPEATS_MAX) as f32;
            let found = self.find(&group[0]);
            let rarity = found.map_or_else(|| self.rarity_of(0), |word| self.rarity[word]);
            words.highest_possible += times * rarity * BEST_PER_RARITY;
            words.worth += rarity;
            words.known.extend(found.map(|word| (word, times)));
            words.distinct.extend(found.map(|word| (word as u32, rarity)));
            if found.is_none() {
                let others = related(&group[0]).iter().filter_map(|word| self.find(word));
                for word in others {
                    words.known.push((word, times * RELATED_WEIGHT));
                    words.distinct.push((word as u32, self.rarity[word] * RELATED_WEIGHT));
                }
            }
        }
        words.distinct.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        words.distinct.dedup_by_key(|(word, _)| *word);
        words
    }

    /// The score of every tool, 0 or more; `out` is as long as there are tools.
    pub(crate) fn score(&self, request: &RequestWords, out: &mut [f32]) {
        out.fill(0.0);
        for (word, times) in &request.known {
            let range = self.first[*word] as usize..self.first[*word + 1] as usize;
            for (row, worth) in self.rows[range.clone()].iter().zip(&self.worth[range]) {
                out[*row as usize] += times * worth;
            }
        }
    }

    fn find(&self, word: &str) -> Option<usize> {
        let at = |place: usize| &self.text[self.starts[place] as usize..self.starts[place + 1] as usize];
        let (mut low, mut high) = (0, self.starts.len() - 1);
        while low < high {
            let middle = low.midpoint(high);
            match at(middle).cmp(word) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

fn for_each_field(entry: &Entry, mut take: impl FnMut(&str, f32, u8)) {
    let tool = &entry.tool;
    take(&tool.key.tool, NAME, fields::NAME);
    entry.tool_hints.aliases.iter().for_each(|alias| take(alias, NAME, fields::NAME));
    take(&tool.title, TITLE, fields::DESCRIPTION);
    take(cut(&tool.description, DESCRIPTION_BYTES_MAX), DESCRIPTION, fields::DESCRIPTION);
    take(&text::server_words(tool.key.server.as_str()), SERVER, fields::SERVER);
    for parameter in tool.input_schema.outline().parameters.iter().take(PARAMETERS_MAX) {
        take(&parameter.name, PARAMETER_NAME, fields::PARAMETER);
        take(cut(&parameter.description, PARAMETER_BYTES_MAX), PARAMETER_DESCRIPTION, fields::PARAMETER);
    }
    take_hints(&entry.tool_hints, TOOL_KEYWORD, TOOL_HINT, fields::DESCRIPTION, &mut take);
    take_hints(&entry.server_hints, SERVER_KEYWORD, SERVER_HINT, fields::SERVER_HINT, &mut take);
}

fn take_hints(hints: &Hints, keyword: f32, rest: f32, kind: u8, take: &mut impl FnMut(&str, f32, u8)) {
    hints.keywords.iter().for_each(|word| take(cut(word, PARAMETER_BYTES_MAX), keyword, kind));
    take(cut(&hints.description, DESCRIPTION_BYTES_MAX), rest, kind);
    for text in hints.categories.iter().chain(&hints.examples) {
        take(cut(text, PARAMETER_BYTES_MAX), rest, kind);
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

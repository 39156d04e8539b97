//! The passages of a kept result that fit a question best. Words choose which passages are worth a model's time; what the
//! caller knows of meaning orders those.

use std::collections::BinaryHeap;

use super::body::Position;
use super::{Error, Kept, Results};

/// A passage ends at the end of a line once it has that many bytes.
const PASSAGE_BYTES: usize = 600;
/// It ends in any case at that many: what a small model reads at once.
const PASSAGE_BYTES_MAX: usize = 1_000;
/// Passages that are compared by meaning: each takes a small model some milliseconds.
const COMPARED_MAX: usize = 128;
/// Of these, passages that share no word with the question, from everywhere in the text, when there are too many for all.
const SPREAD: usize = 32;
/// Words of a question that count. A guess.
const WORDS_MAX: usize = 24;
/// Share of the meaning in the order. A guess: as in the ranking of tools, words count for a third.
const MEANING_WEIGHT: f32 = 0.7;

/// Words without a meaning of their own, of which a question is full.
const EMPTY_WORDS: &[&str] = &[
    "and", "are", "can", "did", "does", "for", "from", "has", "have", "how", "into", "that", "the", "their", "there",
    "this", "was", "were", "what", "when", "where", "which", "who", "why", "will", "with", "you",
];

/// A part of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The part.
    pub text: String,
    /// The number of its first character, from 0.
    pub from: usize,
    /// The number of its first line, from 1.
    pub line: usize,
    /// How well it fits, against the others.
    pub score: f32,
}

/// The passages that fit best.
#[derive(Debug, Clone, PartialEq)]
pub struct Passages {
    /// Best first.
    pub best: Vec<Passage>,
    /// Passages of the text in all.
    pub total: usize,
    /// Those that were compared with the question by meaning; 0 when only words were.
    pub compared: usize,
}

impl Results {
    /// Finds at most `passages_max` passages of together at most `bytes_max` bytes. `by_meaning` gets passages and gives for
    /// each how near it is to the question, about 0 to 1, or `None` when it cannot. Blocks.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn search(
        &self,
        kept: &Kept,
        question: &str,
        passages_max: usize,
        bytes_max: usize,
        by_meaning: &mut dyn FnMut(&[&str]) -> Option<Vec<f32>>,
    ) -> Result<Passages, Error> {
        let file = |fault| self.file("reading", fault);
        let words = words_of(question);
        let mut total = 0_usize;
        let mut holding = vec![0_usize; words.len()];
        for_each_passage(kept, &mut |_, text| {
            total += 1;
            for (count, is_in) in holding.iter_mut().zip(holds(text, &words)) {
                *count += usize::from(is_in);
            }
        })
        .map_err(file)?;
        // Words that are everywhere tell nothing.
        let worth: Vec<f32> = holding.iter().map(|count| rarity(*count, total)).collect();
        let best_worth: f32 = worth.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let mut chosen = Chosen::new(total);
        for_each_passage(kept, &mut |at, text| {
            let score: f32 = holds(text, &words).zip(&worth).filter(|(is_in, _)| *is_in).map(|(_, worth)| worth).sum();
            chosen.offer(at, text, score / best_worth);
        })
        .map_err(file)?;
        let mut found = chosen.into_passages();
        let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
        let meaning = by_meaning(&texts).filter(|near| near.len() == texts.len());
        let compared = meaning.as_ref().map_or(0, Vec::len);
        for (passage, near) in found.iter_mut().zip(meaning.unwrap_or_default()) {
            passage.score = MEANING_WEIGHT * near + (1.0 - MEANING_WEIGHT) * passage.score;
        }
        if compared == 0 {
            found.retain(|passage| passage.score > 0.0);
        }
        found.sort_by(|left, right| right.score.total_cmp(&left.score).then(left.from.cmp(&right.from)));
        found.truncate(passages_max);
        let mut left = bytes_max;
        let fits = |passage: &Passage| {
            let is_fit = passage.text.len() <= left;
            left = left.saturating_sub(passage.text.len());
            is_fit
        };
        Ok(Passages { best: found.into_iter().take_while(fits).collect(), total, compared })
    }
}

/// The words of a question, folded and without endings, so that they are found within others.
fn words_of(question: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in question.to_lowercase().split(|letter: char| !letter.is_alphanumeric()) {
        if word.len() < 3 || EMPTY_WORDS.contains(&word) {
            continue;
        }
        let stem = ["ing", "ies", "es", "ed", "s"].iter().find_map(|end| word.strip_suffix(end));
        let stem = stem.filter(|stem| stem.len() >= 4).unwrap_or(word).to_owned();
        if !words.contains(&stem) && words.len() < WORDS_MAX {
            words.push(stem);
        }
    }
    words
}

fn holds<'a>(text: &str, words: &'a [String]) -> impl Iterator<Item = bool> + use<'a> {
    let folded = text.to_lowercase();
    words.iter().map(move |word| folded.contains(word.as_str()))
}

#[expect(clippy::cast_precision_loss, reason = "counts of passages are small")]
fn rarity(holding: usize, total: usize) -> f32 {
    if holding == 0 { 0.0 } else { (1.0 + total as f32 / holding as f32).ln() }
}

/// Splits the text at ends of lines where there are some, and hands the passages over in order.
fn for_each_passage(kept: &Kept, take: &mut dyn FnMut(Position, &str)) -> std::io::Result<()> {
    let mut passage = String::new();
    let mut start = Position::default();
    let mut end = |passage: &mut String, start: &mut Position| {
        if !passage.trim().is_empty() {
            take(*start, passage);
        }
        *start = start.past(passage);
        passage.clear();
    };
    for piece in kept.view.pieces(start) {
        for part in piece?.1.split_inclusive('\n') {
            let mut rest = part;
            while passage.len() + rest.len() > PASSAGE_BYTES_MAX {
                let mut cut = (PASSAGE_BYTES_MAX - passage.len()).min(rest.len());
                while !rest.is_char_boundary(cut) {
                    cut -= 1;
                }
                // A long line is cut between words where there are some.
                cut = rest[..cut].rfind(' ').map_or(cut, |space| space + 1);
                passage.push_str(&rest[..cut]);
                rest = &rest[cut..];
                end(&mut passage, &mut start);
            }
            passage.push_str(rest);
            if passage.len() >= PASSAGE_BYTES && passage.ends_with('\n') {
                end(&mut passage, &mut start);
            }
        }
    }
    end(&mut passage, &mut start);
    Ok(())
}

/// The passages that are worth a comparison: all if they are few, else the best by words and some from everywhere.
struct Chosen {
    best: BinaryHeap<Ranked>,
    best_max: usize,
    spread: Vec<Passage>,
    every: usize,
    number: usize,
}

/// Ordered so that the heap's first is the worst.
struct Ranked(Passage);

impl Chosen {
    fn new(total: usize) -> Self {
        let best_max = if total <= COMPARED_MAX { total } else { COMPARED_MAX - SPREAD };
        Self { best: BinaryHeap::new(), best_max, spread: Vec::new(), every: (total / SPREAD).max(1), number: 0 }
    }

    fn offer(&mut self, at: Position, text: &str, score: f32) {
        self.number += 1;
        let passage = || Passage { text: text.to_owned(), from: at.char, line: at.line + 1, score };
        if self.best.len() < self.best_max {
            self.best.push(Ranked(passage()));
            return;
        }
        if self.best.peek().is_some_and(|worst| worst.0.score < score) {
            self.best.push(Ranked(passage()));
            self.best.pop();
        } else if self.number.is_multiple_of(self.every) && self.spread.len() < SPREAD {
            self.spread.push(passage());
        }
    }

    fn into_passages(self) -> Vec<Passage> {
        self.best.into_iter().map(|ranked| ranked.0).chain(self.spread).collect()
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.score.total_cmp(&self.0.score).then(self.0.from.cmp(&other.0.from))
    }
}

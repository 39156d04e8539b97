//! Gives out parts of a result that was kept: a page, lines, what matches a pattern, what a JSON path leads to, the passages
//! that fit a question, a picture.

use std::fmt::Write;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::embedder::TextKind;
use crate::reconcile::LazyEmbedder;
use crate::results::{self, Grep, Kept, Results};

use super::{Error, OpContext, Operations};

/// Longest part that is given at once, in bytes. Within what Claude Code shows (25,000 tokens) even if each token has two bytes.
const PART_BYTES_MAX: usize = 48_000;
/// Shortest bound that a caller can set for that: less is no use to anybody.
const PART_BYTES_MIN: usize = 1_000;
/// Characters of a page when nobody says how many: about 4,000 tokens. A guess.
const PAGE_CHARS: usize = 16_000;
/// Matches of a pattern that are shown when nobody says how many, and at most. Guesses.
const MATCHES: usize = 30;
const MATCHES_MAX: usize = 500;
/// Lines around each match when nobody says how many.
const CONTEXT: usize = 1;
/// Passages that are shown when nobody says how many, and at most. Guesses.
const PASSAGES: usize = 5;
const PASSAGES_MAX: usize = 20;

/// Which part of which result. At most one of `grep`, `path`, `query` and `block`; with none of them a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchInput {
    /// The handle.
    pub handle: String,
    /// Where the part starts: a character, from 0; with `grep` the matches that are passed over.
    pub offset: Option<usize>,
    /// How much: characters, matches or passages.
    pub limit: Option<usize>,
    /// First and last line, from 1.
    pub lines: Option<(usize, usize)>,
    /// A regular expression.
    pub grep: Option<String>,
    /// Lines shown around each match.
    pub context: Option<usize>,
    /// A JSON path.
    pub path: Option<String>,
    /// What is looked for, in words.
    pub query: Option<String>,
    /// The number of a block with a picture, a sound or a binary resource.
    pub block: Option<usize>,
}

/// A part of a result.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FetchOutput {
    /// The part.
    #[serde(skip)]
    pub text: String,
    /// A raw block of content, in the place of a text.
    #[serde(skip)]
    pub block: Option<String>,
    /// What the part is, what is left, and how to get it: a sentence for models.
    #[serde(skip)]
    pub note: String,
    /// The handle.
    pub handle: String,
    /// Whose tool gave the result.
    pub server: String,
    /// Which tool.
    pub tool: String,
    /// Characters of the result in all.
    pub chars_total: usize,
    /// Lines of the result in all.
    pub lines_total: usize,
    /// The first character of a page, and the one behind its last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chars: Option<(usize, usize)>,
    /// Matches, nodes or passages in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<usize>,
    /// The call that gives what follows; `None` at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Operations {
    /// Gives a part of a kept result.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When the handle is not known (any more), or the part cannot be understood or had.
    pub async fn fetch_result(&self, cx: &OpContext, input: FetchInput) -> Result<FetchOutput, Error> {
        let Some(large) = self.large.get() else {
            let what = "no results are kept here: every result was handed over whole".to_owned();
            return Err(Error::InvalidInput { what });
        };
        let ways = [input.grep.is_some(), input.path.is_some(), input.query.is_some(), input.block.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            let what = "give one of `grep`, `path`, `query` and `block` at a time".to_owned();
            return Err(Error::InvalidInput { what });
        }
        let kept = large.store.find(cx.owner(), &input.handle)?;
        let bytes_max = match cx.inline_bytes_max {
            Some(bound) if bound > 0 => bound.clamp(PART_BYTES_MIN, PART_BYTES_MAX),
            Some(_) | None => PART_BYTES_MAX,
        };
        let turn = large.turn().await?;
        let part = Part { store: large.store.clone(), embedder: large.embedder.clone(), kept, input, bytes_max };
        let done = tokio::task::spawn_blocking(move || {
            // The work goes on when nobody waits for it any more, and holds its turn until then.
            let _turn = turn;
            part.fetch()
        })
        .await;
        Ok(done.map_err(|_| Error::Broken { doing: "reading a kept result" })??)
    }
}

/// What is to be fetched.
struct Part {
    store: Arc<Results>,
    embedder: Arc<LazyEmbedder>,
    kept: Arc<Kept>,
    input: FetchInput,
    bytes_max: usize,
}

impl Part {
    fn fetch(&self) -> Result<FetchOutput, results::Error> {
        let input = &self.input;
        match (&input.grep, &input.path, &input.query, input.block) {
            (Some(pattern), _, _, _) => self.grep(pattern),
            (None, Some(path), _, _) => self.follow(path),
            (None, None, Some(query), _) => self.search(query),
            (None, None, None, Some(block)) => {
                let raw = self.store.block(&self.kept, block)?;
                let note = format!("block {block} of {}", self.whose());
                Ok(FetchOutput { block: Some(raw), ..self.output(String::new(), note, None) })
            }
            (None, None, None, None) => self.page(),
        }
    }

    fn page(&self) -> Result<FetchOutput, results::Error> {
        let (kept, input) = (&self.kept, &self.input);
        let page = match input.lines {
            // A page goes on within the lines that were asked for.
            Some((first, last)) if input.offset.is_none() => {
                self.store.page_of_lines(kept, &(first..=last), self.bytes_max)?
            }
            _ => {
                let chars_max = input.limit.unwrap_or(PAGE_CHARS).max(1);
                self.store.page(kept, input.offset.unwrap_or(0), chars_max, self.bytes_max)?
            }
        };
        let next = (page.to < kept.chars).then(|| {
            let limit = input.limit.map_or_else(String::new, |limit| format!(", \"limit\": {limit}"));
            self.call(&format!("\"offset\": {}{limit}", page.to))
        });
        let (first, last) = page.lines;
        let note = format!(
            "characters {} to {} of {} (lines {first} to {last} of {}) of {}{}",
            page.from,
            page.to,
            kept.chars,
            kept.lines,
            self.whose(),
            if next.is_none() { "; this is the end" } else { "" }
        );
        Ok(FetchOutput { chars: Some((page.from, page.to)), ..self.output(page.text, note, next) })
    }

    fn grep(&self, pattern: &str) -> Result<FetchOutput, results::Error> {
        let input = &self.input;
        let skip = input.offset.unwrap_or(0);
        let grep = Grep {
            pattern,
            context: input.context.unwrap_or(CONTEXT),
            skip,
            matches_max: input.limit.unwrap_or(MATCHES).clamp(1, MATCHES_MAX),
            lines: input.lines.map(|(first, last)| first..=last),
            bytes_max: self.bytes_max,
        };
        let found = self.store.grep(&self.kept, &grep)?;
        let shown_to = skip.saturating_add(found.shown);
        let next = (shown_to < found.total).then(|| {
            let mut rest = format!("\"grep\": {}, \"offset\": {shown_to}", quoted(pattern));
            if let Some((first, last)) = input.lines {
                let _infallible = write!(rest, ", \"lines\": \"{first}-{last}\"");
            }
            for (name, value) in [("limit", input.limit), ("context", input.context)] {
                if let Some(value) = value {
                    let _infallible = write!(rest, ", \"{name}\": {value}");
                }
            }
            self.call(&rest)
        });
        let note = match (found.total, found.shown) {
            (0, _) => format!("no line of the {} of {} matches", self.kept.lines, self.whose()),
            (total, 0) => format!("there are only {total} matches in {}", self.whose()),
            (total, _) => format!("matches {} to {shown_to} of {total} in {}", skip + 1, self.whose()),
        };
        Ok(FetchOutput { found: Some(found.total), ..self.output(found.text, note, next) })
    }

    fn follow(&self, path: &str) -> Result<FetchOutput, results::Error> {
        let (kept, input) = (&self.kept, &self.input);
        let chars_max = input.limit.unwrap_or(PAGE_CHARS).max(1);
        let found = self.store.follow_path(kept, path, input.offset.unwrap_or(0), chars_max, self.bytes_max)?;
        let to = found.from + found.text.chars().count();
        let next = found.is_more.then(|| self.call(&format!("\"path\": {}, \"offset\": {to}", quoted(path))));
        let note = match found.nodes {
            0 => {
                let shape = kept.shape.as_deref().map_or_else(String::new, |shape| format!("; its shape is {shape}"));
                format!("the path leads to nothing in {}{shape}", self.whose())
            }
            nodes => format!("{nodes} nodes of {}, characters {} to {to} of their text", self.whose(), found.from),
        };
        Ok(FetchOutput { found: Some(found.nodes), ..self.output(found.text, note, next) })
    }

    fn search(&self, query: &str) -> Result<FetchOutput, results::Error> {
        let passages_max = self.input.limit.unwrap_or(PASSAGES).clamp(1, PASSAGES_MAX);
        let mut by_meaning = |passages: &[&str]| nearness(&self.embedder, query, passages);
        let found = self.store.search(&self.kept, query, passages_max, self.bytes_max, &mut by_meaning)?;
        let mut text = String::new();
        for passage in &found.best {
            let _infallible =
                writeln!(text, "[line {}, character {}]\n{}\n", passage.line, passage.from, passage.text.trim_end());
        }
        let (shown, total, whose) = (found.best.len(), found.total, self.whose());
        let how = match found.compared {
            0 => "by their words; the model for meaning cannot be had".to_owned(),
            all if all == total => "all compared by meaning and words".to_owned(),
            some => format!("{some} of them, chosen by words, compared by meaning"),
        };
        let around = self.call("\"offset\": CHARACTER");
        let note = format!("the {shown} nearest of {total} passages of {whose} ({how}); read around one with {around}");
        Ok(FetchOutput { found: Some(total), ..self.output(text, note, None) })
    }

    fn output(&self, text: String, note: String, next: Option<String>) -> FetchOutput {
        let kept = &self.kept;
        let note = next.as_ref().map_or_else(|| note.clone(), |next| format!("{note}; next: {next}"));
        FetchOutput {
            text,
            block: None,
            note,
            handle: kept.handle.clone(),
            server: kept.from.server.clone(),
            tool: kept.from.tool.clone(),
            chars_total: kept.chars,
            lines_total: kept.lines,
            chars: None,
            found: None,
            next,
        }
    }

    fn whose(&self) -> String {
        format!("the result of {}.{}", self.kept.from.server, self.kept.from.tool)
    }

    fn call(&self, rest: &str) -> String {
        format!("fetch_result {{\"handle\": \"{}\", {rest}}}", self.kept.handle)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// How near each passage is to the question; `None` when the model cannot be had.
fn nearness(embedder: &LazyEmbedder, query: &str, passages: &[&str]) -> Option<Vec<f32>> {
    let embedder = embedder.get().ok()?;
    let query = embedder.embed(TextKind::Query, &[query]).ok()?.pop()?;
    let vectors = embedder.embed(TextKind::Document, passages).ok()?;
    let dot = |vector: &Vec<f32>| vector.iter().zip(&query).map(|(left, right)| left * right).sum::<f32>();
    Some(vectors.iter().map(|vector| dot(vector).max(0.0)).collect())
}

//! Requests made out of what tools say of themselves: whoever describes a tool in its own words should find it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use serde::Serialize;

use crate::domain::ToolKey;
use crate::embedder::{self, Embedder, TextKind};
use crate::index::{self, Entry, Snapshot};

/// Tools that are probed at most: at three requests each, under ten seconds of embedding on two cores.
const TOOLS_MAX: usize = 2_000;
/// Examples of one tool that are asked: they are in the index themselves, so more would only flatter it.
const EXAMPLES_MAX: usize = 1;
/// Words that must be left of a description without the words of the tool's name; with fewer it asks for nothing.
const WORDS_MIN: usize = 3;
/// Texts embedded in one call.
const BATCH: usize = 16;

/// Where a request was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// The words of its name, with its server's where that is one word only.
    Name,
    /// The first sentence of its description.
    Description,
    /// The same without the words of its name: what is asked by somebody who does not know them.
    OtherWords,
    /// What an operator wrote: an example, or the keywords.
    Hint,
}

/// One request with the tool it is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The tool.
    pub tool: ToolKey,
    /// Where it was taken from.
    pub kind: ProbeKind,
    /// The request.
    pub request: String,
}

/// Requests for the tools of a snapshot.
#[derive(Debug, Clone, Default)]
pub struct Probes {
    /// Tool by tool.
    pub list: Vec<Probe>,
    /// Tools that have requests.
    pub tools: usize,
    /// Tools that were left out, because there are so many. Which ones is the same every time.
    pub left_out: usize,
}

impl Probes {
    /// Requests for the tools that are `wanted`, at most 2,000 of them.
    #[must_use]
    pub fn of(snapshot: &Snapshot, wanted: &dyn Fn(&ToolKey) -> bool) -> Self {
        let mut entries: Vec<&Entry> = snapshot.entries().iter().filter(|entry| wanted(&entry.tool.key)).collect();
        let left_out = entries.len().saturating_sub(TOOLS_MAX);
        if left_out > 0 {
            entries.sort_by_cached_key(|entry| spread(&entry.tool.key.to_string()));
            entries.truncate(TOOLS_MAX);
        }
        let list = entries.iter().flat_map(|entry| of_entry(entry)).collect();
        Self { list, tools: entries.len(), left_out }
    }
}

/// A number that is the same for the same text, and as good as random otherwise (FNV-1a).
fn spread(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn of_entry(entry: &Entry) -> Vec<Probe> {
    let tool = &entry.tool;
    let mut probes: Vec<Probe> = Vec::new();
    let mut add = |kind, request: String| {
        let is_new = !request.trim().is_empty() && probes.iter().all(|probe| probe.request != request);
        if is_new {
            probes.push(Probe { tool: tool.key.clone(), kind, request });
        }
    };
    let name = index::plain_words(&tool.key.tool);
    let is_one_word = name.len() < 2;
    let server = index::plain_words(tool.key.server.as_str());
    let before = server.into_iter().filter(|word| is_one_word && !matches!(word.as_str(), "mcp" | "server"));
    add(ProbeKind::Name, before.chain(name).collect::<Vec<_>>().join(" "));
    let sentence = index::first_sentence(&tool.description);
    add(ProbeKind::Description, sentence.to_owned());
    add(ProbeKind::OtherWords, without_name(sentence, &tool.key.tool));
    for example in entry.tool_hints.examples.iter().take(EXAMPLES_MAX) {
        add(ProbeKind::Hint, example.clone());
    }
    add(ProbeKind::Hint, entry.tool_hints.keywords.join(" "));
    probes
}

fn without_name(sentence: &str, name: &str) -> String {
    let of_name = index::words(name);
    let is_other = |token: &&str| !index::words(token).iter().any(|word| of_name.contains(word));
    let rest = sentence.split_whitespace().filter(is_other).collect::<Vec<_>>().join(" ");
    if index::words(&rest).len() < WORDS_MIN { String::new() } else { rest }
}

/// The vectors of requests, each embedded once.
#[derive(Debug, Default)]
pub struct Vectors {
    by_request: HashMap<String, Vec<f32>>,
}

impl Vectors {
    /// Embeds all requests, on several threads; `progress` hears how many are done. Blocks: about a millisecond for each
    /// request and thread with the built-in encoder.
    ///
    /// # Errors
    /// When the model fails.
    pub fn embed<'a>(
        embedder: &dyn Embedder,
        requests: impl IntoIterator<Item = &'a str>,
        threads: usize,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, embedder::Error> {
        let mut texts: Vec<&str> = requests.into_iter().collect();
        texts.sort_unstable();
        texts.dedup();
        let batches: Vec<&[&str]> = texts.chunks(BATCH).collect();
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        let mut by_request = HashMap::with_capacity(texts.len());
        thread::scope(|scope| {
            for _ in 0..threads.clamp(1, batches.len().max(1)) {
                let (sender, batches, next) = (sender.clone(), &batches, &next);
                scope.spawn(move || {
                    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if sender.send((*batch, embedder.embed(TextKind::Query, batch))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for (batch, vectors) in receiver {
                by_request.extend(batch.iter().map(|text| (*text).to_owned()).zip(vectors?));
                progress(by_request.len(), texts.len());
            }
            Ok(Self { by_request })
        })
    }

    /// The vector of a request; an empty one, which leaves the decision to the words, when it was not embedded.
    pub(super) fn of(&self, request: &str) -> &[f32] {
        self.by_request.get(request).map_or(&[], Vec::as_slice)
    }
}

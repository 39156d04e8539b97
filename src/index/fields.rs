//! Which words each tool has in which of its texts: what a request and one tool have in common, beyond one score.

use super::words::RequestWords;

/// Texts that a word stands in, as bits.
pub(super) const NAME: u8 = 1;
pub(super) const DESCRIPTION: u8 = 2;
pub(super) const SERVER: u8 = 4;
pub(super) const PARAMETER: u8 = 8;
pub(super) const SERVER_HINT: u8 = 16;

/// The words of every tool: those of one tool lie one behind the other, rising. About 300 bytes a tool.
#[derive(Debug, Default)]
pub(super) struct Fields {
    words: Vec<(u32, u8)>,
    starts: Vec<u32>,
    /// What the words of each name are worth, and those of each server's name.
    name_worth: Vec<f32>,
    server_worth: Vec<f32>,
    /// How many words each name has.
    name_len: Vec<u8>,
}

/// What a request and a tool have in common. Shares are 0..=1 and weighed by how rare the words are; a word that no tool
/// has counts in the request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overlap {
    /// Share of the request that the tool has in any of its texts.
    pub request_in_any: f32,
    /// Share of the request that the names and descriptions of its parameters have.
    pub request_in_parameters: f32,
    /// Share of the tool's name that the request has.
    pub name_in_request: f32,
    /// Share of the server's name that the request has.
    pub server_in_request: f32,
    /// 1 if the rarest word of the request, of those that any tool has, is in this one; else 0.
    pub has_rarest: f32,
    /// Words in the tool's name.
    pub name_len: f32,
}

impl Fields {
    pub(super) fn with_capacity(tools: usize) -> Self {
        Self { starts: vec![0], name_len: Vec::with_capacity(tools), ..Self::default() }
    }

    /// Adds a word to the tool that is being read.
    pub(super) fn add(&mut self, word: u32, kind: u8) {
        self.words.push((word, kind));
    }

    /// The next word is of the next tool.
    pub(super) fn end_tool(&mut self) {
        let start = self.starts.last().map_or(0, |start| *start as usize);
        let name_len = self.words[start..].iter().filter(|(_, kind)| *kind == NAME).count();
        self.name_len.push(u8::try_from(name_len).unwrap_or(u8::MAX));
        self.words[start..].sort_unstable();
        // Each word once, with the bits of all its places.
        let mut end = start;
        for at in start..self.words.len() {
            let (word, kind) = self.words[at];
            if end > start && self.words[end - 1].0 == word {
                self.words[end - 1].1 |= kind;
            } else {
                self.words[end] = (word, kind);
                end += 1;
            }
        }
        self.words.truncate(end);
        self.starts.push(end as u32);
    }

    /// Gives every word the number `place[word]` that it has in the finished index, and sums up what names are worth.
    pub(super) fn finish(&mut self, place: &[u32], rarity: &[f32]) {
        self.words.shrink_to_fit();
        self.words.iter_mut().for_each(|(word, _)| *word = place[*word as usize]);
        for pair in self.starts.windows(2) {
            let words = &mut self.words[pair[0] as usize..pair[1] as usize];
            words.sort_unstable();
            let sum = |kind: u8| {
                let of_kind = words.iter().filter(|(_, bits)| bits & kind != 0);
                of_kind.map(|(word, _)| rarity[*word as usize]).sum()
            };
            self.name_worth.push(sum(NAME));
            self.server_worth.push(sum(SERVER));
        }
    }

    /// Compares one tool with a request.
    pub(super) fn compare(&self, row: usize, request: &RequestWords) -> Overlap {
        let words = &self.words[self.starts[row] as usize..self.starts[row + 1] as usize];
        let (mut in_name, mut in_server, mut in_parameters, mut in_any) = (0.0, 0.0, 0.0, 0.0);
        let (mut rarest, mut rarest_here) = (0.0_f32, 0.0_f32);
        for (word, worth) in &request.distinct {
            rarest = rarest.max(*worth);
            let Ok(at) = words.binary_search_by_key(word, |(word, _)| *word) else { continue };
            let bits = words[at].1;
            rarest_here = rarest_here.max(*worth);
            in_any += worth;
            in_name += if bits & NAME != 0 { *worth } else { 0.0 };
            in_server += if bits & SERVER != 0 { *worth } else { 0.0 };
            in_parameters += if bits & PARAMETER != 0 { *worth } else { 0.0 };
        }
        let share = |part: f32, whole: f32| if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 };
        Overlap {
            request_in_any: share(in_any, request.worth),
            request_in_parameters: share(in_parameters, request.worth),
            name_in_request: share(in_name, self.name_worth[row]),
            server_in_request: share(in_server, self.server_worth[row]),
            has_rarest: f32::from(rarest > 0.0 && rarest_here >= rarest),
            name_len: f32::from(self.name_len[row]),
        }
    }
}

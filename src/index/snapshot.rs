//! All of one generation, searchable.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::domain::{InputSchema, ToolKey};

use super::actions::Actions;
use super::examples::{Examples, Nearest};
use super::graph::Graph;
use super::vectors::{RequestVector, Vectors};
use super::words::{self, RequestWords, Words};
use super::{Entry, Error, Kind, Options, Overlap, text};

/// How far from 1 the length of a unit vector may be: a guess; 16-bit storage would leave about .001.
const LENGTH_TOLERANCE: f32 = 0.02;
/// Tools that the graph is asked for, and how many it looks at: recall@10 .995 on 20,843 real tools, and the first tool
/// of a ranking was that of the scan for each of 400 requests.
const GRAPH_NEAREST: usize = 128;
const GRAPH_EF: usize = 192;
/// Tools with the best words that join those from the graph; as many, so that neither side rules.
const WORDS_NEAREST: usize = 128;
/// And tools whose examples are nearest, again as many.
const EXAMPLES_NEAREST: usize = 128;

/// An immutable index of all tools of one generation. Shared between threads; searching takes no lock.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    model: String,
    dimensions: usize,
    entries: Vec<Entry>,
    /// Places in `entries`, by key.
    by_key: Vec<u32>,
    /// Hash of the name's words, and place in `entries`; sorted.
    by_name: Vec<(u64, u32)>,
    /// For each entry a number for its server, from 0 on without gaps.
    servers: Vec<u32>,
    /// How many tools each server has, by its number.
    server_tools: Vec<usize>,
    /// What each tool does, and how many parameters it requires.
    actions: Vec<Actions>,
    required: Vec<u8>,
    words: Words,
    vectors: Vectors,
    examples: Examples,
    graph: Option<Graph>,
}

/// What one request scored. `rows`, `meaning` and `words` are of one length: the tools in question.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    /// Places in [`Snapshot::entries`], rising. All that are allowed, or in a graph the best of each side.
    pub rows: Vec<u32>,
    /// Cosine of request and tool, -1 to 1, to about .003, lifted by examples. 0 where there is no vector.
    pub meaning: Vec<f32>,
    /// BM25 of request and tool, 0 or more.
    pub words: Vec<f32>,
    /// 1 where the verbs of request and tool ask for the same kind of thing, -1 where for another, else 0.
    pub actions: Vec<f32>,
    /// The words score of a tool that has every word of the request.
    pub words_highest: f32,
    /// The rarity of all words of the request together, each word as often as it counts.
    pub words_worth: f32,
    /// Words in the request, without stop words.
    pub words_count: usize,
    /// Tools in all that were allowed; `rows` has fewer when a graph chose.
    pub tools_count: usize,
    /// The nearest examples of each tool that has some; rising by tool.
    examples: Vec<Nearest>,
    /// The request's words as the index knows them.
    pub(crate) read: RequestWords,
}

impl Scores {
    /// The meaning of the tool at `row`, with its examples taken in: a request that is like one of them lifts it.
    #[must_use]
    pub fn lifted(&self, row: usize, meaning: f32) -> f32 {
        match self.examples.binary_search_by_key(&(row as u32), |nearest| nearest.owner) {
            Ok(at) => self.examples[at].lift(meaning),
            Err(_) => meaning,
        }
    }
}

/// How a request names a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamedBy {
    /// The request is its name and nothing else, but that is a plain word (`search`).
    Word,
    /// Its name, made of several words (`get_foo`, `getFoo`), or `server.name`, stands in the request.
    Mention,
    /// The request is such an identifier and nothing else.
    Whole,
}

impl Snapshot {
    /// Builds everything. Blocking: some milliseconds for 600 tools, under a second for 20,000 without the graph.
    ///
    /// The vectors and examples of `entries` are taken in and dropped: [`Self::entries`] has none.
    ///
    /// # Errors
    /// A vector that does not fit `dimensions` or is not of length 1, a key twice, more than 2³² tools.
    pub fn build(
        generation: u64,
        model: String,
        dimensions: usize,
        mut entries: Vec<Entry>,
        options: &Options,
    ) -> Result<Self, Error> {
        let max = u32::MAX as usize;
        if entries.len() > max {
            return Err(Error::TooMany { count: entries.len(), max });
        }
        let by_key = sort_by_key(&entries)?;
        let words = Words::build(&entries);
        let mut vectors = Vectors::with_capacity(dimensions, entries.len());
        let mut examples = Examples::none();
        for (row, entry) in entries.iter_mut().enumerate() {
            check_vectors(entry, &model, dimensions)?;
            for example in std::mem::take(&mut entry.examples) {
                examples.push(row, &example);
            }
            let of_entry = std::mem::take(&mut entry.vectors);
            vectors.push_mean(of_entry.iter().map(AsRef::as_ref));
        }
        let wants_graph = match options.kind {
            Kind::Auto => entries.len() > options.exact_tools_max,
            Kind::Exact => false,
            Kind::Hnsw => true,
        };
        let graph = wants_graph.then(|| Graph::build(&vectors));
        let mut by_name: Vec<(u64, u32)> = entries
            .iter()
            .enumerate()
            .flat_map(|(row, entry)| names(entry).map(move |name| (hash(&name_words(name)), row as u32)))
            .collect();
        by_name.sort_unstable();
        let actions =
            entries.iter().map(|entry| Actions::of_tool(&entry.tool.key.tool, &entry.tool.description)).collect();
        let required = entries.iter().map(|entry| count_required(&entry.tool.input_schema)).collect();
        let (servers, server_tools) = number_servers(&entries, &by_key);
        Ok(Self {
            generation,
            model,
            dimensions,
            entries,
            by_key,
            by_name,
            servers,
            server_tools,
            actions,
            required,
            words,
            vectors,
            examples,
            graph,
        })
    }

    /// A snapshot of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            generation: 0,
            model: String::new(),
            dimensions: 0,
            entries: Vec::new(),
            by_key: Vec::new(),
            by_name: Vec::new(),
            servers: Vec::new(),
            server_tools: Vec::new(),
            actions: Vec::new(),
            required: Vec::new(),
            words: Words::build(&[]),
            vectors: Vectors::with_capacity(0, 0),
            examples: Examples::none(),
            graph: None,
        }
    }

    /// The catalogue's generation that it was built from.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The model of its vectors, as given to [`Self::build`].
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Numbers in a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The search in use: exact or the graph, never `Auto`.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.graph.is_some() { Kind::Hnsw } else { Kind::Exact }
    }

    /// All tools, in the order they were given, without their vectors.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The place of a tool in [`Self::entries`]; `key` may have an alias in place of the name.
    #[must_use]
    pub fn find(&self, key: &ToolKey) -> Option<usize> {
        match self.by_key.binary_search_by(|row| self.entries[*row as usize].tool.key.cmp(key)) {
            Ok(found) => Some(self.by_key[found] as usize),
            Err(_) => self.called(&key.tool).into_iter().find(|row| {
                let entry = &self.entries[*row];
                entry.tool.key.server == key.server && entry.tool_hints.aliases.contains(&key.tool)
            }),
        }
    }

    /// The places of all tools called so, by name or alias, on any server; `get_foo` finds `getFoo` too. Where it is an
    /// alias, only those that have it: operators give aliases, and no server takes one over by naming a tool so.
    #[must_use]
    pub fn find_by_name(&self, name: &str) -> Vec<usize> {
        let mut found = self.called(name);
        let words = name_words(name);
        let has_alias =
            |row: &usize| self.entries[*row].tool_hints.aliases.iter().any(|alias| name_words(alias) == words);
        if found.iter().any(has_alias) {
            found.retain(has_alias);
        }
        found
    }

    /// The places of all tools called so, by name or alias.
    fn called(&self, name: &str) -> Vec<usize> {
        let words = name_words(name);
        let wanted = hash(&words);
        let start = self.by_name.partition_point(|(hash, _)| *hash < wanted);
        let same_hash = self.by_name[start..].iter().take_while(|(hash, _)| *hash == wanted);
        let rows = same_hash.map(|(_, row)| *row as usize);
        let is_called_so = |row: &usize| names(&self.entries[*row]).any(|name| name_words(name) == words);
        let mut found: Vec<usize> = rows.filter(|row| !words.is_empty() && is_called_so(row)).collect();
        // Name and alias may be two spellings of the same words.
        found.dedup();
        found
    }

    /// The tools that the request names exactly, each once, with the stronger way. In a longer text only names that
    /// cannot be plain words count: several words written as one, or with the server before them.
    #[must_use]
    pub fn find_named(&self, request: &str) -> Vec<(usize, NamedBy)> {
        let mut found = Vec::new();
        let request = request.trim();
        // Longer than any name with its server.
        if request.len() <= 400 {
            // "delete repository" is a wish, not a name, unless the name has its space too.
            let is_name = |row: &usize| {
                !request.contains(char::is_whitespace)
                    || names(&self.entries[*row]).any(|name| name.eq_ignore_ascii_case(request))
            };
            let by = if is_compound(request) { NamedBy::Whole } else { NamedBy::Word };
            found.extend(self.find_by_name(request).into_iter().filter(is_name).map(|row| (row, by)));
            found.extend(self.find_with_server(request).into_iter().map(|row| (row, NamedBy::Whole)));
        }
        for token in request.split(|letter: char| letter.is_whitespace() || "\"'`,;()[]<>“”‘’".contains(letter))
        {
            let token = token.trim_matches(|letter: char| !letter.is_alphanumeric());
            if !token.is_ascii() && token.chars().count() < 3 || token.len() > 400 {
                continue;
            }
            found.extend(self.find_with_server(token).into_iter().map(|row| (row, NamedBy::Mention)));
            if is_unmistakable(token) {
                found.extend(self.find_by_name(token).into_iter().map(|row| (row, NamedBy::Mention)));
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        found.dedup_by_key(|(row, _)| *row);
        found
    }

    /// Scores the request against all tools that `allowed` lets pass. A `vector` that does not fit (empty, another
    /// length, not finite) means that words decide alone.
    #[must_use]
    pub fn score(&self, request: &str, vector: &[f32], allowed: Option<&dyn Fn(&ToolKey) -> bool>) -> Scores {
        let read = self.words.read(request);
        let mut words = vec![0.0; self.entries.len()];
        self.words.score(&read, &mut words);
        let vector = self.vectors.read_request(vector);
        let mut scores = Scores {
            words_highest: read.highest_possible,
            words_worth: read.highest_possible / words::BEST_PER_RARITY,
            words_count: read.count,
            tools_count: self.entries.len(),
            examples: vector.as_ref().map(|vector| self.examples.nearest(vector)).unwrap_or_default(),
            read,
            ..Scores::default()
        };
        match (&self.graph, &vector, allowed) {
            (Some(graph), Some(vector), None) => self.take_best(graph, vector, words, &mut scores),
            // With a filter the graph might return none that pass: the scan takes a little longer and is exact.
            (_, _, allowed) => self.take_all(vector.as_ref(), words, allowed, &mut scores),
        }
        let asked = Actions::of_request(request);
        scores.actions = scores.rows.iter().map(|row| self.actions[*row as usize].agreement(asked)).collect();
        scores
    }

    /// The cosine of the vector with each of `rows`, exact. 0 where either has none.
    #[must_use]
    pub fn meanings(&self, vector: &[f32], rows: &[usize]) -> Vec<f32> {
        let vector = self.vectors.read_request(vector);
        rows.iter().map(|row| vector.as_ref().map_or(0.0, |vector| self.vectors.cosine(vector, *row))).collect()
    }

    /// The cosine of two tools; 0 where either has no vector.
    #[must_use]
    pub fn closeness(&self, one: usize, other: usize) -> f32 {
        let [one, other] = [self.vectors.row(one), self.vectors.row(other)];
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let lengths = (product(one, one) * product(other, other)).sqrt();
        if lengths > 0.0 { product(one, other) / lengths } else { 0.0 }
    }

    /// What the request of `scores` and a tool have in common.
    #[must_use]
    pub fn overlap(&self, scores: &Scores, row: usize) -> Overlap {
        self.words.fields.compare(row, &scores.read)
    }

    /// A number for the server of a tool, below [`Self::servers_count`].
    #[must_use]
    pub fn server_number(&self, row: usize) -> usize {
        self.servers[row] as usize
    }

    /// How many servers have tools here.
    #[must_use]
    pub fn servers_count(&self) -> usize {
        self.server_tools.len()
    }

    /// How many tools the server of this number has.
    #[must_use]
    pub fn server_tools(&self, server: usize) -> usize {
        self.server_tools[server]
    }

    /// How many parameters the tool requires, at most 255.
    #[must_use]
    pub fn required_parameters(&self, row: usize) -> u8 {
        self.required[row]
    }

    fn take_all(
        &self,
        vector: Option<&RequestVector<'_>>,
        words: Vec<f32>,
        allowed: Option<&dyn Fn(&ToolKey) -> bool>,
        scores: &mut Scores,
    ) {
        let mut meaning = vector.map_or_else(|| vec![0.0; self.entries.len()], |vector| self.vectors.scan(vector));
        for nearest in &scores.examples {
            let meaning = &mut meaning[nearest.owner as usize];
            *meaning = nearest.lift(*meaning);
        }
        scores.rows = (0..self.entries.len() as u32).collect();
        match allowed {
            None => (scores.meaning, scores.words) = (meaning, words),
            Some(allowed) => {
                scores.rows.retain(|row| allowed(&self.entries[*row as usize].tool.key));
                scores.meaning = scores.rows.iter().map(|row| meaning[*row as usize]).collect();
                scores.words = scores.rows.iter().map(|row| words[*row as usize]).collect();
                scores.tools_count = scores.rows.len();
            }
        }
    }

    fn take_best(&self, graph: &Graph, vector: &RequestVector<'_>, words: Vec<f32>, scores: &mut Scores) {
        let mut rows: Vec<u32> =
            graph.nearest(vector, GRAPH_NEAREST, GRAPH_EF).into_iter().map(|row| row as u32).collect();
        let mut with_words: Vec<u32> = (0..words.len() as u32).filter(|row| words[*row as usize] > 0.0).collect();
        if with_words.len() > WORDS_NEAREST {
            let order = |a: &u32, b: &u32| words[*b as usize].total_cmp(&words[*a as usize]).then(a.cmp(b));
            with_words.select_nth_unstable_by(WORDS_NEAREST, order);
            with_words.truncate(WORDS_NEAREST);
        }
        rows.append(&mut with_words);
        let mut with_examples = scores.examples.clone();
        if with_examples.len() > EXAMPLES_NEAREST {
            with_examples.select_nth_unstable_by(EXAMPLES_NEAREST, |a, b| {
                b.first.total_cmp(&a.first).then(a.owner.cmp(&b.owner))
            });
            with_examples.truncate(EXAMPLES_NEAREST);
        }
        rows.extend(with_examples.into_iter().map(|nearest| nearest.owner));
        rows.sort_unstable();
        rows.dedup();
        let meaning = |row: &u32| scores.lifted(*row as usize, self.vectors.cosine(vector, *row as usize));
        scores.meaning = rows.iter().map(meaning).collect();
        scores.words = rows.iter().map(|row| words[*row as usize]).collect();
        scores.rows = rows;
    }

    /// `server.name`, `server/name`, `server:name`, `server__name`; servers may have dots and dashes themselves.
    fn find_with_server(&self, token: &str) -> Vec<usize> {
        let borders = token.char_indices().filter(|(_, letter)| matches!(letter, '.' | '/' | ':' | '_'));
        let mut found = Vec::new();
        for (at, border) in borders.take(16) {
            let (server, rest) = (&token[..at], &token[at + border.len_utf8()..]);
            let name = match (border, rest.strip_prefix('_')) {
                ('_', Some(name)) => name,
                ('_', None) => continue,
                (_, _) => rest,
            };
            let mut named = self.called(name);
            named.retain(|row| self.entries[*row].tool.key.server.as_str().eq_ignore_ascii_case(server));
            // With its server before it a name says which tool is meant, whatever is called so as well.
            let words = name_words(name);
            let is_own = |row: &usize| name_words(&self.entries[*row].tool.key.tool) == words;
            if named.iter().any(is_own) {
                named.retain(is_own);
            }
            found.extend(named);
        }
        found
    }
}

/// Can `token` be nothing but an identifier? `get_foo`, `getFoo`, `a.b`; not `search`, not `GitHub's`, not `e.g`.
fn is_compound(token: &str) -> bool {
    let inner_sign = token.chars().any(|letter| matches!(letter, '_' | '-' | '.' | '/' | ':'));
    let spaced = text::spaced(token);
    let camel = spaced.contains(' ') && token.chars().next().is_some_and(char::is_alphanumeric);
    (inner_sign || camel) && text::plain_words(token).len() > 1
}

/// Can `token`, within a longer text, be nothing but an identifier? "a follow-up" and "README.md" are words that a tool
/// may be called by too, and a server must not get every request with one of them.
fn is_unmistakable(token: &str) -> bool {
    let has_other_sign = token.chars().any(|letter| matches!(letter, '-' | '.' | '/' | ':'));
    is_compound(token) && (token.contains('_') || !has_other_sign || text::plain_words(token).len() > 2)
}

/// What two spellings of one name have in common: `get_foo`, `getFoo` and `get foo` are `get foo`.
fn name_words(name: &str) -> String {
    text::plain_words(name).join(" ")
}

/// What a tool is called: its name, then its aliases.
fn names(entry: &Entry) -> impl Iterator<Item = &str> {
    std::iter::once(&entry.tool.key.tool).chain(&entry.tool_hints.aliases).map(String::as_str)
}

fn count_required(schema: &InputSchema) -> u8 {
    u8::try_from(schema.outline().required.len()).unwrap_or(u8::MAX)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn sort_by_key(entries: &[Entry]) -> Result<Vec<u32>, Error> {
    let key = |row: &u32| &entries[*row as usize].tool.key;
    let mut by_key: Vec<u32> = (0..entries.len() as u32).collect();
    by_key.sort_by(|a, b| key(a).cmp(key(b)));
    match by_key.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
        Some(pair) => Err(Error::Duplicate { tool: key(&pair[0]).clone() }),
        None => Ok(by_key),
    }
}

/// Numbers the servers in the order of their names; the second part is how many tools each has.
fn number_servers(entries: &[Entry], by_key: &[u32]) -> (Vec<u32>, Vec<usize>) {
    let mut numbers = vec![0; entries.len()];
    let mut sizes = Vec::new();
    let server = |row: &u32| &entries[*row as usize].tool.key.server;
    for group in by_key.chunk_by(|a, b| server(a) == server(b)) {
        group.iter().for_each(|row| numbers[*row as usize] = sizes.len() as u32);
        sizes.push(group.len());
    }
    (numbers, sizes)
}

fn check_vectors(entry: &Entry, model: &str, dimensions: usize) -> Result<(), Error> {
    let tool = || entry.tool.key.clone();
    for vector in entry.vectors.iter().chain(&entry.examples).map(Arc::as_ref) {
        if vector.len() != dimensions {
            let (model, found) = (model.to_owned(), vector.len());
            return Err(Error::WrongDimensions { tool: tool(), model, expected: dimensions, found });
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        if length.is_nan() || (length - 1.0).abs() > LENGTH_TOLERANCE {
            return Err(Error::NotUnit { tool: tool(), model: model.to_owned(), length });
        }
    }
    Ok(())
}

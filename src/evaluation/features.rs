//! Writes what the ranking and the confidences are fitted from, into one folder: `columns.json`, and for each set
//! `SET.candidates.f32`, `SET.tools.f32`, `SET.requests.f32` and `SET.negatives.f32`, rows of little-endian floats. The first
//! has the best tools of every ranking, the others the vectors of tools and texts.
//!
//! Besides the requests as they are, each set gives catalogues that a user could have: requests whose servers are
//! hidden (nothing fits), and small catalogues of a few near and a few random tools, with a right one and without.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::domain::{ServerName, ToolKey};
use crate::index::{Entry, Snapshot};
use crate::router::{Evidence, look};

use super::Error;
use super::run::{EvaluationOptions, Prepared, rank_options};
use super::set::Request;

/// Requests per set, from its start, that small catalogues are made for, and that servers are hidden for.
const SMALL_MAX: usize = 250;
const HIDDEN_MAX: usize = 1_000;
/// Tools in a small catalogue; the sizes take turns.
const SMALL_SIZES: [usize; 4] = [3, 8, 30, 60];
/// Tools of a ranking that are written: as many as it looks at closely.
const TOOLS_MAX: usize = 64;
/// Groups of right tools that the 24 exact bits of a float can hold; none of the sets has more.
const GROUPS_MAX: usize = 24;
/// What a line is of, by its number in the column `part`.
const PARTS: [&str; 5] = ["full", "negative", "hidden", "small", "small_without"];

/// One request over one catalogue.
pub(super) struct Case<'a> {
    /// Place in [`PARTS`].
    pub(super) part: usize,
    /// Place of the request, or of the negative, in its set.
    pub(super) number: usize,
    pub(super) groups: &'a [Vec<usize>],
    /// The place in the set of each tool of the catalogue, if it is not the set's own.
    pub(super) tools: Option<&'a [usize]>,
}

/// The folder that features are written to.
pub(super) struct FeatureFolder {
    path: PathBuf,
}

/// The file of one set's candidates.
pub(super) struct CandidateFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl FeatureFolder {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let columns = ["part", "request", "groups", "kinds", "right"].iter().chain(&Evidence::NAMES);
        let about = json!({"columns": columns.collect::<Vec<_>>(), "parts": PARTS});
        let file = path.join("columns.json");
        std::fs::create_dir_all(path)
            .and_then(|()| std::fs::write(&file, about.to_string()))
            .map_err(|source| Error::File { path: file, source })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Writes the vectors of a set and opens the file of its candidates.
    pub(super) fn open(&self, prepared: &Prepared) -> Result<CandidateFile, Error> {
        let name = &prepared.set.name;
        let tools: Vec<Vec<f32>> = prepared.entries.iter().map(mean_vector).collect();
        self.write_vectors(&format!("{name}.tools.f32"), &tools)?;
        self.write_vectors(&format!("{name}.requests.f32"), &prepared.request_vectors)?;
        self.write_vectors(&format!("{name}.negatives.f32"), &prepared.negative_vectors)?;
        let path = self.path.join(format!("{name}.candidates.f32"));
        let out = File::create(&path).map_err(|source| Error::File { path: path.clone(), source })?;
        Ok(CandidateFile { path, out: BufWriter::new(out) })
    }

    fn write_vectors(&self, name: &str, vectors: &[Vec<f32>]) -> Result<(), Error> {
        let path = self.path.join(name);
        let write = || {
            let mut out = BufWriter::new(File::create(&path)?);
            vectors.iter().try_for_each(|vector| write_numbers(&mut out, vector))?;
            out.flush()
        };
        write().map_err(|source| Error::File { path: path.clone(), source })
    }
}

fn mean_vector(entry: &Entry) -> Vec<f32> {
    let share = 1.0 / entry.vectors.len().max(1) as f32;
    let mut mean = vec![0.0; entry.vectors.first().map_or(0, |vector| vector.len())];
    for vector in &entry.vectors {
        mean.iter_mut().zip(vector.iter()).for_each(|(sum, number)| *sum += number * share);
    }
    mean
}

fn write_numbers(out: &mut impl Write, numbers: &[f32]) -> io::Result<()> {
    numbers.iter().try_for_each(|number| out.write_all(&number.to_le_bytes()))
}

impl CandidateFile {
    pub(super) fn write(&mut self, case: &Case<'_>, evidence: &[Evidence]) -> Result<(), Error> {
        let mut kinds = case.groups.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        let head = [case.part, case.number, case.groups.len(), kinds.len()].map(|number| number as f32);
        for tool in evidence.iter().take(TOOLS_MAX) {
            let place = case.tools.map_or(tool.row, |tools| tools[tool.row]);
            let groups = case.groups.iter().take(GROUPS_MAX).enumerate();
            let right: u32 = groups.filter(|(_, group)| group.contains(&place)).map(|(at, _)| 1 << at).sum();
            let mut numbers: Vec<f32> = head.to_vec();
            numbers.push(right as f32);
            numbers.extend(Evidence { row: place, ..*tool }.values());
            write_numbers(&mut self.out, &numbers).map_err(|source| Error::File { path: self.path.clone(), source })?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.out.flush().map_err(|source| Error::File { path: self.path, source })
    }

    /// All of a set: its requests and those that nothing serves, over its own catalogue and over others.
    pub(super) fn write_all(
        &mut self,
        prepared: &Prepared,
        snapshot: &Snapshot,
        options: &EvaluationOptions,
    ) -> Result<(), Error> {
        let seen = |text: &str, vector: &[f32], allowed: Option<&dyn Fn(&ToolKey) -> bool>| {
            look(snapshot, text, vector, &rank_options(options, allowed))
        };
        let negatives = prepared.set.negatives.iter().zip(&prepared.negative_vectors).enumerate();
        for (number, (text, vector)) in negatives {
            self.write(&Case { part: 1, number, groups: &[], tools: None }, &seen(text, vector, None))?;
        }
        // A fixed start: the same file every time.
        let mut random = SplitMix(0x6d63_706f_7263_6821);
        for (number, (request, vector)) in prepared.set.requests.iter().zip(&prepared.request_vectors).enumerate() {
            let evidence = seen(&request.text, vector, None);
            self.write(&Case { part: 0, number, groups: &request.groups, tools: None }, &evidence)?;
            if let Some(servers) = servers_to_hide(prepared, request).filter(|_| number < HIDDEN_MAX) {
                let allowed = |key: &ToolKey| !servers.contains(&key.server);
                let evidence = seen(&request.text, vector, Some(&allowed));
                self.write(&Case { part: 2, number, groups: &[], tools: None }, &evidence)?;
            }
            // With one step of several left in, the catalogue would not serve the request.
            if number >= SMALL_MAX || request.groups.len() > 1 {
                continue;
            }
            let size = SMALL_SIZES[number % SMALL_SIZES.len()];
            let tools = small_catalogue(prepared, request, &evidence, &mut random, size);
            for (part, tools) in [(3, &tools[..]), (4, &tools[1..])] {
                let entries: Vec<Entry> = tools.iter().map(|tool| prepared.entries[*tool].clone()).collect();
                let built = Snapshot::build(1, snapshot.model().to_owned(), vector.len(), entries, &options.index);
                let built = built.map_err(|source| Error::Index { path: prepared.set.folder.clone(), source })?;
                let evidence = look(&built, &request.text, vector, &rank_options(options, None));
                self.write(&Case { part, number, groups: &request.groups, tools: Some(tools) }, &evidence)?;
            }
        }
        Ok(())
    }
}

/// The servers of the right tools, if tools of other servers are left without them.
fn servers_to_hide<'a>(prepared: &'a Prepared, request: &Request) -> Option<BTreeSet<&'a ServerName>> {
    let server = |tool: usize| &prepared.set.tools[tool].key.server;
    let hidden: BTreeSet<&ServerName> = request.groups.iter().flatten().map(|tool| server(*tool)).collect();
    let others = (0..prepared.set.tools.len()).filter(|tool| !hidden.contains(server(*tool))).count();
    (others > 5).then_some(hidden)
}

/// Tools at the top of a ranking that count as near.
const NEAR_MAX: usize = 20;

/// A right tool first, then a third of tools that are near and wrong and others at random, `size` in all.
fn small_catalogue(
    prepared: &Prepared,
    request: &Request,
    evidence: &[Evidence],
    random: &mut SplitMix,
    size: usize,
) -> Vec<usize> {
    let right: BTreeSet<usize> = request.groups.iter().flatten().copied().collect();
    let mut near: Vec<usize> = evidence.iter().take(NEAR_MAX).map(|tool| tool.row).collect();
    near.retain(|tool| !right.contains(tool));
    random.shuffle(&mut near);
    near.truncate(size / 3);
    let mut tools: Vec<usize> = right.iter().copied().take(1).chain(near).collect();
    let mut others: Vec<usize> = (0..prepared.set.tools.len()).collect();
    others.retain(|tool| !right.contains(tool) && !tools.contains(tool));
    random.shuffle(&mut others);
    tools.extend(others.into_iter().take(size.saturating_sub(tools.len())));
    tools
}

/// A small generator of random numbers (SplitMix64), so that the file is the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn shuffle(&mut self, items: &mut [usize]) {
        for at in (1..items.len()).rev() {
            items.swap(at, (self.next() % (at as u64 + 1)) as usize);
        }
    }
}

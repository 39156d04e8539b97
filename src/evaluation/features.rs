//! Writes what the confidence models are fitted from: one line per ranking, tab-separated, with a heading.
//!
//! Besides the requests as they are, each set gives catalogues that a user could have: requests whose servers are
//! hidden (nothing fits), and small catalogues of a few near and a few random tools, with a right one and without.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::domain::{ServerName, ToolKey};
use crate::index::{Entry, Snapshot};
use crate::router::{FEATURE_NAMES, Ranking};

use super::run::{EvaluationOptions, Prepared, rank_in};
use super::set::Request;
use super::{Error, metrics};

/// Requests per set, from its start, that small catalogues are made for.
const SMALL_MAX: usize = 250;
/// Tools in a small catalogue; the sizes take turns.
const SMALL_SIZES: [usize; 4] = [3, 8, 30, 60];

pub(super) struct FeatureFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl FeatureFile {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut out = BufWriter::new(File::create(path).map_err(failed)?);
        writeln!(out, "set\tpart\tright\tmentioned\t{}", FEATURE_NAMES.join("\t")).map_err(failed)?;
        Ok(Self { path: path.to_owned(), out })
    }

    pub(super) fn write(&mut self, set: &str, part: &str, right: bool, ranking: &Ranking) -> Result<(), Error> {
        let values: Vec<String> = ranking.features.values().iter().map(ToString::to_string).collect();
        writeln!(self.out, "{set}\t{part}\t{}\t{}\t{}", u8::from(right), u8::from(ranking.named), values.join("\t"))
            .map_err(|source| Error::File { path: self.path.clone(), source })
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.out.flush().map_err(|source| Error::File { path: self.path, source })
    }

    /// The set's requests over other catalogues than its own.
    pub(super) fn write_variants(
        &mut self,
        prepared: &Prepared,
        snapshot: &Snapshot,
        options: &EvaluationOptions,
    ) -> Result<(), Error> {
        let name = &prepared.set.name;
        // A fixed start: the same file every time.
        let mut random = SplitMix(0x6d63_706f_7263_6821);
        for (at, (request, vector)) in prepared.set.requests.iter().zip(&prepared.request_vectors).enumerate() {
            if let Some(servers) = servers_to_hide(prepared, request) {
                let allowed = |key: &ToolKey| !servers.contains(&key.server);
                let ranking = rank_in(snapshot, &request.text, vector, options, Some(&allowed));
                self.write(name, "without", false, &ranking)?;
            }
            // With one step of several left in, the catalogue would not serve the request.
            if at >= SMALL_MAX || request.groups.len() > 1 {
                continue;
            }
            let ranking = rank_in(snapshot, &request.text, vector, options, None);
            let size = SMALL_SIZES[at % SMALL_SIZES.len()];
            let tools = small_catalogue(prepared, request, &ranking, &mut random, size);
            for part in ["small", "small_without"] {
                let tools = if part == "small" { &tools[..] } else { &tools[1..] };
                let entries: Vec<Entry> = tools.iter().map(|tool| prepared.entries[*tool].clone()).collect();
                let built = Snapshot::build(1, snapshot.model().to_owned(), vector.len(), entries, &options.index);
                let built = built.map_err(|source| Error::Index { path: prepared.set.folder.clone(), source })?;
                let ranking = rank_in(&built, &request.text, vector, options, None);
                let ranked: Vec<usize> = ranking.candidates.iter().map(|found| tools[found.entry]).collect();
                let right = metrics::judge(&ranked, &request.groups).first_is_right;
                self.write(name, part, right, &ranking)?;
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

/// A right tool first, then a third of the tools of `ranking` that are wrong and others at random, `size` in all.
fn small_catalogue(
    prepared: &Prepared,
    request: &Request,
    ranking: &Ranking,
    random: &mut SplitMix,
    size: usize,
) -> Vec<usize> {
    let right: BTreeSet<usize> = request.groups.iter().flatten().copied().collect();
    let mut near: Vec<usize> = ranking.candidates.iter().map(|candidate| candidate.entry).collect();
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

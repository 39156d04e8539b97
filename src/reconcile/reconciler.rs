//! The stages, each as one idempotent step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::catalog::{Catalog, KnownServer, ServerRecord, TextHash};
use crate::domain::{ServerName, Tool, error_chain};
use crate::index::{self, Entry, Snapshot};
use crate::supervisor::Pool;
use crate::upstream::{Era, Hello, Listing, SalvageLimits};

use super::embed::embed_documents;
use super::overrides::{AliasClash, Overrides};
use super::{Error, Known, KnownServerView, LazyEmbedder, Override, Source};

/// Vectors that are written in one transaction.
const WRITE_BATCH_LEN: usize = 128;
/// How long a list that has come waits for others before all are published together.
const PUBLISH_AFTER: Duration = Duration::from_millis(400);
/// A server that no registry has named for so long is forgotten, in seconds (90 days; a guess).
const FORGET_AFTER_S: i64 = 90 * 86_400;

/// What the write path needs to know of the settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the index is built.
    pub index: index::Options,
    /// What is taken from a tool list.
    pub salvage: SalvageLimits,
    /// Servers that are started at once to be listed.
    pub starts_in_parallel: usize,
    /// Age from which a tool list is fetched anew.
    pub refresh_after: Duration,
    /// Threads that embed; 0 is one for each core, four at most.
    pub embed_threads: usize,
    /// What the operator knows better about single tools.
    pub overrides: Vec<Override>,
    /// Unix seconds now.
    pub now: fn() -> i64,
}

/// Something happened that a person may want to see.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Its tools are asked for.
    Listing(ServerName),
    /// It answered.
    Listed {
        /// Which.
        server: ServerName,
        /// How many tools it has.
        tools: usize,
        /// What was wrong with some of them, one line each.
        faults: Vec<String>,
        /// From the start of the server to the end of its list.
        took: Duration,
    },
    /// It did not.
    Failed {
        /// Which.
        server: ServerName,
        /// Why, in one line.
        why: String,
    },
    /// Texts are embedded.
    Embedding {
        /// So many are done.
        done: usize,
        /// Of so many.
        total: usize,
    },
}

/// Gets the progress, from any thread; must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// What a refresh did.
#[derive(Debug, Clone, Default)]
pub struct RefreshReport {
    /// Servers that were listed, with their number of tools.
    pub listed: BTreeMap<ServerName, usize>,
    /// Servers that failed, and why.
    pub failed: BTreeMap<ServerName, String>,
    /// What was wrong with single tools, by server.
    pub tool_faults: BTreeMap<ServerName, Vec<String>>,
    /// The texts of all tools in use, and how many of them were embedded just now.
    pub embed: EmbedReport,
}

/// What embedding did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EmbedReport {
    /// Different texts that stand for tools.
    pub texts: usize,
    /// Those that had no vector yet.
    pub embedded: usize,
}

/// Owns the write path. All steps are taken one after another.
pub struct Reconciler {
    pub(super) shared: Arc<Shared>,
    /// One step at a time.
    turn: tokio::sync::Mutex<()>,
    pub(super) pool: Arc<Pool>,
}

impl fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconciler").finish_non_exhaustive()
    }
}

pub(super) struct Shared {
    pub(super) settings: Settings,
    wanted: RwLock<Arc<Wanted>>,
    catalog: Arc<Catalog>,
    embedder: Arc<LazyEmbedder>,
    state: Mutex<State>,
    known: watch::Sender<Arc<Known>>,
}

/// What the operator wants: replaced as a whole when the registry or the settings change.
struct Wanted {
    sources: Vec<Source>,
    overrides: Overrides,
}

/// What the last reading of the catalog gave.
#[derive(Default)]
struct State {
    generation: u64,
    servers: BTreeMap<ServerName, Loaded>,
    vectors: HashMap<TextHash, Arc<[f32]>>,
}

struct Loaded {
    known: KnownServer,
    tools: Vec<Arc<Tool>>,
}

impl Reconciler {
    /// Nothing is read yet. The receiver shows what is known, from nothing on.
    #[must_use]
    pub fn new(
        settings: Settings,
        sources: Vec<Source>,
        catalog: Arc<Catalog>,
        embedder: Arc<LazyEmbedder>,
        pool: Arc<Pool>,
    ) -> (Self, watch::Receiver<Arc<Known>>) {
        let (known, receiver) = watch::channel(Arc::new(Known::nothing()));
        let wanted = Wanted { sources, overrides: Overrides::new(settings.overrides.clone()) };
        let wanted = RwLock::new(Arc::new(wanted));
        let shared = Shared { settings, wanted, catalog, embedder, state: Mutex::default(), known };
        (Self { shared: Arc::new(shared), turn: tokio::sync::Mutex::default(), pool }, receiver)
    }

    /// Reads the catalog and publishes it. Starts nothing, embeds nothing.
    ///
    /// # Errors
    /// When the catalog cannot be read or the index not be built; it is published too, as `fault`.
    pub async fn load(&self) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let loaded = self.blocking("reading the catalog", |shared| {
            let loaded = shared.read_catalog().and_then(|()| {
                shared.publish_servers();
                shared.publish()
            });
            loaded.inspect_err(|fault| shared.publish_fault(fault))
        });
        let loaded = loaded.await;
        // What a server's tools are called tells whether it keeps state.
        for (server, known) in &self.shared.state().servers {
            self.pool.note_tools(server, known.tools.iter().map(|tool| tool.key.tool.as_str()));
        }
        loaded
    }

    /// Takes other servers and overrides in place of those it had, reads what the catalog knows of them, and publishes.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn replace(&self, sources: Vec<Source>, overrides: Vec<Override>) -> Result<(), Error> {
        let wanted = Wanted { sources, overrides: Overrides::new(overrides) };
        *self.shared.wanted.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(wanted);
        self.load().await
    }

    /// Embeds what has no vector, and publishes.
    ///
    /// # Errors
    /// When the model cannot be used, or vectors not be written; what was embedded before stays.
    pub async fn fill_vectors(&self, progress: ProgressSink) -> Result<EmbedReport, Error> {
        let _turn = self.turn.lock().await;
        self.blocking("embedding", move |shared| {
            if let Some(texts) = shared.texts_of_complete_index() {
                return Ok(EmbedReport { texts, embedded: 0 });
            }
            let report = shared.embed_missing(&progress);
            // What was done before a failure is worth publishing too.
            let published = shared.publish();
            if let Err(fault) = &report {
                shared.publish_fault(fault);
            }
            let report = report?;
            published.map(|()| report)
        })
        .await
    }

    /// Lists the servers in question, some at a time, writes what they answer, embeds what is new, and publishes. A server
    /// that hangs or fails costs its own time-out and no other server's.
    ///
    /// # Errors
    /// When the catalog cannot be read or written. A server's failure is part of the report.
    pub async fn refresh(
        &self,
        servers: &BTreeSet<ServerName>,
        rest_after: bool,
        progress: ProgressSink,
    ) -> Result<RefreshReport, Error> {
        let mut report = RefreshReport::default();
        let gate = Arc::new(tokio::sync::Semaphore::new(self.shared.settings.starts_in_parallel.max(1)));
        let mut asked = tokio::task::JoinSet::new();
        let wanted = self.shared.wanted();
        for source in wanted.sources.iter().filter(|source| servers.contains(&source.name)) {
            if let Some(why) = &source.refusal {
                report.failed.insert(source.name.clone(), why.clone());
                progress(Progress::Failed { server: source.name.clone(), why: why.clone() });
                continue;
            }
            let (pool, gate, progress, server) =
                (self.pool.clone(), gate.clone(), progress.clone(), source.name.clone());
            asked.spawn(async move {
                let _slot = gate.acquire_owned().await;
                progress(Progress::Listing(server.clone()));
                let started = Instant::now();
                let listed = pool.list_tools(&server, rest_after).await;
                (server, listed, started.elapsed())
            });
        }
        // What has come is published while others are still silent: one that hangs must not hide the rest.
        let mut embedded = EmbedReport::default();
        let mut unpublished_since: Option<Instant> = None;
        loop {
            let ended = match unpublished_since {
                Some(since) => tokio::time::timeout_at(since + PUBLISH_AFTER, asked.join_next()).await,
                None => Ok(asked.join_next().await),
            };
            match ended {
                Ok(Some(Ok((server, listed, took)))) => {
                    self.keep(&server, listed, took, &mut report, &progress).await?;
                    unpublished_since.get_or_insert_with(Instant::now);
                }
                Ok(Some(Err(_))) => return Err(Error::Broken { doing: "listing a server" }),
                Ok(None) => break,
                Err(_) => {
                    unpublished_since = None;
                    self.load().await?;
                    embedded.embedded += self.fill_vectors(progress.clone()).await?.embedded;
                }
            }
        }
        self.load().await?;
        let last = self.fill_vectors(progress).await?;
        report.embed = EmbedReport { texts: last.texts, embedded: embedded.embedded + last.embedded };
        Ok(report)
    }

    /// Writes what one server answered, and tells.
    async fn keep(
        &self,
        server: &ServerName,
        listed: Result<(Hello, Listing), crate::supervisor::Error>,
        took: Duration,
        report: &mut RefreshReport,
        progress: &ProgressSink,
    ) -> Result<(), Error> {
        match listed {
            Ok((hello, listing)) => {
                let tools = listing.tools.len();
                let faults = listing.faults.clone();
                self.keep_listing(server, &hello, listing).await?;
                report.listed.insert(server.clone(), tools);
                if !faults.is_empty() {
                    tracing::warn!(server.name = %server, faults = faults.join("; "), "some tools of a server are faulty");
                    report.tool_faults.insert(server.clone(), faults.clone());
                }
                progress(Progress::Listed { server: server.clone(), tools, faults, took });
            }
            Err(fault) => {
                let why = error_chain(&fault);
                self.keep_fault(server, &why).await?;
                report.failed.insert(server.clone(), why.clone());
                progress(Progress::Failed { server: server.clone(), why });
            }
        }
        Ok(())
    }

    /// Servers whose list is missing, or older than the settings allow.
    #[must_use]
    pub fn stale(&self) -> BTreeSet<ServerName> {
        let shared = &self.shared;
        let oldest =
            (shared.settings.now)() - i64::try_from(shared.settings.refresh_after.as_secs()).unwrap_or(i64::MAX);
        let state = shared.state();
        let is_fresh = |source: &Source| {
            let listed_at = state.servers.get(&source.name).and_then(|loaded| loaded.known.listed_at);
            listed_at.is_some_and(|at| at > oldest)
        };
        let wanted = shared.wanted();
        let may_start = |source: &Source| source.refusal.is_none() && !self.pool.is_left_alone(&source.name);
        let stale = wanted.sources.iter().filter(|source| may_start(source) && !is_fresh(source));
        stale.map(|source| source.name.clone()).collect()
    }

    /// All servers that may be started.
    #[must_use]
    pub fn all(&self) -> BTreeSet<ServerName> {
        self.shared.wanted().sources.iter().map(|source| source.name.clone()).collect()
    }

    /// Whether a server that has just started says another version of itself than when it was listed.
    #[must_use]
    pub fn is_outdated(&self, server: &ServerName, hello: &Hello) -> bool {
        let state = self.shared.state();
        state
            .servers
            .get(server)
            .is_none_or(|loaded| loaded.known.listed_at.is_none() || loaded.known.record.own_version != hello.version)
    }

    /// Whether another process has changed the catalog since it was read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn is_behind(&self) -> Result<bool, Error> {
        self.blocking("looking at the catalog", |shared| Ok(shared.catalog.generation()? != shared.state().generation))
            .await
    }

    /// Forgets old servers and vectors that stand for no tool any more.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub async fn tidy(&self) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.blocking("tidying the catalog", |shared| {
            shared.catalog.forget_unseen((shared.settings.now)() - FORGET_AFTER_S)?;
            Ok(())
        })
        .await
    }

    /// Notes that the first look at all servers is over: what is not known now is not about to become known.
    pub fn mark_settled(&self) {
        self.shared.known.send_modify(|known| {
            let mut changed = Known::clone(known);
            changed.is_settled = true;
            *known = Arc::new(changed);
        });
    }

    async fn keep_listing(&self, server: &ServerName, hello: &Hello, listing: Listing) -> Result<(), Error> {
        let Some(source) = self.shared.source(server) else { return Ok(()) };
        let (key, hello) = (source.key.clone(), hello.clone());
        self.blocking("writing a tool list", move |shared| {
            let record = ServerRecord {
                era: Some(era_word(hello.era).to_owned()),
                protocol_version: hello.protocol_version,
                own_name: hello.name,
                own_version: hello.version,
                instructions: hello.instructions,
            };
            let raws: Vec<&str> = listing.tools.iter().map(|tool| &*tool.raw).collect();
            shared.catalog.put_listing(&key, &record, &raws, (shared.settings.now)())?;
            Ok(())
        })
        .await
    }

    async fn keep_fault(&self, server: &ServerName, why: &str) -> Result<(), Error> {
        let Some(source) = self.shared.source(server) else { return Ok(()) };
        let (key, why) = (source.key.clone(), why.to_owned());
        self.blocking("noting a server's fault", move |shared| {
            Ok(shared.catalog.put_fault(&key, &why, (shared.settings.now)())?)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.map_err(|_| Error::Broken { doing })?
    }
}

/// The word the catalog keeps.
fn era_word(era: Era) -> &'static str {
    match era {
        Era::Legacy => "legacy",
        Era::Modern => "modern",
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Each part of the state is replaced as a whole, so a panic leaves it usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self) -> Arc<Wanted> {
        self.wanted.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn source(&self, server: &ServerName) -> Option<Source> {
        self.wanted().sources.iter().find(|source| source.name == *server).cloned()
    }

    /// Catalog → servers and tools in memory.
    fn read_catalog(&self) -> Result<(), Error> {
        let wanted = self.wanted();
        let keys: Vec<_> = wanted.sources.iter().map(|source| source.key.clone()).collect();
        let (generation, mut found) = self.catalog.load(&keys, (self.settings.now)())?;
        let mut servers = BTreeMap::new();
        for source in &wanted.sources {
            let Some(mut known) = found.remove(&source.key) else { continue };
            let raws = std::mem::take(&mut known.tools);
            let tools = Listing::from_raw(&source.name, raws.iter().map(String::as_str), self.settings.salvage);
            servers.insert(source.name.clone(), Loaded { known, tools: tools.into_iter().map(Arc::new).collect() });
        }
        let mut state = self.state();
        state.generation = generation;
        state.servers = servers;
        Ok(())
    }

    /// The tools in use with their texts, examples last: server by server, in each server's order.
    fn entries(&self, state: &State) -> Vec<(Entry, Vec<String>)> {
        let mut entries = Vec::new();
        let wanted = self.wanted();
        for source in &wanted.sources {
            for tool in wanted.tools_of(source, state) {
                let tool_hints = source.tool_hints.get(&tool.key.tool).cloned().unwrap_or_default();
                let (tool, tool_hints) = wanted.overrides.apply(tool, tool_hints);
                let mut texts = index::texts_to_embed(&tool, &source.hints, &tool_hints);
                texts.extend(index::examples_to_embed(&tool_hints));
                let server_hints = source.hints.clone();
                let entry = Entry { tool, server_hints, tool_hints, vectors: Vec::new(), examples: Vec::new() };
                entries.push((entry, texts));
            }
        }
        entries
    }

    /// How many texts there are, if the index that readers have is of this very state and lacks no vector: then building it
    /// once more would cost time and memory for nothing.
    fn texts_of_complete_index(&self) -> Option<usize> {
        let state = self.state();
        let known = self.known.borrow();
        let is_complete = known.fault.is_none() && known.is_loaded && known.tools_without_vector == 0;
        if !is_complete || known.snapshot.generation() != state.generation {
            return None;
        }
        let texts: BTreeSet<TextHash> =
            self.entries(&state).iter().flat_map(|(_, texts)| texts).map(|text| TextHash::of(text)).collect();
        Some(texts.len())
    }

    /// Texts without a vector → vectors, in the catalog and in memory.
    fn embed_missing(&self, progress: &ProgressSink) -> Result<EmbedReport, Error> {
        let embedder = self.embedder.get()?;
        let texts: BTreeMap<TextHash, String> = {
            let state = self.state();
            self.entries(&state)
                .into_iter()
                .flat_map(|(_, texts)| texts)
                .map(|text| (TextHash::of(&text), text))
                .collect()
        };
        let model = model_key(embedder.id());
        self.read_vectors(&texts.keys().copied().collect::<Vec<_>>())?;
        let missing: Vec<(TextHash, String)> = {
            let state = self.state();
            texts
                .iter()
                .filter(|(hash, _)| !state.vectors.contains_key(hash))
                .map(|(hash, text)| (*hash, text.clone()))
                .collect()
        };
        let report = EmbedReport { texts: texts.len(), embedded: missing.len() };
        if missing.is_empty() {
            return Ok(report);
        }
        let (hashes, texts): (Vec<TextHash>, Vec<String>) = missing.into_iter().unzip();
        progress(Progress::Embedding { done: 0, total: texts.len() });
        let mut done = 0;
        let mut unwritten: Vec<(TextHash, Vec<f32>)> = Vec::new();
        embed_documents(embedder.as_ref(), &texts, self.settings.embed_threads, |first, vectors| {
            done += vectors.len();
            unwritten.extend(hashes[first..].iter().copied().zip(vectors));
            if unwritten.len() >= WRITE_BATCH_LEN {
                self.keep_vectors(&model, std::mem::take(&mut unwritten))?;
            }
            progress(Progress::Embedding { done, total: texts.len() });
            Ok(())
        })?;
        self.keep_vectors(&model, unwritten)?;
        Ok(report)
    }

    fn keep_vectors(&self, model: &str, vectors: Vec<(TextHash, Vec<f32>)>) -> Result<(), Error> {
        let rows: Vec<(TextHash, &[f32])> = vectors.iter().map(|(hash, vector)| (*hash, vector.as_slice())).collect();
        self.catalog.put_vectors(model, &rows, (self.settings.now)())?;
        self.state().vectors.extend(vectors.into_iter().map(|(hash, vector)| (hash, vector.into())));
        Ok(())
    }

    /// Reads the vectors that are not in memory yet.
    fn read_vectors(&self, wanted: &[TextHash]) -> Result<(), Error> {
        let embedder = self.embedder.get()?;
        let unread: Vec<TextHash> = {
            let state = self.state();
            wanted.iter().copied().filter(|hash| !state.vectors.contains_key(hash)).collect()
        };
        let found =
            self.catalog.vectors(&model_key(embedder.id()), embedder.dimensions(), &unread, (self.settings.now)())?;
        self.state().vectors.extend(found);
        Ok(())
    }

    /// Who is there and how many tools they have: what a client's first list needs, before the first index is built. Later
    /// the servers change with the index, never before it.
    fn publish_servers(&self) {
        if self.known.borrow().has_servers {
            return;
        }
        let servers = {
            let state = self.state();
            let wanted = self.wanted();
            let tools = |source: &Source| wanted.tools_of(source, &state).count();
            wanted.sources.iter().map(|source| (source.name.clone(), view(source, &state, tools(source)))).collect()
        };
        self.known.send_modify(|known| {
            let mut changed = Known::clone(known);
            changed.has_servers = true;
            changed.servers = Arc::new(servers);
            *known = Arc::new(changed);
        });
    }

    /// Memory → index → readers. Tools without a vector are in it by their words.
    fn publish(&self) -> Result<(), Error> {
        let embedder = self.embedder.get()?;
        let (generation, mut entries) = {
            let state = self.state();
            (state.generation, self.entries(&state))
        };
        let wanted: Vec<TextHash> =
            entries.iter().flat_map(|(_, texts)| texts).map(|text| TextHash::of(text)).collect();
        self.read_vectors(&wanted)?;
        let mut tools_without_vector = 0;
        let mut state = self.state();
        for (entry, texts) in &mut entries {
            let vectors: Option<Vec<_>> =
                texts.iter().map(|text| state.vectors.get(&TextHash::of(text)).cloned()).collect();
            tools_without_vector += usize::from(vectors.is_none());
            entry.vectors = vectors.unwrap_or_default();
            let examples = index::examples_to_embed(&entry.tool_hints).len();
            entry.examples = entry.vectors.split_off(entry.vectors.len().saturating_sub(examples));
        }
        // The index keeps its own compact copies; what is kept here would be a second one.
        state.vectors = HashMap::new();
        let wanted = self.wanted();
        let servers = wanted
            .sources
            .iter()
            .map(|source| (source.name.clone(), view(source, &state, wanted.tools_of(source, &state).count())))
            .collect();
        let taken = wanted.sources.iter().flat_map(|source| wanted.taken_of(source, &state));
        let overruled = wanted.overrides.report(taken, wanted.clashes(&state));
        drop(state);
        let entries = entries.into_iter().map(|(entry, _)| entry).collect();
        let snapshot = Snapshot::build(
            generation,
            model_key(embedder.id()),
            embedder.dimensions(),
            entries,
            &self.settings.index,
        )?;
        let known = Known {
            is_loaded: true,
            has_servers: true,
            is_settled: self.known.borrow().is_settled,
            snapshot: Arc::new(snapshot),
            servers: Arc::new(servers),
            overruled: Arc::new(overruled),
            tools_without_vector,
            fault: None,
        };
        self.known.send_replace(Arc::new(known));
        Ok(())
    }

    fn publish_fault(&self, fault: &Error) {
        self.known.send_modify(|known| {
            let mut changed = Known::clone(known);
            changed.is_loaded = true;
            changed.has_servers = true;
            changed.fault = Some(fault.clone());
            *known = Arc::new(changed);
        });
    }
}

impl Wanted {
    /// Aliases that other tools have as their names.
    fn clashes(&self, state: &State) -> Vec<AliasClash> {
        let tools: Vec<_> = if self.overrides.is_empty() {
            Vec::new()
        } else {
            self.sources.iter().flat_map(|source| self.tools_of(source, state)).map(|tool| &tool.key).collect()
        };
        self.overrides.clashes(tools.iter().copied())
    }

    /// The tools of a server that are in use.
    fn tools_of<'a>(&'a self, source: &'a Source, state: &'a State) -> impl Iterator<Item = &'a Arc<Tool>> {
        self.taken_of(source, state).filter(|tool| self.overrides.hides(&tool.key).is_none())
    }

    /// The tools of a server that its entry lets through: its own list, or the registry's until there is one.
    fn taken_of<'a>(&'a self, source: &'a Source, state: &'a State) -> impl Iterator<Item = &'a Arc<Tool>> {
        let loaded = state.servers.get(&source.name);
        let listed = loaded.filter(|loaded| loaded.known.listed_at.is_some()).map(|loaded| loaded.tools.as_slice());
        let tools: &[Arc<Tool>] = if source.refusal.is_some() { &[] } else { listed.unwrap_or(&source.static_tools) };
        tools.iter().filter(|tool| source.takes(&tool.key.tool))
    }
}

impl Reconciler {
    /// Whether the operator lets a tool through; that of a server that is not known is his matter.
    #[must_use]
    pub fn takes(&self, server: &ServerName, tool: &str) -> bool {
        let wanted = self.shared.wanted();
        wanted.sources.iter().find(|source| source.name == *server).is_none_or(|source| source.takes(tool))
    }

    /// Whether the operator keeps some tools of a server out.
    #[must_use]
    pub fn keeps_tools_out(&self, server: &ServerName) -> bool {
        let has_rules = |source: &Source| source.tools_allowed.is_some() || !source.tools_denied.is_empty();
        self.shared.wanted().sources.iter().any(|source| source.name == *server && has_rules(source))
    }
}

impl Source {
    /// Whether the operator lets the tool through.
    #[must_use]
    pub fn takes(&self, tool: &str) -> bool {
        self.tools_allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == tool))
            && !self.tools_denied.iter().any(|name| name == tool)
    }
}

fn view(source: &Source, state: &State, tools: usize) -> KnownServerView {
    let known = state.servers.get(&source.name).map(|loaded| &loaded.known);
    let record = known.map(|known| known.record.clone()).unwrap_or_default();
    KnownServerView {
        hints: source.hints.clone(),
        fingerprint: source.key.fingerprint.clone(),
        own_name: record.own_name,
        own_version: record.own_version,
        protocol_version: record.protocol_version,
        instructions: record.instructions,
        tools,
        is_static: known.is_none_or(|known| known.listed_at.is_none()),
        listed_at: known.and_then(|known| known.listed_at),
        fault: known.map(|known| known.fault.clone()).unwrap_or_default(),
        refusal: source.refusal.clone(),
    }
}

/// Under which name vectors are kept: another file of the same model is another model.
fn model_key(id: &crate::embedder::ModelId) -> String {
    format!("{}@{}", id.name, id.hash)
}

//! What was learned, ready for ranking: the vectors of all lessons in one block, and which of them count.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::{Tool, ToolKey, error_chain};
use crate::embedder::TextKind;
use crate::history::{History, Lesson, LessonsState, RouteId, RoutedTool};
use crate::reconcile::{Known, LazyEmbedder};
use crate::router::{LEARNED_SHIFT_MAX, Learned};

/// Cosine of two requests from which a lesson of one bears on the other, and from which it does so in full. Guesses for the
/// built-in models, in which of requests for one tool 2.3 % (base 2.2 %) are so near, of requests for different ones .11 % (.15 %); for another model
/// these may be too near (its unrelated requests can be .75 alike); the bound on the shift holds for all.
const ALIKE: f32 = 0.75;
const THE_SAME: f32 = 0.95;
/// Lessons of one sign for one tool and requests that are the same: more say nothing new, and could be a flood.
const OF_A_KIND_MAX: usize = 3;
/// Texts that are embedded before their vectors are kept.
const EMBED_BATCH_LEN: usize = 64;
/// Numbers that are multiplied side by side, so that the compiler uses the processor's lanes.
const LANES: usize = 16;

/// Reads the lessons when they have changed, and turns them into shifts.
#[derive(Debug)]
pub(super) struct Learning {
    is_enabled: bool,
    history: Option<Arc<History>>,
    embedder: Arc<LazyEmbedder>,
    read_timeout: Duration,
    held: Arc<Mutex<Held>>,
}

/// The lessons that requests use, and the one task that may be reading them anew.
#[derive(Debug, Default)]
struct Held {
    lessons: Arc<Lessons>,
    rebuild: Option<Rebuild>,
    /// The last rebuild took longer than requests wait, or failed: the next one is not waited for.
    was_late: bool,
}

#[derive(Debug, Clone)]
struct Rebuild {
    /// Closed when the rebuild ends, however it does.
    ended: watch::Receiver<()>,
    /// No request waits longer, so that all of them together wait once.
    wait_until: Instant,
}

/// The lessons that count. Invariant: `vectors` has `dimensions` numbers for each of `counted`, whose tools are places in
/// `tools`.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    state: Option<LessonsState>,
    dimensions: usize,
    vectors: Vec<f32>,
    counted: Vec<Counted>,
    tools: Vec<RoutedTool>,
}

#[derive(Debug)]
struct Counted {
    route_id: RouteId,
    tool: usize,
    weight: f32,
}

/// What becomes of a lesson today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Counts,
    /// There are three newer ones that say the same.
    Repeats,
    /// No such tool is there.
    NoTool,
    /// Something else is started under the server's name.
    OtherServer,
    /// The tool says something else of itself than then.
    ToolChanged,
}

impl Learning {
    pub(super) fn new(
        is_enabled: bool,
        history: Option<Arc<History>>,
        embedder: Arc<LazyEmbedder>,
        read_timeout: Duration,
    ) -> Self {
        Self { is_enabled: is_enabled && history.is_some(), history, embedder, read_timeout, held: Arc::default() }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    pub(super) fn history(&self) -> Option<&Arc<History>> {
        self.history.as_ref()
    }

    /// What lessons say for a request with this vector; empty when there are none about requests like it. Those of the route
    /// `left_out` do not count.
    ///
    /// Cancel safe.
    pub(super) async fn shifts(&self, known: &Known, vector: &[f32], left_out: Option<&RouteId>) -> Vec<Learned> {
        let Some(history) = self.history.as_ref().filter(|_| self.is_enabled) else { return Vec::new() };
        self.current(history, known.snapshot.model()).await.shifts(known, vector, left_out)
    }

    /// The lessons as they are, after a wait of at most the time-out for those that changed; when they take longer, requests go
    /// on with what is held, and the rebuild goes on beside them.
    async fn current(&self, history: &Arc<History>, model: &str) -> Arc<Lessons> {
        let rebuild = {
            let mut held = self.lock();
            if held.lessons.state.is_some_and(|state| !history.is_outdated(state)) {
                return held.lessons.clone();
            }
            let running = held.rebuild.clone().filter(|rebuild| rebuild.ended.has_changed().is_ok());
            running.unwrap_or_else(|| {
                let wait = if held.was_late { Duration::ZERO } else { self.read_timeout };
                let (is_running, ended) = watch::channel(());
                let rebuild = Rebuild { ended, wait_until: Instant::now() + wait };
                let late_at = Instant::now() + self.read_timeout;
                tokio::spawn(self.rebuild(history.clone(), model.to_owned(), late_at, is_running));
                held.rebuild = Some(rebuild.clone());
                rebuild
            })
        };
        let Rebuild { mut ended, wait_until } = rebuild;
        let _in_time = tokio::time::timeout_at(wait_until, ended.changed()).await;
        self.lock().lessons.clone()
    }

    /// Reads the lessons and holds them, whenever that is done.
    fn rebuild(
        &self,
        history: Arc<History>,
        model: String,
        late_at: Instant,
        is_running: watch::Sender<()>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (held, embedder) = (self.held.clone(), self.embedder.clone());
        async move {
            let built = build(history, embedder, model).await;
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            let is_late = Instant::now() > late_at;
            match &built {
                Err(fault) => {
                    tracing::warn!(error = fault, "what was learned cannot be read; ranked by what was known before");
                }
                Ok(_) if is_late && !held.was_late => {
                    tracing::warn!(
                        "what was learned was not read in time (history.read_timeout_ms); ranked without it till now"
                    );
                }
                Ok(_) => {}
            }
            held.was_late = is_late || built.is_err();
            if let Ok(lessons) = built {
                held.lessons = Arc::new(lessons);
            }
            drop(held);
            // Only now, so that who waited finds them.
            drop(is_running);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn build(history: Arc<History>, embedder: Arc<LazyEmbedder>, model: String) -> Result<Lessons, String> {
    let (state, lessons) = history.lessons(model.clone()).await.map_err(|fault| error_chain(&fault))?;
    let work = move || {
        let lessons = embed_missing(lessons, &embedder, &history, &model);
        Lessons { state: Some(state), ..Lessons::of(lessons) }
    };
    tokio::task::spawn_blocking(work).await.map_err(|fault| fault.to_string())
}

/// Where each of these stands today. Newest first.
pub(super) fn standings(known: &Known, lessons: &[Lesson]) -> Vec<Standing> {
    let repeats = repeats(lessons);
    let standing = |(lesson, repeats): (&Lesson, bool)| {
        let standing = Today::of(known, &lesson.tool).standing(lesson.weight);
        if repeats && standing == Standing::Counts { Standing::Repeats } else { standing }
    };
    lessons.iter().zip(repeats).map(standing).collect()
}

/// Gives lessons their vectors where they have none of this model, and keeps those. Blocks for about a millisecond for each.
fn embed_missing(mut lessons: Vec<Lesson>, embedder: &LazyEmbedder, history: &History, model: &str) -> Vec<Lesson> {
    let Ok(embedder) = embedder.get() else { return lessons };
    let mut missing: Vec<&mut Lesson> = lessons.iter_mut().filter(|lesson| lesson.vector.is_none()).collect();
    for batch in missing.chunks_mut(EMBED_BATCH_LEN) {
        let texts: Vec<&str> = batch.iter().map(|lesson| lesson.request.as_str()).collect();
        let Ok(vectors) = embedder.embed(TextKind::Query, &texts) else { break };
        let kept = batch.iter().map(|lesson| lesson.id).zip(vectors.iter().cloned()).collect();
        history.put_vectors(model.to_owned(), kept);
        batch.iter_mut().zip(vectors).for_each(|(lesson, vector)| lesson.vector = Some(vector));
    }
    lessons
}

impl Lessons {
    /// From these, newest first.
    pub(super) fn of(lessons: Vec<Lesson>) -> Self {
        let repeats = repeats(&lessons);
        let dimensions = lessons.iter().find_map(|lesson| lesson.vector.as_ref()).map_or(0, Vec::len);
        let mut built = Self { dimensions, ..Self::default() };
        let mut places: HashMap<RoutedTool, usize> = HashMap::new();
        for (lesson, repeats) in lessons.into_iter().zip(repeats) {
            let Some(vector) = lesson.vector.filter(|vector| !repeats && vector.len() == dimensions) else { continue };
            let next = places.len();
            let tool = *places.entry(lesson.tool).or_insert(next);
            built.vectors.extend(vector);
            built.counted.push(Counted { route_id: lesson.route_id, tool, weight: lesson.weight });
        }
        let mut tools: Vec<(usize, RoutedTool)> = places.into_iter().map(|(tool, place)| (place, tool)).collect();
        tools.sort_by_key(|(place, _)| *place);
        built.tools = tools.into_iter().map(|(_, tool)| tool).collect();
        built
    }

    pub(super) fn shifts(&self, known: &Known, vector: &[f32], left_out: Option<&RouteId>) -> Vec<Learned> {
        if self.dimensions == 0 || vector.len() != self.dimensions {
            return Vec::new();
        }
        let mut sums: Vec<Sum> = Vec::new();
        // Looked up once for each tool: a description is hashed for it.
        let mut today: Vec<Option<Today>> = vec![None; self.tools.len()];
        for (row, counted) in self.vectors.chunks_exact(self.dimensions).zip(&self.counted) {
            let cosine = dot(row, vector);
            if cosine.is_nan() || cosine < ALIKE || left_out == Some(&counted.route_id) {
                continue;
            }
            let tool = *today[counted.tool].get_or_insert_with(|| Today::of(known, &self.tools[counted.tool]));
            let (Standing::Counts, Some(entry)) = (tool.standing(counted.weight), tool.entry) else { continue };
            let share = ((cosine - ALIKE) / (THE_SAME - ALIKE)).min(1.0);
            let place = sums.iter().position(|sum| sum.entry == entry).unwrap_or_else(|| {
                sums.push(Sum { entry, speaks_for: 0.0, speaks_against: 0.0, lessons: 0 });
                sums.len() - 1
            });
            sums[place].add(share * counted.weight);
        }
        sums.iter().map(Sum::learned).filter(|learned| learned.shift != 0.0).collect()
    }
}

/// What is said of one tool.
struct Sum {
    entry: usize,
    speaks_for: f32,
    speaks_against: f32,
    lessons: usize,
}

impl Sum {
    fn add(&mut self, weight: f32) {
        if weight > 0.0 {
            self.speaks_for += weight;
        } else {
            self.speaks_against -= weight;
        }
        self.lessons += 1;
    }

    /// Both sides are bounded before they meet, so that a hundred words for a tool cannot drown one against it.
    fn learned(&self) -> Learned {
        let shift = self.speaks_for.min(LEARNED_SHIFT_MAX) - self.speaks_against.min(LEARNED_SHIFT_MAX);
        Learned { entry: self.entry, shift, lessons: self.lessons }
    }
}

/// What became of a tool that lessons are about.
#[derive(Debug, Clone, Copy)]
struct Today {
    entry: Option<usize>,
    is_same_server: bool,
    is_same_tool: bool,
}

impl Today {
    fn of(known: &Known, tool: &RoutedTool) -> Self {
        let entry = known.snapshot.find(&tool.key);
        let server = known.servers.get(&tool.key.server);
        Self {
            entry,
            is_same_server: server.is_some_and(|server| server.fingerprint == tool.fingerprint),
            is_same_tool: entry.is_some_and(|entry| about(&known.snapshot.entries()[entry].tool) == tool.about),
        }
    }

    /// Whether a lesson of this weight counts. What speaks for a tool ends with what the tool says of itself; what speaks
    /// against it does not, else a new description would wash it clean.
    fn standing(self, weight: f32) -> Standing {
        match self {
            Self { entry: None, .. } => Standing::NoTool,
            Self { is_same_server: false, .. } => Standing::OtherServer,
            Self { is_same_tool: false, .. } if weight > 0.0 => Standing::ToolChanged,
            Self { .. } => Standing::Counts,
        }
    }
}

/// Which lessons say what three newer ones have said already. Newest first.
fn repeats(lessons: &[Lesson]) -> Vec<bool> {
    struct Kind<'a> {
        key: &'a ToolKey,
        is_for: bool,
        vector: &'a [f32],
        count: usize,
    }
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    let mut repeats = Vec::with_capacity(lessons.len());
    for lesson in lessons {
        let Some(vector) = lesson.vector.as_deref() else {
            repeats.push(false);
            continue;
        };
        let is_for = lesson.weight > 0.0;
        let same = kinds
            .iter_mut()
            .find(|kind| kind.is_for == is_for && *kind.key == lesson.tool.key && dot(kind.vector, vector) >= THE_SAME);
        match same {
            Some(kind) => {
                kind.count += 1;
                repeats.push(kind.count > OF_A_KIND_MAX);
            }
            None => {
                kinds.push(Kind { key: &lesson.tool.key, is_for, vector, count: 1 });
                repeats.push(false);
            }
        }
    }
    repeats
}

/// A tool as a lesson names it.
pub(super) fn routed_tool(known: &Known, tool: &Tool) -> RoutedTool {
    let fingerprint = known.servers.get(&tool.key.server).map(|server| server.fingerprint.clone()).unwrap_or_default();
    RoutedTool { key: tool.key.clone(), fingerprint, about: about(tool) }
}

/// A hash over what people and models read of a tool, and what it says it does to the world.
pub(super) fn about(tool: &Tool) -> String {
    let mut hash = Sha256::new();
    for part in [tool.title.as_str(), &tool.description, tool.effect.word()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The cosine of two unit vectors; what one has more than the other does not count.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a_lanes, b_lanes) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a_lanes.0.iter().zip(b_lanes.0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_lanes.1.iter().zip(b_lanes.1).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

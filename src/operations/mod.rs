//! The verbs, one file each: the only place that decides. Every surface (MCP, the command line) calls these and
//! translates, nothing more. A verb has a deadline and leaves one log line behind; it never logs what was asked or
//! answered.

mod advice;
mod answered;
mod ask_params;
mod ask_user;
mod call_tool;
mod check_params;
mod context;
mod describe;
mod error;
mod execute;
mod explain_tool;
mod feedback;
mod fetch_result;
mod find_tool;
mod forward;
mod inspect;
mod large_result;
mod learned;
#[cfg(test)]
mod learned_tests;
mod list_capabilities;
mod list_learned;
mod list_tools;
mod look_at_servers;
mod mend_params;
mod observed;
mod order;
mod plans;
mod rebuild_index;
mod record_route;
mod replay;
mod request_vector;
mod resolve;
mod route;
mod server_log;
mod servers;
mod show_settings;
mod slim_schema;
mod spans;
mod status;
mod steps;
#[cfg(test)]
mod tests;

pub use crate::supervisor::{ServerState, SubscribedAt, Told};
pub use advice::Advice;
pub use ask_params::{Form, Reply, accept, form, missing, reply};
pub use call_tool::CallInput;
pub use context::{CallerId, OpContext};
pub use describe::{ToolLine, first_sentence, rounded, signature, signature_of, why};
pub use error::{Blame, Error};
pub use execute::{ExecuteInput, ExecuteOutput, OutcomeKind, RouteInfo};
pub use explain_tool::{ExplainInput, ExplainOutput};
pub use feedback::{FeedbackInput, FeedbackOutput};
pub use fetch_result::{FetchInput, FetchOutput};
pub use find_tool::{Detail, FindInput, FindOutput};
pub use forward::Forwarded;
pub use inspect::{InspectInput, InspectOutput, InspectedBars, InspectedDecision, InspectedLatency, RankedTool};
pub use large_result::{LargeResult, ResultBounds};
pub use list_capabilities::{CapabilitiesInput, CapabilitiesOutput, CapabilityLine, ServerLine};
pub use list_learned::{LearnedOutput, LessonLine};
pub use list_tools::{ListedTool, ToolsInput, ToolsOutput};
pub use look_at_servers::{ServerOutput, ServerSeen, ServersOutput};
pub use rebuild_index::{IndexStatus, RebuildReport};
pub use record_route::Ending;
pub use replay::Replayed;
pub use route::Routed;
pub use server_log::{LogInput, LogLine, LogOutput};
pub use servers::{Acted, Relay, Relayed, Reload, Reloaded, Selection};
pub use show_settings::{SettingLine, SettingsOutput, ShowSettings};
pub use slim_schema::{compact_schema, schema_within};
pub use status::{CallCounts, LookAtEnv, LookAtProcess, ProcessFacts, ServerCounts, StatusOutput};
pub use steps::{PlannedStep, StepPlan, StepReport, StepState, StepsInput, StepsOutcome, StepsOutput};

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;

use crate::history::History;
use crate::reconcile::{Known, LazyEmbedder, Reconciler};
use crate::router::Bars;
use crate::supervisor::Pool;

/// How long a request waits for servers that are asked for the first time, when others are known already.
const SOME_IS_KNOWN: Duration = Duration::from_secs(5);

/// What the verbs need to know of the settings.
#[derive(Debug, Clone)]
pub struct OperationSettings {
    /// Weight of words against meaning, 0 to 1.
    pub words_weight: f32,
    /// Candidates offered when the choice is left to the caller.
    pub candidates_max: usize,
    /// Confidence from which a tool is run without asking.
    pub bars: Bars,
    /// Longest request, in characters.
    pub request_chars_max: usize,
    /// Requests whose vectors are kept.
    pub query_cache_len: usize,
    /// How long a plan waits for its word.
    pub plan_time_to_live: Duration,
    /// Whether ranking uses what was learned.
    pub is_learning: bool,
    /// Longest wait of a request for what was learned to be read.
    pub learned_timeout: Duration,
    /// Longest wait for what is not known yet: the catalog being read, the first servers being listed.
    pub settle_timeout: Duration,
}

/// All verbs. Cheap to share.
pub struct Operations {
    settings: OperationSettings,
    pool: Arc<Pool>,
    reconciler: Arc<Reconciler>,
    known: watch::Receiver<Arc<Known>>,
    vectors: request_vector::RequestVectors,
    validators: check_params::Validators,
    plans: plans::Plans,
    learning: learned::Learning,
    choices: record_route::OpenChoices,
    answered: answered::Answered,
    reload: OnceLock<Reload>,
    logs: OnceLock<PathBuf>,
    process: OnceLock<LookAtProcess>,
    env: OnceLock<LookAtEnv>,
    show_settings: OnceLock<ShowSettings>,
    large: OnceLock<large_result::LargeResults>,
    observers: observed::Observers,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Operations {
    /// The verbs over these rooms. Without a history nothing is noted and nothing learned.
    #[must_use]
    pub fn new(
        settings: OperationSettings,
        pool: Arc<Pool>,
        reconciler: Arc<Reconciler>,
        known: watch::Receiver<Arc<Known>>,
        embedder: Arc<LazyEmbedder>,
        history: Option<Arc<History>>,
    ) -> Self {
        let vectors = request_vector::RequestVectors::new(embedder.clone(), settings.query_cache_len);
        let learning = learned::Learning::new(settings.is_learning, history, embedder, settings.learned_timeout);
        let plans = plans::Plans::new(settings.plan_time_to_live);
        Self {
            settings,
            pool,
            reconciler,
            known,
            vectors,
            validators: check_params::Validators::default(),
            plans,
            learning,
            choices: record_route::OpenChoices::default(),
            answered: answered::Answered::default(),
            reload: OnceLock::new(),
            logs: OnceLock::new(),
            process: OnceLock::new(),
            env: OnceLock::new(),
            show_settings: OnceLock::new(),
            large: OnceLock::new(),
            observers: observed::Observers::default(),
        }
    }

    /// What is known at this moment, be it nothing.
    #[must_use]
    pub fn known_now(&self) -> Arc<Known> {
        self.known.borrow().clone()
    }

    /// The bars in force.
    #[must_use]
    pub fn bars(&self) -> &Bars {
        &self.settings.bars
    }

    /// Follows what is known.
    #[must_use]
    pub fn follow_known(&self) -> watch::Receiver<Arc<Known>> {
        self.known.clone()
    }

    /// What is known once routing knows all that it can: the catalog has been read, every server that was never listed has
    /// been asked, and every tool has its vector. Waits some seconds for that, then takes what there is.
    ///
    /// Cancel safe.
    pub async fn known(&self) -> Arc<Known> {
        self.known_once(Known::is_complete).await
    }

    /// The same, once all tools are known, with or without vectors.
    ///
    /// Cancel safe.
    pub async fn known_listed(&self) -> Arc<Known> {
        self.known_once(Known::is_listed).await
    }

    async fn known_once(&self, is_enough: impl Fn(&Known) -> bool) -> Arc<Known> {
        let mut known = self.known.clone();
        let is_enough = |known: &Arc<Known>| known.fault.is_some() || is_enough(known);
        if let Ok(Ok(known)) = tokio::time::timeout(SOME_IS_KNOWN, known.wait_for(&is_enough)).await {
            return known.clone();
        }
        // Half of the tools now are worth more than all of them later, but nothing is worth nothing.
        let has_something = |known: &Arc<Known>| is_enough(known) || !known.snapshot.entries().is_empty();
        match tokio::time::timeout(self.settings.settle_timeout, known.wait_for(has_something)).await {
            Ok(Ok(known)) => known.clone(),
            _ => self.known_now(),
        }
    }
}

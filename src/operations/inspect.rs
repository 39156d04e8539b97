//! Why a request goes where it goes: the ranking with everything that its scores are the sums of. Runs nothing and notes nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::domain::Effect;
use crate::router::{self, Bars, Decision, Parts, RankOptions};

use super::describe::{first_sentence, rounded, why};
use super::route::RANKED;
use super::{Error, Operations};

/// What is asked about.
#[derive(Debug, Clone)]
pub struct InspectInput {
    /// In words.
    pub request: String,
    /// Parameters that would come with it; an object.
    pub params: Option<Value>,
}

/// How a request would be routed, and why.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct InspectOutput {
    /// What was asked about.
    pub request: String,
    /// What `execute` would do with the first tool.
    pub decision: InspectedDecision,
    /// The first tool, `server.tool`; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Probability that it is the right one, given that one is.
    pub confidence: f64,
    /// Probability that any tool does it.
    pub any_confidence: f64,
    /// What `confidence` is held against, by what the first tool does to the world, and `any_confidence`.
    pub bars: InspectedBars,
    /// What the first tool does: `read`, `write` or `destructive`.
    pub effect: &'static str,
    /// Whether the request names the first tool.
    pub is_named: bool,
    /// Best first.
    pub ranked: Vec<RankedTool>,
    /// How long it took.
    pub latency_ms: InspectedLatency,
}

/// What `execute` would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InspectedDecision {
    /// Run the first tool.
    Run,
    /// Ask whether to run it.
    Confirm,
    /// Ask which.
    Choose,
    /// Say that no tool does this.
    None,
}

/// The least confidence for each thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct InspectedBars {
    /// For running a tool that reads.
    pub read: f64,
    /// For one that writes.
    pub write: f64,
    /// For one that may destroy.
    pub destructive: f64,
    /// For there being a tool at all.
    pub any: f64,
}

/// One tool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RankedTool {
    /// `server.tool`.
    pub tool: String,
    /// Its server.
    pub server: String,
    /// First sentence of its description.
    pub about: String,
    /// What it was ordered by: the sum of its parts.
    pub score: f64,
    /// Probability that it is the right one, given that one is.
    pub confidence: f64,
    /// `read`, `write` or `destructive`.
    pub effect: &'static str,
    /// What its score is the sum of.
    pub parts: BTreeMap<&'static str, f64>,
    /// The same in words.
    pub why: Vec<String>,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct InspectedLatency {
    /// For the vector of the request; next to nothing when it was asked before.
    pub embed: f64,
    /// For the ranking.
    pub rank: f64,
}

impl Operations {
    /// Ranks the tools for a request and says what the scores are made of.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// As [`Self::route`].
    pub async fn inspect(&self, input: &InspectInput) -> Result<InspectOutput, Error> {
        let request = self.checked_request(&input.request)?;
        let known = self.known().await;
        if let Some(fault) = &known.fault {
            return Err(Error::Index(fault.clone()));
        }
        let started = Instant::now();
        let vector = self.vectors.vector(request).await?;
        let embedded = Instant::now();
        let learned = self.learning.shifts(&known, &vector, None).await;
        let options = RankOptions {
            k: RANKED,
            params: input.params.as_ref(),
            allowed: None,
            words_weight: self.settings.words_weight,
            learned: &learned,
        };
        let before = Instant::now();
        let ranking = router::rank(&known.snapshot, request, &vector, &options);
        let ranked = Instant::now();
        let parts = router::parts(&known.snapshot, request, &vector, &options, &ranking);
        let lines = ranking.candidates.iter().zip(parts).filter_map(|(candidate, parts)| {
            let tool = &known.snapshot.entries().get(candidate.entry)?.tool;
            let about = if tool.description.is_empty() { &tool.title } else { &tool.description };
            Some(RankedTool {
                tool: tool.key.to_string(),
                server: tool.key.server.to_string(),
                about: first_sentence(about),
                score: four_digits(candidate.score),
                confidence: rounded(candidate.confidence),
                effect: tool.effect.word(),
                parts: told(&parts),
                why: why(candidate),
            })
        });
        let lines: Vec<RankedTool> = lines.collect();
        let first = ranking.candidates.first().and_then(|first| known.snapshot.entries().get(first.entry));
        let effect = first.map_or(Effect::Write, |entry| entry.tool.effect);
        Ok(InspectOutput {
            request: request.to_owned(),
            decision: InspectedDecision::of(router::decide(&ranking, effect, &self.settings.bars)),
            tool: first.map(|entry| entry.tool.key.to_string()),
            confidence: rounded(ranking.is_right),
            any_confidence: rounded(ranking.is_any),
            bars: InspectedBars::of(&self.settings.bars),
            effect: effect.word(),
            is_named: ranking.named,
            ranked: lines,
            latency_ms: InspectedLatency { embed: ms(embedded - started), rank: ms(ranked - before) },
        })
    }
}

impl InspectedDecision {
    fn of(decision: Decision) -> Self {
        match decision {
            Decision::Run => Self::Run,
            Decision::NeedsConfirmation => Self::Confirm,
            Decision::NeedsChoice => Self::Choose,
            Decision::NoMatch => Self::None,
        }
    }
}

impl InspectedBars {
    fn of(bars: &Bars) -> Self {
        let Bars { read, write, destructive, any } = *bars;
        let [read, write, destructive, any] = [read, write, destructive, any].map(four_digits);
        Self { read, write, destructive, any }
    }
}

/// Those that say something.
fn told(parts: &Parts) -> BTreeMap<&'static str, f64> {
    let all = Parts::NAMES.into_iter().zip(parts.values().map(four_digits));
    all.filter(|(_, value)| *value != 0.0).collect()
}

fn four_digits(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

fn ms(took: std::time::Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

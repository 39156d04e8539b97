//! What operations tell is recorded: what ran, and what an operator ordered. Looking for tools is not.

use serde_json::{Value, json};

use crate::domain::{Act, CallParams, Ended, Observer, Verb};

use super::entry::{Event, ParamsDigest};
use super::log::Log;

/// In the place of a log that is required and could not be had: nothing may run.
#[derive(Debug)]
pub struct Missing;

impl Observer for Missing {
    fn ended(&self, _: &Ended<'_>) {}

    fn may_begin(&self) -> bool {
        false
    }
}

impl Observer for Log {
    fn ended(&self, ended: &Ended<'_>) {
        if ended.verb == Verb::Find {
            return;
        }
        let target = match (ended.server, ended.tool) {
            (Some(server), Some(tool)) => [server, ".", tool].concat(),
            (server, tool) => server.or(tool).unwrap_or_default().to_owned(),
        };
        let params = match ended.params {
            CallParams::None => None,
            CallParams::Raw(text) | CallParams::Members(text) => Some(ParamsDigest::of(text)),
        };
        let mut details: Vec<(&'static str, Value)> = Vec::new();
        details.extend(ended.decision.map(|decision| ("decision", Value::from(decision))));
        details.extend(ended.confidence.map(|confidence| ("confidence", json!(confidence))));
        details.extend(ended.error_kind.map(|kind| ("error", Value::from(kind))));
        self.record(Event {
            at: self.now(),
            who: ended.who.cloned(),
            from: ended.from.map(|from| from.to_canonical().to_string()),
            surface: Some(ended.surface.word()),
            action: ended.verb.word(),
            target,
            outcome: ended.outcome.word(),
            ms: Some(ended.duration.as_secs_f64() * 1000.0),
            params,
            details,
        });
    }

    fn acted(&self, act: &Act<'_>) {
        let mut details: Vec<(&'static str, Value)> = Vec::new();
        details.extend((!act.why.is_empty()).then(|| ("why", act.why.chars().take(200).collect::<String>().into())));
        let event = Event {
            at: self.now(),
            who: act.who.cloned(),
            from: act.from.map(|from| from.to_canonical().to_string()),
            surface: Some(act.surface.word()),
            action: act.action,
            target: act.target.to_owned(),
            outcome: if act.is_done { "done" } else { "failed" },
            ms: Some(act.duration.as_secs_f64() * 1000.0),
            params: None,
            details,
        };
        // Who is refused may knock as often as he likes.
        if act.action.starts_with("access.") { self.refused(event) } else { self.record(event) }
    }

    fn may_begin(&self) -> bool {
        !self.options().is_required || self.is_able()
    }
}

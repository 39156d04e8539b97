//! Calls exactly this tool.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use crate::domain::{ServerName, Stage, Tool};
use crate::reconcile::Known;
use crate::supervisor::{Call, Outcome};

use super::mend_params::mend;
use super::resolve::find_hidden;
use super::spans::{told, traced};
use super::{Error, OpContext, Operations};

/// Which tool, with what.
#[derive(Debug, Clone)]
pub struct CallInput {
    /// `server.tool`.
    pub tool: String,
    /// An object.
    pub params: Value,
}

/// Parameters that were looked at: what would be sent, or what is wrong with them.
pub(super) enum Checked<'a> {
    /// What to send, and what was read in another way than it was written.
    Fit(Cow<'a, Value>, Vec<String>),
    /// One line for each problem.
    Problems(Vec<String>),
}

impl Operations {
    /// Finds the tool that somebody named.
    ///
    /// # Errors
    /// [`Error::NotFound`] with near names; [`Error::InvalidInput`] when several servers have it.
    pub async fn find_exactly(&self, name: &str) -> Result<Arc<Tool>, Error> {
        let known = self.known_listed().await;
        if known.snapshot.entries().is_empty()
            && let Some(fault) = &known.fault
        {
            return Err(Error::Index(fault.clone()));
        }
        let mut found = super::resolve::resolve(&known.snapshot, name);
        if matches!(found, Err(Error::NotFound { .. })) && self.is_about_to_list(&known, name) {
            // Its entry in the registry is new, or was just changed.
            let known = Box::pin(self.known_once_listed(name)).await;
            found = super::resolve::resolve(&known.snapshot, name);
        }
        match (&found, find_hidden(&known.overruled.hidden, name)) {
            (Err(Error::NotFound { .. }), Some((key, pattern))) => Err(Error::NotFound {
                what: format!(
                    "the tool {key} is hidden by the operator (overrides.{pattern:?}.hidden in the settings); use another, \
                     or ask the operator to take that line out"
                ),
            }),
            _ => found,
        }
    }

    /// Whether the tool's server has not been listed yet, and will be.
    fn is_about_to_list(&self, known: &Known, name: &str) -> bool {
        let is_its = |server: &ServerName| {
            name.strip_prefix(server.as_str()).is_some_and(|rest| rest.starts_with('.'))
                && !self.pool.is_left_alone(server)
        };
        known.servers.iter().any(|(server, view)| view.awaits_its_list() && is_its(server))
    }

    async fn known_once_listed(&self, name: &str) -> Arc<Known> {
        let mut known = self.known.clone();
        let is_listed = |known: &Arc<Known>| !self.is_about_to_list(known, name);
        match tokio::time::timeout(self.settings.settle_timeout, known.wait_for(is_listed)).await {
            Ok(Ok(known)) => known.clone(),
            _ => self.known_now(),
        }
    }

    /// Checks the parameters against the tool's schema, and mends what can only be meant in one way. Blocks for as long as a
    /// schema takes to compile: microseconds to a few milliseconds, once.
    pub(super) fn check<'a>(&self, tool: &Arc<Tool>, params: &'a Value) -> Checked<'a> {
        if !params.is_object() {
            return Checked::Problems(vec![format!("params must be an object, not {}", kind_of(params))]);
        }
        let began = Instant::now();
        let problems = self.validators.problems(tool, params);
        self.observers.passed(Stage::Check, began);
        if problems.is_empty() {
            return Checked::Fit(Cow::Borrowed(params), Vec::new());
        }
        match mend(&tool.input_schema.to_value(), params) {
            Some((mended, told)) if self.validators.problems(tool, &mended).is_empty() => {
                Checked::Fit(Cow::Owned(mended), told)
            }
            _ => Checked::Problems(problems),
        }
    }

    /// Sends a checked call.
    pub(super) async fn send(&self, cx: &OpContext, tool: &Tool, arguments: &str) -> Result<Outcome, Error> {
        self.check_can_be_noted()?;
        let mut span = cx.trace.call("tools/call", Some(&tool.key.tool), tool.key.server.as_str());
        let call = Call {
            server: &tool.key.server,
            tool: &tool.key.tool,
            arguments,
            is_idempotent: tool.is_idempotent,
            client: (!cx.is_anonymous).then_some(cx.caller.0),
            progress: cx.progress.clone(),
            cancel: cx.cancel.clone(),
            behind: traced(&cx.behind, &span),
        };
        let began = Instant::now();
        let ended = self.pool.call(&call).await;
        self.observers.passed(Stage::Call, began);
        told(&mut span, &ended);
        self.answered.note(&tool.key.server);
        Ok(ended?)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

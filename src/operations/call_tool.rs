//! Calls exactly this tool.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::Tool;
use crate::supervisor::{Call, Outcome};

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
pub(super) enum Checked {
    /// The raw JSON to send.
    Fit(String),
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
        super::resolve::resolve(&known.snapshot, name)
    }

    /// Checks the parameters against the tool's schema. Blocks for as long as a schema takes to compile: microseconds to
    /// a few milliseconds, once.
    pub(super) fn check(&self, tool: &Arc<Tool>, params: &Value) -> Checked {
        if !params.is_object() {
            return Checked::Problems(vec![format!("params must be an object, not {}", kind_of(params))]);
        }
        let problems = self.validators.problems(tool, params);
        if problems.is_empty() { Checked::Fit(params.to_string()) } else { Checked::Problems(problems) }
    }

    /// Sends a checked call.
    pub(super) async fn send(&self, cx: &OpContext, tool: &Tool, arguments: &str) -> Result<Outcome, Error> {
        let call = Call {
            server: &tool.key.server,
            tool: &tool.key.tool,
            arguments,
            is_idempotent: tool.is_idempotent,
            progress: cx.progress.clone(),
            cancel: cx.cancel.clone(),
        };
        Ok(self.pool.call(&call).await?)
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

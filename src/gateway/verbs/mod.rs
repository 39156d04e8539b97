//! The verbs as the network offers them: one table with the name of each, who may use it, what it takes and gives, and where it
//! lies in the REST API. REST, the WebSocket and `POST /mcp/<name>` are made from this table, and so are the OpenAPI document and
//! its page: a verb that is added here is everywhere. Nothing here decides; each entry reads its input, calls one operation and
//! writes what came of it.

mod caller;
mod fault;
mod inputs;
mod look;
mod orders;
mod outputs;
mod raw;
mod run_tools;
mod seeds;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod traced;
mod watch;

pub use caller::Caller;
pub use fault::{Fault, FaultKind, Wrong};
pub use raw::RawJson;
pub(super) use shape::ERRORS_MAX;
pub use shape::{MemberKind, Shape, typed};
pub use table::{HttpMethod, Path, Verb, all, find};

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::monitor::Monitor;
use crate::operations::{OpContext, Operations};

/// All verbs over the operations. Cheap to share.
pub struct Verbs {
    operations: Arc<Operations>,
    monitor: Option<Arc<Monitor>>,
    audit: Option<PathBuf>,
}

impl fmt::Debug for Verbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verbs").finish_non_exhaustive()
    }
}

/// What a name on the network means.
#[derive(Debug, Clone, Copy)]
pub enum Meant<'a> {
    /// A verb, by its name or one of its aliases.
    Verb(&'static Verb),
    /// A tool, if there is one of that name.
    Tool(&'a str),
}

/// What came of a name and its parameters.
#[derive(Debug)]
pub struct Named {
    /// The output of a verb. Of a tool the text of its result, where it is text alone, else its structured content, else the whole
    /// result.
    pub result: RawJson,
    /// The tool says that it failed.
    pub is_error: bool,
}

impl Named {
    /// As older programs read it: `{"result": …}`, and `"is_error": true` beside it where the tool says so.
    #[must_use]
    pub fn into_json(self) -> RawJson {
        let is_error = if self.is_error { ",\"is_error\":true" } else { "" };
        RawJson::known(format!("{{\"result\":{}{is_error}}}", self.result.as_str()))
    }
}

impl Verbs {
    /// The verbs over these operations.
    #[must_use]
    pub fn new(operations: Arc<Operations>) -> Self {
        Self { operations, monitor: None, audit: None }
    }

    /// The same with what went on.
    #[must_use]
    pub fn with_monitor(self, monitor: Arc<Monitor>) -> Self {
        Self { monitor: Some(monitor), ..self }
    }

    /// The same with the audit log in that folder.
    #[must_use]
    pub fn with_audit(self, folder: PathBuf) -> Self {
        Self { audit: Some(folder), ..self }
    }

    /// What went on, where it is kept.
    #[must_use]
    pub fn monitor(&self) -> Option<&Arc<Monitor>> {
        self.monitor.as_ref()
    }

    /// The operations below.
    #[must_use]
    pub fn operations(&self) -> &Arc<Operations> {
        &self.operations
    }

    /// What a name means: a verb, one of the tools that MCP clients are shown, a name of older programs, else a tool.
    #[must_use]
    pub fn meant(name: &str) -> Meant<'_> {
        find(name).map_or(Meant::Tool(name), Meant::Verb)
    }

    /// Whether the caller may use a verb; who watches is told when he may not.
    ///
    /// # Errors
    /// [`FaultKind::ScopeTooSmall`].
    pub fn admit(&self, cx: &OpContext, caller: &Caller, verb: &Verb) -> Result<(), Fault> {
        caller.may(verb).inspect_err(|fault| self.operations.tell_refused(cx, verb.name, fault.kind.slug()))
    }

    /// Runs a verb: checks the caller's scope, then the input against the verb's schema, then does it.
    ///
    /// Cancel safe as far as the operation is: each says so.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn run(
        &self,
        cx: &OpContext,
        caller: &Caller,
        verb: &'static Verb,
        input: Value,
    ) -> Result<RawJson, Fault> {
        self.admit(cx, caller, verb)?;
        let input = shape::object(input)?;
        verb.shape().check(&input)?;
        let traced = traced::begin(cx, verb.name);
        let cx = traced.as_ref().map_or(cx, |(_, below)| below);
        let ended = (verb.run)(self, Asked { cx, caller }, input).await;
        traced::end(traced, &ended);
        ended
    }

    /// Runs what a name means, as `POST /mcp/<name>` and the WebSocket do. A tool gets the whole input as its arguments.
    ///
    /// Cancel safe as far as the operation is.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn run_named(&self, cx: &OpContext, caller: &Caller, name: &str, input: Value) -> Result<Named, Fault> {
        match Self::meant(name) {
            Meant::Verb(verb) => {
                let result = self.run(cx, caller, verb, input).await?;
                Ok(Named { result, is_error: false })
            }
            Meant::Tool(tool) => {
                let verb = find("call").expect("the table has it");
                self.admit(cx, caller, verb)?;
                let traced = traced::begin(cx, verb.name);
                let cx = traced.as_ref().map_or(cx, |(_, below)| below);
                let ended = run_tools::call_for_result(self, Asked { cx, caller }, tool, shape::object(input)?).await;
                traced::end(traced, &ended);
                ended
            }
        }
    }
}

/// The circumstances of one run.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What the operations need.
    pub cx: &'a OpContext,
    /// Who asked.
    pub caller: &'a Caller,
}

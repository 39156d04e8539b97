//! A tool that does real work: how it is announced, and how it is called.

use serde_json::{Map, Value};

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::world::World;

/// What a call does to the world, as its annotations say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hints {
    /// Changes nothing.
    Reads,
    /// Adds something; a second call adds once more.
    Adds,
    /// Sets something; a second call changes nothing more.
    Sets,
    /// Overwrites or removes something; a second call does nothing more.
    Destroys,
}

/// One tool.
pub(super) struct DemoTool {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) hints: Hints,
    /// JSON text: the `properties` of the input schema.
    pub(super) properties: &'static str,
    pub(super) required: &'static [&'static str],
    /// JSON text: the output schema; empty when there is none.
    pub(super) output: &'static str,
    pub(super) run: fn(&Arguments, &World) -> Result<Answer, Fault>,
}

impl DemoTool {
    /// The tool object of tools/list, as JSON text.
    pub(super) fn to_json(&self) -> String {
        let quote = |text: &str| Value::from(text).to_string();
        let required = Value::from(self.required).to_string();
        let properties = self.properties;
        let mut input = format!(r#"{{"type":"object","properties":{properties},"required":{required}"#);
        if self.required.is_empty() {
            input = format!(r#"{{"type":"object","properties":{properties}"#);
        }
        let output = if self.output.is_empty() { String::new() } else { format!(r#","outputSchema":{}"#, self.output) };
        let (read_only, destructive, idempotent) = match self.hints {
            Hints::Reads => (true, false, true),
            Hints::Adds => (false, false, false),
            Hints::Sets => (false, false, true),
            Hints::Destroys => (false, true, true),
        };
        format!(
            r#"{{"name":{},"title":{title},"description":{},"inputSchema":{input},"additionalProperties":false}}{output},"annotations":{{"title":{title},"readOnlyHint":{read_only},"destructiveHint":{destructive},"idempotentHint":{idempotent},"openWorldHint":false}}}}"#,
            quote(self.name),
            quote(self.description),
            title = quote(self.title),
        )
    }

    /// Calls it; `arguments` is JSON text.
    pub(super) fn call(&self, arguments: Option<&str>, world: &World) -> Result<Answer, Fault> {
        let properties: Map<String, Value> = serde_json::from_str(self.properties).unwrap_or_default();
        let arguments = Arguments::read(arguments, &properties)?;
        if let Some(name) = self.required.iter().find(|name| arguments.value(name).is_none()) {
            return Err(Fault::Missing { name: (*name).to_owned(), expected: "a value" });
        }
        (self.run)(&arguments, world)
    }
}

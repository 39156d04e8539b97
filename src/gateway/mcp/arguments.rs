//! What models really send. They mix up names and put an object into a text; where the meaning is clear it is taken.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::operations::{CapabilitiesInput, ExecuteInput, ExplainInput, FindInput};

/// The arguments of one of our tools, as an object.
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// From the raw `arguments` of `tools/call`; left out or `null` is an empty object.
    ///
    /// # Errors
    /// What is wrong, for the model.
    pub(super) fn parse(raw: Option<&RawValue>) -> Result<Self, String> {
        let Some(raw) = raw else { return Ok(Self(Map::new())) };
        match serde_json::from_str(raw.get()) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(Value::Null) => Ok(Self(Map::new())),
            Ok(_) => Err("the arguments must be an object".to_owned()),
            Err(fault) => Err(format!("the arguments cannot be read: {fault}")),
        }
    }

    fn take_text(&mut self, names: &[&str]) -> Result<Option<String>, String> {
        for name in names {
            match self.0.remove(*name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => return Ok(Some(text)),
                Some(_) => return Err(format!("`{name}` must be a text")),
            }
        }
        Ok(None)
    }

    pub(super) fn into_find(mut self) -> Result<FindInput, String> {
        let query = self.take_text(&["query", "request", "q", "text"])?;
        let limit = match self.0.remove("limit").or_else(|| self.0.remove("k")) {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or("`limit` must be a number from 1 to 20")?,
            ),
        };
        Ok(FindInput { query: query.unwrap_or_default(), limit })
    }

    pub(super) fn into_execute(mut self) -> Result<ExecuteInput, String> {
        let request = self.take_text(&["request", "query", "task", "prompt"])?;
        let tool = self.take_text(&["tool", "tool_name", "name"])?;
        let dry_run = match self.0.remove("dry_run") {
            None | Some(Value::Null) => false,
            Some(value) => value.as_bool().ok_or("`dry_run` must be true or false")?,
        };
        let given = ["params", "arguments", "args", "parameters"].iter().find_map(|name| self.0.remove(*name));
        let params = match given {
            None | Some(Value::Null) => None,
            // An object that was written as a text.
            Some(Value::String(text)) => match serde_json::from_str::<Value>(&text) {
                Ok(value @ Value::Object(_)) => Some(value),
                _ if text.trim().is_empty() => None,
                _ => return Err("`params` must be an object, not a text".to_owned()),
            },
            Some(value) => Some(value),
        };
        Ok(ExecuteInput { request: request.unwrap_or_default(), params, tool, dry_run })
    }

    pub(super) fn into_capabilities(mut self) -> Result<CapabilitiesInput, String> {
        Ok(CapabilitiesInput { category: self.take_text(&["category", "server"])? })
    }

    pub(super) fn into_explain(mut self) -> Result<ExplainInput, String> {
        let server = self.take_text(&["server"])?.unwrap_or_default();
        Ok(ExplainInput { server, tool: self.take_text(&["tool", "tool_name", "name"])?.unwrap_or_default() })
    }
}

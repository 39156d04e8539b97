//! What the verbs give, where that is more than the output of one operation. Some of these only describe: what is written is put
//! together from raw parts.

#![expect(dead_code, reason = "several of these only describe what is written from raw parts")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::operations::{Advice, FetchOutput, LargeResult, RouteInfo, StepsOutput};

/// What a tool answered, as MCP has it, untouched.
#[derive(JsonSchema)]
pub(super) struct CallToolResult {
    /// Blocks of text, pictures, sounds or resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Vec<Map<String, Value>>>,
    /// The same as data.
    #[serde(rename = "structuredContent")]
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Value>,
    /// Whether the tool says that it failed.
    #[serde(rename = "isError")]
    #[serde(skip_serializing_if = "Option::is_none")]
    is_error: Option<bool>,
    /// More of it.
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

/// The answer of a tool that was called by its name.
#[derive(JsonSchema)]
pub(super) struct Called {
    /// The tool's own answer.
    result: CallToolResult,
    /// Which tool ran.
    route: RouteInfo,
}

/// What came of a request; `outcome` says which of these it is.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Executed {
    /// A tool ran.
    Done(Box<Done>),
    /// A tool ran, and its result is kept.
    Large(Box<LargeResult>),
    /// Several steps.
    Steps(StepsOutput),
    /// No tool ran, or it failed.
    Advice(Box<Advice>),
}

/// A tool ran and answered.
#[derive(JsonSchema)]
pub(super) struct Done {
    /// `done`, or `failed` where the server answered with an error of its protocol.
    outcome: DoneOutcome,
    /// The tool's own answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<CallToolResult>,
    /// What went wrong, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Which tool ran, and why that one.
    route: RouteInfo,
}

/// How a call ended.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(super) enum DoneOutcome {
    /// The tool answered.
    Done,
    /// Its server refused.
    Failed,
}

/// A part of a kept result.
#[derive(JsonSchema)]
pub(super) struct Fetched {
    /// What it is a part of.
    #[serde(flatten)]
    about: FetchOutput,
    /// The part.
    text: String,
    /// What it is, what is left, and how to get that.
    note: String,
    /// A block of content in the place of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<Map<String, Value>>,
}

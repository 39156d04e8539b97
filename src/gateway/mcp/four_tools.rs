//! The four tools as a client sees them, and a fifth where results may be kept for it. Order and texts are fixed but for one:
//! `find_tool` names what is connected.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::operations::first_sentence;
use crate::reconcile::Known;

use super::feedback_argument;

/// Longest list of servers in the description, in characters: each prompt of each conversation pays for it.
const CONNECTED_CHARS_MAX: usize = 900;
/// Longest note on one server, in characters.
const NOTE_CHARS_MAX: usize = 70;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FourTools {
    FindTool,
    Execute,
    ListCapabilities,
    ExplainTool,
    FetchResult,
}

impl FourTools {
    pub(super) const ALL: [Self; 5] =
        [Self::FindTool, Self::Execute, Self::ListCapabilities, Self::ExplainTool, Self::FetchResult];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FindTool => "find_tool",
            Self::Execute => "execute",
            Self::ListCapabilities => "list_capabilities",
            Self::ExplainTool => "explain_tool",
            Self::FetchResult => "fetch_result",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

/// The `tools` of `tools/list`; `fetch_result` is among them where results may be kept for the client.
pub(super) fn list(known: &Known, has_handles: bool) -> Value {
    let mut tools = the_four(known);
    if let Some(tools) = tools.as_array_mut().filter(|_| has_handles) {
        tools.push(fetch_result());
    }
    tools
}

fn fetch_result() -> Value {
    json!({
        "name": FourTools::FetchResult.name(),
        "title": "Read a large result",
        "description": "Reads parts of a result that was too large to be shown, by the handle that `execute` gave for it: a page \
                        (offset, limit, lines), what matches a pattern (grep), a JSON path, or the passages nearest to a \
                        question (query).",
        "inputSchema": {
            "type": "object",
            "properties": {
                "handle": {"type": "string", "description": "The handle, r_…"},
                "offset": {"type": "integer", "minimum": 0, "default": 0, "description": "First character; with grep: matches to pass over"},
                "limit": {"type": "integer", "minimum": 1, "description": "How many characters, matches or passages"},
                "lines": {"type": "string", "description": "Only these lines, as \"10-40\""},
                "grep": {"type": "string", "description": "Regular expression"},
                "context": {"type": "integer", "minimum": 0, "maximum": 20, "default": 1, "description": "Lines shown around a match"},
                "path": {"type": "string", "description": "JSON path, as $.items[0:5].name"},
                "query": {"type": "string", "description": "What to look for, in words"},
                "block": {"type": "integer", "minimum": 1, "description": "Number of a block with a picture or other data"}
            },
            "required": ["handle"]
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": false}
    })
}

fn the_four(known: &Known) -> Value {
    json!([
        {
            "name": FourTools::FindTool.name(),
            "title": "Find a tool",
            "description": find_description(known),
            "inputSchema": {
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What is to be done, in words"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5, "description": "How many tools to show"},
                    "detail": {"type": "string", "enum": ["names", "brief", "full"], "default": "brief", "description": "names only; the first with its parameters; all with their parameters"}
                },
                "required": ["query"]
            },
            "annotations": {"readOnlyHint": true, "openWorldHint": false},
            "_meta": {"anthropic/alwaysLoad": true}
        },
        {
            "name": FourTools::Execute.name(),
            "title": "Do it",
            "description": "Does what the request says with the best fitting tool of all connected servers, and returns that \
                            tool's own result. Say in `request` what is to be done; put the tool's arguments into `params` when \
                            you know them, else the answer tells which are needed. To use one tool exactly, give its name as \
                            `tool`. When several tools fit, or one that changes things is not certain, nothing runs and the \
                            answer says how to go on, often with a `plan`: send that id alone to run exactly what was shown.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "request": {"type": "string", "description": "What is to be done, in words"},
                    "params": {"type": "object", "description": "Arguments for the tool", "additionalProperties": true},
                    "tool": {"type": "string", "description": "Exactly this tool, as server.tool; then `request` may be left out"},
                    "dry_run": {"type": "boolean", "default": false, "description": "Only say what would run, and give a plan for it"},
                    "plan": {"type": "string", "description": "Id of a plan from an earlier answer, alone: runs it once"},
                    "steps": {"type": "string", "enum": ["one", "auto"], "default": "one", "description": "auto: a request for several things is planned in steps; what is certain is done, the rest comes back as a plan"},
                    "feedback": feedback_argument::schema()
                }
            },
            "annotations": {"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true},
            "_meta": {"anthropic/alwaysLoad": true}
        },
        {
            "name": FourTools::ListCapabilities.name(),
            "title": "What is connected",
            "description": "Lists the connected servers and what they are for; with `category` (a server's name or a category) \
                            the tools of that part.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "category": {"type": "string", "description": "A server's name or a category; all when left out"}
                }
            },
            "annotations": {"readOnlyHint": true, "openWorldHint": false}
        },
        {
            "name": FourTools::ExplainTool.name(),
            "title": "Explain a tool",
            "description": "Shows one tool in full: its description, the schema of its parameters, what it does to the world.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "server": {"type": "string", "description": "The tool's server"},
                    "tool": {"type": "string", "description": "The tool's name"}
                },
                "required": ["server", "tool"]
            },
            "annotations": {"readOnlyHint": true, "openWorldHint": false}
        }
    ])
}

fn find_description(known: &Known) -> String {
    let tools: usize = known.servers.values().map(|server| server.tools).sum();
    let mut text =
        "Finds tools by what you want done, over all connected servers, without running one; shows the best with \
                    their parameters and how sure the match is."
            .to_owned();
    let names: Vec<&str> =
        known.servers.iter().filter(|(_, server)| server.refusal.is_none()).map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        text.push_str(" No server is connected yet.");
        return text;
    }
    if tools > 0 {
        let _infallible = write!(text, " {tools} tools of {} servers:", names.len());
    } else {
        text.push_str(" Connected servers:");
    }
    let mut listed = String::new();
    let mut left_out = 0;
    for (name, server) in known.servers.iter().filter(|(_, server)| server.refusal.is_none()) {
        let about = if server.hints.description.is_empty() { &server.instructions } else { &server.hints.description };
        let note: String = first_sentence(about).chars().take(NOTE_CHARS_MAX).collect();
        let mut entry = if note.is_empty() { format!(" {name};") } else { format!(" {name} ({});", note.trim()) };
        if listed.len() + entry.len() > CONNECTED_CHARS_MAX {
            entry = format!(" {name};");
        }
        if listed.len() + entry.len() > CONNECTED_CHARS_MAX + 300 {
            left_out += 1;
            continue;
        }
        listed.push_str(&entry);
    }
    if left_out > 0 {
        let _infallible = write!(listed, " and {left_out} more (list_capabilities);");
    }
    text.push_str(listed.trim_end_matches(';'));
    text.push('.');
    text
}

//! A routes file: what may stand in it, and what is wrong when something else does.

use serde_json::Value;

use crate::domain::nearest;
use crate::router::Decision;

use super::tree::{self, Member, Node, Shape};
use super::{Error, Fault};

/// Routes that are tested in one go: seconds of work, and far more than anybody reads.
pub(super) const ROUTES_MAX: usize = 10_000;
/// Largest `top`: `execute` ranks that many tools, and offers fewer.
pub const TOP_MAX: usize = 10;

const FILE_KEYS: &[&str] = &["min_confidence", "routes"];
const ROUTE_KEYS: &[&str] =
    &["request", "tool", "server", "min_confidence", "name", "tags", "params", "decision", "top"];
const DECISIONS: &[(&str, Decision)] = &[
    ("run", Decision::Run),
    ("needs_confirmation", Decision::NeedsConfirmation),
    ("needs_choice", Decision::NeedsChoice),
    ("no_match", Decision::NoMatch),
];
/// The word for "no tool serves this".
const NO_TOOL: &str = "none";

/// A file of routes, checked. There is at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutesFile {
    /// As it was named; `-` is standard input.
    pub file: String,
    /// In the order of the file.
    pub routes: Vec<Route>,
}

/// One request, and what would be right.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Where it stands, from 1.
    pub line: usize,
    /// In words, not empty.
    pub request: String,
    /// Its label; empty when the file gives none.
    pub name: String,
    /// Groups it is counted in.
    pub tags: Vec<String>,
    /// Given to routing as a caller of `execute` would; an object.
    pub params: Option<Value>,
    /// What is right.
    pub expected: Expected,
    /// Least confidence in the right tool (for [`Expected::NoTool`]: that no tool fits), 0..=1; the file's, if it has one,
    /// where the route has none and expects a tool.
    pub min_confidence: Option<f32>,
    /// What `execute` may decide; empty when anything is right.
    pub decisions: Vec<Decision>,
    /// It is right when it is among so many first, 1..=[`TOP_MAX`].
    pub top: usize,
}

/// What a route names as right, in the file's own spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// No tool serves this. Right when `execute` says so ([`Decision::NoMatch`]), or decides as the route lists.
    NoTool,
    /// Any of these tools.
    Tools(Vec<String>),
    /// Any tool of any of these servers.
    Servers(Vec<String>),
}

/// Checks the text of a file.
///
/// # Errors
/// [`Error::Faults`] with everything that is wrong with it; [`Error::TooMany`].
pub fn parse(file: &str, text: &str) -> Result<RoutesFile, Error> {
    let root = tree::parse(file, text).map_err(|fault| Error::Faults { faults: vec![fault] })?;
    let mut reader = Reader { file, faults: Vec::new() };
    let routes = reader.file(&root);
    if !reader.faults.is_empty() {
        reader.faults.sort_by_key(|fault| fault.line);
        return Err(Error::Faults { faults: reader.faults });
    }
    if routes.len() > ROUTES_MAX {
        return Err(Error::TooMany { file: file.to_owned(), routes_max: ROUTES_MAX });
    }
    Ok(RoutesFile { file: file.to_owned(), routes })
}

/// Goes on after a fault, so that one run names them all.
struct Reader<'a> {
    file: &'a str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let (file, key) = (self.file.to_owned(), key.to_owned());
        self.faults.push(Fault { file, line, key, message: message.into(), help: help.into() });
    }

    fn wrong_kind(&mut self, node: &Node, key: &str, wanted: &str, help: &str) {
        self.fault(node.line, key, format!("expected {wanted}, found {}", node.kind()), help);
    }

    fn file(&mut self, root: &Node) -> Vec<Route> {
        let example = "write `routes:`, and below it `- request: …` with `tool: server.tool` for each";
        let (routes, default) = match &root.shape {
            Shape::List(_) => (Some(root), None),
            Shape::Map(members) => {
                self.unknown_keys(members, FILE_KEYS);
                let default = find(members, "min_confidence").and_then(|node| self.share(node, "min_confidence"));
                (find(members, "routes"), default)
            }
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) => (None, None),
        };
        let Some(routes) = routes else {
            if self.faults.is_empty() {
                self.fault(root.line.max(1), "", "there is no `routes`", example);
            }
            return Vec::new();
        };
        let read: Vec<Option<Route>> = match &routes.shape {
            Shape::List(items) => items.iter().map(|item| self.route(item, default)).collect(),
            Shape::Map(members) => members.iter().map(|member| self.short_route(member, default)).collect(),
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) => {
                self.wrong_kind(routes, "routes", "a list", example);
                return Vec::new();
            }
        };
        if read.is_empty() {
            self.fault(routes.line, "routes", "there is none in it", example);
        }
        read.into_iter().flatten().collect()
    }

    /// `request: tool`, or `request: {tool: …, …}`.
    fn short_route(&mut self, member: &Member, default: Option<f32>) -> Option<Route> {
        let request = self.not_empty(&member.key, member.line, "request")?;
        match &member.value.shape {
            Shape::Map(members) => {
                if find(members, "request").is_some() {
                    let help = "leave `request` out, or make `routes` a list";
                    self.fault(member.line, "request", "the request is the key already", help);
                }
                self.rest(request, member.line, members, default)
            }
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) | Shape::List(_) => {
                let expected = self.tools(&member.value)?;
                let min_confidence = default.filter(|_| expected != Expected::NoTool);
                Some(Route { min_confidence, ..plain(request, member.line, expected) })
            }
        }
    }

    fn route(&mut self, item: &Node, default: Option<f32>) -> Option<Route> {
        let Shape::Map(members) = &item.shape else {
            self.wrong_kind(item, "routes", "a mapping", "write `- request: …` and below it `tool: …`");
            return None;
        };
        let request = match find(members, "request") {
            None => {
                let key = members.iter().find(|member| nearest(&member.key, ["request"]).is_some());
                if key.is_none() {
                    self.fault(item.line, "request", "a route has none", "write `request: …`, in words");
                }
                None
            }
            Some(node) => match &node.shape {
                Shape::Text(text) => self.not_empty(text, node.line, "request"),
                Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::List(_) | Shape::Map(_) => {
                    self.wrong_kind(node, "request", "a text", "write it in words; in quotes, if it is a number");
                    None
                }
            },
        };
        // Without a request its other faults are still worth telling.
        let route = self.rest(request.clone().unwrap_or_default(), item.line, members, default);
        route.filter(|_| request.is_some())
    }

    fn rest(&mut self, request: String, line: usize, members: &[Member], default: Option<f32>) -> Option<Route> {
        self.unknown_keys(members, ROUTE_KEYS);
        let expected = self.expected(members, line);
        let min_confidence = find(members, "min_confidence").and_then(|node| self.share(node, "min_confidence"));
        let name = find(members, "name").and_then(|node| self.text(node, "name"));
        let tags = find(members, "tags").map(|node| self.texts(node, "tags")).unwrap_or_default();
        let params = find(members, "params").and_then(|node| self.params(node));
        let decisions = find(members, "decision").map(|node| self.decisions(node)).unwrap_or_default();
        let top = find(members, "top").map_or(Some(1), |node| self.top(node))?;
        let expected = expected?;
        if expected == Expected::NoTool && decisions.contains(&Decision::Run) {
            self.fault(line, "decision", "`run` does not go with `tool: none`", "nothing runs where no tool is right");
        }
        let min_confidence = min_confidence.or(default.filter(|_| expected != Expected::NoTool));
        let name = name.unwrap_or_default();
        Some(Route { name, tags, params, min_confidence, decisions, top, ..plain(request, line, expected) })
    }

    fn expected(&mut self, members: &[Member], line: usize) -> Option<Expected> {
        match (find(members, "tool"), find(members, "server")) {
            (Some(tool), None) => self.tools(tool),
            (None, Some(server)) => {
                let servers = self.texts(server, "server");
                (!servers.is_empty()).then_some(Expected::Servers(servers))
            }
            (Some(_), Some(_)) => {
                self.fault(line, "server", "a route has `tool` and `server`", "write one of the two");
                None
            }
            (None, None) => {
                let is_slip = |member: &Member| {
                    !ROUTE_KEYS.contains(&member.key.as_str()) && nearest(&member.key, ["tool", "server"]).is_some()
                };
                if !members.iter().any(is_slip) {
                    let help = "write `tool: server.tool`, `server: name`, or `tool: none` if no tool serves it";
                    self.fault(line, "tool", "a route does not say what is right", help);
                }
                None
            }
        }
    }

    fn tools(&mut self, node: &Node) -> Option<Expected> {
        let tools = self.texts(node, "tool");
        if tools.len() > 1 && tools.iter().any(|tool| tool == NO_TOOL) {
            self.fault(node.line, "tool", "`none` stands beside tools", "write `tool: none` alone, or only tools");
            return None;
        }
        match tools.first() {
            None => None,
            Some(word) if word == NO_TOOL => Some(Expected::NoTool),
            Some(_) => Some(Expected::Tools(tools)),
        }
    }

    fn unknown_keys(&mut self, members: &[Member], known: &[&str]) {
        for member in members.iter().filter(|member| !known.contains(&member.key.as_str())) {
            let help = match nearest(&member.key, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.fault(member.line, &member.key, "unknown key", help);
        }
    }

    fn not_empty(&mut self, text: &str, line: usize, key: &str) -> Option<String> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            self.fault(line, key, "is empty", "");
            return None;
        }
        Some(trimmed.to_owned())
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        if let Shape::Text(text) = &node.shape {
            return self.not_empty(text, node.line, key);
        }
        let help = if matches!(node.shape, Shape::Bool(_) | Shape::Number(_)) { "write it in quotes" } else { "" };
        self.wrong_kind(node, key, "a text", help);
        None
    }

    /// One text, or a list of them; empty after a fault.
    fn texts(&mut self, node: &Node, key: &str) -> Vec<String> {
        let Shape::List(items) = &node.shape else { return self.text(node, key).into_iter().collect() };
        if items.is_empty() {
            self.fault(node.line, key, "the list is empty", "");
        }
        items.iter().filter_map(|item| self.text(item, key)).collect()
    }

    fn share(&mut self, node: &Node, key: &str) -> Option<f32> {
        let share = match &node.shape {
            Shape::Number(number) => number.as_f64().filter(|share| (0.0..=1.0).contains(share)),
            Shape::Null | Shape::Bool(_) | Shape::Text(_) | Shape::List(_) | Shape::Map(_) => None,
        };
        if share.is_none() {
            self.fault(node.line, key, "is no probability", "write a number from 0 to 1");
        }
        share.map(|share| share as f32)
    }

    fn top(&mut self, node: &Node) -> Option<usize> {
        let top = match &node.shape {
            Shape::Number(number) => number.as_u64().and_then(|top| usize::try_from(top).ok()),
            Shape::Null | Shape::Bool(_) | Shape::Text(_) | Shape::List(_) | Shape::Map(_) => None,
        };
        let top = top.filter(|top| (1..=TOP_MAX).contains(top));
        if top.is_none() {
            self.fault(node.line, "top", "does not fit", format!("write a whole number from 1 to {TOP_MAX}"));
        }
        top
    }

    fn params(&mut self, node: &Node) -> Option<Value> {
        if let Shape::Map(_) = node.shape {
            return Some(node.to_json());
        }
        self.wrong_kind(node, "params", "a mapping", "write them as `name: value`");
        None
    }

    fn decisions(&mut self, node: &Node) -> Vec<Decision> {
        let words = self.texts(node, "decision");
        let mut found = Vec::new();
        for word in words {
            match DECISIONS.iter().find(|(known, _)| *known == word) {
                Some((_, decision)) => found.push(*decision),
                None => {
                    let known: Vec<&str> = DECISIONS.iter().map(|(known, _)| *known).collect();
                    let help = format!("write one or more of {}", known.join(", "));
                    self.fault(node.line, "decision", format!("there is no {word:?}"), help);
                }
            }
        }
        found
    }
}

fn find<'a>(members: &'a [Member], key: &str) -> Option<&'a Node> {
    members.iter().find(|member| member.key == key).map(|member| &member.value)
}

fn plain(request: String, line: usize, expected: Expected) -> Route {
    Route {
        line,
        request,
        name: String::new(),
        tags: Vec::new(),
        params: None,
        expected,
        min_confidence: None,
        decisions: Vec::new(),
        top: 1,
    }
}

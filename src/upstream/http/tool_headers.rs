//! Parameters of tools that are repeated in headers: `x-mcp-header` in a tool's schema says which, and under what name.

use std::collections::{HashMap, HashSet};

use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::wire::{Envelope, Members};

use super::header_text::header_text;
use super::outgoing::Outgoing;

const ANNOTATION: &str = "x-mcp-header";
/// Tools whose headers are known at most; those beyond are called without. A guess, far beyond any server.
const TOOLS_MAX: usize = 20_000;
/// How deep a schema is followed. A guess.
const DEPTH_MAX: usize = 32;

/// A parameter that goes into a header as well.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ParamHeader {
    header: HeaderName,
    /// The names of the properties that lead to it.
    path: Vec<String>,
}

/// What is known of the tools of one server.
#[derive(Debug, Default)]
pub(super) struct ToolHeaders {
    params: HashMap<String, Vec<ParamHeader>>,
    /// Tools that were listed and have none.
    plain: HashSet<String>,
    /// Whether a list was seen to its end.
    is_whole: bool,
}

impl ToolHeaders {
    /// Whether a call of that tool can be sent as it must be.
    pub(super) fn knows(&self, tool: &str) -> bool {
        self.is_whole || self.params.contains_key(tool) || self.plain.contains(tool)
    }

    /// Forgets all, since the server has a different view.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds the headers of a call.
    pub(super) fn write(&self, call: &Outgoing, headers: &mut HeaderMap) {
        let params = call.name.as_ref().and_then(|tool| self.params.get(tool));
        for param in params.into_iter().flatten() {
            let Some(raw) = call.argument(&param.path) else { continue };
            let text = match raw.as_bytes().first() {
                Some(b'"') => serde_json::from_str::<String>(raw).ok(),
                Some(b'{' | b'[') | None => None,
                Some(_) => Some(raw.to_owned()),
            };
            if let Some(text) = text {
                headers.insert(param.header.clone(), header_text(&text));
            }
        }
    }

    /// Learns from a page of tools; gives the faulty ones, each with what is wrong, and the next cursor. `is_first` is the page
    /// that was asked for without a cursor.
    pub(super) fn learn(&mut self, result: &str, is_first: bool) -> Learned {
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            tools: Vec<&'a RawValue>,
            #[serde(default, rename = "nextCursor")]
            next_cursor: Option<String>,
        }
        let Ok(page) = serde_json::from_str::<Page<'_>>(result) else { return Learned::default() };
        if is_first {
            self.clear();
        }
        let mut learned = Learned { next: page.next_cursor.filter(|cursor| !cursor.is_empty()), faulty: Vec::new() };
        for (index, raw) in page.tools.iter().enumerate() {
            let Some((name, read)) = read_tool(raw.get()) else { continue };
            if self.params.len() + self.plain.len() >= TOOLS_MAX {
                break;
            }
            match read {
                Ok(params) if params.is_empty() => drop(self.plain.insert(name)),
                Ok(params) => drop(self.params.insert(name, params)),
                Err(why) => learned.faulty.push(Faulty { index, name, why }),
            }
        }
        self.is_whole = learned.next.is_none();
        learned
    }
}

/// What a page of tools brought.
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) next: Option<String>,
    pub(super) faulty: Vec<Faulty>,
}

/// A tool that must not be used over HTTP.
#[derive(Debug)]
pub(super) struct Faulty {
    index: usize,
    pub(super) name: String,
    pub(super) why: String,
}

/// The message with a list of tools without the faulty ones.
pub(super) fn without(message: &str, faulty: &[Faulty]) -> Option<String> {
    let envelope = Envelope::parse(message).ok()?;
    let result = Members::parse(envelope.result?.get()).ok()?;
    let tools: Vec<&RawValue> = serde_json::from_str(result.member("tools")?).ok()?;
    let is_faulty = |index: usize| faulty.iter().any(|one| one.index == index);
    let kept: Vec<&str> =
        tools.iter().enumerate().filter(|(index, _)| !is_faulty(*index)).map(|(_, raw)| raw.get()).collect();
    let tools = format!("[{}]", kept.join(","));
    let result = result.with(&[("tools", Some(&tools))]);
    Some(Members::parse(message).ok()?.with(&[("result", Some(&result))]))
}

/// A tool's name, and its parameters with headers or what is wrong with them. `None`: it is no tool.
fn read_tool(raw: &str) -> Option<(String, Result<Vec<ParamHeader>, String>)> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WithSchema {
        input_schema: Value,
    }
    let Named { name } = serde_json::from_str(raw).ok()?;
    // Most tools have none, and are not parsed.
    if memchr::memmem::find(raw.as_bytes(), ANNOTATION.as_bytes()).is_none() {
        return Some((name, Ok(Vec::new())));
    }
    let WithSchema { input_schema } = serde_json::from_str(raw).ok()?;
    Some((name, params_of(&input_schema)))
}

fn params_of(schema: &Value) -> Result<Vec<ParamHeader>, String> {
    let mut found = Vec::new();
    if schema.get(ANNOTATION).is_some() {
        return Err(format!("{ANNOTATION} stands at the root of its schema"));
    }
    walk(schema, &mut Vec::new(), &mut found)?;
    let mut names = HashSet::new();
    match found.iter().find(|param| !names.insert(param.header.clone())) {
        Some(twice) => Err(format!("{ANNOTATION} names {} twice", twice.header)),
        None => Ok(found),
    }
}

/// Follows `properties` alone; an annotation anywhere else is a fault.
fn walk(schema: &Value, path: &mut Vec<String>, found: &mut Vec<ParamHeader>) -> Result<(), String> {
    let Some(members) = schema.as_object() else { return Ok(()) };
    if path.len() > DEPTH_MAX {
        return Err("its schema is too deep".to_owned());
    }
    for (key, value) in members {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    path.push(name.clone());
                    found.extend(annotation(property, path)?);
                    walk(property, path, found)?;
                    path.pop();
                }
            }
            // Values that look like schemas and are none.
            (ANNOTATION | "default" | "const" | "enum" | "examples" | "example", _) => {}
            _ if is_annotated(value, DEPTH_MAX) => {
                return Err(format!("{ANNOTATION} stands below `{key}`, where no argument can be told to be"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn annotation(property: &Value, path: &[String]) -> Result<Option<ParamHeader>, String> {
    let Some(annotation) = property.get(ANNOTATION) else { return Ok(None) };
    let at = path.join(".");
    let name = annotation.as_str().ok_or_else(|| format!("{ANNOTATION} of `{at}` is no text"))?;
    let wrong = || format!("{ANNOTATION} of `{at}` is no name of a header");
    if name.is_empty() {
        return Err(wrong());
    }
    let header = HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes()).map_err(|_| wrong())?;
    let is_primitive = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "boolean"));
    let is_fit = match property.get("type") {
        Some(Value::Array(kinds)) => {
            kinds.iter().any(is_primitive) && kinds.iter().all(|kind| is_primitive(kind) || kind == "null")
        }
        Some(kind) => is_primitive(kind),
        None => false,
    };
    if !is_fit {
        return Err(format!("{ANNOTATION} of `{at}` needs the type string, integer or boolean"));
    }
    Ok(Some(ParamHeader { header, path: path.to_vec() }))
}

/// Whether there is an annotation anywhere in this.
fn is_annotated(value: &Value, depth_left: usize) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key == ANNOTATION || (depth_left > 0 && is_annotated(value, depth_left - 1))),
        Value::Array(items) => depth_left > 0 && items.iter().any(|item| is_annotated(item, depth_left - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_specification_allows_is_taken() {
        let check = |properties: Value, expected: Result<&[&str], &str>| {
            let found = params_of(&json!({"type": "object", "properties": properties}));
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    let names: Vec<&str> = found.iter().map(|param| param.header.as_str()).collect();
                    assert_eq!(names, expected, "{properties}");
                }
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{properties}: {why}"),
                (found, _) => panic!("{properties}: {found:?}"),
            }
        };
        let of = |kind: &str, name: &str| json!({"a": {"type": kind, "x-mcp-header": name}});
        check(of("string", "Region"), Ok(&["mcp-param-region"]));
        check(of("integer", "Region"), Ok(&["mcp-param-region"]));
        check(of("boolean", "Region"), Ok(&["mcp-param-region"]));
        check(json!({"a": {"type": ["string", "null"], "x-mcp-header": "A"}}), Ok(&["mcp-param-a"]));
        check(json!({"a": {"type": "object", "properties": of("string", "In")}}), Ok(&["mcp-param-in"]));
        check(json!({"x-mcp-header": {"type": "string"}}), Ok(&[]));
        check(json!({"a": {"type": "string", "default": {"x-mcp-header": "A"}}}), Ok(&[]));
        for kind in ["number", "object", "array", "null"] {
            check(of(kind, "Region"), Err("needs the type"));
        }
        for name in ["", "My Region", "Region:Primary", "Région", "Region\t1", "a\r\nb"] {
            check(of("string", name), Err("no name of a header"));
        }
        check(json!({"a": {"type": "string", "x-mcp-header": 1}}), Err("no text"));
        let twice = |second: &str| {
            let one = |name: &str| json!({"type": "string", "x-mcp-header": name});
            json!({"a": one("MyField"), "b": one(second)})
        };
        check(twice("MyField"), Err("twice"));
        check(twice("myfield"), Err("twice"));
        check(json!({"a": {"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}}), Err("below `items`"));
        check(json!({"a": {"oneOf": [{"type": "string", "x-mcp-header": "A"}]}}), Err("below `oneOf`"));
    }

    #[test]
    fn a_list_loses_its_faulty_tools_and_nothing_else() {
        let message = r#"{"jsonrpc":"2.0","id":3,"result":{"z":1.0,"tools":[{"name":"good","inputSchema":{}},{"name":"bad","inputSchema":{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}}, {"name":"too"}],"ttlMs":0}}"#;
        let result = Envelope::parse(message).unwrap().result.unwrap().get();
        let mut tools = ToolHeaders::default();
        let learned = tools.learn(result, true);
        assert_eq!((learned.faulty[0].name.as_str(), learned.next), ("bad", None));
        assert_eq!(
            without(message, &learned.faulty).unwrap(),
            r#"{"jsonrpc":"2.0","id":3,"result":{"z":1.0,"ttlMs":0,"tools":[{"name":"good","inputSchema":{}},{"name":"too"}]}}"#
        );
    }
}

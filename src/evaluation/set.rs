//! Reads one folder: `tools.jsonl`, `queries.jsonl`, and where they are `negatives.jsonl` and `servers.jsonl`.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::{Effect, EffectSource, Hints, InputSchema, ServerName, Tool, ToolKey};

use super::Error;

/// Stands where a set has no server: no word comes out of it.
const NO_SERVER: &str = "-";

/// A folder's content. Tools are known by their place.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) tools: Vec<Arc<Tool>>,
    /// What is known about the server of each tool.
    pub(super) hints: Vec<Arc<Hints>>,
    /// What is known about each tool: its examples.
    pub(super) tool_hints: Vec<Arc<Hints>>,
    pub(super) requests: Vec<Request>,
    /// Requests that no tool serves.
    pub(super) negatives: Vec<String>,
}

/// A request and what would be right.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) text: String,
    /// At least one group, none empty; any tool of a group will do for it.
    pub(super) groups: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct ToolLine {
    server: Option<String>,
    name: Option<String>,
    description: Option<String>,
    input_schema: Option<Value>,
    #[serde(default)]
    examples: Vec<String>,
}

#[derive(Deserialize)]
struct QueryLine {
    query: String,
    gold: Vec<GoldLine>,
    groups: Option<Vec<Vec<usize>>>,
}

#[derive(Deserialize)]
struct GoldLine {
    server: Option<String>,
    name: String,
}

#[derive(Deserialize)]
struct NegativeLine {
    query: String,
}

#[derive(Deserialize)]
struct ServerLine {
    server: Option<String>,
    description: Option<String>,
}

/// `None` when the folder has no requests.
pub(super) fn read(folder: &Path) -> Result<Option<Set>, Error> {
    let queries_path = folder.join("queries.jsonl");
    let Some(queries) = read_lines::<QueryLine>(&queries_path)? else { return Ok(None) };
    let tools_path = folder.join("tools.jsonl");
    let missing = || Error::File { path: tools_path.clone(), source: ErrorKind::NotFound.into() };
    let tool_lines = read_lines::<ToolLine>(&tools_path)?.ok_or_else(missing)?;
    let servers = read_lines::<ServerLine>(&folder.join("servers.jsonl"))?.unwrap_or_default();
    let about: HashMap<String, Arc<Hints>> = servers.into_iter().map(server_hints).collect();

    let mut places: HashMap<(String, String), usize> = HashMap::new();
    let (mut tools, mut hints, mut tool_hints) = (Vec::new(), Vec::new(), Vec::new());
    for mut line in tool_lines {
        let server = line.server.clone().unwrap_or_default();
        let name = line.name.clone().unwrap_or_default();
        // A tool that stands there twice is one tool: the second would be refused by the index.
        places.entry((server.clone(), name)).or_insert_with(|| {
            hints.push(about.get(&server).cloned().unwrap_or_default());
            tool_hints.push(Arc::new(Hints { examples: std::mem::take(&mut line.examples), ..Hints::default() }));
            tools.push(Arc::new(tool(line)));
            tools.len() - 1
        });
    }
    let requests = queries
        .into_iter()
        .enumerate()
        .map(|(at, line)| request(line, &places, &queries_path, at + 1))
        .collect::<Result<_, _>>()?;
    let negatives = read_lines::<NegativeLine>(&folder.join("negatives.jsonl"))?.unwrap_or_default();
    let name = folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.display().to_string());
    let negatives = negatives.into_iter().map(|line| line.query).collect();
    Ok(Some(Set { name, folder: folder.to_owned(), tools, hints, tool_hints, requests, negatives }))
}

fn request(
    line: QueryLine,
    places: &HashMap<(String, String), usize>,
    path: &Path,
    number: usize,
) -> Result<Request, Error> {
    let mut gold = Vec::new();
    for wanted in line.gold {
        let key = (wanted.server.unwrap_or_default(), wanted.name);
        let Some(place) = places.get(&key) else {
            return Err(Error::UnknownTool { path: path.to_owned(), line: number, server: key.0, tool: key.1 });
        };
        gold.push(*place);
    }
    let groups: Option<Vec<Vec<usize>>> = match line.groups.filter(|groups| !groups.is_empty()) {
        Some(groups) => groups.iter().map(|group| group.iter().map(|at| gold.get(*at).copied()).collect()).collect(),
        None => Some(gold.into_iter().map(|place| vec![place]).collect()),
    };
    match groups {
        Some(groups) if !groups.is_empty() && groups.iter().all(|group| !group.is_empty()) => {
            Ok(Request { text: line.query, groups })
        }
        Some(_) | None => Err(Error::BadGroup { path: path.to_owned(), line: number }),
    }
}

fn tool(line: ToolLine) -> Tool {
    let server = line.server.as_deref().unwrap_or(NO_SERVER).trim();
    let parsed = ServerName::parse(server).or_else(|_| ServerName::parse(NO_SERVER));
    Tool {
        key: ToolKey { server: parsed.expect("the substitute is a good name"), tool: line.name.unwrap_or_default() },
        title: String::new(),
        description: line.description.unwrap_or_default(),
        input_schema: line.input_schema.as_ref().map_or_else(InputSchema::any_object, InputSchema::of),
        // No set says; the figures are about reads.
        effect: Effect::Read,
        effect_source: EffectSource::Guessed,
        is_idempotent: false,
        raw: Arc::from(""),
    }
}

fn server_hints(line: ServerLine) -> (String, Arc<Hints>) {
    let description = line.description.unwrap_or_default();
    (line.server.unwrap_or_default(), Arc::new(Hints { description, ..Hints::default() }))
}

/// `None` when the file is not there; empty lines do not count.
fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Option<Vec<T>>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::File { path: path.to_owned(), source }),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(at, line)| {
        let bad = |source| Error::Line { path: path.to_owned(), line: at + 1, source };
        serde_json::from_str(line).map_err(bad)
    });
    parsed.collect::<Result<_, _>>().map(Some)
}

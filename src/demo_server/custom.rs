//! Tools of kind `custom`: taken from a file as they are, or generated.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::Error;
use super::flags::Flags;
use super::listing::plain_tool;

const VERBS: [&str; 16] = [
    "create", "list", "update", "delete", "search", "export", "import", "archive", "share", "rename", "copy", "move",
    "count", "validate", "merge", "schedule",
];
const NOUNS: [&str; 25] = [
    "invoice", "customer", "ticket", "meeting", "photo", "recipe", "contract", "shipment", "playlist", "employee",
    "budget", "comment", "branch", "server", "database", "alert", "campaign", "course", "flight", "room", "order",
    "review", "map", "sensor", "document",
];
const PLACES: [&str; 25] = [
    "calendar",
    "warehouse",
    "archive",
    "project",
    "team",
    "shop",
    "library",
    "clinic",
    "school",
    "office",
    "studio",
    "garage",
    "kitchen",
    "airport",
    "hotel",
    "bank",
    "museum",
    "garden",
    "factory",
    "harbour",
    "theatre",
    "stadium",
    "bakery",
    "laboratory",
    "station",
];

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Names and tool objects (JSON text). A tool of a file keeps its bytes, even without a usable name.
pub(super) fn tools(flags: &Flags) -> Result<Vec<(String, String)>, Error> {
    if flags.tools.is_none() && flags.tool_count.is_none() {
        return Err(Error::BadFlags { what: "kind custom needs --tools FILE or --tool-count N" });
    }
    let mut tools = flags.tools.as_ref().map_or_else(|| Ok(Vec::new()), read)?;
    tools.extend((0..flags.tool_count.unwrap_or(0)).map(generated));
    Ok(tools)
}

fn read(path: &PathBuf) -> Result<Vec<(String, String)>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::File { flag: "tools", path: path.clone(), source })?;
    let bad = |source| Error::BadTools { path: path.clone(), source };
    let objects: Vec<&RawValue> = serde_json::from_str(&text).map_err(bad)?;
    let named = |raw: &&RawValue| {
        // What has no usable name is listed all the same; it just cannot be called.
        let name = serde_json::from_str(raw.get()).map_or_else(|_| String::new(), |Named { name }| name);
        // A message is one line: line ends inside a tool are only white space, and go.
        (name, raw.get().replace(['\n', '\r'], " "))
    };
    Ok(objects.iter().map(named).collect())
}

/// The tool of that number: names never repeat, and descriptions differ enough to be told apart by their meaning.
fn generated(number: usize) -> (String, String) {
    let verb = VERBS[number % VERBS.len()];
    let noun = NOUNS[number / VERBS.len() % NOUNS.len()];
    let place = PLACES[number / (VERBS.len() * NOUNS.len()) % PLACES.len()];
    let name = format!("{verb}_{place}_{noun}_{number}");
    let description = format!("Use this to {verb} a {noun} of the {place}. Gives the {noun} with its id and state.");
    let properties = format!(
        r#"{{"{noun}_id":{{"type":"string","description":"Which {noun}."}},"limit":{{"type":"integer","default":10}}}}"#
    );
    let json = plain_tool(&name, &description, &properties);
    (name, json)
}

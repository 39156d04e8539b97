//! `tools/list`, read raw and salvaged tool by tool: one bad tool must not make the others vanish.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::domain::{Effect, EffectSource, InputSchema, ServerName, Tool, ToolKey};
use crate::effects;
use crate::secrets::redactor;
use crate::wire::Members;

use super::{CallOptions, Error, Phase, Session};

/// Pages that are followed at most: a cursor that goes in circles ends here.
const PAGES_MAX: usize = 500;
/// Longest tool name, in bytes; the specification advises 128 characters.
const NAME_BYTES_MAX: usize = 256;

/// Bounds of what is taken from a list, each from the settings.
#[derive(Debug, Clone, Copy)]
pub struct SalvageLimits {
    /// Tools of one server; the rest is left out.
    pub tools_max: usize,
    /// Longest description in bytes; a longer one is cut.
    pub description_bytes_max: usize,
    /// Longest input schema in bytes; a tool with a longer one is left out.
    pub schema_bytes_max: usize,
}

/// A server's tools.
#[derive(Debug)]
pub struct Listing {
    /// The usable ones, in the server's order.
    pub tools: Vec<Tool>,
    /// What was wrong with others, or cut, one line each.
    pub faults: Vec<String>,
}

impl Session {
    /// All tools of the server, page by page, within `timeout` for the whole.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When a page does not come, or is no list at all.
    pub async fn list_tools(&self, timeout: Duration, limits: SalvageLimits) -> Result<Listing, Error> {
        let mut listing = Listing { tools: Vec::new(), faults: Vec::new() };
        if !self.hello().has_tools {
            return Ok(listing);
        }
        let deadline = Instant::now() + timeout;
        let mut names = HashSet::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            let options = CallOptions::own(left);
            let members = cursor.as_ref().map_or_else(String::new, |cursor| {
                format!("\"cursor\":{}", serde_json::to_string(cursor).expect("a string serialises"))
            });
            let answer = match self.request("tools/list", &members, Phase::List, &options).await {
                Err(Error::TimedOut { server, phase, stderr, .. }) => {
                    return Err(Error::TimedOut { server, phase, after: timeout, stderr });
                }
                other => other?,
            };
            let page = answer.payload().unwrap_or("{}");
            let next = self.read_page(page, limits, &mut names, &mut listing)?;
            match next {
                Some(next) if cursor.as_ref() != Some(&next) && listing.tools.len() < limits.tools_max => {
                    cursor = Some(next)
                }
                _ => return Ok(listing),
            }
        }
        listing.faults.push(format!("more than {PAGES_MAX} pages of tools; the rest is left out"));
        Ok(listing)
    }

    /// Adds a page to the listing; gives the next cursor.
    fn read_page(
        &self,
        page: &str,
        limits: SalvageLimits,
        names: &mut HashSet<String>,
        listing: &mut Listing,
    ) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            tools: Vec<&'a RawValue>,
            #[serde(default, rename = "nextCursor")]
            next_cursor: Option<String>,
        }
        let page: Page<'_> = serde_json::from_str(page)
            .map_err(|fault| self.bad_answer("tools/list", format!("something that is no list of tools: {fault}")))?;
        for raw in page.tools {
            if listing.tools.len() >= limits.tools_max {
                listing.faults.push(format!(
                    "more than {} tools (limits.tools_per_server_max); the rest is left out",
                    limits.tools_max
                ));
                return Ok(None);
            }
            match salvage(self.server(), raw.get(), limits, &mut listing.faults) {
                Ok(tool) if !names.insert(tool.key.tool.clone()) => {
                    listing.faults.push(format!("tool {:?} is listed twice; the first one counts", tool.key.tool));
                }
                Ok(tool) => listing.tools.push(tool),
                Err(fault) => listing.faults.push(fault),
            }
        }
        Ok(page.next_cursor.filter(|cursor| !cursor.is_empty()))
    }

    pub(super) fn bad_answer(&self, method: &str, what: String) -> Error {
        // A parser quotes what it did not expect.
        let what = redactor().redact(&what).into_owned();
        Error::BadAnswer { server: self.server().clone(), method: method.to_owned(), what }
    }

    pub(super) fn refused(&self, method: &str, error: &str) -> Error {
        Error::refused(self.server(), method, error)
    }
}

impl Listing {
    /// Reads tools back from their raw texts, as the catalog keeps them. What no longer passes is left out.
    pub fn from_raw<'a>(
        server: &ServerName,
        raws: impl IntoIterator<Item = &'a str>,
        limits: SalvageLimits,
    ) -> Vec<Tool> {
        let mut faults = Vec::new();
        raws.into_iter().filter_map(|raw| salvage(server, raw, limits, &mut faults).ok()).collect()
    }
}

/// A tool as far as it is read; the rest of its raw text is passed over.
#[derive(Deserialize)]
struct Announced<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    title: Option<&'a RawValue>,
    #[serde(borrow, default)]
    description: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "inputSchema")]
    input_schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
}

/// Each hint is read by itself, so that one of a wrong type does not hide the others.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Annotations {
    title: Value,
    read_only_hint: Value,
    destructive_hint: Value,
    idempotent_hint: Value,
}

/// One tool out of its raw text; what had to be cut goes to `faults`.
fn salvage(server: &ServerName, raw: &str, limits: SalvageLimits, faults: &mut Vec<String>) -> Result<Tool, String> {
    let raw = raw.trim();
    if !raw.starts_with('{') {
        return Err("a tool that is no object".to_owned());
    }
    let announced: Announced<'_> =
        serde_json::from_str(raw).map_err(|fault| format!("a tool that cannot be read: {fault}"))?;
    let name = match text(announced.name) {
        Some(name) if !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX => name,
        Some(name) if name.len() > NAME_BYTES_MAX => return Err(format!("a tool name of {} bytes", name.len())),
        _ => return Err("a tool without a name".to_owned()),
    };
    let mut description = text(announced.description).unwrap_or_default().trim().to_owned();
    if description.len() > limits.description_bytes_max {
        faults.push(format!(
            "tool {name:?}: its description has {} bytes, only the first {} are used (limits.description_bytes_max)",
            description.len(),
            limits.description_bytes_max
        ));
        description.truncate(description.floor_char_boundary(limits.description_bytes_max));
    }
    let schema = announced.input_schema.map_or("", RawValue::get);
    if schema.len() > limits.schema_bytes_max {
        return Err(format!(
            "tool {name:?}: its input schema is longer than {} bytes (limits.schema_bytes_max)",
            limits.schema_bytes_max
        ));
    }
    let kept = raw_within(raw, &description, limits);
    let input_schema = schema_within(&kept, schema).unwrap_or_else(|| {
        faults.push(format!("tool {name:?} has no input schema; any object of parameters is let through"));
        InputSchema::any_object()
    });
    let annotations = announced.annotations.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let annotations: Annotations = annotations.unwrap_or_default();
    let said = effects::Announced {
        read_only: annotations.read_only_hint.as_bool(),
        destructive: annotations.destructive_hint.as_bool(),
    };
    let judged = effects::judge(&name, &description, &input_schema, said);
    let is_announced_read = judged.effect == Effect::Read && judged.source == EffectSource::Announced;
    let title = text(announced.title).or_else(|| annotations.title.as_str().map(str::to_owned));
    Ok(Tool {
        title: title.unwrap_or_default(),
        raw: kept,
        key: ToolKey { server: server.clone(), tool: name },
        description,
        input_schema,
        effect: judged.effect,
        effect_source: judged.source,
        // Who contradicts itself is not believed when it says that calling twice does no harm.
        is_idempotent: judged.source != EffectSource::Overruled
            && (is_announced_read || annotations.idempotent_hint.as_bool() == Some(true)),
    })
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// The raw text, unless a cut description makes it worth keeping less.
fn raw_within(raw: &str, description: &str, limits: SalvageLimits) -> Arc<str> {
    if raw.len() <= limits.description_bytes_max + limits.schema_bytes_max {
        return raw.into();
    }
    let shortened = serde_json::to_string(description).expect("a string serialises");
    match Members::parse(raw) {
        Ok(members) => members.with(&[("description", Some(&shortened))]).into(),
        Err(_) => raw.into(),
    }
}

/// Where in the kept text the schema stands. `None` when there is none that is an object.
fn schema_within(kept: &Arc<str>, schema: &str) -> Option<InputSchema> {
    if !schema.starts_with('{') {
        return None;
    }
    let announced: Announced<'_> = serde_json::from_str(kept).ok()?;
    let schema = announced.input_schema?.get();
    // A part of the same text, so the distance of the addresses is the offset.
    let start = schema.as_ptr() as usize - kept.as_ptr() as usize;
    InputSchema::within(kept, start..start + schema.len())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_an_announcement_without_contradiction_makes_a_call_repeatable() {
        let check = |name: &str, annotations: Value, expected: bool| {
            let raw = json!({"name": name, "inputSchema": {"type": "object"}, "annotations": annotations}).to_string();
            let limits = SalvageLimits { tools_max: 1, description_bytes_max: 100, schema_bytes_max: 1_000 };
            let tools = Listing::from_raw(&ServerName::parse("s").unwrap(), [raw.as_str()], limits);
            assert_eq!(tools[0].is_idempotent, expected, "{raw}");
        };
        check("look", json!({"readOnlyHint": true}), true);
        check("put", json!({"idempotentHint": true}), true);
        check("look", json!({}), false);
        check("look", json!({"readOnlyHint": true, "destructiveHint": true}), false);
        check("look", json!({"readOnlyHint": true, "destructiveHint": true, "idempotentHint": true}), false);
        check("delete_note", json!({"readOnlyHint": true, "idempotentHint": true}), false);
    }
}

//! What models really send. They mix up names, put an object into a text and arguments into the wrong slot; where the
//! meaning is clear it is taken, and the answer teaches how it is written.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::operations::{CapabilitiesInput, Detail, ExecuteInput, ExplainInput, FeedbackInput, FetchInput, FindInput};

use super::feedback_argument;

/// Names that a model gives to the object of a tool's parameters.
const PARAMS_NAMES: &[&str] = &["params", "arguments", "args", "parameters", "input", "tool_input", "tool_args"];
/// And to the tool.
const TOOL_NAMES: &[&str] = &["tool", "tool_name", "toolName", "name"];
/// And to the words.
const REQUEST_NAMES: &[&str] = &["request", "query", "task", "prompt", "instruction"];
/// Ways to write `dry_run`.
const DRY_RUN_NAMES: &[&str] = &["dry_run", "dryRun", "dry-run", "dryrun", "DryRun", "DRY_RUN"];
/// Members of a call that name no parameter of a tool, whatever stands in them.
const OWN_NAMES: &[&str] =
    &["dry_run", "dryRun", "dry-run", "dryrun", "plan", "plan_id", "steps", "feedback", "server", "_meta"];

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
            // The whole object written as a text.
            Ok(Value::String(text)) => match serde_json::from_str(&text) {
                Ok(Value::Object(members)) => Ok(Self(members)),
                _ => Err("the arguments must be an object, not a text".to_owned()),
            },
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

    /// The first name is ours; the others are spellings of it. One that is not understood must not pass for "no".
    fn take_switch(&mut self, names: &[&str]) -> Result<bool, String> {
        let name = names.first().copied().unwrap_or_default();
        match names.iter().find_map(|name| self.0.remove(*name)) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(switch)) => Ok(switch),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(_) => Err(format!("`{name}` must be true or false")),
        }
    }

    pub(super) fn into_find(mut self) -> Result<FindInput, String> {
        let query = self.take_text(&["query", "request", "q", "text", "task"])?;
        let limit = match self.0.remove("limit").or_else(|| self.0.remove("k")) {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                whole_number(&value)
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or("`limit` must be a number from 1 to 20")?,
            ),
        };
        let detail = match self.take_text(&["detail"])?.as_deref() {
            None | Some("" | "brief") => Detail::Brief,
            Some("names") => Detail::Names,
            Some("full") => Detail::Full,
            Some(_) => return Err("`detail` must be \"names\", \"brief\" or \"full\"".to_owned()),
        };
        Ok(FindInput { query: query.unwrap_or_default(), limit, detail, ..FindInput::default() })
    }

    pub(super) fn into_execute(mut self) -> Result<ExecuteInput, String> {
        let mut lessons = Vec::new();
        self.unfold_call(&mut lessons);
        let request = self.take_text(REQUEST_NAMES)?;
        let tool = self.take_tool()?;
        let (request, tool) = self.read_written_call(request, tool, &mut lessons)?;
        let plan = self.take_text(&["plan", "plan_id"])?;
        let dry_run = self.take_switch(DRY_RUN_NAMES)?;
        let in_steps = match self.0.remove("steps") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(Value::String(text)) if text == "auto" => true,
            Some(Value::String(text)) if text == "one" || text.is_empty() => false,
            Some(_) => return Err("`steps` must be \"one\" or \"auto\"".to_owned()),
        };
        let given = PARAMS_NAMES.iter().find_map(|name| self.0.remove(*name));
        let (params, beside) = self.params(given)?;
        let request = request.unwrap_or_default();
        Ok(ExecuteInput { request, params, beside, tool, dry_run, plan, without_plans: false, in_steps, lessons })
    }

    /// A whole call put into one slot: `{"tool": {"name": …, "arguments": …}}`, `{"request": {"tool": …}}`, or
    /// `{"params": {"tool": …, "params": …}}` and nothing else.
    fn unfold_call(&mut self, lessons: &mut Vec<String>) {
        let is_call = |value: &Value| {
            value.as_object().is_some_and(|members| {
                let has = |names: &[&str]| names.iter().any(|name| members.contains_key(*name));
                has(TOOL_NAMES) && members.keys().all(|key| is_own(key) && !REQUEST_NAMES.contains(&key.as_str()))
            })
        };
        let slot = ["tool", "request"].into_iter().find(|slot| self.0.get(*slot).is_some_and(is_call));
        let alone = (self.0.len() == 1).then(|| PARAMS_NAMES.iter().copied().find(|slot| self.0.contains_key(*slot)));
        // Only with parameters of its own below: a tool may well have one that is called `name`.
        let holds_params =
            |value: &Value| PARAMS_NAMES.iter().any(|name| value.get(*name).is_some_and(Value::is_object));
        let alone =
            alone.flatten().filter(|slot| self.0.get(*slot).is_some_and(|value| is_call(value) && holds_params(value)));
        let Some(slot) = slot.or(alone) else { return };
        if let Some(Value::Object(members)) = self.0.remove(slot) {
            for (key, value) in members {
                self.0.entry(key).or_insert(value);
            }
            lessons.push(format!(
                "the call stood inside \"{slot}\"; it is written execute {{\"tool\": \"server.tool\", \"params\": {{…}}}}"
            ));
        }
    }

    /// A call written as text, `server.tool {"a": 1}` or `server.tool({"a": 1})`, in the place of a name or a request. One
    /// whose arguments cannot be read must not run without them.
    fn read_written_call(
        &mut self,
        request: Option<String>,
        tool: Option<String>,
        lessons: &mut Vec<String>,
    ) -> Result<(Option<String>, Option<String>), String> {
        let written = tool.as_deref().or(request.as_deref()).and_then(written_call);
        let Some((name, arguments)) = written else { return Ok((request, tool)) };
        let how = "execute {\"tool\": \"server.tool\", \"params\": {…}}";
        match serde_json::from_str::<Value>(arguments) {
            Ok(Value::Object(members)) => {
                lessons.push(format!("the call stood in a text; it is written {how}"));
                let name = name.to_owned();
                self.0.entry("params").or_insert(Value::Object(members));
                Ok((request.filter(|_| tool.is_some()), Some(name)))
            }
            _ => Err(format!(
                "the arguments behind {name:?} cannot be read as a JSON object; nothing was run. Write {how}"
            )),
        }
    }

    /// `tool`, with the `server` before it that some give by itself.
    fn take_tool(&mut self) -> Result<Option<String>, String> {
        let tool = self.take_text(TOOL_NAMES)?;
        let server = match self.0.get("server") {
            Some(Value::String(server)) if tool.is_some() => server.trim().to_owned(),
            _ => String::new(),
        };
        if tool.is_some() {
            self.0.remove("server");
        }
        Ok(tool.map(|tool| match server.as_str() {
            "" => tool,
            server if tool.starts_with(server) => tool,
            server => format!("{server}.{tool}"),
        }))
    }

    /// What was given as parameters, together with what stands beside the members that we know, and the names of that: it is
    /// where models put parameters when they forget the slot, and thoughts that are none. The tool's schema will tell.
    fn params(mut self, given: Option<Value>) -> Result<(Option<Value>, Vec<String>), String> {
        let given = match given {
            None | Some(Value::Null) => None,
            // An object that was written as a text.
            Some(Value::String(text)) => match serde_json::from_str::<Value>(&text) {
                Ok(value @ Value::Object(_)) => Some(value),
                _ if text.trim().is_empty() => None,
                _ => return Err("`params` must be an object, not a text".to_owned()),
            },
            Some(value) => Some(value),
        };
        self.0.retain(|name, _| !OWN_NAMES.contains(&name.as_str()) || name == "server");
        if self.0.is_empty() || given.as_ref().is_some_and(|given| !given.is_object()) {
            return Ok((given, Vec::new()));
        }
        let mut beside = Vec::new();
        let mut params = given.unwrap_or_else(|| json!({}));
        if let Some(params) = params.as_object_mut() {
            for (name, value) in self.0 {
                if !params.contains_key(&name) {
                    beside.push(name.clone());
                    params.insert(name, value);
                }
            }
        }
        Ok((Some(params), beside))
    }

    /// Takes the `feedback` out, if there is one.
    pub(super) fn take_feedback(&mut self) -> Result<Option<FeedbackInput>, String> {
        self.0.remove("feedback").filter(|value| !value.is_null()).map(feedback_argument::read).transpose()
    }

    /// Whether nothing is left that would say what is to be done.
    pub(super) fn are_empty(&self) -> bool {
        self.0.values().all(|value| match value {
            Value::Null | Value::Bool(_) => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Array(_) | Value::Number(_) => false,
        })
    }

    pub(super) fn into_fetch(mut self) -> Result<FetchInput, String> {
        let handle = self.take_text(&["handle", "id", "result", "result_id"])?.unwrap_or_default();
        if handle.trim().is_empty() {
            let how = "it stands in the answer that was too large: fetch_result {\"handle\": \"r_…\", \"offset\": 0}";
            return Err(format!("`handle` is missing; {how}"));
        }
        let lines = self.0.remove("lines").or_else(|| self.0.remove("line")).filter(|lines| !lines.is_null());
        let lines = lines.map(|lines| line_range(&lines).ok_or("`lines` must be as \"10-40\"")).transpose()?;
        Ok(FetchInput {
            handle,
            offset: self.take_count(&["offset", "from", "start"])?,
            limit: self.take_count(&["limit", "count", "max", "length"])?,
            lines,
            grep: self.take_words(&["grep", "pattern", "regex"])?,
            context: self.take_count(&["context", "around"])?,
            path: self.take_words(&["path", "jsonpath", "json_path"])?,
            query: self.take_words(&["query", "question", "q", "search", "request"])?,
            block: self.take_count(&["block"])?,
        })
    }

    /// A text that says something.
    fn take_words(&mut self, names: &[&str]) -> Result<Option<String>, String> {
        Ok(self.take_text(names)?.filter(|text| !text.trim().is_empty()))
    }

    fn take_count(&mut self, names: &[&str]) -> Result<Option<usize>, String> {
        let name = names.first().copied().unwrap_or_default();
        match names.iter().find_map(|name| self.0.remove(*name)) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let count = whole_number(&value).and_then(|count| usize::try_from(count).ok());
                count.map(Some).ok_or_else(|| format!("`{name}` must be a whole number"))
            }
        }
    }

    pub(super) fn into_capabilities(mut self) -> Result<CapabilitiesInput, String> {
        Ok(CapabilitiesInput { category: self.take_text(&["category", "server", "name"])? })
    }

    pub(super) fn into_explain(mut self) -> Result<ExplainInput, String> {
        let server = self.take_text(&["server"])?.unwrap_or_default();
        Ok(ExplainInput { server, tool: self.take_text(TOOL_NAMES)?.unwrap_or_default() })
    }
}

/// The name and the text of the arguments of a call that is written as one: an identifier with an opening brace or
/// parenthesis behind it, and nothing behind the closing one.
fn written_call(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || "._-/:".contains(letter)))?;
    let (name, rest) = (&text[..end], text[end..].trim());
    let is_identifier = name.contains(['.', '_']) || text[end..].starts_with(['(', '{']);
    // "notes.txt (the new one)" is no call.
    let inner = match (text[end..].strip_prefix('('), rest.starts_with('{')) {
        (Some(inner), _) => inner.strip_suffix(')')?.trim(),
        (None, true) => rest,
        (None, false) => return None,
    };
    (is_identifier && !name.is_empty()).then_some((name, if inner.is_empty() { "{}" } else { inner }))
}

fn is_own(name: &str) -> bool {
    [PARAMS_NAMES, TOOL_NAMES, REQUEST_NAMES, OWN_NAMES].iter().any(|names| names.contains(&name))
}

/// `"10-40"`, `"10"`, `10`, `[10, 40]`.
fn line_range(value: &Value) -> Option<(usize, usize)> {
    let number = |value: &Value| whole_number(value).and_then(|number| usize::try_from(number).ok());
    let (first, last) = match value {
        Value::Array(ends) => match ends.as_slice() {
            [first, last] => (number(first)?, number(last)?),
            _ => return None,
        },
        Value::String(text) => {
            let (first, last) = text.split_once(['-', ':', ',', '–']).unwrap_or((text, text));
            (first.trim().parse().ok()?, last.trim().parse().ok()?)
        }
        Value::Number(_) => (number(value)?, number(value)?),
        Value::Null | Value::Bool(_) | Value::Object(_) => return None,
    };
    (first <= last).then_some((first.max(1), last.max(1)))
}

/// A number, or a text that is one.
fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

//! The list of tools as clients see it, with the faults that flags put into it.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::conformance;
use super::custom;
use super::demo_tool::DemoTool;
use super::error::Error;
use super::flags::Flags;
use super::kind::Kind;

/// Tools of kind `bench`; the same number as in the budgets that we measure against.
const ECHO_TOOLS: usize = 10;

/// How a tool is called.
#[derive(Clone, Copy)]
pub(super) enum Runner {
    /// By doing real work.
    Demo(&'static DemoTool),
    /// By echoing, fast.
    Echo,
    /// By taking time.
    Slow,
    /// By giving back the arguments.
    Arguments,
    /// By failing.
    Fail,
    /// By ending the process.
    Crash,
    /// As the fixture of the conformance suite does.
    Fixture,
}

/// The tools of one server.
pub(super) struct Listing {
    /// Tool objects, as JSON text.
    objects: Vec<String>,
    runners: HashMap<String, Runner>,
    first_name: String,
    is_changed: bool,
}

impl Listing {
    pub(super) fn new(flags: &Flags) -> Result<Self, Error> {
        let tools: Vec<(String, String, Runner)> = match flags.kind {
            _ if flags.conformance => {
                conformance::tools::all().into_iter().map(|(name, json)| (name, json, Runner::Fixture)).collect()
            }
            Kind::Bench => echo_tools(),
            Kind::Misbehave => misbehaving_tools(),
            Kind::Custom => {
                custom::tools(flags)?.into_iter().map(|(name, json)| (name, json, Runner::Arguments)).collect()
            }
            Kind::Design
            | Kind::Files
            | Kind::Notes
            | Kind::Clock
            | Kind::Units
            | Kind::Text
            | Kind::Tables
            | Kind::Maths
            | Kind::Sleeper => {
                let of = |tool: &'static DemoTool| (tool.name.to_owned(), tool.to_json(), Runner::Demo(tool));
                flags.kind.demo_tools().iter().map(of).collect()
            }
        };
        let first_name = tools.first().map(|tool| tool.0.clone()).unwrap_or_default();
        let mut runners = HashMap::new();
        let mut objects = Vec::new();
        for (name, json, runner) in tools {
            objects.push(json);
            runners.insert(name, runner);
        }
        if flags.kind == Kind::Bench {
            // Not listed, so that benches measure ten tools; here all the same, so that they can measure concurrency.
            runners.insert("slow_task".to_owned(), Runner::Slow);
        }
        let mut listing = Self { objects, runners, first_name, is_changed: false };
        listing.add_faults(flags);
        Ok(listing)
    }

    /// How to call the tool, if there is one of that name.
    pub(super) fn runner(&self, name: &str) -> Option<Runner> {
        self.runners.get(name).copied()
    }

    /// One page, as the JSON text of an object that is still open; none when the cursor is unknown.
    pub(super) fn page(&self, cursor: Option<&str>, flags: &Flags) -> Option<String> {
        if flags.answer_wrong_types {
            return Some(r#"{"tools":"a string in place of a list""#.to_owned());
        }
        let from = match cursor {
            None => 0,
            Some(cursor) => cursor.strip_prefix("from-")?.parse().ok().filter(|from| *from < self.objects.len())?,
        };
        let to = flags.page.map_or(self.objects.len(), |page| self.objects.len().min(from + page.max(1)));
        let mut text = format!(r#"{{"tools":[{}]"#, self.objects[from..to].join(","));
        if to < self.objects.len() {
            write!(text, r#","nextCursor":"from-{to}""#).ok();
        }
        Some(text)
    }

    /// Drops the first tool and adds another one; false when that was already done.
    pub(super) fn change(&mut self) -> bool {
        if self.is_changed {
            return false;
        }
        self.is_changed = true;
        if !self.objects.is_empty() {
            self.objects.remove(0);
            self.runners.remove(&self.first_name);
        }
        self.add("added_later", "Gives back its arguments; it was added while the server ran.", Runner::Arguments);
        true
    }

    /// Adds a tool of the fixture, or takes it away again.
    pub(super) fn toggle(&mut self, name: &str, json: String) {
        if self.runners.remove(name).is_some() {
            self.objects.retain(|object| *object != json);
        } else {
            self.objects.push(json);
            self.runners.insert(name.to_owned(), Runner::Fixture);
        }
    }

    fn add_faults(&mut self, flags: &Flags) {
        if let (Some(bytes), Some(first)) = (flags.giant_description, self.objects.first_mut()) {
            describe(first, &"A description that goes on and on. ".chars().cycle().take(bytes).collect::<String>());
        }
        if flags.duplicate_tool
            && let Some(mut copy) = self.objects.first().cloned()
        {
            describe(&mut copy, "The second tool of this name.");
            self.objects.push(copy);
        }
        if flags.tool_without_schema {
            self.objects.push(r#"{"name":"without_schema","description":"Has no input schema."}"#.to_owned());
            self.runners.insert("without_schema".to_owned(), Runner::Arguments);
        }
        if flags.tool_without_name {
            self.objects.push(r#"{"description":"Has no name.","inputSchema":{"type":"object"}}"#.to_owned());
        }
    }

    fn add(&mut self, name: &str, description: &str, runner: Runner) {
        self.objects.push(plain_tool(name, description, "{}"));
        self.runners.insert(name.to_owned(), runner);
    }
}

fn echo_tools() -> Vec<(String, String, Runner)> {
    let properties = r#"{"size":{"type":"integer","minimum":0,"default":100,"description":"Bytes to send back."},"text":{"type":"string","description":"Text to send back instead."}}"#;
    let tool = |number: usize| {
        let name = format!("echo_{number}");
        let json = plain_tool(&name, &format!("Sends back a text, for measurements (number {number})."), properties);
        (name, json, Runner::Echo)
    };
    (0..ECHO_TOOLS).map(tool).collect()
}

fn misbehaving_tools() -> Vec<(String, String, Runner)> {
    let slow = r#"{"seconds":{"type":"number","minimum":0,"maximum":3600,"default":1,"description":"Time to take, in seconds."},"steps":{"type":"integer","minimum":1,"default":1,"description":"Progress notifications to send on the way."}}"#;
    let text = r#"{"text":{"type":"string","description":"Text to send back."}}"#;
    let all = [
        ("echo", "Sends back a text.", text, Runner::Echo),
        ("slow_task", "Takes its time, reports progress and can be cancelled.", slow, Runner::Slow),
        ("fail", "Always fails with a tool error.", "{}", Runner::Fail),
        ("crash", "Ends the server's process in the middle of the call.", "{}", Runner::Crash),
    ];
    let of = |(name, description, properties, runner)| {
        (String::from(name), plain_tool(name, description, properties), runner)
    };
    all.into_iter().map(of).collect()
}

/// A tool object without annotations.
pub(super) fn plain_tool(name: &str, description: &str, properties: &str) -> String {
    let (name, description) = (Value::from(name), Value::from(description));
    format!(
        r#"{{"name":{name},"description":{description},"inputSchema":{{"type":"object","properties":{properties}}}}}"#
    )
}

/// Gives a tool object another description; one that is no object stays as it is.
fn describe(object: &mut String, description: &str) {
    if let Ok(Value::Object(mut tool)) = serde_json::from_str(object) {
        tool.insert("description".to_owned(), Value::from(description));
        *object = Value::Object(tool).to_string();
    }
}

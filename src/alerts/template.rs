//! What is sent: a template with parts in double braces.

use serde_json::{Value, json};

use crate::domain::{Moment, did_you_mean};

use super::{Alert, Error};

/// The parts that every alert has; `details.NAME` is one more.
const PARTS: &[&str] = &["server", "occasion", "text", "time", "at", "details"];
/// The beginning of the name of a detail.
const DETAIL: &str = "details.";

/// A checked template.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Texts and names of parts in turn, a text first.
    pieces: Vec<String>,
    is_json: bool,
}

impl Template {
    /// Reads a template; empty is a JSON object of all that an alert says.
    pub(super) fn parse(text: &str, content_type: &str) -> Result<Self, Error> {
        let is_json = content_type.to_ascii_lowercase().contains("json");
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, (name, behind))) =
            rest.split_once("{{").and_then(|(before, behind)| Some((before, behind.split_once("}}")?)))
        {
            let name = name.trim();
            if !PARTS.contains(&name) && !name.starts_with(DETAIL) {
                let help = did_you_mean(name, PARTS.iter().copied());
                let help = help.unwrap_or_else(|| format!("write one of {}, details.NAME", PARTS.join(", ")));
                return Err(Error::UnknownPart { name: name.to_owned(), help });
            }
            pieces.extend([before.to_owned(), name.to_owned()]);
            rest = behind;
        }
        pieces.push(rest.to_owned());
        let template = Self { pieces, is_json };
        let sample = template.filled_with(|_| "7".to_owned());
        if is_json && !text.is_empty() && serde_json::from_str::<Value>(&sample).is_err() {
            return Err(Error::NoJson);
        }
        Ok(template)
    }

    /// The body for this alert.
    pub(super) fn fill(&self, alert: &Alert) -> String {
        if let [only] = self.pieces.as_slice()
            && only.is_empty()
        {
            return whole(alert).to_string();
        }
        self.filled_with(|name| {
            let value = part(alert, name);
            if self.is_json { inside_json(&value) } else { value }
        })
    }

    fn filled_with(&self, value: impl Fn(&str) -> String) -> String {
        let mut filled = String::new();
        for (place, piece) in self.pieces.iter().enumerate() {
            if place % 2 == 0 {
                filled.push_str(piece);
            } else {
                filled.push_str(&value(piece));
            }
        }
        filled
    }
}

fn whole(alert: &Alert) -> Value {
    json!({
        "server": alert.server,
        "occasion": alert.occasion.word(),
        "text": alert.text,
        "time": part(alert, "time"),
        "at": alert.at,
        "details": alert.details,
    })
}

fn part(alert: &Alert, name: &str) -> String {
    match name {
        "server" => alert.server.to_string(),
        "occasion" => alert.occasion.to_string(),
        "text" => alert.text.clone(),
        "time" => Moment(alert.at.saturating_mul(1000)).to_string(),
        "at" => alert.at.to_string(),
        "details" => {
            let pairs: Vec<String> = alert.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join(", ")
        }
        detail => detail.strip_prefix(DETAIL).and_then(|name| alert.details.get(name)).cloned().unwrap_or_default(),
    }
}

/// As it stands between the quotes of a JSON text.
fn inside_json(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

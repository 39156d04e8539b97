//! Runs as JUnit XML, the form that build servers show: a suite for each file, a case for each route.

use std::time::Duration;

use super::judge::decision_word;
use super::{Outcome, Run};

/// One document for all of them; ends with a line feed. Characters that XML 1.0 cannot hold, be it escaped, are replaced by
/// U+FFFD.
#[must_use]
pub fn junit(runs: &[Run]) -> String {
    let all: Vec<&Outcome> = runs.iter().flat_map(|run| &run.outcomes).collect();
    let mut xml = Xml { parts: vec!["<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned()] };
    xml.open(0, "testsuites", &[("name", "mcporch test")], &all);
    for run in runs {
        for file in run.by_file() {
            let outcomes: Vec<&Outcome> = run.outcomes.iter().filter(|outcome| *outcome.file == *file.name).collect();
            let name = if run.title.is_empty() { file.name.clone() } else { format!("{} {}", file.name, run.title) };
            xml.open(2, "testsuite", &[("name", &name)], &outcomes);
            for outcome in outcomes {
                xml.case(&name, outcome);
            }
            xml.put("  </testsuite>\n");
        }
    }
    xml.put("</testsuites>\n");
    xml.parts.concat()
}

struct Xml {
    parts: Vec<String>,
}

impl Xml {
    fn put(&mut self, part: impl Into<String>) {
        self.parts.push(part.into());
    }

    fn open(&mut self, indent: usize, element: &str, attributes: &[(&str, &str)], outcomes: &[&Outcome]) {
        self.put(format!("{:indent$}<{element}", ""));
        for (name, value) in attributes {
            self.attribute(name, value);
        }
        let failures = outcomes.iter().filter(|outcome| !outcome.verdict.passed()).count();
        let took: Duration = outcomes.iter().map(|outcome| took(outcome)).sum();
        self.put(format!(
            " tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{:.6}\">\n",
            outcomes.len(),
            took.as_secs_f64()
        ));
    }

    fn case(&mut self, suite: &str, outcome: &Outcome) {
        let route = &outcome.route;
        self.put("    <testcase");
        self.attribute("name", if route.name.is_empty() { &route.request } else { &route.name });
        self.attribute("classname", suite);
        self.attribute("file", &outcome.file);
        self.attribute("line", &route.line.to_string());
        self.put(format!(" time=\"{:.6}\"", took(outcome).as_secs_f64()));
        let failures = &outcome.verdict.failures;
        let Some(first) = failures.first() else {
            self.put("/>\n");
            return;
        };
        // One element for all that is wrong: some readers take the first of several and drop the rest.
        let messages: Vec<String> = failures.iter().map(ToString::to_string).collect();
        self.put(">\n      <failure");
        self.attribute("type", first.kind());
        self.attribute("message", &messages.join("; "));
        self.put(">");
        self.put(escaped(&explanation(outcome), false));
        self.put("</failure>\n    </testcase>\n");
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.put(format!(" {name}=\"{}\"", escaped(value, true)));
    }
}

fn explanation(outcome: &Outcome) -> String {
    let mut lines = vec![
        format!("{}: {}", outcome.origin(), outcome.route.request),
        format!("expected: {}", outcome.expectation()),
    ];
    if let Ok(seen) = &outcome.seen {
        for (place, tool) in seen.tools.iter().take(3).enumerate() {
            let why = if tool.why.is_empty() { String::new() } else { format!(": {}", tool.why.join("; ")) };
            lines.push(format!("{}. {}, confidence {:.2}{why}", place + 1, tool.tool, tool.confidence.value()));
        }
        if let Some(place) = outcome.place().filter(|place| *place > 3) {
            lines.push(format!("the expected tool is at place {place}"));
        }
        lines.push(format!("decision: {}", decision_word(seen.decision)));
    }
    lines.join("\n")
}

fn took(outcome: &Outcome) -> Duration {
    outcome.seen.as_ref().map(|seen| seen.duration).unwrap_or_default()
}

/// Attributes keep their line breaks only as references: a reader turns plain ones into spaces.
fn escaped(text: &str, is_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' if is_attribute => out.push_str(if c == '\n' { "&#10;" } else { "&#9;" }),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            // What is left below the space, and the two that Unicode calls no characters.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

//! The tools of the kinds `bench` and `misbehave`: one as fast as possible, and one as slow as asked.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::output::Output;
use super::running::waits;

/// The beginning of every result of a call, up to the text.
pub(super) const HEAD: &[u8] = br#"{"content":[{"type":"text","text":"#;
/// Bytes of the answer when the call does not say.
const DEFAULT_BYTES: usize = 100;
/// Longest answer, in bytes. Above the limits that clients set, so that these can be tested.
const BYTES_MAX: usize = 256 << 20;
/// Most structured rows, at about 125 bytes each.
const ROWS_MAX: usize = 1_000_000;
/// Longest slow task, in seconds. Longer than any call's deadline.
const SECONDS_MAX: f64 = 3600.0;
/// Most steps of a slow task. A guess.
const STEPS_MAX: u32 = 100_000;

/// Answers echo calls out of prepared bytes.
pub(super) struct Echo {
    /// A quoted text of the size asked for last: clients that measure ask for one size again and again.
    text: Vec<u8>,
    /// The same of rows: how many, and what is behind the head.
    rows: (usize, Vec<u8>),
}

#[derive(Default, Deserialize)]
struct EchoArguments<'a> {
    #[serde(default)]
    size: Option<usize>,
    /// Any JSON; a string is sent back as it is.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    /// Structured rows to send, in no list of arguments: for measurements.
    #[serde(default)]
    rows: Option<usize>,
}

impl Echo {
    pub(super) fn new() -> Self {
        Self { text: quoted(DEFAULT_BYTES), rows: (0, structured(0)) }
    }

    /// Sends back the argument `text`, or `size` bytes.
    pub(super) fn answer(&mut self, output: &Output, id: &str, arguments: Option<&str>, tail: &str) -> io::Result<()> {
        let asked: EchoArguments<'_> = match arguments.map_or_else(|| Ok(Default::default()), serde_json::from_str) {
            Ok(asked) => asked,
            Err(error) => return answer_fault(output, id, &format!("the arguments do not fit: {error}"), tail),
        };
        if let Some(text) = asked.text {
            let text = text.get();
            if text.starts_with('"') {
                return output.result(id, &[HEAD, text.as_bytes(), b"}]", tail.as_bytes()]);
            }
            return answer_fault(output, id, "argument \"text\" must be a text", tail);
        }
        if let Some(rows) = asked.rows {
            if rows > ROWS_MAX {
                return answer_fault(output, id, &format!("argument \"rows\" must be at most {ROWS_MAX}"), tail);
            }
            if self.rows.0 != rows {
                self.rows = (rows, structured(rows));
            }
            return output.result(id, &[HEAD, &self.rows.1, tail.as_bytes()]);
        }
        let size = asked.size.unwrap_or(DEFAULT_BYTES);
        if size > BYTES_MAX {
            return answer_fault(output, id, &format!("argument \"size\" must be at most {BYTES_MAX}"), tail);
        }
        if self.text.len() != size + 2 {
            self.text = quoted(size);
        }
        output.result(id, &[HEAD, &self.text, b"}]", tail.as_bytes()])
    }
}

/// A call of `slow_task`.
#[derive(Debug, Deserialize)]
pub(super) struct SlowTask {
    #[serde(default = "one_second")]
    seconds: f64,
    #[serde(default = "one_step")]
    steps: u32,
}

impl SlowTask {
    pub(super) fn read(arguments: Option<&str>) -> Result<Self, String> {
        let task: Self = serde_json::from_str(arguments.unwrap_or("{}")).map_err(|error| error.to_string())?;
        if !(0.0..=SECONDS_MAX).contains(&task.seconds) {
            return Err(format!("argument \"seconds\" is {}, but must be from 0 to {SECONDS_MAX}", task.seconds));
        }
        if task.steps == 0 || task.steps > STEPS_MAX {
            return Err(format!("argument \"steps\" is {}, but must be from 1 to {STEPS_MAX}", task.steps));
        }
        Ok(task)
    }

    /// Takes the asked time in steps, with a progress notification after each when there is a token. Says nothing more
    /// once it was told to stop.
    pub(super) fn run(
        &self,
        output: &Output,
        id: &str,
        token: Option<&str>,
        tail: &str,
        stop: &Receiver<()>,
    ) -> io::Result<()> {
        let steps = self.steps;
        let step = Duration::from_secs_f64(self.seconds / f64::from(steps));
        for done in 1..=steps {
            if !waits(stop, step) {
                return Ok(());
            }
            if let Some(token) = token {
                let params = format!(
                    r#"{{"progressToken":{token},"progress":{done},"total":{steps},"message":"step {done} of {steps}"}}"#
                );
                output.notify("notifications/progress", &params)?;
            }
        }
        let text = format!(r#""done: {steps} steps in {} s""#, self.seconds);
        output.result(id, &[HEAD, text.as_bytes(), b"}]", tail.as_bytes()])
    }
}

fn answer_fault(output: &Output, id: &str, message: &str, tail: &str) -> io::Result<()> {
    let text = serde_json::Value::from(message).to_string();
    output.result(id, &[HEAD, text.as_bytes(), b"}],\"isError\":true", tail.as_bytes()])
}

/// A JSON string of that many bytes.
fn quoted(bytes: usize) -> Vec<u8> {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789 ";
    let mut text = Vec::with_capacity(bytes + 2);
    text.push(b'"');
    text.extend(alphabet.iter().cycle().take(bytes));
    text.push(b'"');
    text
}

/// The rest of a result with that many rows as structured content.
fn structured(rows: usize) -> Vec<u8> {
    let row = |number: usize| {
        format!(
            r#"{{"id":{number},"name":"row number {number}","is_even":{},"value":{}.25,"tags":["alpha","beta"],"note":"a few words of text"}}"#,
            number.is_multiple_of(2),
            number * 7
        )
    };
    let all: Vec<String> = (0..rows).map(row).collect();
    format!(r#""{rows} rows"}}],"structuredContent":{{"rows":[{}]}}"#, all.join(",")).into_bytes()
}

fn one_second() -> f64 {
    1.0
}

fn one_step() -> u32 {
    1
}

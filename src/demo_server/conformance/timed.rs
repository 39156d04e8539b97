//! Tools that take their time: each runs on a thread of its own and stops when it is told to.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::{Value, json};

use super::dialogue::fail;
use super::request::Request;
use super::wire::Wire;
use crate::demo_server::running::waits;

/// The pause between two messages of one call: the suite asks for about 50 ms.
const STEP: Duration = Duration::from_millis(50);
/// Longest slow call, in seconds. Longer than any call's deadline.
const SECONDS_MAX: f64 = 3600.0;
/// Most steps of a slow call. A guess.
const STEPS_MAX: u64 = 100_000;
/// Internal error (JSON-RPC 2.0).
const INTERNAL_ERROR: i32 = -32603;

/// One tool: answers, unless it was told to stop before.
pub(super) type Timed = fn(&Wire, &Request, &Receiver<()>) -> io::Result<()>;

/// The tool of that name, if it takes time.
pub(super) fn of_tool(name: &str) -> Option<Timed> {
    Some(match name {
        "test_tool_with_logging" => logging,
        "test_tool_with_progress" => progress,
        "test_reconnection" => reconnection,
        "test_slow" => slow,
        "slow_compute" => |wire, request, stop| {
            if waits(stop, seconds(request)) { wire.result(request, &computed(request)) } else { Ok(()) }
        },
        "failing_job" => |wire, request, stop| {
            if waits(stop, STEP) { fail(wire, request, FAILED) } else { Ok(()) }
        },
        "protocol_error_job" => |wire, request, stop| {
            let error = |()| wire.error(request, INTERNAL_ERROR, BROKEN, &Value::Null);
            waits(stop, STEP).then_some(()).map_or(Ok(()), error)
        },
        _ => return None,
    })
}

/// What `failing_job` says.
pub(super) const FAILED: &str = "this job always fails; that is what it is for";
/// What `protocol_error_job` says.
const BROKEN: &str = "this job always ends in a protocol error; that is what it is for";

/// How a task of the tool `protocol_error_job` ends.
pub(super) fn broken() -> Value {
    json!({"code": INTERNAL_ERROR, "message": BROKEN})
}

/// What `slow_compute` gives.
pub(super) fn computed(request: &Request) -> Value {
    let label = request.arguments().get("label").and_then(Value::as_str).unwrap_or("nothing").to_owned();
    json!({"content": [{"type": "text", "text": format!("computed {label} in {:?}", seconds(request))}]})
}

/// The argument `seconds`; half a second when it is absent or out of range.
pub(super) fn seconds(request: &Request) -> Duration {
    let asked = request.arguments().get("seconds").and_then(Value::as_f64).unwrap_or(0.5);
    Duration::from_secs_f64(if (0.0..=SECONDS_MAX).contains(&asked) { asked } else { 0.5 })
}

fn logging(wire: &Wire, request: &Request, stop: &Receiver<()>) -> io::Result<()> {
    for (number, text) in
        ["Tool execution started", "Tool processing data", "Tool execution completed"].iter().enumerate()
    {
        if number > 0 && !waits(stop, STEP) {
            return Ok(());
        }
        wire.log(request, "info", text)?;
    }
    wire.result(request, &said("logged what it did"))
}

fn progress(wire: &Wire, request: &Request, stop: &Receiver<()>) -> io::Result<()> {
    for done in [0, 50, 100] {
        if done > 0 && !waits(stop, STEP) {
            return Ok(());
        }
        wire.progress(request, done, 100, "")?;
    }
    wire.result(request, &said("reported its progress"))
}

/// The suite lets the connection be cut while this runs, and wants the answer after it was made again.
fn reconnection(wire: &Wire, request: &Request, stop: &Receiver<()>) -> io::Result<()> {
    if !waits(stop, 2 * STEP) {
        return Ok(());
    }
    wire.result(request, &said("answered after a while"))
}

fn slow(wire: &Wire, request: &Request, stop: &Receiver<()>) -> io::Result<()> {
    let steps = request.arguments().get("steps").and_then(Value::as_u64).unwrap_or(1).clamp(1, STEPS_MAX);
    let steps = u32::try_from(steps).unwrap_or(1);
    for done in 1..=steps {
        if !waits(stop, seconds(request) / steps) {
            return Ok(());
        }
        wire.progress(request, done, steps, &format!("step {done} of {steps}"))?;
    }
    wire.result(request, &said(&format!("done: {steps} steps")))
}

fn said(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

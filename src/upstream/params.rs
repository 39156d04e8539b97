//! A request as its server must see it.

use std::fmt::Write;

use super::{Behind, Era, MODERN_VERSION, Phase};

/// Of a line without its members: the envelope, and what each modern request carries.
const ENVELOPE_BYTES: usize = 400;

/// The line, newline included. `members` are the raw members of the caller's `params`, without braces and without `_meta`. `era`
/// decides about `_meta`; without one there is none.
pub(super) fn request_line(
    id: u64,
    method: &str,
    members: &str,
    era: Option<Era>,
    phase: Phase,
    behind: &Behind,
) -> Vec<u8> {
    let passed = behind.meta.as_deref().unwrap_or_default();
    // Written once, into one piece: a large request is copied no more than that.
    let mut line = String::with_capacity(ENVELOPE_BYTES + method.len() + members.len() + passed.len());
    let _infallible = write!(line, "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{{{members}");
    if era.is_some() {
        let comma = if members.is_empty() { "" } else { "," };
        let (before, start) = (line.len(), line.len() + comma.len() + META.len());
        line.push_str(comma);
        line.push_str(META);
        if phase == Phase::Call {
            // The id serves as progress token too: it is unique and costs no table.
            let _infallible = write!(line, "\"progressToken\":{id}");
        }
        if era == Some(Era::Modern) {
            push_modern(&mut line, start, behind);
        }
        if !passed.is_empty() {
            push(&mut line, start, passed);
        }
        match line.len() == start {
            true => line.truncate(before),
            false => line.push('}'),
        }
    }
    line.push_str("}}\n");
    line.into_bytes()
}

const META: &str = "\"_meta\":{";

/// What each modern request carries.
fn push_modern(meta: &mut String, start: usize, behind: &Behind) {
    let capabilities = behind.capabilities.as_deref().unwrap_or("{}");
    push(meta, start, "\"io.modelcontextprotocol/protocolVersion\":\"");
    meta.push_str(MODERN_VERSION);
    meta.push_str(concat!(
        "\",\"io.modelcontextprotocol/clientInfo\":{\"name\":\"mcporch\",\"version\":\"",
        env!("CARGO_PKG_VERSION"),
        "\"},\"io.modelcontextprotocol/clientCapabilities\":"
    ));
    meta.push_str(capabilities);
    if let Some(level) = behind.log_level.as_deref() {
        meta.push_str(",\"io.modelcontextprotocol/logLevel\":");
        meta.push_str(level);
    }
}

fn push(meta: &mut String, start: usize, members: &str) {
    if meta.len() > start {
        meta.push(',');
    }
    meta.push_str(members);
}

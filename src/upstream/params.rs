//! The `params` of a request as its server must see them.

use std::fmt::Write;

use super::{Behind, Era, MODERN_VERSION, Phase};

/// The raw object. `members` are those of the caller, without braces and without `_meta`. `era` decides about `_meta`; without
/// one there is none.
pub(super) fn of_request(id: u64, members: &str, era: Option<Era>, phase: Phase, behind: &Behind) -> String {
    let mut meta = String::new();
    if phase == Phase::Call && era.is_some() {
        // The id serves as progress token too: it is unique and costs no table.
        let _infallible = write!(meta, "\"progressToken\":{id}");
    }
    if era == Some(Era::Modern) {
        push_modern(&mut meta, behind);
    }
    if let Some(passed) = behind.meta.as_deref().filter(|passed| era.is_some() && !passed.is_empty()) {
        push(&mut meta, passed);
    }
    let comma = if members.is_empty() || meta.is_empty() { "" } else { "," };
    if meta.is_empty() { format!("{{{members}}}") } else { format!("{{{members}{comma}\"_meta\":{{{meta}}}}}") }
}

/// What each modern request carries.
fn push_modern(meta: &mut String, behind: &Behind) {
    let capabilities = behind.capabilities.as_deref().unwrap_or("{}");
    push(meta, "\"io.modelcontextprotocol/protocolVersion\":\"");
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

fn push(meta: &mut String, members: &str) {
    if !meta.is_empty() {
        meta.push(',');
    }
    meta.push_str(members);
}

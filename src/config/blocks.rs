//! The blocks of a registry file that are neither a launch nor a hint: `health_check`, `resources`, `orchestrator`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::{ServerName, did_you_mean};

use super::json::{Data, Member, Node};
use super::values::{At, bytes, cores, object, text, texts, time, whole};
use super::{Balance, Fault, HealthCheck, HealthMethod, Orchestrator, Resources, Start};

const HEALTH_KEYS: &[&str] = &["method", "tool", "arguments", "interval", "timeout", "retries"];
const RESOURCE_KEYS: &[&str] = &["max_memory", "max_cpu", "max_instances"];
const ORCHESTRATOR_KEYS: &[&str] = &["port", "default_timeout", "retry_attempts", "load_balancing"];

/// A `health_check`; `false` is none, `true` one with every default.
pub(super) fn health_check(at: &At<'_>, node: &Node, odd: &mut Vec<Fault>) -> Result<Option<HealthCheck>, Fault> {
    let mut check = HealthCheck {
        method: HealthMethod::Ping,
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        retries: 3,
    };
    if let Data::Bool(is_wanted) = node.data {
        return Ok(is_wanted.then_some(check));
    }
    let members = object(at, node, "an object")?;
    let (mut method, mut tool, mut arguments) = (None, None, json!({}));
    for member in members {
        let (at, value) = (at.under(&member.key), &member.value);
        match member.key.as_str() {
            "method" => method = Some((text(&at, value)?, at, value.line)),
            "tool" => tool = Some(text(&at, value)?),
            "arguments" => {
                object(&at, value, "an object")?;
                arguments = value.to_value();
            }
            "interval" => check.interval = time(&at, value)?,
            "timeout" => check.timeout = time(&at, value)?,
            "retries" => check.retries = whole(&at, value, 1, 100)?,
            _ => odd.push(unknown(&at, member, HEALTH_KEYS)),
        }
    }
    let method_name = method.as_ref().map(|(name, ..)| name.as_str());
    check.method = match (method_name, tool) {
        (None | Some("tool_call" | "tools/call"), Some(tool)) => HealthMethod::ToolCall { tool, arguments },
        (Some("tool_call" | "tools/call"), None) => {
            return Err(at.fault(node.line, "`tool` is missing", "name the tool that is to be called"));
        }
        (None | Some("ping"), _) => HealthMethod::Ping,
        (Some("list_tools" | "tools/list"), _) => HealthMethod::ListTools,
        (Some(name), _) => {
            let (at, line) = method.as_ref().map_or((at, node.line), |(_, at, line)| (at, *line));
            let help = r#"write "ping", "tools/list" or "tool_call""#;
            return Err(at.fault(line, format!("`{name}` is no way to check a server"), help));
        }
    };
    Ok(Some(check))
}

/// A `resources` block.
pub(super) fn resources(at: &At<'_>, node: &Node, odd: &mut Vec<Fault>) -> Result<Resources, Fault> {
    let mut resources = Resources::default();
    for member in object(at, node, "an object")? {
        let (at, value) = (at.under(&member.key), &member.value);
        match member.key.as_str() {
            "max_memory" => resources.memory_bytes_max = Some(bytes(&at, value)?),
            "max_cpu" => resources.cpu_cores_max = Some(cores(&at, value)?),
            "max_instances" => resources.instances_max = Some(whole(&at, value, 1, 1000)?),
            _ => odd.push(unknown(&at, member, RESOURCE_KEYS)),
        }
    }
    Ok(resources)
}

/// When a server is started: `eager`, `lazy` or `manual`.
pub(super) fn start(at: &At<'_>, node: &Node) -> Result<Start, Fault> {
    match text(at, node)?.as_str() {
        "eager" => Ok(Start::Eager),
        "lazy" => Ok(Start::Lazy),
        "manual" => Ok(Start::Manual),
        word => {
            let help =
                r#"write "eager" (with mcporch), "lazy" (by the first call) or "manual" (by the operator alone)"#;
            Err(at.fault(node.line, format!("`{word}` is no time to start"), help))
        }
    }
}

/// The servers that must run before this one: a name, or a list of names.
pub(super) fn depends_on(at: &At<'_>, node: &Node) -> Result<Vec<ServerName>, Fault> {
    let name =
        |word: &str| ServerName::parse(word).map_err(|fault| at.fault(node.line, fault.to_string(), "name servers"));
    texts(at, node)?.iter().map(|word| name(word)).collect()
}

/// How several processes of one server share the calls.
pub(super) fn balance(at: &At<'_>, node: &Node) -> Result<Balance, Fault> {
    let word = text(at, node)?;
    balance_of(&word).ok_or_else(|| {
        let help = r#"write "least_busy", "round_robin" or "peak_ewma""#;
        at.fault(node.line, format!("`{word}` is no way to share calls"), help)
    })
}

/// How calls are shared, by its name; the words that other programs have for the same are known too.
#[must_use]
pub fn balance_of(word: &str) -> Option<Balance> {
    match word.to_lowercase().replace('-', "_").as_str() {
        "least_busy" | "least_connections" | "least_loaded" => Some(Balance::LeastBusy),
        "round_robin" => Some(Balance::RoundRobin),
        "peak_ewma" | "ewma" | "latency" => Some(Balance::PeakEwma),
        _ => None,
    }
}

/// An `orchestrator` block. A wrong value is a warning and counts as not given, since it concerns no single server.
pub(super) fn orchestrator(file: &Path, member: &Member, odd: &mut Vec<Fault>) -> Orchestrator {
    let mut block = Orchestrator { file: file.to_owned(), ..Orchestrator::default() };
    let at = At { file, key: member.key.clone() };
    let members = match object(&at, &member.value, "an object") {
        Ok(members) => members,
        Err(fault) => {
            odd.push(fault);
            return block;
        }
    };
    for member in members {
        if let Err(fault) = orchestrator_key(&at.under(&member.key), member, &mut block, odd) {
            odd.push(fault);
        }
    }
    block
}

fn orchestrator_key(at: &At<'_>, member: &Member, block: &mut Orchestrator, odd: &mut Vec<Fault>) -> Result<(), Fault> {
    let value = &member.value;
    match member.key.as_str() {
        "port" => block.port = Some(port(at, value)?),
        "default_timeout" => block.default_timeout = Some(time(at, value)?),
        "retry_attempts" => block.retry_attempts = Some(whole(at, value, 0, 100)?),
        "load_balancing" => block.load_balancing = Some(value.to_value()).filter(|value| *value != Value::Null),
        _ => odd.push(unknown(at, member, ORCHESTRATOR_KEYS)),
    }
    Ok(())
}

/// A port, 1 to 65535.
pub(super) fn port(at: &At<'_>, node: &Node) -> Result<u16, Fault> {
    let port = whole(at, node, 1, u32::from(u16::MAX))?;
    u16::try_from(port).map_err(|_| at.wrong(node, "a port"))
}

/// The warning about a key that is not known here.
pub(super) fn unknown(at: &At<'_>, member: &Member, known: &[&str]) -> Fault {
    let help = did_you_mean(&member.key, known.iter().copied())
        .unwrap_or_else(|| "remove it, or see config/README.md for the keys that are read".to_owned());
    at.fault(member.line, "unknown key, ignored", help)
}

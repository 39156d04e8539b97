//! Servers: which do not work, and why.

use std::collections::BTreeMap;

use crate::domain::ServerName;

use super::finding::{Area, Finding, Severity, counted, some_of};

/// Faulty tools that are named.
const FAULTS_SHOWN: usize = 5;

/// What is known of one configured server. Without any value of a variable or an argument.
#[derive(Debug, Clone)]
pub struct ServerFacts {
    /// Its name.
    pub name: ServerName,
    /// `FILE:LINE` of its entry.
    pub place: String,
    /// How it stands.
    pub state: ServerState,
    /// Equal for servers that start the same thing.
    pub fingerprint: String,
    /// Its tools in use.
    pub tools: usize,
    /// Its tools that overrides hide.
    pub hidden: usize,
    /// The program of its entry, when it is not to be found.
    pub missing_program: Option<String>,
    /// What was wrong with single tools when it was listed just now, one line each.
    pub tool_faults: Vec<String>,
}

/// How a server stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerState {
    /// The registry says not to use it.
    Disabled,
    /// Its entry is wrong, or something that it needs is not there.
    Refused {
        /// What is wrong; never a value.
        message: String,
        /// What to do.
        help: String,
    },
    /// Its last start or list failed.
    Failed {
        /// Why, in one line.
        why: String,
    },
    /// Nobody has asked it yet.
    NeverListed,
    /// Its tools are known.
    Listed,
}

/// What is wrong with the servers.
#[must_use]
pub fn servers(facts: &[ServerFacts]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.iter().flat_map(about).collect();
    findings.extend(twins(facts));
    findings
}

fn about(server: &ServerFacts) -> Vec<Finding> {
    let found = |severity, message: &str, advice: &str| {
        Finding::new(severity, Area::Servers, server.name.as_str(), message, advice).at(server.place.as_str())
    };
    let mut findings = Vec::new();
    match &server.state {
        ServerState::Disabled => findings.push(found(Severity::Note, "is disabled", "")),
        ServerState::Refused { message, help } => findings.push(found(Severity::Problem, message, help)),
        ServerState::Failed { .. } | ServerState::NeverListed if server.missing_program.is_some() => {
            let program = server.missing_program.as_deref().unwrap_or_default();
            let message = format!("its program {program:?} is not found in PATH");
            let advice = "install it, or write its whole path as `command`";
            findings.push(found(Severity::Problem, &message, advice));
        }
        ServerState::Failed { why } => {
            let advice = format!("put that right, then `mcporch doctor {}` tries it again", server.name);
            findings.push(found(Severity::Problem, why, &advice));
        }
        ServerState::NeverListed => {
            let advice = format!("`mcporch doctor {}` starts it", server.name);
            findings.push(found(Severity::Note, "was never started, so its tools are not known", &advice));
        }
        ServerState::Listed if server.tools == 0 && server.hidden == 0 => {
            let advice = "look at `enabled_tools` and `disabled_tools` of its entry, or take the entry out";
            findings.push(found(Severity::Warning, "runs, but offers no tool", advice));
        }
        ServerState::Listed => {}
    }
    if !server.tool_faults.is_empty() {
        let count = counted(server.tool_faults.len(), "fault");
        let message = format!("{count} in its tool list: {}", some_of(&server.tool_faults, FAULTS_SHOWN));
        let advice = "tell its author; tools that are cut are limited by [limits] in the settings";
        findings.push(found(Severity::Warning, &message, advice));
    }
    findings
}

/// Entries that start the same thing.
fn twins(facts: &[ServerFacts]) -> Vec<Finding> {
    let mut by_fingerprint: BTreeMap<&str, Vec<&ServerFacts>> = BTreeMap::new();
    let is_used = |server: &&ServerFacts| !matches!(server.state, ServerState::Disabled | ServerState::Refused { .. });
    for server in facts.iter().filter(is_used) {
        by_fingerprint.entry(&server.fingerprint).or_default().push(server);
    }
    let of_several = by_fingerprint.into_values().filter(|servers| servers.len() > 1);
    of_several
        .map(|servers| {
            let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
            let message = format!("starts the very same as {}", names[..names.len() - 1].join(", "));
            let last = servers[servers.len() - 1];
            let advice = "take one of the entries out: each request has to choose between them";
            Finding::new(Severity::Warning, Area::Servers, last.name.as_str(), message, advice).at(last.place.as_str())
        })
        .collect()
}

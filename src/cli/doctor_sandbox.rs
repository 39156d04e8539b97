//! What `mcporch doctor` says of sandboxes: which levels this machine gives, and which servers ask for one that it does not.

use crate::app;
use crate::config::{Config, Launch, SandboxFallback, ServerConfig};
use crate::doctor::{Area, Finding, Severity};
use crate::isolation::Probe;

use super::doctor::origin;
use super::output::{BOLD, DIM, GOOD, Out, WARN, painted};

/// A server whose level of sandbox this machine does not give.
pub(super) fn lacks_its_level(config: &Config, server: &ServerConfig, sandbox: &Probe) -> Option<Finding> {
    if server.disabled || !matches!(server.launch, Launch::Child { .. }) {
        return None;
    }
    let probe = sandbox.of(app::sandbox_level(server, &config.settings)).filter(|probe| !probe.is_available)?;
    let may_have_less = server.sandbox.fallback.unwrap_or(config.settings.sandbox.fallback) == SandboxFallback::Allow;
    let (severity, what) = if may_have_less {
        (Severity::Warning, "runs with less protection than asked for")
    } else {
        (Severity::Problem, "is not started")
    };
    let message = format!("{what}: sandbox level {} cannot be had here: {}", probe.level, probe.why);
    let advice = format!("{}, or ask for less with `sandbox` in its entry", probe.advice);
    Some(Finding::new(severity, Area::Servers, server.name.as_str(), message, advice).at(origin(server)))
}

/// One line for each level, and one for bounds.
pub(super) fn show(out: &mut Out, sandbox: &Probe) {
    out.line(&painted(BOLD, "sandbox levels on this machine"));
    for probe in &sandbox.levels {
        let mark = if probe.is_available { painted(GOOD, "✓") } else { painted(WARN, "–") };
        let advice = if probe.advice.is_empty() { String::new() } else { format!("; {}", probe.advice) };
        out.line(&format!("  {mark} {:<10}{}", probe.level.word(), painted(DIM, &format!("{}{advice}", probe.why))));
    }
    if let Some(why) = &sandbox.no_cgroup {
        let text = format!("no cgroup ({why}): memory is bounded for each process, and looked at for the whole");
        out.line(&format!("  {} {:<10}{}", painted(WARN, "–"), "bounds", painted(DIM, &text)));
    } else {
        out.line(&format!("  {} {:<10}{}", painted(GOOD, "✓"), "bounds", painted(DIM, "cgroup v2")));
    }
}

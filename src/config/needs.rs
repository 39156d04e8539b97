//! Do servers need only servers that are there, and never each other in a circle?

use std::collections::BTreeMap;

use crate::domain::{ServerName, did_you_mean};

use super::{Fault, ServerConfig};

/// Refuses each server that needs one that is missing or disabled, and all that need each other in a circle.
pub(super) fn check(servers: &mut [ServerConfig]) {
    let names: Vec<String> = servers.iter().map(|server| server.name.to_string()).collect();
    let disabled: Vec<ServerName> =
        servers.iter().filter(|server| server.disabled).map(|server| server.name.clone()).collect();
    let needs: BTreeMap<ServerName, Vec<ServerName>> =
        servers.iter().map(|server| (server.name.clone(), server.depends_on.clone())).collect();
    for server in servers.iter_mut().filter(|server| server.refusal.is_none()) {
        let missing = server.depends_on.iter().find(|need| !needs.contains_key(*need));
        let off = server.depends_on.iter().find(|need| disabled.contains(need));
        let problem = match (missing, off, circle(&server.name, &needs)) {
            (Some(need), ..) => {
                let help = did_you_mean(need.as_str(), names.iter().map(String::as_str));
                let help = help.unwrap_or_else(|| "name a server of the registry, or take it out".to_owned());
                Some((format!("it needs server `{need}`, which is not in the registry"), help))
            }
            (None, Some(need), _) => {
                let help = format!("enable `{need}`, or take it out of depends_on");
                Some((format!("it needs server `{need}`, which is disabled"), help))
            }
            (None, None, Some(circle)) => {
                let circle: Vec<&str> = circle.iter().map(ServerName::as_str).collect();
                let help = "take one of them out of depends_on".to_owned();
                Some((format!("servers need each other in a circle: {}", circle.join(" → ")), help))
            }
            (None, None, None) => None,
        };
        if let Some((message, help)) = problem {
            let key = format!("{}.depends_on", server.origin.key);
            server.refusal = Some(Fault::new(&server.origin.file, server.origin.line, key, message, help));
        }
    }
}

/// A way from the server back to itself, if there is one.
fn circle(from: &ServerName, needs: &BTreeMap<ServerName, Vec<ServerName>>) -> Option<Vec<ServerName>> {
    let mut ways = vec![vec![from.clone()]];
    let mut seen = Vec::new();
    while let Some(way) = ways.pop() {
        for need in way.last().and_then(|last| needs.get(last)).into_iter().flatten() {
            let mut longer = way.clone();
            longer.push(need.clone());
            if need == from {
                return Some(longer);
            }
            if !seen.contains(need) {
                seen.push(need.clone());
                ways.push(longer);
            }
        }
    }
    None
}

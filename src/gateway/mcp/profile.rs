//! What of all servers one client sees: the four tools, tools by their own names, or one server as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{ServerName, ToolKey};

/// Which tools and servers a profile shows. Nothing said means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Names of servers; `*` at the end stands for anything.
    pub servers: Option<Vec<String>>,
    /// Tools as `server.tool`; `*` at the end stands for anything.
    pub tools: Option<Vec<String>>,
    /// Tools are shown without their server's name before them, where that is clear.
    pub is_bare: bool,
}

/// What a client sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum View {
    /// The four tools.
    #[default]
    Routed,
    /// Tools, prompts and resources of several servers, by their own names.
    Direct(Selection),
    /// One server as it is.
    Server(ServerName),
}

/// A view and its limits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// What is seen.
    pub view: View,
    /// Results with more text than that, in bytes, are kept and given as handles, in place of what the settings say; 0 hands over
    /// all, and then there is no `fetch_result`.
    pub inline_bytes_max: Option<usize>,
}

/// All profiles that can be asked for by name.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    /// Those of the operator.
    pub named: BTreeMap<String, Arc<Profile>>,
}

impl Profiles {
    /// The profile behind the part of an address after `/mcp`, without slashes at its ends: nothing or `routed`, `direct`,
    /// `p/NAME`, `s/SERVER`.
    ///
    /// # Errors
    /// What is wrong with the name, and which there are.
    pub fn find(&self, name: &str) -> Result<Arc<Profile>, String> {
        let shown = || name.chars().take(100).collect::<String>();
        let name = name.trim_matches('/');
        let view = match name.split_once('/') {
            None if name.is_empty() || name == "routed" => View::Routed,
            None if name == "direct" => View::Direct(Selection::default()),
            Some(("s", server)) => {
                let server = ServerName::parse(server).map_err(|_| format!("{server:?} is no name of a server"))?;
                View::Server(server)
            }
            Some(("p", named)) => {
                return self.named.get(named).cloned().ok_or_else(|| {
                    let all: Vec<&str> = self.named.keys().map(String::as_str).collect();
                    let all = if all.is_empty() { "none is configured".to_owned() } else { all.join(", ") };
                    format!("there is no profile {:?}; profiles of the settings: {all}", shown())
                });
            }
            _ => return Err(format!("there is no profile {:?}; write direct, p/NAME or s/SERVER", shown())),
        };
        Ok(Arc::new(Profile { view, ..Profile::default() }))
    }
}

impl Selection {
    /// Whether anything of the server is shown.
    #[must_use]
    pub fn has_server(&self, server: &ServerName) -> bool {
        self.servers.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| fits(pattern, server.as_str())))
    }

    /// Whether the tool is shown.
    #[must_use]
    pub fn has_tool(&self, key: &ToolKey) -> bool {
        let is_listed = |patterns: &Vec<String>| patterns.iter().any(|pattern| fits(pattern, &key.to_string()));
        self.has_server(&key.server) && self.tools.as_ref().is_none_or(is_listed)
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::{Profiles, Selection, View};
    use crate::domain::{ServerName, ToolKey};

    #[test]
    fn a_profile_is_found_by_its_address() {
        let check = |name: &str, expected: Option<View>| {
            assert_eq!(Profiles::default().find(name).ok().map(|found| found.view.clone()), expected, "{name}");
        };
        check("", Some(View::Routed));
        check("/", Some(View::Routed));
        check("direct", Some(View::Direct(Selection::default())));
        check("s/git", Some(View::Server(ServerName::parse("git").unwrap())));
        check("p/none", None);
        check("s/", None);
        check("other", None);
    }

    #[test]
    fn a_selection_takes_names_and_beginnings_of_names() {
        let selection = |servers: Option<&str>, tools: Option<&str>| Selection {
            servers: servers.map(|one| vec![one.to_owned()]),
            tools: tools.map(|one| vec![one.to_owned()]),
            is_bare: false,
        };
        let key = ToolKey { server: ServerName::parse("git").unwrap(), tool: "log_all".to_owned() };
        let check =
            |selection: Selection, expected: bool| assert_eq!(selection.has_tool(&key), expected, "{selection:?}");
        check(selection(None, None), true);
        check(selection(Some("git"), None), true);
        check(selection(Some("gi"), None), false);
        check(selection(Some("g*"), Some("git.log*")), true);
        check(selection(None, Some("git.log")), false);
        check(selection(Some("hub"), Some("git.*")), false);
    }
}

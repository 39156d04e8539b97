//! The table against what is made from it.

use std::collections::BTreeSet;

use super::{HttpMethod, all, find};

/// The tools that MCP clients are shown, each of which is a verb.
const MCP_TOOLS: [&str; 5] = ["find_tool", "execute", "list_capabilities", "explain_tool", "fetch_result"];

#[test]
fn every_mcp_tool_is_a_verb() {
    for tool in MCP_TOOLS {
        assert!(find(tool).is_some(), "{tool}");
    }
}

#[test]
fn names_are_told_apart() {
    let mut names = BTreeSet::new();
    for verb in all() {
        for name in verb.aliases.iter().chain([&verb.name]) {
            assert!(names.insert(*name), "{name} stands for two verbs");
        }
    }
}

#[test]
fn every_path_has_its_members_and_leads_to_one_verb() {
    let mut paths = BTreeSet::new();
    for verb in all() {
        let members: Vec<&str> = verb.shape().members().map(|(name, _)| name).collect();
        for path in verb.paths {
            assert!(paths.insert((path.method, path.path)), "{} leads to two verbs", path.path);
            for piece in path.path.split('/').filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}')) {
                assert!(members.contains(&piece), "{}: {} has no member {piece}", path.path, verb.name);
            }
            for name in path.takes.unwrap_or_default() {
                assert!(members.contains(name), "{}: {} has no member {name}", path.path, verb.name);
            }
            assert!(!verb.is_order || path.method == HttpMethod::Post, "{} changes something by GET", path.path);
        }
    }
}

#[test]
fn no_more_faults_are_made_than_are_told() {
    let check = |unknown: usize, expected: usize| {
        let members = (0..unknown).map(|number| (format!("x{number}"), serde_json::Value::Null));
        let input = serde_json::Value::Object(members.collect());
        let fault = find("find").unwrap().shape().check(&input).unwrap_err();
        let unknown = fault.errors.iter().filter(|wrong| wrong.what.contains("not known")).count();
        assert_eq!(unknown, expected, "{fault:?}");
        assert!(fault.errors.len() <= 10, "{fault:?}");
    };
    check(1, 1);
    check(1001, 10);
    check(100_000, 10);
}

//! What overrides make of tools.

use std::sync::Arc;

use super::overrides::Overrides;
use super::*;
use crate::domain::{Effect, InputSchema, ToolKey};

fn tool(server: &str, name: &str) -> Arc<Tool> {
    Arc::new(Tool {
        key: ToolKey { server: ServerName::parse(server).unwrap(), tool: name.to_owned() },
        title: String::new(),
        description: "the server's words".to_owned(),
        input_schema: InputSchema::any_object(),
        effect: Effect::Read,
        effect_source: crate::domain::EffectSource::Announced,
        is_idempotent: true,
        raw: r#"{"annotations":{"readOnlyHint":true}}"#.into(),
    })
}

fn says(pattern: &str) -> Override {
    Override { pattern: pattern.to_owned(), ..Override::default() }
}

#[test]
fn what_is_said_of_a_tool_counts_before_what_is_said_of_many() {
    let overrides = Overrides::new(vec![
        Override { hidden: Some(false), keywords: vec!["one".into()], ..says("git.log") },
        Override { hidden: Some(true), keywords: vec!["all".into()], ..says("git.*") },
        Override { hidden: Some(true), ..says("git.hub.l*") },
    ]);
    let check = |server: &str, name: &str, expected: Option<&str>| {
        assert_eq!(overrides.hides(&tool(server, name).key), expected, "{server}.{name}");
    };
    check("git", "log", None);
    check("git", "logs", Some("git.*"));
    check("git.hub", "list", Some("git.hub.l*"));
    check("git.hub", "show", None);
    check("gitx", "log", None);
    let (_, hints) = overrides.apply(&tool("git", "log"), Arc::default());
    assert_eq!(hints.keywords, ["all", "one"]);
}

#[test]
fn the_operators_words_take_the_place_of_the_servers() {
    let description = Some("mine".to_owned());
    let overrides =
        Overrides::new(vec![Override { description, effect: Some(Effect::Destructive), ..says("git.log") }]);
    let (changed, hints) = overrides.apply(&tool("git", "log"), Arc::default());
    assert_eq!(
        (changed.description.as_str(), changed.effect, changed.is_idempotent),
        ("mine", Effect::Destructive, false)
    );
    assert_eq!((changed.raw.clone(), hints), (tool("git", "log").raw.clone(), Arc::default()));
    let (same, _) = overrides.apply(&tool("git", "show"), Arc::default());
    assert_eq!(same.description, "the server's words");
}

#[test]
fn an_alias_is_given_and_told_of_where_it_is_another_tools_name() {
    let with_alias = |alias: &str| Override { alias: Some(alias.to_owned()), ..says("git.log") };
    let tools = [tool("git", "log"), tool("other", "showHistory")];
    let check = |alias: &str, owners: &[&str]| {
        let overrides = Overrides::new(vec![with_alias(alias)]);
        let clashes = overrides.clashes(tools.iter().map(|tool| &tool.key));
        let (_, hints) = overrides.apply(&tools[0], Arc::default());
        assert_eq!(hints.aliases, [alias]);
        assert_eq!(clashes.iter().map(|clash| clash.owner.to_string()).collect::<Vec<_>>(), owners);
    };
    check("history", &[]);
    check("show_history", &["other.showHistory"]);
}

#[test]
fn what_overrides_come_to_is_reported() {
    let overrides = Overrides::new(vec![
        Override { hidden: Some(true), ..says("git.l*") },
        Override { keywords: vec!["x".into()], ..says("git.show") },
        says("git.absent"),
    ]);
    let tools = [tool("git", "log"), tool("git", "show"), tool("git", "diff")];
    let report = overrides.report(tools.iter(), Vec::new());
    let names = |keys: Vec<&ToolKey>| keys.into_iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(report.hidden.keys().collect()), ["git.log"]);
    assert_eq!(names(report.changed.keys().collect()), ["git.show"]);
    assert_eq!(report.unused, ["git.absent"]);
}

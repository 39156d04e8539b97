//! Routes files are read with their faults named, judged as `execute` would be, compared, and written as XML.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;

use crate::domain::{Confidence, Effect, ServerName, ToolKey};
use crate::router::Decision;

use super::{
    ChangeKind, Connected, Expected, Missing, Outcome, Route, Run, Seen, SeenTool, Verdict, compare, judge, junit,
    parse, read,
};

fn key(name: &str) -> ToolKey {
    let (server, tool) = name.split_once('.').unwrap();
    ToolKey { server: ServerName::parse(server).unwrap(), tool: tool.to_owned() }
}

fn route(text: &str) -> Route {
    parse("r.yaml", &format!("routes: [{{request: do it, {text}}}]")).unwrap().routes.remove(0)
}

/// What was ranked: `a.x .9` and so on; any tool fits with .6.
fn seen(tools: &[(&str, f32)], decision: Decision) -> Seen {
    let ranked = |(name, confidence): &(&str, f32)| SeenTool {
        tool: key(name),
        confidence: Confidence::new(*confidence),
        effect: Effect::Read,
        why: vec!["in its name: x".to_owned()],
    };
    Seen {
        tools: tools.iter().map(ranked).collect(),
        any_confidence: Confidence::new(0.6),
        decision,
        duration: Duration::from_millis(2),
    }
}

/// As if exactly these were connected, spelled as the route spells them.
fn connected(route: &Route) -> Connected {
    match &route.expected {
        Expected::NoTool => Connected::default(),
        Expected::Tools(names) => {
            Connected { tools: names.iter().map(|name| key(name)).collect(), ..Connected::default() }
        }
        Expected::Servers(names) => {
            let servers = names.iter().map(|name| ServerName::parse(name).unwrap()).collect();
            Connected { servers, ..Connected::default() }
        }
    }
}

fn faults(text: &str) -> String {
    match parse("r.yaml", text) {
        Ok(file) => format!("no fault: {file:?}"),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn a_file_may_be_written_in_several_ways() {
    let check = |text: &str, expected: &[(&str, Expected)]| {
        let file = parse("r.yaml", text).unwrap();
        let found: Vec<(&str, Expected)> =
            file.routes.iter().map(|route| (route.request.as_str(), route.expected.clone())).collect();
        assert_eq!(found, expected, "{text}");
    };
    let tools = |names: &[&str]| Expected::Tools(names.iter().map(|&name| name.to_owned()).collect());
    check("routes:\n  - request: make a logo\n    tool: d.logo\n", &[("make a logo", tools(&["d.logo"]))]);
    check("- request: a\n  tool: [d.b, d.c]\n", &[("a", tools(&["d.b", "d.c"]))]);
    check("routes: {a: d.b, c: none}", &[("a", tools(&["d.b"])), ("c", Expected::NoTool)]);
    check("routes:\n  a: {server: d, top: 2}\n", &[("a", Expected::Servers(vec!["d".to_owned()]))]);
    check(r#"{"routes": [{"request": "a \"b\"", "tool": "x"}]}"#, &[("a \"b\"", tools(&["x"]))]);
    check("\u{feff}routes:\n  yes: no\n  12: x\n", &[("yes", tools(&["no"])), ("12", tools(&["x"]))]);
    check("routes:\n  - request: >\n      two\n      lines\n    tool: x\n", &[("two lines", tools(&["x"]))]);
}

#[test]
fn every_key_is_read() {
    let text = "min_confidence: 0.5\nroutes:\n\n  - {request: a, tool: x, name: n, tags: [t, u], top: 3,\n     params: {n: 1, s: ok, \
                l: [true, null]}, decision: [run, needs_choice], min_confidence: 0.7}\n  - {request: b, tool: y}\n  - \
                {request: c, tool: none}\n";
    let routes = parse("r.yaml", text).unwrap().routes;
    let first = &routes[0];
    assert_eq!((first.line, first.name.as_str(), first.top), (4, "n", 3));
    assert_eq!(first.tags, ["t", "u"]);
    assert_eq!(first.params, Some(serde_json::json!({"n": 1, "s": "ok", "l": [true, null]})));
    assert_eq!(first.decisions, [Decision::Run, Decision::NeedsChoice]);
    let least: Vec<Option<f32>> = routes.iter().map(|route| route.min_confidence).collect();
    assert_eq!(least, [Some(0.7), Some(0.5), None], "the file's holds where a tool is expected");
}

#[test]
fn faults_name_file_line_and_key_and_all_are_told_at_once() {
    assert_snapshot!(faults("routes:\n  - requst: a\n    tool: x\n  - request: b\n    tools: x\n  - request: 12\n    tool: x\n    top: 0\n"), @r#"
    r.yaml:2: requst: unknown key; did you mean `request`?
    r.yaml:5: tools: unknown key; did you mean `tool`?
    r.yaml:6: request: expected a text, found a number; write it in words; in quotes, if it is a number
    r.yaml:8: top: does not fit; write a whole number from 1 to 10
    "#);
    assert_snapshot!(faults("min_confidence: 2\nroute: []\n"), @r#"
    r.yaml:1: min_confidence: is no probability; write a number from 0 to 1
    r.yaml:2: route: unknown key; did you mean `routes`?
    "#);
    assert_snapshot!(faults("routes: {a: [none, b]}"), @"r.yaml:1: tool: `none` stands beside tools; write `tool: none` alone, or only tools");
    assert_snapshot!(faults("routes: [{request: a, tool: b, server: c}]"), @"r.yaml:1: server: a route has `tool` and `server`; write one of the two");
    assert_snapshot!(faults("routes: [{request: a}]"), @"r.yaml:1: tool: a route does not say what is right; write `tool: server.tool`, `server: name`, or `tool: none` if no tool serves it");
    assert_snapshot!(faults("routes: [{request: a, tool: none, decision: run}]"), @"r.yaml:1: decision: `run` does not go with `tool: none`; nothing runs where no tool is right");
    assert_snapshot!(faults("routes: [{request: a, tool: b, decision: rum}]"), @r#"r.yaml:1: decision: there is no "rum"; write one or more of run, needs_confirmation, needs_choice, no_match"#);
    assert_snapshot!(faults("routes: []"), @"r.yaml:1: routes: there is none in it; write `routes:`, and below it `- request: …` with `tool: server.tool` for each");
    assert_snapshot!(faults(""), @"r.yaml:1: there is no `routes`; write `routes:`, and below it `- request: …` with `tool: server.tool` for each");
    assert_snapshot!(faults("routes:\n  a: b\n  a: c\n"), @r#"r.yaml:3: "a" stands there twice (column 3)"#);
    assert_snapshot!(faults("routes:\n  - request: \"a\n    tool: b\n"), @"r.yaml:3: invalid indentation in multiline quoted scalar (column 5)");
}

#[test]
fn no_more_routes_than_the_limit() {
    let text = |count: usize| {
        let routes: Vec<String> = (0..count).map(|at| format!("- {{request: r{at}, tool: x}}")).collect();
        routes.join("\n")
    };
    assert_eq!(parse("r.yaml", &text(10_000)).unwrap().routes.len(), 10_000);
    assert!(faults(&text(10_001)).contains("more than 10000 routes"), "{}", faults(&text(10_001)));
}

#[test]
fn aliases_cannot_make_a_small_file_large() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..9 {
        let list = vec![format!("*a{}", at - 1); 10].join(", ");
        text = format!("{text}a{at}: &a{at} [{list}]\n");
    }
    assert!(parse("r.yaml", &text).is_err());
}

#[test]
fn a_folder_stands_for_its_routes_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let read = || read(&[folder.path().to_owned()]);
    assert!(read().unwrap_err().to_string().contains("no file that ends in"));
    write("b.yml", "routes: {b: x}");
    write("a.yaml", "routes: {a: x}");
    write("c.json", r#"{"routes": {"c": "x"}}"#);
    write("notes.txt", "no routes");
    let requests: Vec<String> =
        read().unwrap().into_iter().flat_map(|file| file.routes).map(|route| route.request).collect();
    assert_eq!(requests, ["a", "b", "c"]);
    write("d.yaml", "routes: 7");
    write("e.yaml", "routes: 8");
    let said = read().unwrap_err().to_string();
    assert!(said.contains("d.yaml:1") && said.contains("e.yaml:1"), "{said}");
}

#[test]
fn a_route_is_judged_by_place_confidence_and_decision() {
    let check = |text: &str, seen: Seen, place: Option<usize>, kinds: &[&str]| {
        let route = route(text);
        let Verdict { place: found, failures } = judge(&route, &connected(&route), &Ok(seen));
        let found_kinds: Vec<&str> = failures.iter().map(super::Failure::kind).collect();
        assert_eq!((found, found_kinds.as_slice()), (place, kinds), "{text}");
    };
    let ranked = |decision| seen(&[("a.x", 0.6), ("b.y", 0.3)], decision);
    check("tool: a.x", ranked(Decision::NeedsChoice), Some(1), &[]);
    check("tool: b.y", ranked(Decision::Run), Some(2), &["wrong_tool"]);
    check("tool: b.y, top: 2", ranked(Decision::Run), Some(2), &[]);
    check("tool: c.z", ranked(Decision::Run), None, &["wrong_tool"]);
    check("tool: [c.z, a.x]", ranked(Decision::Run), Some(1), &[]);
    check("server: a", ranked(Decision::Run), Some(1), &[]);
    check("server: b", ranked(Decision::Run), Some(2), &["wrong_tool"]);
    check("tool: a.x, min_confidence: 0.6", ranked(Decision::Run), Some(1), &[]);
    check("tool: a.x, min_confidence: 0.61", ranked(Decision::Run), Some(1), &["low_confidence"]);
    check("tool: b.y, top: 2, min_confidence: 0.5", ranked(Decision::Run), Some(2), &["low_confidence"]);
    check("tool: a.x, decision: run", ranked(Decision::Run), Some(1), &[]);
    check(
        "tool: a.x, decision: run, min_confidence: 0.9",
        ranked(Decision::NeedsChoice),
        Some(1),
        &["low_confidence", "wrong_decision"],
    );
}

#[test]
fn none_is_right_when_nothing_would_be_offered_unless_the_route_says_otherwise() {
    let check = |text: &str, decision: Decision, passes: bool| {
        let route = route(text);
        let verdict = judge(&route, &Connected::default(), &Ok(seen(&[("a.x", 0.6)], decision)));
        assert_eq!(verdict.passed(), passes, "{text} {decision:?}");
    };
    check("tool: none", Decision::NoMatch, true);
    check("tool: none", Decision::NeedsChoice, false);
    check("tool: none", Decision::Run, false);
    check("tool: none, decision: [no_match, needs_choice]", Decision::NeedsChoice, true);
    check("tool: none, decision: [no_match, needs_choice]", Decision::Run, false);
    // That no tool fits is likely to .4 here.
    check("tool: none, min_confidence: 0.4", Decision::NoMatch, true);
    check("tool: none, min_confidence: 0.5", Decision::NoMatch, false);
}

#[test]
fn what_is_not_connected_or_not_routed_fails_in_its_own_way() {
    let missing = vec![Missing { name: "a.w".to_owned(), why: "there is no tool \"a.w\"".to_owned() }];
    let gone = Connected { missing: missing.clone(), ..Connected::default() };
    let verdict = judge(&route("tool: a.w"), &gone, &Ok(seen(&[("a.x", 0.9)], Decision::Run)));
    assert_eq!(verdict.failures[0].kind(), "not_connected");
    let half = Connected { tools: vec![key("a.x")], missing, ..Connected::default() };
    let verdict = judge(&route("tool: [a.w, a.x]"), &half, &Ok(seen(&[("a.x", 0.9)], Decision::Run)));
    assert!(verdict.passed(), "one of several is enough");
    let verdict = judge(&route("tool: a.x"), &half, &Err("too long".to_owned()));
    assert_eq!(verdict.failures[0].to_string(), "not routed: too long");
}

fn run(title: &str, outcomes: &[(&str, Seen)]) -> Run {
    let outcome = |(text, seen): &(&str, Seen)| {
        let route = route(text);
        Outcome::new(Arc::from("r.yaml"), Arc::new(route.clone()), connected(&route), Ok(seen.clone()))
    };
    Run { title: title.to_owned(), outcomes: outcomes.iter().map(outcome).collect() }
}

#[test]
fn two_runs_are_compared_route_by_route() {
    let check = |text: &str, before: Seen, after: Seen, expected: &[ChangeKind]| {
        let comparison = compare(&run("", &[(text, before)]), &run("", &[(text, after)]));
        let kinds: Vec<ChangeKind> = comparison.changes.iter().flat_map(|change| change.kinds.clone()).collect();
        assert_eq!(kinds, expected, "{text}");
    };
    let a = |confidence| seen(&[("a.x", confidence), ("b.y", 0.05)], Decision::Run);
    let stolen = seen(&[("b.y", 0.5), ("a.x", 0.3)], Decision::Run);
    check("tool: a.x", a(0.9), a(0.9), &[]);
    check("tool: a.x", a(0.9), a(0.87), &[]);
    check("tool: a.x", a(0.9), a(0.8), &[ChangeKind::LosesConfidence]);
    check("tool: a.x", a(0.8), a(0.9), &[ChangeKind::GainsConfidence]);
    check("tool: a.x, min_confidence: 0.85", a(0.9), a(0.84), &[ChangeKind::NewlyFails, ChangeKind::LosesConfidence]);
    check(
        "tool: a.x",
        a(0.9),
        stolen.clone(),
        &[ChangeKind::NewlyFails, ChangeKind::Stolen, ChangeKind::LosesConfidence],
    );
    check("server: [a, b]", a(0.5), stolen.clone(), &[ChangeKind::FirstChanged]);
    check("tool: c.z", a(0.5), stolen.clone(), &[ChangeKind::FirstChanged]);
    check("tool: none", a(0.5), stolen.clone(), &[]);
    check(
        "tool: b.y",
        a(0.9),
        stolen,
        &[ChangeKind::NewlyPasses, ChangeKind::FirstChanged, ChangeKind::GainsConfidence],
    );
    let asks = seen(&[("a.x", 0.9), ("b.y", 0.05)], Decision::NeedsChoice);
    check("tool: a.x, decision: run", a(0.9), asks.clone(), &[ChangeKind::NewlyFails, ChangeKind::DecisionChanged]);
    check("tool: a.x", a(0.9), asks, &[ChangeKind::DecisionChanged]);
}

#[test]
fn a_server_serves_or_steals() {
    let a = || seen(&[("a.x", 0.9)], Decision::Run);
    let b = || seen(&[("b.y", 0.9)], Decision::Run);
    let before = run("", &[("tool: a.x", a()), ("tool: b.y", a()), ("tool: a.x", a()), ("tool: c.z", b())]);
    let after = run("", &[("tool: a.x", b()), ("tool: b.y", b()), ("tool: a.x", a()), ("tool: c.z", b())]);
    let comparison = compare(&before, &after);
    let share = &comparison.servers[&ServerName::parse("b").unwrap()];
    assert_eq!((share.first, share.serves, share.steals), (3, 1, 1), "a wrong one that stays is no theft");
    assert_eq!((comparison.newly_failing, comparison.newly_passing), (1, 1));
}

#[test]
fn figures_are_over_routes_that_expect_a_tool() {
    let run = run(
        "",
        &[
            ("tool: a.x, tags: [t]", seen(&[("a.x", 0.9)], Decision::Run)),
            ("tool: b.y, top: 2, tags: [t, u]", seen(&[("a.x", 0.6), ("b.y", 0.3)], Decision::Run)),
            ("tool: none, tags: [u]", seen(&[("a.x", 0.6)], Decision::Run)),
        ],
    );
    let total = run.figures();
    assert_eq!((total.routes, total.passed, total.expect_tool, total.first), (3, 2, 2, 1));
    assert_eq!(total.mean_confidence, Some(0.6));
    let tags: Vec<(String, usize)> = run.by_tag().into_iter().map(|tag| (tag.name, tag.figures.passed)).collect();
    assert_eq!(tags, [("t".to_owned(), 2), ("u".to_owned(), 1)]);
    assert_eq!(run.by_file().len(), 1);
}

#[test]
fn junit_holds_any_text() {
    let mut run = run(
        "",
        &[("tool: a.x", seen(&[("a.x", 0.9)], Decision::Run)), ("tool: b.y", seen(&[("a.x", 0.9)], Decision::Run))],
    );
    let odd = "say \"<b>\" & 'c'\u{1b}[31m\u{0}\n\tnext\u{ffff} 日本 🎉";
    Arc::make_mut(&mut run.outcomes[1].route).request = odd.to_owned();
    run.outcomes[1].place_below = Some(37);
    let xml = junit(&[run]);
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="mcporch test" tests="2" failures="1" errors="0" skipped="0" time="0.004000">
  <testsuite name="r.yaml" tests="2" failures="1" errors="0" skipped="0" time="0.004000">
    <testcase name="do it" classname="r.yaml" file="r.yaml" line="1" time="0.002000"/>
    <testcase name="say &quot;&lt;b&gt;&quot; &amp; 'c'�[31m�&#10;&#9;next� 日本 🎉" classname="r.yaml" file="r.yaml" line="1" time="0.002000">
      <failure type="wrong_tool" message="another tool comes first">r.yaml:1: say &quot;&lt;b&gt;&quot; &amp; 'c'�[31m�
	next� 日本 🎉
expected: b.y
1. a.x, confidence 0.90: in its name: x
the expected tool is at place 37
decision: run</failure>
    </testcase>
  </testsuite>
</testsuites>
"#;
    assert_eq!(xml, expected);
    let is_allowed = |c: char| matches!(c, '\n' | '\t' | ' '..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(is_allowed), "XML 1.0 knows nothing else");
}

#[test]
fn junit_tells_two_runs_apart() {
    let one = run("", &[("tool: a.x", seen(&[("a.x", 0.9)], Decision::Run))]);
    let two = Run { title: "with more.json".to_owned(), ..one.clone() };
    let xml = junit(&[one, two]);
    assert!(xml.contains(r#"<testsuite name="r.yaml" tests="1""#), "{xml}");
    assert!(xml.contains(r#"<testsuite name="r.yaml with more.json" tests="1""#), "{xml}");
    assert!(xml.contains(r#"<testsuites name="mcporch test" tests="2" failures="0""#), "{xml}");
}

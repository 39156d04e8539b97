//! The command line: what it prints and how it ends.

use serde_json::json;

use crate::harness::Home;

fn home() -> Home {
    Home::new().with("clock", &["--kind", "clock"]).with("text", &["--kind", "text"])
}

#[test]
fn a_new_home_answers_its_first_query() {
    let ran = home().run(&["query", "how many words has this text", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.json()["tools"][0]["tool"], "text.count_words");
    assert!(ran.json()["confidence"].as_f64().unwrap() > 0.0);
}

#[test]
fn query_explains_its_scores() {
    let ran = home().run(&["query", "what day of the week is it", "-k", "2", "--explain"]);
    assert!(ran.stdout.contains("clock.day_of_week") && ran.stdout.contains("in its name"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn exit_codes_are_as_documented() {
    let check = |args: &[&str], code: i32| {
        let ran = home().run(args);
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
    };
    check(&["call", "clock.day_of_week", "--params", r#"{"date":"2024-02-29"}"#], 0);
    check(&["call", "clock.day_of_week", "--params", r#"{"date":"no date"}"#], 1);
    check(&["call", "clock.day_of_week", "--params", "no json"], 1);
    check(&["call", "clock.no_such_tool"], 1);
    check(&["frobnicate"], 2);
    check(&["call", "clock.day_of_week"], 3);
    check(&["--registry", "no-such-file.json", "tools"], 4);
    check(&["--set", "router.words_weight=7", "config", "show"], 4);
    check(&["config", "check"], 0);
    check(&["--help"], 0);
}

#[test]
fn faults_of_the_configuration_name_file_line_and_key() {
    let home = home();
    let file = home.file("broken.json");
    std::fs::write(&file, "{\n  \"mcpServers\": {\n    \"a\": {\"command\": 7}\n  }\n}\n").unwrap();
    let ran = home.run(&["--registry", file.to_str().unwrap(), "config", "check"]);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("broken.json:3") && said.contains("command"), "{said}");
    assert_eq!(ran.code, 4);
}

#[test]
fn tools_and_explain_show_what_is_there() {
    let home = home();
    let tools = home.run(&["tools", "clock", "--json"]).json();
    assert_eq!(tools.as_array().unwrap().len(), 6);
    let one = home.run(&["explain", "clock.day_of_week", "--json"]).json();
    assert_eq!(one["effect"], "read");
    let unknown = home.run(&["tools", "nonsense"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("clock"), "{}", unknown.stderr);
}

#[test]
fn execute_runs_by_words_and_says_what_ran() {
    let args = ["execute", "which day of the week was that date", "--params", r#"{"date":"2024-02-29"}"#, "--json"];
    let ran = home().run(&args).json();
    assert_eq!(ran["route"]["tool"], "day_of_week", "{ran}");
    assert!(ran["result"]["content"][0]["text"].as_str().unwrap().contains("Thursday"));
}

#[test]
fn status_shows_servers_and_their_faults() {
    let home = home().with_entry("broken", json!({"command": "no-such-program"}));
    assert_eq!(home.run(&["index", "rebuild"]).code, 1);
    let status = home.run(&["index", "status", "--json"]).json();
    assert_eq!(status["tools"], 14);
    assert_eq!(status["servers"]["clock"]["protocol_version"], "2026-07-28");
    assert!(status["servers"]["broken"]["fault"].as_str().unwrap().contains("no-such-program"));
}

#[test]
fn the_settings_in_force_are_shown_with_their_origin() {
    let ran = home().run(&["--set", "servers.call_timeout_s=9", "config", "show", "--origin"]);
    let line = ran.stdout.lines().find(|line| line.starts_with("servers.call_timeout_s")).unwrap();
    assert!(line.contains('9') && line.contains("--set"), "{line}");
}

#[test]
fn the_demo_runs_and_its_second_run_embeds_nothing() {
    let home = Home::new();
    let first = home.run(&["demo", "--json"]);
    assert_eq!(first.code, 0, "{}{}", first.stdout, first.stderr);
    let first = first.json();
    assert!(first["index"]["listed"].as_object().unwrap().len() >= 6);
    assert!(first["index"]["tools"].as_u64().unwrap() >= 40);
    assert!(first["requests"].as_array().unwrap().len() >= 12);
    assert_eq!(first["index"]["embedded"], first["index"]["texts"]);
    assert!(home.file("home/demo/files/good-crumb-logo.svg").exists());
    let second = home.run(&["demo", "--json"]).json();
    assert_eq!(second["index"]["embedded"], 0);
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = home().run(&["completions", shell]);
        assert!(ran.code == 0 && ran.stdout.contains("mcporch"), "{shell}");
    }
}

#[test]
fn eval_measures_a_small_set() {
    let home = home();
    let set = home.file("set");
    std::fs::create_dir_all(&set).unwrap();
    let tool = |name: &str, description: &str| {
        json!({"server": "s", "name": name, "description": description, "input_schema": {"type": "object"}}).to_string()
    };
    std::fs::write(
        set.join("tools.jsonl"),
        [tool("get_weather", "Weather of a city"), tool("send_mail", "Sends an e-mail")].join("\n"),
    )
    .unwrap();
    let query = |id: &str, text: &str, name: &str| {
        json!({"id": id, "query": text, "kind": "single", "gold": [{"server": "s", "name": name}]}).to_string()
    };
    std::fs::write(
        set.join("queries.jsonl"),
        [query("1", "weather in Paris", "get_weather"), query("2", "send an e-mail to Anna", "send_mail")].join("\n"),
    )
    .unwrap();
    let report = home.run(&["eval", set.to_str().unwrap(), home.path().to_str().unwrap(), "--json"]).json();
    assert_eq!(report["sets"][0]["p_at_1"], 1.0);
    assert_eq!(report["mean"]["ndcg_at_10"], 1.0);
    let none = home.run(&["eval", home.path().to_str().unwrap()]);
    assert_eq!(none.code, 1, "{}", none.stdout);
}

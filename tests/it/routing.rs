//! Requests in words through the whole program, over the demo servers.

use serde_json::{Value, json};

use crate::harness::{Client, Home, text};

/// All demo servers with a folder to work in.
fn demo_client() -> (Home, Client) {
    let mut home = Home::new();
    let folder = home.file("files");
    std::fs::create_dir_all(&folder).unwrap();
    for server in mcporch::demo_server::catalogue() {
        let kind = clap::ValueEnum::to_possible_value(&server.kind).unwrap();
        home = home.with(server.name, &["--kind", kind.get_name(), "--folder", folder.to_str().unwrap()]);
    }
    let client = home.connect();
    (home, client)
}

#[test]
fn requests_in_words_reach_the_right_tool_and_really_happen() {
    let (home, mut client) = demo_client();
    let mut check = |request: &str, params: Value, tool: &str, expected: &str| {
        let result = client.call("execute", &json!({"request": request, "params": params}));
        let route = &result["_meta"]["mcporch/route"];
        let ran = format!("{}.{}", route["server"].as_str().unwrap_or("-"), route["tool"].as_str().unwrap_or("-"));
        assert_eq!(ran, tool, "{request}: {result}");
        assert!(text(&result, 0).contains(expected), "{result}");
        let last = result["content"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
        assert!(last.starts_with("[mcporch] ran "), "{last}");
    };
    check("list the files in this folder", json!({"path": "."}), "files.list_folder", "empty");
    check("count the words of this text", json!({"text": "one two three"}), "text.count_words", "3 words");
    check("which day of the week was that date", json!({"date": "2024-02-29"}), "clock.day_of_week", "Thursday");
    drop(home);
}

#[test]
fn a_tool_named_in_the_request_is_found_first() {
    let (_home, mut client) = demo_client();
    for request in ["call draw_chart with my numbers", "files.search_files for the budget", "csv_to_json"] {
        let found = client.call("find_tool", &json!({"query": request}));
        let first = found["structuredContent"]["tools"][0]["tool"].as_str().unwrap();
        let bare = first.split('.').nth(1).unwrap();
        assert!(request.contains(bare), "{request} → {first}");
    }
}

#[test]
fn a_destructive_tool_is_never_run_on_words_that_only_resemble_it() {
    let (_home, mut client) = demo_client();
    let result = client.call("execute", &json!({"request": "tidy up my things a little", "params": {}}));
    assert!(result["_meta"].get("mcporch/route").is_none(), "{result}");
    let outcome = result["structuredContent"]["outcome"].as_str().unwrap();
    assert!(["needs_choice", "needs_confirmation", "no_match", "needs_params"].contains(&outcome), "{result}");
}

#[test]
fn a_dry_run_runs_nothing() {
    let (home, mut client) = demo_client();
    let params = json!({"path": "a.txt", "content": "x"});
    let result = client.call("execute", &json!({"tool": "files.write_text_file", "params": params, "dry_run": true}));
    assert_eq!(result["structuredContent"]["outcome"], "dry_run", "{result}");
    assert!(!home.file("files/a.txt").exists());
}

#[test]
fn find_tool_is_compact_and_carries_the_first_schema() {
    let (_home, mut client) = demo_client();
    let found = client.call("find_tool", &json!({"query": "convert a temperature", "limit": 3}));
    let data = &found["structuredContent"];
    assert_eq!(data["tools"].as_array().unwrap().len(), 3);
    assert_eq!(data["tools"][0]["tool"], "units.convert_temperature");
    assert!(data["schema"]["properties"].is_object());
    assert!(text(&found, 0).len() < 2400, "{}", text(&found, 0).len());
}

#[test]
fn capabilities_and_explanations_say_what_there_is() {
    let (_home, mut client) = demo_client();
    let all = client.call("list_capabilities", &json!({}));
    assert_eq!(all["structuredContent"]["servers"].as_array().unwrap().len(), mcporch::demo_server::catalogue().len());
    let clock = client.call("list_capabilities", &json!({"category": "clock"}));
    assert_eq!(clock["structuredContent"]["tools"].as_array().unwrap().len(), 6);
    for arguments in
        [json!({"server": "clock", "tool": "current_time"}), json!({"server": "", "tool": "clock.current_time"})]
    {
        let one = client.call("explain_tool", &arguments);
        assert_eq!(one["structuredContent"]["tool"], "clock.current_time");
        assert!(one["structuredContent"]["input_schema"]["properties"].is_object());
    }
}

#[test]
fn without_any_server_the_answer_says_how_to_add_one() {
    let home = Home::new();
    let mut client = home.connect();
    let result = client.call("execute", &json!({"request": "do something"}));
    assert_eq!(result["structuredContent"]["outcome"], "no_match");
    assert!(text(&result, 0).contains("registry"), "{result}");
}

#[test]
fn a_plan_runs_exactly_what_was_shown_and_only_once() {
    let (home, mut client) = demo_client();
    let params = json!({"path": "a.txt", "content": "x"});
    let shown = client.call("execute", &json!({"tool": "files.write_text_file", "params": params, "dry_run": true}));
    let plan = shown["structuredContent"]["plan"].as_str().unwrap().to_owned();
    assert_eq!(shown["structuredContent"]["params"], params);
    assert!(text(&shown, 0).contains(&plan), "{shown}");
    let mixed = client.call("execute", &json!({"plan": plan, "params": {"path": "b.txt"}}));
    assert!(mixed["isError"] == true && text(&mixed, 0).contains("leave"), "{mixed}");
    let ran = client.call("execute", &json!({"plan": plan}));
    assert_eq!(ran["_meta"]["mcporch/route"]["outcome"], "done", "{ran}");
    assert_eq!(std::fs::read_to_string(home.file("files/a.txt")).unwrap(), "x");
    let again = client.call("execute", &json!({"plan": plan}));
    assert!(again["isError"] == true && text(&again, 0).contains("used already"), "{again}");
}

#[test]
fn a_choice_comes_with_plans_and_a_confirmation_with_one() {
    let (home, mut client) = demo_client();
    std::fs::write(home.file("files/old.txt"), "x").unwrap();
    let asked = client.call("execute", &json!({"request": "get rid of the old text", "params": {"path": "old.txt"}}));
    let data = &asked["structuredContent"];
    assert_ne!(asked["_meta"]["mcporch/route"]["outcome"], "done", "{asked}");
    let plans: Vec<&str> =
        data["candidates"].as_array().unwrap().iter().filter_map(|line| line["plan"].as_str()).collect();
    let plan = data["plan"].as_str().or_else(|| plans.first().copied()).unwrap_or_else(|| panic!("{asked}"));
    assert!(text(&asked, 0).contains(plan));
    let ran = client.call("execute", &json!({"plan": plan}));
    assert_eq!(ran["_meta"]["mcporch/route"]["outcome"], "done", "{ran}");
}

#[test]
fn calls_in_the_wrong_shape_are_done_and_taught() {
    let (_home, mut client) = demo_client();
    let mut check = |arguments: Value, expected: &str, lesson: &str| {
        let result = client.call("execute", &arguments);
        assert_eq!(result["_meta"]["mcporch/route"]["outcome"], "done", "{arguments}: {result}");
        assert!(text(&result, 0).contains(expected), "{result}");
        let last = result["content"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
        assert!(last.contains(lesson), "{last}");
    };
    check(json!({"tool": "clock.day_of_week", "date": "2024-02-29"}), "Thursday", "beside \"params\"");
    check(json!({"tool": {"name": "clock.day_of_week", "arguments": {"date": "2024-02-29"}}}), "Thursday", "inside");
    let thought = json!({"tool": "clock.day_of_week", "date": "2024-02-29", "reason": "I was asked"});
    check(thought, "Thursday", "`reason` is no parameter of clock.day_of_week");
    check(
        json!({"tool": "clock.day_of_week", "params": {"Date": "2024-02-29"}}),
        "Thursday",
        "`Date` was read as `date`",
    );
    check(
        json!({"tool": "which day of the week was that date", "params": {"date": "2024-02-29"}}),
        "Thursday",
        "\"request\"",
    );
}

#[test]
fn find_tool_tells_as_much_as_was_asked_for() {
    let (_home, mut client) = demo_client();
    let mut size = |detail: &str| {
        let found = client.call("find_tool", &json!({"query": "convert a temperature", "detail": detail}));
        assert_eq!(found["structuredContent"]["tools"][0]["tool"], "units.convert_temperature");
        text(&found, 0).len()
    };
    let (names, brief, full) = (size("names"), size("brief"), size("full"));
    assert!(names < brief && brief < full, "{names} {brief} {full}");
}

#[test]
fn several_things_are_done_in_steps_when_asked_to() {
    let (home, mut client) = demo_client();
    std::fs::write(home.file("files/notes.txt"), "one two three").unwrap();
    let request = "read the text file notes.txt, then count the words of it";
    let done = client.call("execute", &json!({"request": request, "steps": "auto"}));
    let data = &done["structuredContent"];
    assert_eq!(data["steps"].as_array().map(Vec::len), Some(2), "{done}");
    assert_eq!(data["steps"][0]["tool"], "files.read_text_file", "{done}");
    assert!(text(&done, 0).contains("files.read_text_file"), "{done}");
    let one = client.call("execute", &json!({"request": request}));
    assert!(one["structuredContent"].get("steps").is_none(), "{one}");
    let wrong = client.call("execute", &json!({"request": request, "steps": "many"}));
    assert!(wrong["isError"] == true && text(&wrong, 0).contains("\"auto\""), "{wrong}");
}

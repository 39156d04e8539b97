//! What mcporch writes: shared by several processes, rebuilt when damaged, done without when it cannot be had.

use std::fs;

use serde_json::json;

use crate::harness::{Home, text};

fn clock_and_notes() -> Home {
    Home::new().with("clock", &["--kind", "clock"]).with("units", &["--kind", "units"])
}

#[test]
fn the_second_rebuild_embeds_nothing() {
    let home = clock_and_notes();
    let first = home.run(&["index", "rebuild", "--json"]).json();
    assert_eq!(first["embedded"], first["texts"]);
    let second = home.run(&["index", "rebuild", "--json"]).json();
    assert_eq!((second["embedded"].as_u64(), second["texts"].as_u64()), (Some(0), first["texts"].as_u64()));
}

#[test]
fn two_processes_on_one_empty_home_both_work() {
    let home = clock_and_notes();
    let mut clients = [home.connect(), home.connect(), home.connect()];
    for client in &mut clients {
        let result = client.execute("clock.day_of_week", &json!({"date": "2024-02-29"}));
        assert!(text(&result, 0).contains("Thursday"), "{result}");
        let found = client.call("find_tool", &json!({"query": "convert kilometres into miles"}));
        assert_eq!(found["structuredContent"]["tools"][0]["tool"], "units.convert_length", "{found}");
    }
    for client in clients {
        assert_eq!(client.leave(), 0);
    }
}

#[test]
fn a_damaged_catalog_is_set_aside_and_rebuilt() {
    let home = clock_and_notes();
    assert_eq!(home.run(&["index", "rebuild"]).code, 0);
    let catalog = home.file("home/index/catalog.sqlite");
    fs::write(&catalog, vec![0x5a; 20_000]).unwrap();
    for companion in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _absent = fs::remove_file(home.file("home/index").join(companion));
    }
    let ran = home.run(&["query", "what day of the week is it", "--json"]);
    assert!(ran.stderr.contains("damaged"), "{}", ran.stderr);
    assert_eq!(ran.json()["tools"][0]["tool"], "clock.day_of_week");
    assert!(home.file("home/index/catalog.sqlite.damaged-1").exists());
}

#[test]
fn a_home_that_cannot_be_written_costs_memory_only() {
    let home = clock_and_notes();
    fs::create_dir_all(home.file("home")).unwrap();
    fs::write(home.file("home/index"), "in the way").unwrap();
    let ran = home.run(&["call", "clock.day_of_week", "--params", r#"{"date":"2024-02-29"}"#]);
    assert!(ran.stdout.contains("Thursday"), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("in memory"), "{}", ran.stderr);
}

#[test]
fn a_full_disk_costs_memory_only() {
    // The device that is always full stands in for the disk: SQLite can open it and write nothing.
    let home = clock_and_notes();
    fs::create_dir_all(home.file("home/index")).unwrap();
    #[cfg(target_os = "linux")]
    {
        std::os::unix::fs::symlink("/dev/full", home.file("home/index/catalog.sqlite")).unwrap();
        let ran = home.run(&["call", "clock.day_of_week", "--params", r#"{"date":"2024-02-29"}"#]);
        assert!(ran.stdout.contains("Thursday"), "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn tools_of_the_registry_are_known_before_their_server_ever_ran() {
    let home = Home::new();
    let registry = home.file("hints.json");
    let entry = json!({"description": "AI image generation", "keywords": ["picture", "artwork"],
        "command": "no-such-program", "tools": [{"name": "paint", "description": "Paints a picture from words"}]});
    fs::write(&registry, json!({"mcps": {"comfyui": entry}}).to_string()).unwrap();
    let ran = home.run(&["--registry", registry.to_str().unwrap(), "query", "paint a picture of a cat", "--json"]);
    assert_eq!(ran.json()["tools"][0]["tool"], "comfyui.paint", "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_model_that_cannot_be_loaded_is_named_and_the_next_start_heals() {
    let home = clock_and_notes();
    let ran = home.run(&["--set", "embedder.model=/no/such/folder", "index", "rebuild"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("/no/such/folder"), "{}", ran.stderr);
    let healed = home.run(&["index", "rebuild", "--json"]);
    assert_eq!((healed.code, healed.json()["tools"].as_u64()), (0, Some(14)), "{}", healed.stderr);
}

#[test]
fn lists_that_were_written_without_vectors_get_them_at_the_next_start() {
    let home = clock_and_notes();
    assert_eq!(home.run(&["index", "rebuild"]).code, 0);
    let catalog = rusqlite::Connection::open(home.file("home/index/catalog.sqlite")).unwrap();
    catalog.execute("DELETE FROM vectors", []).unwrap();
    drop(catalog);
    let found = home.run(&["query", "what day of the week is it", "--json"]);
    assert!(found.json()["tools"][0]["meaning"].as_f64().unwrap() > 0.0, "{}", found.stdout);
}

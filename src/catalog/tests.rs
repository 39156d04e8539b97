//! What is written comes back, whatever happened to the file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{Catalog, Opened, ServerKey, ServerRecord, TextHash};

const BUSY: Duration = Duration::from_secs(5);

fn key(name: &str) -> ServerKey {
    ServerKey { name: name.to_owned(), fingerprint: "f".to_owned() }
}

fn open(path: &Path) -> Opened {
    Catalog::open(path, BUSY).unwrap()
}

fn raw_tools(catalog: &Catalog, name: &str) -> Vec<String> {
    catalog.load(&[key(name)], 0).unwrap().1.remove(&key(name)).map(|server| server.tools).unwrap_or_default()
}

#[test]
fn tools_come_back_in_order_and_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index/catalog.sqlite");
    let tools = [r#"{"name":"b",  "x":1e9}"#, r#"{"name":"a"}"#];
    let record =
        ServerRecord { era: Some("modern".to_owned()), own_version: "1".to_owned(), ..ServerRecord::default() };
    open(&path).catalog.put_listing(&key("s"), &record, &tools, 7).unwrap();
    let known = open(&path).catalog.load(&[key("s"), key("other")], 8).unwrap().1;
    assert_eq!(known.len(), 1);
    let server = &known[&key("s")];
    assert_eq!(
        (server.tools.as_slice(), &server.record, server.listed_at),
        (&tools.map(String::from)[..], &record, Some(7))
    );
}

#[test]
fn only_a_list_that_differs_is_a_new_generation() {
    let catalog = Catalog::in_memory().unwrap();
    let put = |tools: &[&str]| catalog.put_listing(&key("s"), &ServerRecord::default(), tools, 1).unwrap();
    let first = put(&["{}"]);
    assert_eq!(put(&["{}"]), first);
    assert_eq!(put(&["{}", "{}"]), first + 1);
    assert_eq!(put(&[]), first + 2);
    assert_eq!(catalog.generation().unwrap(), first + 2);
}

#[test]
fn another_command_under_the_same_name_is_another_server() {
    let catalog = Catalog::in_memory().unwrap();
    catalog.put_listing(&key("s"), &ServerRecord::default(), &["{}"], 1).unwrap();
    let other = ServerKey { fingerprint: "g".to_owned(), ..key("s") };
    assert!(catalog.load(&[other], 1).unwrap().1.is_empty());
}

#[test]
fn a_fault_leaves_the_tools_and_the_next_list_clears_it() {
    let catalog = Catalog::in_memory().unwrap();
    catalog.put_listing(&key("s"), &ServerRecord::default(), &["{}"], 1).unwrap();
    catalog.put_fault(&key("s"), "no such file", 2).unwrap();
    let server = catalog.load(&[key("s")], 2).unwrap().1.remove(&key("s")).unwrap();
    assert_eq!((server.fault.as_str(), server.tools.len()), ("no such file", 1));
    catalog.put_listing(&key("s"), &ServerRecord::default(), &["{}"], 3).unwrap();
    assert_eq!(catalog.load(&[key("s")], 3).unwrap().1[&key("s")].fault, "");
}

#[test]
fn vectors_belong_to_a_text_and_a_model() {
    let catalog = Catalog::in_memory().unwrap();
    let (a, b) = (TextHash::of("a"), TextHash::of("b"));
    catalog.put_vectors("m", &[(a, &[1.0, -2.5]), (b, &[0.0, 1.0])], 100).unwrap();
    let found = catalog.vectors("m", 2, &[a, b, TextHash::of("c")], 100).unwrap();
    assert_eq!((found.len(), &found[&a][..]), (2, &[1.0, -2.5][..]));
    assert!(catalog.vectors("other", 2, &[a], 100).unwrap().is_empty());
    assert!(catalog.vectors("m", 3, &[a], 100).unwrap().is_empty());
    // One that is read again stays; the other is forgotten in time.
    catalog.vectors("m", 2, &[b], 200_000).unwrap();
    catalog.forget_unseen(150_000).unwrap();
    assert_eq!(catalog.vectors("m", 2, &[a, b], 200_000).unwrap().into_keys().collect::<Vec<_>>(), [b]);
}

#[test]
fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    fs::write(
        &path,
        "this is no database, and longer than the hundred bytes of a header that SQLite reads first, really".repeat(3),
    )
    .unwrap();
    let opened = open(&path);
    assert!(opened.warnings[0].contains("damaged-1"), "{:?}", opened.warnings);
    assert_eq!(opened.catalog.path(), Some(path.as_path()));
    opened.catalog.put_listing(&key("s"), &ServerRecord::default(), &["{}"], 1).unwrap();
    drop(opened);
    assert_eq!(raw_tools(&open(&path).catalog, "s"), ["{}"]);
    assert!(folder.path().join("catalog.sqlite.damaged-1").exists());
}

#[test]
fn a_folder_that_cannot_be_made_costs_memory_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index"), "a file where the folder should be").unwrap();
    let opened = open(&folder.path().join("index/catalog.sqlite"));
    assert_eq!(opened.catalog.path(), None);
    assert!(opened.warnings[0].contains("in memory"), "{:?}", opened.warnings);
}

#[test]
fn a_newer_layout_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    drop(open(&path));
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let fault = Catalog::open(&path, BUSY).unwrap_err().to_string();
    assert!(fault.contains("newer mcporch") && fault.contains("99"), "{fault}");
}

#[test]
fn many_processes_may_open_and_write_an_empty_home_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    std::thread::scope(|scope| {
        for number in 0..6 {
            let path = &path;
            scope.spawn(move || {
                let opened = open(path);
                assert_eq!(opened.warnings, Vec::<String>::new());
                for round in 0..10 {
                    let tools = [format!("{{\"round\":{round}}}")];
                    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
                    opened
                        .catalog
                        .put_listing(&key(&format!("s{number}")), &ServerRecord::default(), &tools, 1)
                        .unwrap();
                }
            });
        }
    });
    let catalog = open(&path).catalog;
    for number in 0..6 {
        assert_eq!(raw_tools(&catalog, &format!("s{number}")), ["{\"round\":9}"]);
    }
}

#[test]
fn unseen_servers_are_forgotten_with_their_tools() {
    let catalog = Catalog::in_memory().unwrap();
    catalog.put_listing(&key("old"), &ServerRecord::default(), &["{}"], 100).unwrap();
    catalog.put_listing(&key("new"), &ServerRecord::default(), &["{}"], 200_000).unwrap();
    assert_eq!(catalog.forget_unseen(150_000).unwrap(), 1);
    assert!(raw_tools(&catalog, "old").is_empty());
    assert_eq!(raw_tools(&catalog, "new").len(), 1);
}

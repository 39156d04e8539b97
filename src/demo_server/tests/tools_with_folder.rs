//! The tools that write, and that none of them leaves its folder.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{check, check_in, run};

fn shows(folder: &Path, name: &str, arguments: Value, expected: &str) {
    check_in(Some(folder), name, &arguments, expected);
}

#[test]
fn files_are_written_read_found_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    shows(at, "list_folder", json!({}), ". is empty.");
    shows(
        at,
        "write_text_file",
        json!({"path": "a/todo.txt", "content": "one\ntwo\n"}),
        "Created a/todo.txt (8 bytes)",
    );
    shows(
        at,
        "write_text_file",
        json!({"path": "a/todo.txt", "content": "three", "append": true}),
        "Appended to a/todo.txt (13 bytes)",
    );
    shows(at, "write_text_file", json!({"path": "b.txt", "content": "Two"}), "Created b.txt");
    shows(at, "write_text_file", json!({"path": "./b.txt", "content": "two!"}), "Replaced b.txt");
    shows(at, "read_text_file", json!({"path": "a/todo.txt"}), "one\ntwo\nthree");
    shows(at, "read_text_file", json!({"path": "a/todo.txt", "first_lines": 1}), "one");
    shows(at, "read_text_file", json!({"path": "a/todo.txt", "last_lines": 2}), "two\nthree");
    shows(at, "list_folder", json!({}), "a/\nb.txt (4 bytes)");
    shows(at, "search_files", json!({"query": "TWO"}), "b.txt:1: two!\na/todo.txt:2: two");
    shows(at, "search_files", json!({"query": "todo", "in": "names"}), "a/todo.txt");
    shows(at, "search_files", json!({"query": "nothing"}), "Nothing with \"nothing\" was found.");
    shows(at, "file_info", json!({"path": "b.txt"}), "b.txt: file, 4 bytes, last changed 2");
    shows(at, "create_folder", json!({"path": "x/y"}), "Folder x/y is there.");
    shows(at, "delete_file", json!({"path": "x/y"}), "Deleted x/y");
    shows(at, "delete_file", json!({"path": "a"}), "fault: cannot delete \"a\"");
    shows(at, "delete_file", json!({"path": "b.txt"}), "Deleted b.txt");
    shows(at, "delete_file", json!({"path": "."}), "fault: ");
    shows(at, "read_text_file", json!({"path": "b.txt"}), "fault: \"b.txt\" was not found; list_folder shows");
    shows(at, "write_text_file", json!({"path": "a", "content": ""}), "fault: ");
    let own = at.join("a/todo.txt").display().to_string();
    shows(at, "read_text_file", json!({"path": own}), "one\ntwo\nthree");
    check("list_folder", &json!({}), "fault: this server has no folder to work in; start it with --folder DIR");
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let at = outside.path().join("inside");
    fs::create_dir(&at).unwrap();
    fs::write(outside.path().join("secret.txt"), "secret").unwrap();
    let absolute = outside.path().join("secret.txt").display().to_string();
    let mut paths = vec!["../secret.txt", "x/../../secret.txt", "..", &absolute, "a\u{0}b"];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path(), at.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.txt"), at.join("file")).unwrap();
        std::os::unix::fs::symlink("/nowhere/at/all", at.join("dangling")).unwrap();
        paths.extend(["link/secret.txt", "file", "link", "dangling"]);
    }
    for path in paths {
        for name in ["read_text_file", "file_info", "delete_file"] {
            shows(&at, name, json!({"path": path}), "fault: path");
        }
        shows(&at, "write_text_file", json!({"path": path, "content": "x"}), "fault: path");
        shows(&at, "create_folder", json!({"path": path}), "fault: path");
        shows(&at, "list_folder", json!({"path": path}), "fault: path");
        shows(&at, "search_files", json!({"query": "secret", "path": path}), "fault: path");
    }
    shows(&at, "search_files", json!({"query": "secret"}), "Nothing with");
    assert_eq!(fs::read_to_string(outside.path().join("secret.txt")).unwrap(), "secret");
}

#[test]
fn notes_are_kept_tagged_found_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    shows(at, "list_notes", json!({}), "There are no notes.");
    shows(at, "add_note", json!({"text": "Anna likes tea", "tags": ["#People", "people", " "]}), "number 1");
    shows(at, "add_note", json!({"text": "Buy milk"}), "number 2");
    shows(at, "list_notes", json!({}), "2. Buy milk (2026-11-21 12:34:56 UTC)\n1. Anna likes tea #people (");
    shows(at, "list_notes", json!({"tag": "People"}), "1. Anna likes tea");
    shows(at, "search_notes", json!({"query": "TEA anna"}), "1. Anna likes tea");
    shows(at, "search_notes", json!({"query": "coffee"}), "No note contains");
    shows(at, "tag_note", json!({"id": 2, "add": ["shop"]}), "2. Buy milk #shop");
    shows(at, "tag_note", json!({"id": 2, "remove": ["shop"]}), "2. Buy milk (");
    shows(at, "delete_note", json!({"id": 2}), "Deleted note 2: Buy milk");
    shows(at, "delete_note", json!({"id": 2}), "fault: note 2 was not found; list_notes shows the numbers");
    shows(at, "add_note", json!({"text": "third"}), "number 3");
    shows(at, "add_note", json!({"text": "   "}), "fault: ");
    let mut names: Vec<String> =
        fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["notes.json", "notes.lock"], "no file is left over");
    fs::write(at.join("notes.json"), "{").unwrap();
    shows(at, "add_note", json!({"text": "x"}), "fault: cannot read \"notes.json\"");
    assert_eq!(fs::read_to_string(at.join("notes.json")).unwrap(), "{", "a damaged file is not overwritten");
}

#[test]
fn two_servers_on_one_folder_lose_no_note() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| drop(run(Some(at), "add_note", &json!({"text": "x"})).unwrap())));
        }
    });
    shows(at, "add_note", json!({"text": "last"}), "number 41");
}

fn check_picture(folder: &Path, name: &str, arguments: Value, file: &str, parts: &[&str]) {
    let (text, structured) = run(Some(folder), name, &arguments).unwrap();
    assert_eq!(structured.unwrap()["file"], file, "{text}");
    let picture = fs::read_to_string(folder.join(file)).unwrap();
    assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && picture.ends_with("</svg>\n"));
    for part in parts {
        assert!(picture.contains(part), "{part} is not in {picture}");
    }
    // Well-formed as far as it goes: every tag that opens is closed.
    let (opened, closed) =
        (picture.matches('<').count() - picture.matches("</").count(), picture.matches("</").count());
    assert_eq!(opened, closed + picture.matches("/>").count());
}

#[test]
fn pictures_are_saved_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let logo = json!({"text": "Acme & <Söhne>", "style": "hexagon", "colour": "teal", "tagline": "since '26"});
    check_picture(
        at,
        "generate_logo",
        logo.clone(),
        "acme-soehne-logo.svg",
        &["<polygon", ">A&amp;</text>", "Acme &amp; &lt;Söhne&gt;", "since &apos;26"],
    );
    check_picture(at, "generate_logo", logo, "acme-soehne-logo-2.svg", &["<polygon"]);
    for style in ["circle", "square", "shield", "wordmark"] {
        let name = format!("x {style}");
        check_picture(
            at,
            "generate_logo",
            json!({"text": name, "style": style}),
            &format!("x-{style}-logo.svg"),
            &[&name],
        );
    }
    let chart = json!({"title": "Visits", "labels": ["Mon", "Tue"], "values": [3, -1.5]});
    check_picture(at, "draw_chart", chart, "visits-chart.svg", &[">Visits</text>", ">Mon</text>", ">-1.5</text>"]);
    check_picture(
        at,
        "placeholder_image",
        json!({"width": 300, "height": 200}),
        "placeholder-300x200.svg",
        &["300 × 200"],
    );
    shows(at, "draw_chart", json!({"values": [1], "labels": ["a", "b"]}), "fault: ");
    shows(at, "generate_logo", json!({"text": "x".repeat(61)}), "fault: ");
    shows(at, "generate_logo", json!({"text": "x", "colour": "loud"}), "fault: argument \"colour\" cannot be used");
    assert_eq!(fs::read_dir(at).unwrap().count(), 8);
}

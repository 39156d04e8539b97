//! Checks on the source text itself: direction of dependencies, module docs, file sizes, names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may be longer than [`FILE_LINES_MAX`], each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];
const FILE_LINES_MAX: usize = 800;
const VAGUE_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "misc", "common", "manager"];

#[test]
fn rooms_use_only_what_the_table_allows() {
    let table = read_table();
    let order: Vec<&String> = table.iter().map(|(room, _)| room).collect();
    let allowed: BTreeMap<&String, &BTreeSet<String>> = table.iter().map(|(room, uses)| (room, uses)).collect();

    let mut faults = Vec::new();
    for (at, (room, uses)) in table.iter().enumerate() {
        for used in uses {
            if !order[..at].contains(&used) {
                faults.push(format!("table: `{room}` names `{used}`, which is not listed above it"));
            }
        }
    }

    let mut seen = BTreeSet::new();
    for file in rust_files(&root().join("src")) {
        let Some(room) = room_of(&file) else { continue };
        seen.insert(room.clone());
        let Some(uses) = allowed.get(&room) else {
            faults.push(format!("{}: room `{room}` has no row in ARCHITECTURE.md", show(&file)));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for (number, name) in used_names(&text) {
            if name != room && allowed.contains_key(&name) && !uses.contains(&name) {
                faults.push(format!("{}:{number}: `{room}` may not use `{name}`", show(&file)));
            }
        }
        let is_door = file.parent() == Some(&root().join("src").join(&room)) && file.ends_with("mod.rs");
        for (at, line) in code_lines(&text) {
            if line.contains("super::super") || (is_door && line.contains("super::")) {
                faults.push(format!("{}:{at}: leave a room by `crate::`, not by `super::`", show(&file)));
            }
        }
    }
    for room in order {
        if !seen.contains(room) {
            faults.push(format!("ARCHITECTURE.md lists `{room}`, which is not in src/"));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn files_are_documented_short_and_well_named() {
    let mut faults = Vec::new();
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//!") {
            faults.push(format!("{}: the first line says what the file is for (`//! …`)", show(&file)));
        }
        let lines = text.lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| show(&file) == *path);
        if lines > FILE_LINES_MAX && !excused {
            faults.push(format!("{}: {lines} lines; split it, or give a reason in LONG_FILES", show(&file)));
        }
        let stem = file.file_stem().unwrap().to_str().unwrap();
        if VAGUE_NAMES.contains(&stem) {
            faults.push(format!("{}: the name says nothing; name it for what it holds", show(&file)));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The rows of the table under "## Rooms", in order.
fn read_table() -> Vec<(String, BTreeSet<String>)> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Rooms").nth(1).expect("ARCHITECTURE.md has a section `## Rooms`");
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            let room = cells[0].trim().trim_matches('`').to_owned();
            let uses = cells[2].split_whitespace().map(|name| name.trim_matches('`').to_owned());
            (room, uses.collect())
        })
        .collect()
}

/// Every `crate::name` in the text, with its line, also inside `crate::{a, b::c}`.
fn used_names(text: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let code: String = code_lines(text).map(|(_, line)| format!("{line}\n")).collect();
    for (at, _) in code.match_indices("crate::") {
        let number = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        if let Some(inner) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = String::new();
            for c in inner.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || (depth == 1 && c == ',') {
                    names.push((number, first_word(&item)));
                    item.clear();
                } else {
                    item.push(c);
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            names.push((number, first_word(rest)));
        }
    }
    names
}

/// Lines of code, numbered from 1; comments blanked so that the numbers stay right.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn room_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let mut parts = inside.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().is_some().then_some(first)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn show(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

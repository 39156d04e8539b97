//! Tools of kind `notes`: short texts with tags, in one JSON file of the folder.

use std::fs::{self, File};
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::dates::show_local;
use super::demo_tool::{DemoTool, Hints};
use super::folder::{Folder, file_fault};
use super::world::World;

/// The file that holds the notes.
const FILE: &str = "notes.json";
/// Locked while the file changes, so that two servers on one folder lose nothing.
const LOCK_FILE: &str = "notes.lock";
/// Most notes. A guess; the file is written as a whole on every change.
const NOTES_MAX: usize = 10_000;

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "add_note",
        title: "Add note",
        description: "Writes down a note to remember something later, with optional tags.",
        hints: Hints::Adds,
        properties: r#"{"text":{"type":"string","minLength":1,"description":"What to remember.","examples":["Anna likes tea"]},"tags":{"type":"array","items":{"type":"string"},"default":[],"description":"Tags to find it by."}}"#,
        required: &["text"],
        output: r#"{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}"#,
        run: add_note,
    },
    DemoTool {
        name: "list_notes",
        title: "List notes",
        description: "Lists all notes, newest first, optionally only those with a tag.",
        hints: Hints::Reads,
        properties: r#"{"tag":{"type":"string","description":"Only notes with this tag."},"limit":{"type":"integer","minimum":1,"maximum":1000,"default":50,"description":"Most notes to list."}}"#,
        required: &[],
        output: "",
        run: list_notes,
    },
    DemoTool {
        name: "search_notes",
        title: "Search notes",
        description: "Finds the notes that contain all of the given words, in their text or tags.",
        hints: Hints::Reads,
        properties: r#"{"query":{"type":"string","minLength":1,"description":"Words to look for; case is ignored."}}"#,
        required: &["query"],
        output: r#"{"type":"object","properties":{"notes":{"type":"array","items":{"type":"object"}}},"required":["notes"]}"#,
        run: search_notes,
    },
    DemoTool {
        name: "tag_note",
        title: "Tag note",
        description: "Adds tags to a note, or removes tags from it.",
        hints: Hints::Sets,
        properties: r#"{"id":{"type":"integer","description":"The note's number."},"add":{"type":"array","items":{"type":"string"},"default":[],"description":"Tags to add."},"remove":{"type":"array","items":{"type":"string"},"default":[],"description":"Tags to remove."}}"#,
        required: &["id"],
        output: "",
        run: tag_note,
    },
    DemoTool {
        name: "delete_note",
        title: "Delete note",
        description: "Deletes a note for good.",
        hints: Hints::Destroys,
        properties: r#"{"id":{"type":"integer","description":"The note's number."}}"#,
        required: &["id"],
        output: "",
        run: delete_note,
    },
];

#[derive(Debug, Default, Serialize, Deserialize)]
struct Notes {
    /// Never given twice, also after the newest note was deleted.
    last_id: i64,
    notes: Vec<Note>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    id: i64,
    text: String,
    tags: Vec<String>,
    /// Date and time in UTC.
    created: String,
}

fn add_note(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let (text, tags) = (arguments.filled_text("text")?.to_owned(), clean(arguments.texts("tags")?));
    let created = show_local((world.now_s)());
    change(world, |notes| {
        if notes.notes.len() >= NOTES_MAX {
            return Err(Fault::Unusable { name: "text", why: format!("there are {NOTES_MAX} notes already") });
        }
        notes.last_id += 1;
        let id = notes.last_id;
        notes.notes.push(Note { id, text, tags, created });
        Ok(Answer::with(format!("Noted as number {id}."), json!({"id": id})))
    })
}

fn list_notes(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let tag = arguments.optional_text("tag")?.map(|tag| tag.trim().trim_start_matches('#').to_lowercase());
    let limit = arguments.count("limit", 50, 1, 1000)?;
    let notes = read(world)?.notes;
    let has_tag = |note: &&Note| tag.as_ref().is_none_or(|tag| note.tags.contains(tag));
    let lines: Vec<String> = notes.iter().rev().filter(has_tag).take(limit).map(show).collect();
    Ok(Answer::text(if lines.is_empty() { "There are no notes.".to_owned() } else { lines.join("\n") }))
}

fn search_notes(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let query = arguments.filled_text("query")?.to_lowercase();
    let has_all = |note: &&Note| {
        let text = format!("{} {}", note.text, note.tags.join(" ")).to_lowercase();
        query.split_whitespace().all(|word| text.contains(word))
    };
    let notes = read(world)?.notes;
    let found: Vec<&Note> = notes.iter().rev().filter(has_all).collect();
    let lines: Vec<String> = found.iter().map(|note| show(note)).collect();
    let text = if lines.is_empty() { format!("No note contains {query:?}.") } else { lines.join("\n") };
    Ok(Answer::with(text, json!({"notes": found})))
}

fn tag_note(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let id = arguments.whole("id", None, 1, i64::MAX)?;
    let (add, remove) = (clean(arguments.texts("add")?), clean(arguments.texts("remove")?));
    change(world, |notes| {
        let note = notes.notes.iter_mut().find(|note| note.id == id).ok_or_else(|| no_note(id))?;
        note.tags.retain(|tag| !remove.contains(tag));
        for tag in add {
            if !note.tags.contains(&tag) {
                note.tags.push(tag);
            }
        }
        Ok(Answer::text(show(note)))
    })
}

fn delete_note(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let id = arguments.whole("id", None, 1, i64::MAX)?;
    change(world, |notes| {
        let place = notes.notes.iter().position(|note| note.id == id).ok_or_else(|| no_note(id))?;
        let note = notes.notes.remove(place);
        Ok(Answer::text(format!("Deleted note {id}: {}", note.text)))
    })
}

/// Reads, changes and writes the notes, alone. Nothing is written when the change fails.
fn change(world: &World, change: impl FnOnce(&mut Notes) -> Result<Answer, Fault>) -> Result<Answer, Fault> {
    let folder = Folder::open(world)?;
    let lock = folder.inside(world, LOCK_FILE)?;
    let lock_file = File::options().create(true).append(true).open(&lock.path);
    let lock_file = lock_file.map_err(|source| file_fault("open", &lock.shown, source))?;
    lock_file.lock().map_err(|source| file_fault("lock", &lock.shown, source))?;
    let mut notes = read(world)?;
    let answer = change(&mut notes)?;
    let content = serde_json::to_vec_pretty(&notes).map_err(|error| file_fault("write", FILE, error.into()))?;
    folder.replace(&folder.inside(world, FILE)?, &content)?;
    Ok(answer)
}

fn read(world: &World) -> Result<Notes, Fault> {
    let inside = Folder::open(world)?.inside(world, FILE)?;
    match fs::read(&inside.path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| file_fault("read", FILE, error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Notes::default()),
        Err(error) => Err(file_fault("read", FILE, error)),
    }
}

fn show(note: &Note) -> String {
    let tags: String = note.tags.iter().map(|tag| format!(" #{tag}")).collect();
    format!("{}. {}{tags} ({} UTC)", note.id, note.text, note.created)
}

fn clean(tags: Vec<String>) -> Vec<String> {
    let mut clean: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.trim().trim_start_matches('#').to_lowercase();
        if !tag.is_empty() && !clean.contains(&tag) {
            clean.push(tag);
        }
    }
    clean
}

fn no_note(id: i64) -> Fault {
    Fault::NotFound { what: format!("note {id}"), hint: "list_notes shows the numbers".to_owned() }
}

//! Tools of kind `files`: one folder and what is in it.

use std::fs::{self, Metadata};
use std::time::UNIX_EPOCH;

use serde_json::json;

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::dates::show_local;
use super::demo_tool::{DemoTool, Hints};
use super::folder::{Folder, Inside, file_fault};
use super::world::World;

/// Largest file that is read. A guess: more than a model can take.
const READ_BYTES_MAX: u64 = 4 << 20;
/// Most entries of a listing or a search.
const ENTRIES_MAX: usize = 500;
/// How deep a search goes.
const DEPTH_MAX: u32 = 16;

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "list_folder",
        title: "List folder",
        description: "Lists the files and subfolders in a folder (directory) with their sizes.",
        hints: Hints::Reads,
        properties: r#"{"path":{"type":"string","default":".","description":"Folder to list, relative to the server's folder."}}"#,
        required: &[],
        output: r#"{"type":"object","properties":{"entries":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"type":{"type":"string","enum":["file","folder","other"]},"bytes":{"type":"integer"}},"required":["name","type","bytes"]}}},"required":["entries"]}"#,
        run: list_folder,
    },
    DemoTool {
        name: "read_text_file",
        title: "Read text file",
        description: "Reads the contents of a text file, whole or only its first or last lines.",
        hints: Hints::Reads,
        properties: r#"{"path":{"type":"string","description":"File to read.","examples":["todo.txt"]},"first_lines":{"type":"integer","minimum":1,"description":"Only that many lines from the beginning."},"last_lines":{"type":"integer","minimum":1,"description":"Only that many lines from the end."}}"#,
        required: &["path"],
        output: "",
        run: read_text_file,
    },
    DemoTool {
        name: "write_text_file",
        title: "Write text file",
        description: "Writes a text to a file: creates it, or replaces what it held. Missing folders are created. Can also append to the end.",
        hints: Hints::Destroys,
        properties: r#"{"path":{"type":"string","description":"File to write.","examples":["todo.txt"]},"content":{"type":"string","description":"Text to write."},"append":{"type":"boolean","default":false,"description":"Add to the end instead of replacing."}}"#,
        required: &["path", "content"],
        output: "",
        run: write_text_file,
    },
    DemoTool {
        name: "search_files",
        title: "Search files",
        description: "Searches a folder and its subfolders for files whose name or text contains a word or phrase, and shows the matching lines.",
        hints: Hints::Reads,
        properties: r#"{"query":{"type":"string","minLength":1,"description":"What to look for; case is ignored."},"path":{"type":"string","default":".","description":"Folder to search."},"in":{"type":"string","enum":["both","names","contents"],"default":"both","description":"Where to look."}}"#,
        required: &["query"],
        output: "",
        run: search_files,
    },
    DemoTool {
        name: "file_info",
        title: "File information",
        description: "Tells a file's or folder's size, type and time of the last change.",
        hints: Hints::Reads,
        properties: r#"{"path":{"type":"string","description":"File or folder to look at."}}"#,
        required: &["path"],
        output: r#"{"type":"object","properties":{"path":{"type":"string"},"type":{"type":"string"},"bytes":{"type":"integer"},"modified":{"type":"string"}},"required":["path","type","bytes","modified"]}"#,
        run: file_info,
    },
    DemoTool {
        name: "create_folder",
        title: "Create folder",
        description: "Creates a new folder (directory), with all folders above it. Does nothing when it exists.",
        hints: Hints::Sets,
        properties: r#"{"path":{"type":"string","description":"Folder to create.","examples":["reports/2026"]}}"#,
        required: &["path"],
        output: "",
        run: create_folder,
    },
    DemoTool {
        name: "delete_file",
        title: "Delete file",
        description: "Deletes a file, or an empty folder, for good. This cannot be undone.",
        hints: Hints::Destroys,
        properties: r#"{"path":{"type":"string","description":"File or empty folder to delete."}}"#,
        required: &["path"],
        output: "",
        run: delete_file,
    },
];

fn list_folder(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let folder = Folder::open(world)?;
    let inside = folder.inside(world, arguments.optional_text("path")?.unwrap_or("."))?;
    let entries = entries(&inside)?;
    let shown = entries.iter().take(ENTRIES_MAX);
    let lines: Vec<String> = shown
        .clone()
        .map(|(name, data)| match type_of(data) {
            "folder" => format!("{name}/"),
            _ => format!("{name} ({} bytes)", data.len()),
        })
        .collect();
    let rows: Vec<_> =
        shown.map(|(name, data)| json!({"name": name, "type": type_of(data), "bytes": data.len()})).collect();
    let rest = entries.len().saturating_sub(ENTRIES_MAX);
    let text = match (lines.is_empty(), rest) {
        (true, _) => format!("{} is empty.", inside.shown),
        (false, 0) => lines.join("\n"),
        (false, rest) => format!("{}\n… and {rest} more", lines.join("\n")),
    };
    Ok(Answer::with(text, json!({"entries": rows})))
}

fn read_text_file(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let inside = existing(arguments, world)?;
    let text = read_text(&inside)?;
    let count = |name| arguments.value(name).map(|_| arguments.count(name, 1, 1, usize::MAX)).transpose();
    let lines: Vec<&str> = text.lines().collect();
    let part = match (count("first_lines")?, count("last_lines")?) {
        (None, None) => return Ok(Answer::text(text)),
        (Some(first), None) => &lines[..first.min(lines.len())],
        (None, Some(last)) => &lines[lines.len().saturating_sub(last)..],
        (Some(_), Some(_)) => {
            return Err(Fault::Unusable { name: "last_lines", why: "first_lines is given as well".to_owned() });
        }
    };
    Ok(Answer::text(part.join("\n")))
}

fn write_text_file(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let folder = Folder::open(world)?;
    let inside = folder.inside(world, arguments.filled_text("path")?)?;
    let content = arguments.text("content")?;
    if inside.path.is_dir() {
        return Err(Fault::Unusable { name: "path", why: format!("{:?} is a folder", inside.shown) });
    }
    if let Some(parent) = inside.path.parent() {
        fs::create_dir_all(parent).map_err(|source| file_fault("create the folder of", &inside.shown, source))?;
    }
    let exists = inside.path.exists();
    let is_append = arguments.flag("append")? && exists;
    let whole = if is_append { read_text(&inside)? + content } else { content.to_owned() };
    folder.replace(&inside, whole.as_bytes())?;
    let done = match (is_append, exists) {
        (true, _) => "Appended to",
        (false, true) => "Replaced",
        (false, false) => "Created",
    };
    Ok(Answer::text(format!("{done} {} ({} bytes)", inside.shown, whole.len())))
}

fn search_files(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let folder = Folder::open(world)?;
    let start = folder.inside(world, arguments.optional_text("path")?.unwrap_or("."))?;
    let query = arguments.filled_text("query")?.to_lowercase();
    let place = arguments.word("in", &["both", "names", "contents"])?;
    let mut hits = Vec::new();
    let mut open = vec![(start, 0)];
    while let Some((inside, depth)) = open.pop() {
        for (name, data) in entries(&inside)? {
            let shown = if inside.shown == "." { name.clone() } else { format!("{}/{name}", inside.shown) };
            let here = Inside { path: inside.path.join(&name), shown };
            if place != "contents" && name.to_lowercase().contains(&query) {
                hits.push(here.shown.clone());
            }
            if data.is_dir() && depth < DEPTH_MAX {
                open.push((here, depth + 1));
            } else if data.is_file() && place != "names" {
                // A file that cannot be read as text has no lines that match.
                let text = read_text(&here).unwrap_or_default();
                let lines = text.lines().enumerate().filter(|(_, line)| line.to_lowercase().contains(&query));
                hits.extend(lines.map(|(at, line)| format!("{}:{}: {}", here.shown, at + 1, line.trim())));
            }
        }
        if hits.len() > ENTRIES_MAX {
            hits.truncate(ENTRIES_MAX);
            hits.push("… and more; search for something rarer".to_owned());
            break;
        }
    }
    if hits.is_empty() {
        return Ok(Answer::text(format!("Nothing with {query:?} was found.")));
    }
    Ok(Answer::text(hits.join("\n")))
}

fn file_info(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let inside = existing(arguments, world)?;
    let data = fs::symlink_metadata(&inside.path).map_err(|source| file_fault("look at", &inside.shown, source))?;
    let modified = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let modified = format!("{} UTC", show_local(i64::try_from(modified.as_secs()).unwrap_or_default()));
    let text = format!("{}: {}, {} bytes, last changed {modified}", inside.shown, type_of(&data), data.len());
    let structured = json!({"path": inside.shown, "type": type_of(&data), "bytes": data.len(), "modified": modified});
    Ok(Answer::with(text, structured))
}

fn create_folder(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let inside = Folder::open(world)?.inside(world, arguments.filled_text("path")?)?;
    fs::create_dir_all(&inside.path).map_err(|source| file_fault("create folder", &inside.shown, source))?;
    Ok(Answer::text(format!("Folder {} is there.", inside.shown)))
}

fn delete_file(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let inside = existing(arguments, world)?;
    if inside.shown == "." {
        return Err(Fault::Unusable { name: "path", why: "the server's own folder stays".to_owned() });
    }
    let is_folder = inside.path.is_dir();
    let deleted = if is_folder { fs::remove_dir(&inside.path) } else { fs::remove_file(&inside.path) };
    deleted.map_err(|source| file_fault("delete", &inside.shown, source))?;
    Ok(Answer::text(format!("Deleted {}", inside.shown)))
}

fn existing(arguments: &Arguments, world: &World) -> Result<Inside, Fault> {
    let inside = Folder::open(world)?.inside(world, arguments.filled_text("path")?)?;
    if !inside.path.exists() {
        let hint = "list_folder shows what is there".to_owned();
        return Err(Fault::NotFound { what: format!("{:?}", inside.shown), hint });
    }
    Ok(inside)
}

/// What a folder holds, sorted by name. Symbolic links are named, and never followed.
fn entries(inside: &Inside) -> Result<Vec<(String, Metadata)>, Fault> {
    let fault = |source| file_fault("list", &inside.shown, source);
    let mut entries = Vec::new();
    for entry in fs::read_dir(&inside.path).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        // An entry that is gone by now is not there.
        let Ok(data) = entry.metadata() else { continue };
        entries.push((entry.file_name().to_string_lossy().into_owned(), data));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}

fn read_text(inside: &Inside) -> Result<String, Fault> {
    let fault = |source| file_fault("read", &inside.shown, source);
    let bytes = fs::metadata(&inside.path).map_err(fault)?.len();
    if bytes > READ_BYTES_MAX {
        let why = format!("{:?} has {bytes} bytes, more than the {READ_BYTES_MAX} that are read", inside.shown);
        return Err(Fault::Unusable { name: "path", why });
    }
    fs::read_to_string(&inside.path).map_err(fault)
}

fn type_of(data: &Metadata) -> &'static str {
    match (data.is_dir(), data.is_file()) {
        (true, _) => "folder",
        (_, true) => "file",
        (false, false) => "other",
    }
}

//! Announcements, contradictions and guesses, with examples of our own.

use serde_json::{Map, Value, json};

use super::guess::{Guess, guess};
use super::{Announced, judge};
use crate::domain::{Effect, EffectSource, InputSchema};

fn schema(parameters: &[&str]) -> InputSchema {
    let properties: Map<String, Value> = parameters.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    InputSchema::of(&json!({ "properties": properties }))
}

fn guessed(name: &str, description: &str, parameters: &[&str]) -> Effect {
    let judged = judge(name, description, &schema(parameters), Announced::default());
    assert_eq!(judged.source, EffectSource::Guessed, "{name}");
    judged.effect
}

#[test]
fn announcements_are_believed_unless_the_name_says_worse() {
    use Effect::{Destructive, Read, Write};
    use EffectSource::{Announced as Said, Overruled};
    let check = |name: &str, read_only, destructive, expected: (Effect, EffectSource)| {
        let judged = judge(name, "", &schema(&[]), Announced { read_only, destructive });
        assert_eq!((judged.effect, judged.source), expected, "{name} {read_only:?} {destructive:?}");
    };
    check("frobnicate", Some(true), None, (Read, Said));
    check("frobnicate", Some(true), Some(true), (Destructive, Overruled));
    check("list_notes", Some(true), Some(true), (Destructive, Overruled));
    check("frobnicate", Some(true), Some(false), (Read, Said));
    check("create_note", Some(true), None, (Read, Said));
    check("frobnicate", Some(false), Some(true), (Destructive, Said));
    check("list_notes", None, Some(true), (Destructive, Said));
    check("frobnicate", Some(false), Some(false), (Write, Said));
    check("list_notes", None, Some(false), (Write, Said));

    check("delete_note", Some(true), None, (Destructive, Overruled));
    check("notes-Purge", Some(true), Some(false), (Destructive, Overruled));
    check("export_and_remove", Some(true), None, (Destructive, Overruled));
    check("dropTable", Some(false), Some(false), (Destructive, Overruled));
    check("wipe_disk", None, Some(false), (Destructive, Overruled));
    // What is deleted, or might be, is only read about.
    check("list_deleted_notes", Some(true), None, (Read, Said));
    check("check_delete_permission", Some(true), None, (Read, Said));
}

#[test]
fn half_an_announcement_is_a_lower_bound() {
    let check = |name: &str, description: &str, expected: Effect| {
        let judged = judge(name, description, &schema(&[]), Announced { read_only: Some(false), destructive: None });
        assert_eq!((judged.effect, judged.source), (expected, EffectSource::Guessed), "{name}");
    };
    check("list_notes", "Lists all notes.", Effect::Write);
    check("add_note", "Adds a note.", Effect::Write);
    check("remove_note", "", Effect::Destructive);
    check("reset_branch", "Resets a branch and discards its changes.", Effect::Destructive);
}

#[test]
fn plain_reads_are_guessed() {
    let check = |name: &str, description: &str, parameters: &[&str]| {
        assert_eq!(guessed(name, description, parameters), Effect::Read, "{name}");
    };
    check("get_weather", "Get the weather of a city.", &["city"]);
    check("listInvoices", "Lists all invoices of a customer", &["customer_id", "limit"]);
    check("search_books", "Search the library by title or author. Returns ten books.", &["query"]);
    check("describe_table", "Get the schema of a table", &["table"]);
}

#[test]
fn doubt_counts_as_a_change() {
    let check = |name: &str, description: &str, parameters: &[&str]| {
        assert_eq!(guessed(name, description, parameters), Effect::Write, "{name}");
    };
    check("", "", &[]);
    check("frobnicate", "", &[]);
    check("frobnicate", "Frobnicates the widget.", &["widget"]);
    check("translate_into_elvish", "Translates a text into Elvish", &["text"]);
    check("run", "", &["command"]);
    check("send_mail", "Send a mail to somebody.", &["to", "body"]);
    check("create_note", "Creates a note and returns its number.", &["title", "content"]);
    check("get_or_create_user", "Returns the user, and creates it if there is none", &["name"]);
    check("search_and_replace", "Search for a text and replace it.", &["find", "replace"]);
    // In other languages no word is known.
    check("notiz_lesen", "Liest eine Notiz.", &["nummer"]);
    check("メモを削除", "メモを削除します。", &["番号"]);
    check("supprimer_la_note", "Supprime la note à tout jamais.", &["numéro"]);
}

#[test]
fn destruction_is_guessed_by_its_verbs() {
    let check = |name: &str, description: &str| {
        assert_eq!(guessed(name, description, &["id"]), Effect::Destructive, "{name}");
    };
    check("delete_note", "");
    check("DELETE_NOTE", "Gets rid of a note.");
    check("notes.purge", "Lists and purges old notes");
    check("read_and_delete", "Reads a message and deletes it.");
    check("clear_history", "Clears the whole history");
    check("revokeToken", "Revokes a token.");
}

#[test]
fn the_shipped_coefficients_fit_the_code() {
    // Reading the file panics when a member is missing or unknown; that it speaks for something shows here.
    let is_read = guess("list_notes", "Lists the notes.", &[]).is_read;
    let is_destructive = guess("delete_note", "Deletes a note.", &[]).is_destructive;
    assert!(is_read > 0.95 && is_destructive > 0.8, "{is_read} {is_destructive}");
    // These came out of models/fit_effects.py for the same tool: both sides cut words and add up alike.
    let schema = schema(&["filePath", "dry_run", "query"]);
    let description = "\n  Searches files, then renames matches (e.g. old.txt).  Second sentence deletes nothing.";
    let Guess { is_read, is_destructive } = guess("find_and_renameFiles2", description, &schema.outline().parameters);
    let near = |value: f32, expected: f32| (value - expected).abs() < 0.002;
    assert!(near(is_read, FITTED[0]) && near(is_destructive, FITTED[1]), "{is_read} {is_destructive}");
}

/// What the fitting script says of the tool above.
const FITTED: [f32; 2] = [0.2917, 0.7361];

//! Keys as the terminal says them, and logs that are joined.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::server_logs::LogLine;
use crate::top::Key;

use super::jobs::joined;
use super::screen::key_of;

#[test]
fn keys_are_told_apart_by_code_and_modifiers() {
    let check = |code, modifiers, expected: Option<Key>| {
        assert_eq!(key_of(&KeyEvent::new(code, modifiers)), expected, "{code:?} {modifiers:?}");
    };
    check(KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Key::Interrupt));
    check(KeyCode::Char('z'), KeyModifiers::CONTROL, Some(Key::Suspend));
    check(KeyCode::Char('x'), KeyModifiers::CONTROL, None);
    check(KeyCode::Char('x'), KeyModifiers::ALT, None);
    check(KeyCode::Char('R'), KeyModifiers::SHIFT, Some(Key::Char('R')));
    check(KeyCode::BackTab, KeyModifiers::SHIFT, Some(Key::BackTab));
    check(KeyCode::F(1), KeyModifiers::NONE, None);
    let release = KeyEvent::new_with_kind(KeyCode::Char('x'), KeyModifiers::NONE, KeyEventKind::Release);
    assert_eq!(key_of(&release), None);
}

#[test]
fn lines_that_were_read_twice_are_shown_once() {
    let lines = |texts: &str| -> Vec<LogLine> {
        let line = |text: &str| LogLine::parse(&format!("2026-01-31T12:00:00.000Z stderr {text}"), Default::default());
        texts.split_whitespace().map(line).collect()
    };
    let check = |last: &str, since: &str, expected: &str| {
        assert_eq!(joined(lines(last), lines(since)), lines(expected), "{last} + {since}");
    };
    check("a b c", "", "a b c");
    check("a b c", "c d", "a b c d");
    check("a b c", "b c", "a b c");
    check("a b c", "d e", "a b c d e");
    check("", "a", "a");
    check("b c", "a b c d", "b c a b c d");
}

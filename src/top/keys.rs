//! What each key does.

use super::model::{Mode, Model, Panel};
use super::{Key, Order, Server, Verb, Wish};

/// Rows that a page key moves by. A guess.
const PAGE: usize = 10;
/// Longest filter, in characters.
const FILTER_CHARS_MAX: usize = 64;

/// What the help shows.
pub(super) const HELP: &[(&str, &str)] = &[
    ("↑ ↓  j k", "choose a server"),
    ("s", "start it"),
    ("x", "stop it (asks)"),
    ("r", "restart it"),
    ("X  R", "stop, restart all (asks)"),
    ("/", "filter by name; esc clears"),
    ("g", "next group"),
    ("tab", "next panel"),
    ("l", "its log, full screen"),
    ("S", "start the daemon"),
    ("q", "quit; servers go on"),
];

impl Model {
    pub(super) fn press(&mut self, key: Key) -> Vec<Wish> {
        match key {
            Key::Interrupt => return vec![Wish::Quit],
            Key::Suspend => return vec![Wish::Suspend],
            Key::Char(_)
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Enter
            | Key::Escape
            | Key::Tab
            | Key::BackTab
            | Key::Backspace => {}
        }
        match std::mem::replace(&mut self.mode, Mode::Table) {
            Mode::Table => self.press_in_table(key),
            Mode::Help => Vec::new(),
            Mode::Ask(order) if matches!(key, Key::Char('y' | 'Y')) => self.order(order),
            Mode::Ask(_) => {
                self.tell("nothing was done");
                Vec::new()
            }
            Mode::Filter { before } => {
                self.press_in_filter(key, before);
                Vec::new()
            }
            Mode::Log => self.press_in_log(key),
        }
    }

    fn press_in_table(&mut self, key: Key) -> Vec<Wish> {
        let row = self.chosen().map_or(0, |(row, _)| row);
        match key {
            Key::Char('q') => return vec![Wish::Quit],
            Key::Up | Key::Char('k') => self.choose_row(row.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.choose_row(row + 1),
            Key::PageUp => self.choose_row(row.saturating_sub(PAGE)),
            Key::PageDown => self.choose_row(row + PAGE),
            Key::Home => self.choose_row(0),
            Key::End | Key::Char('G') => self.choose_row(usize::MAX),
            Key::Char('s') => return self.order_chosen(Verb::Start),
            Key::Char('r') => return self.order_chosen(Verb::Restart),
            Key::Char('x') => self.ask_chosen(),
            Key::Char('X') => self.ask_all(Verb::Stop),
            Key::Char('R') => self.ask_all(Verb::Restart),
            Key::Char('S') => return self.start_daemon(),
            Key::Char('/') => self.mode = Mode::Filter { before: self.filter.clone() },
            Key::Char('g') => self.next_group(),
            Key::Tab => self.turn_panel(1),
            Key::BackTab => self.turn_panel(Panel::ALL.len() - 1),
            Key::Char('l') | Key::Enter if self.log.server.is_some() => self.mode = Mode::Log,
            Key::Char('?' | 'h') => self.mode = Mode::Help,
            Key::Escape => {
                self.message = None;
                self.filter.clear();
                self.group = None;
            }
            Key::Char(_) | Key::Enter | Key::Backspace | Key::Interrupt | Key::Suspend => {}
        }
        Vec::new()
    }

    /// Each key narrows at once; what was before comes back with escape.
    fn press_in_filter(&mut self, key: Key, before: String) {
        match key {
            Key::Escape => {
                self.filter = before;
                return;
            }
            Key::Enter => return,
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Char(c) if !c.is_control() && self.filter.chars().count() < FILTER_CHARS_MAX => self.filter.push(c),
            Key::Up => self.choose_row(self.chosen().map_or(0, |(row, _)| row.saturating_sub(1))),
            Key::Down => self.choose_row(self.chosen().map_or(0, |(row, _)| row + 1)),
            Key::Char(_)
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Tab
            | Key::BackTab
            | Key::Interrupt
            | Key::Suspend => {}
        }
        self.mode = Mode::Filter { before };
    }

    fn press_in_log(&mut self, key: Key) -> Vec<Wish> {
        self.mode = Mode::Log;
        let last = self.log.lines.len().saturating_sub(1);
        match key {
            Key::Char('q' | 'l') | Key::Escape | Key::Enter | Key::Tab | Key::BackTab => self.mode = Mode::Table,
            Key::Up | Key::Char('k') => self.log.back = (self.log.back + 1).min(last),
            Key::Down | Key::Char('j') => self.log.back = self.log.back.saturating_sub(1),
            Key::PageUp => self.log.back = (self.log.back + PAGE).min(last),
            Key::PageDown => self.log.back = self.log.back.saturating_sub(PAGE),
            Key::Home => self.log.back = last,
            Key::End | Key::Char('G') => self.log.back = 0,
            Key::Char(_) | Key::Backspace | Key::Interrupt | Key::Suspend => {}
        }
        Vec::new()
    }

    fn order_chosen(&mut self, verb: Verb) -> Vec<Wish> {
        match self.chosen.clone() {
            Some(server) => self.order(Order { verb, servers: vec![server] }),
            None => {
                self.tell("no server is chosen");
                Vec::new()
            }
        }
    }

    fn ask_chosen(&mut self) {
        match self.chosen.clone() {
            Some(server) => self.ask(Order { verb: Verb::Stop, servers: vec![server] }),
            None => self.tell("no server is chosen"),
        }
    }

    /// All that are shown, but for those that are off: a restart is no start. One that rests is stopped so that no call wakes
    /// it.
    fn ask_all(&mut self, verb: Verb) {
        let is_meant = |server: &&Server| !server.is_off() || (verb == Verb::Stop && server.state == "dormant");
        let running = self.shown().filter(is_meant);
        let servers: Vec<String> = running.map(|server| server.name.clone()).collect();
        if servers.is_empty() {
            self.tell("none of these servers runs");
        } else {
            self.ask(Order { verb, servers });
        }
    }

    fn ask(&mut self, order: Order) {
        if self.is_heard() {
            self.message = None;
            self.mode = Mode::Ask(order);
        }
    }

    /// All, then group after group.
    fn next_group(&mut self) {
        let groups = self.groups();
        let next = match &self.group {
            None => 0,
            Some(group) => groups.iter().position(|one| one == group).map_or(0, |at| at + 1),
        };
        self.group = groups.get(next).cloned();
        if groups.is_empty() {
            self.tell("no server is in a group");
        }
    }

    fn turn_panel(&mut self, by: usize) {
        let at = Panel::ALL.iter().position(|panel| *panel == self.panel).unwrap_or(0);
        self.panel = Panel::ALL[(at + by) % Panel::ALL.len()];
    }
}

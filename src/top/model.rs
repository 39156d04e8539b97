//! The state of the picture, and what events make of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::server_logs::LogLine;

use super::clean::clean;
use super::history::History;
use super::{Acted, Event, Look, LookFault, Order, Server, Verb, Wish};

/// Between two looks at the servers. A guess: what a person can follow.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the log that is shown. A guess: a person takes it for at once.
const LOG_EVERY: Duration = Duration::from_millis(500);
/// Orders that are carried out at the same time, at most: each is a thread that waits. A guess; [`Wish::Order`] names it.
pub(super) const ORDERS_MAX: usize = 4;
/// Lines of a log that are kept, at most. A guess: more is read with `mcporch logs`.
pub(super) const LOG_LINES_MAX: usize = 1000;
/// How long a message stays.
const MESSAGE_FOR: Duration = Duration::from_secs(8);
/// How long an error stays, since it is longer to read.
const ERROR_FOR: Duration = Duration::from_secs(30);

/// How it stands with the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing was heard yet.
    Unknown,
    /// It answers.
    There,
    /// None runs.
    Absent {
        /// Since when, if one ran before.
        gone_at: Option<Duration>,
    },
    /// It is there, or seems to be, and does not answer.
    Silent {
        /// Since when.
        since: Duration,
        /// Why, in words.
        why: String,
    },
}

/// What keys mean now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// What the help says.
    Table,
    /// They write the filter; with what it was before.
    Filter { before: String },
    /// They answer whether an order is meant.
    Ask(Order),
    /// Any closes the help.
    Help,
    /// They move in the log, which fills the screen.
    Log,
}

/// What is shown below the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Panel {
    Overview,
    Instances,
    Log,
}

impl Panel {
    pub(super) const ALL: [Self; 3] = [Self::Overview, Self::Instances, Self::Log];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Instances => "instances",
            Self::Log => "log",
        }
    }
}

/// The log that is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    /// Whose.
    pub(super) server: Option<String>,
    pub(super) lines: VecDeque<LogLine>,
    /// How many lines the view stands behind the end.
    pub(super) back: usize,
    /// Why it cannot be read.
    pub(super) fault: Option<String>,
    /// Whether its lines have come.
    is_read: bool,
}

/// Something to tell at the bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) is_error: bool,
    until: Duration,
}

/// All that is shown and all that is going on. Everything in it is bounded: servers by the registry, samples and lines by
/// their own limits.
#[derive(Debug)]
pub struct Model {
    pub(super) now: Duration,
    pub(super) unix_s: i64,
    pub(super) link: Link,
    pub(super) look: Look,
    pub(super) histories: BTreeMap<String, History>,
    /// The chosen server, by name: it stays chosen when others come and go.
    pub(super) chosen: Option<String>,
    /// Where it stood, to choose a neighbour when it is gone.
    chosen_row: usize,
    pub(super) filter: String,
    pub(super) group: Option<String>,
    pub(super) mode: Mode,
    pub(super) panel: Panel,
    pub(super) log: Log,
    pub(super) message: Option<Message>,
    pub(super) orders: Vec<Order>,
    pub(super) is_starting_daemon: bool,
    is_looking: bool,
    looked_at: Option<Duration>,
    is_reading: bool,
    read_at: Option<Duration>,
}

impl Model {
    /// Before anything was seen.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: Duration::ZERO,
            unix_s: 0,
            link: Link::Unknown,
            look: Look::default(),
            histories: BTreeMap::new(),
            chosen: None,
            chosen_row: 0,
            filter: String::new(),
            group: None,
            mode: Mode::Table,
            panel: Panel::Overview,
            log: Log::default(),
            message: None,
            orders: Vec::new(),
            is_starting_daemon: false,
            is_looking: false,
            looked_at: None,
            is_reading: false,
            read_at: None,
        }
    }

    /// Takes an event, and says what is wanted because of it.
    #[must_use]
    pub fn step(&mut self, event: Event) -> Vec<Wish> {
        let mut wishes = match event {
            Event::Key(key) => self.press(key),
            Event::Tick { now, unix_s } => {
                (self.now, self.unix_s) = (now, unix_s);
                self.message.take_if(|message| message.until <= now);
                Vec::new()
            }
            Event::Looked(seen) => {
                self.is_looking = false;
                match seen {
                    Ok(look) => self.see(look),
                    Err(fault) => self.see_nothing(fault),
                }
                Vec::new()
            }
            Event::LogRead { server, is_anew, lines } => {
                self.is_reading = false;
                self.take_log(&server, is_anew, lines);
                Vec::new()
            }
            Event::Ordered { order, ended } => self.take_order(&order, ended),
            Event::DaemonStarted(ended) => {
                self.is_starting_daemon = false;
                match ended {
                    Ok(()) => self.tell("the daemon runs"),
                    Err(why) => self.fail(&format!("the daemon does not start: {why}")),
                }
                self.look_soon();
                Vec::new()
            }
        };
        self.follow_choice();
        wishes.extend(self.due());
        wishes
    }

    /// The servers that are shown, in their order.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Server> {
        let wanted = self.filter.to_lowercase();
        self.look.servers.iter().filter(move |server| {
            let in_group = self.group.as_ref().is_none_or(|group| server.groups.contains(group));
            in_group && server.name.to_lowercase().contains(&wanted)
        })
    }

    /// Whether some are left out.
    pub(super) fn is_narrowed(&self) -> bool {
        !self.filter.is_empty() || self.group.is_some()
    }

    /// The chosen server and its row.
    pub(super) fn chosen(&self) -> Option<(usize, &Server)> {
        self.shown().enumerate().find(|(_, server)| Some(&server.name) == self.chosen.as_ref())
    }

    /// Calls in a second over all servers.
    pub(super) fn calls_per_s(&self) -> f64 {
        self.histories.values().filter_map(History::calls_per_s).sum()
    }

    /// All groups, each once.
    pub(super) fn groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = self.look.servers.iter().flat_map(|server| server.groups.clone()).collect();
        groups.sort();
        groups.dedup();
        groups
    }

    /// Chooses the server in that row, or the last.
    pub(super) fn choose_row(&mut self, row: usize) {
        let names: Vec<String> = self.shown().map(|server| server.name.clone()).collect();
        self.chosen_row = row.min(names.len().saturating_sub(1));
        self.chosen = names.into_iter().nth(self.chosen_row);
    }

    pub(super) fn tell(&mut self, text: &str) {
        self.message = Some(Message { text: clean(text), is_error: false, until: self.now + MESSAGE_FOR });
    }

    pub(super) fn fail(&mut self, text: &str) {
        self.message = Some(Message { text: clean(text), is_error: true, until: self.now + ERROR_FOR });
    }

    /// The order as a wish, unless too many are going on or there is nobody to take it.
    pub(super) fn order(&mut self, order: Order) -> Vec<Wish> {
        if !self.is_heard() {
            return Vec::new();
        }
        if self.orders.len() >= ORDERS_MAX {
            self.fail("wait: other orders are still being carried out");
            return Vec::new();
        }
        self.message = None;
        self.orders.push(order.clone());
        vec![Wish::Order(order)]
    }

    /// Whether there is a daemon to take an order; says so where there is none.
    pub(super) fn is_heard(&mut self) -> bool {
        match self.link {
            Link::There => return true,
            Link::Silent { .. } => self.fail("the daemon does not answer"),
            Link::Unknown | Link::Absent { .. } => self.fail("no daemon runs; S starts one"),
        }
        false
    }

    pub(super) fn start_daemon(&mut self) -> Vec<Wish> {
        match self.link {
            Link::There => self.tell("a daemon runs already"),
            // Who does not answer has the lock; another one would leave at once.
            Link::Silent { .. } => self.fail("a daemon runs but does not answer; `mcporch daemon --stop` ends it"),
            Link::Unknown | Link::Absent { .. } if self.is_starting_daemon => {}
            Link::Unknown | Link::Absent { .. } => {
                self.is_starting_daemon = true;
                return vec![Wish::StartDaemon];
            }
        }
        Vec::new()
    }

    fn see(&mut self, look: Look) {
        let before = std::mem::replace(&mut self.link, Link::There);
        if look.daemon.is_none() {
            let gone_at = match before {
                Link::There | Link::Silent { .. } => Some(self.now),
                Link::Absent { gone_at } => gone_at,
                Link::Unknown => None,
            };
            self.link = Link::Absent { gone_at };
            self.histories.values_mut().for_each(History::forget_count);
        } else {
            let is_back = matches!(before, Link::Absent { gone_at: Some(_) } | Link::Silent { .. });
            // Another process counts anew, even if it has come so far already.
            let is_same = match (&look.daemon, &self.look.daemon) {
                (Some(now), Some(before)) => now.pid == before.pid,
                _ => false,
            };
            if !is_same {
                self.histories.values_mut().for_each(History::forget_count);
            }
            if is_back && !is_same {
                self.tell("a daemon is there again");
            }
            for server in &look.servers {
                let history = self.histories.entry(server.name.clone()).or_default();
                history.take(self.now, server.cpu_percent, server.memory_bytes, server.calls);
            }
        }
        self.histories.retain(|name, _| look.servers.iter().any(|server| server.name == *name));
        self.look = look;
        if self.group.as_ref().is_some_and(|group| !self.groups().contains(group)) {
            self.group = None;
        }
    }

    fn see_nothing(&mut self, fault: LookFault) {
        self.histories.values_mut().for_each(History::forget_count);
        let since = match self.link {
            Link::Silent { since, .. } => since,
            Link::Unknown | Link::There | Link::Absent { .. } => self.now,
        };
        self.link = Link::Silent { since, why: clean(&fault.0) };
    }

    fn take_order(&mut self, order: &Order, ended: Result<Vec<Acted>, String>) -> Vec<Wish> {
        if let Some(at) = self.orders.iter().position(|one| one == order) {
            self.orders.remove(at);
        }
        match ended {
            Err(why) => self.fail(&why),
            Ok(acted) => {
                let failed = acted.iter().filter(|one| !one.is_done);
                let faults: Vec<String> = failed
                    .map(|one| format!("{}: {}", one.server, one.message.as_deref().unwrap_or(&one.state)))
                    .collect();
                if let Some(first) = faults.first() {
                    let more =
                        if faults.len() > 1 { format!(" (and {} more)", faults.len() - 1) } else { String::new() };
                    self.fail(&format!("{first}{more}"));
                } else if let [one] = acted.as_slice() {
                    self.tell(&format!("{} is {}", one.server, one.state));
                } else {
                    let done = match order.verb {
                        Verb::Start => "started",
                        Verb::Stop => "stopped",
                        Verb::Restart => "started again",
                    };
                    self.tell(&format!("{} servers {done}", acted.len()));
                }
            }
        }
        self.look_soon();
        Vec::new()
    }

    fn take_log(&mut self, server: &str, is_anew: bool, lines: Result<Vec<LogLine>, String>) {
        // Asked for before the choice went away and came back: the last lines are still to come.
        let is_late = !is_anew && !self.log.is_read;
        if self.log.server.as_deref() != Some(server) || is_late {
            return;
        }
        match lines {
            Err(why) => self.log.fault = Some(clean(&why)),
            Ok(lines) => {
                self.log.fault = None;
                if is_anew {
                    self.log.lines.clear();
                    self.log.back = 0;
                }
                self.log.is_read = true;
                // Whoever reads further up keeps what he reads before his eyes.
                if self.log.back > 0 {
                    self.log.back += lines.len();
                }
                self.log.lines.extend(lines.into_iter().map(|line| LogLine { text: clean(&line.text), ..line }));
                let surplus = self.log.lines.len().saturating_sub(LOG_LINES_MAX);
                self.log.lines.drain(..surplus);
                self.log.back = self.log.back.min(self.log.lines.len().saturating_sub(1));
            }
        }
    }

    /// Sees to it that a server is chosen while one is shown, and that the log is its log.
    fn follow_choice(&mut self) {
        match self.chosen() {
            Some((row, _)) => self.chosen_row = row,
            None => self.choose_row(self.chosen_row),
        }
        // A log that fills the screen stays, whatever the table does.
        if self.mode != Mode::Log && self.log.server != self.chosen {
            self.log = Log { server: self.chosen.clone(), ..Log::default() };
            self.read_at = None;
        }
    }

    /// What is wanted by the clock.
    fn due(&mut self) -> Vec<Wish> {
        let is_over = |last: Option<Duration>, every| last.is_none_or(|last| self.now.saturating_sub(last) >= every);
        let is_look_due = !self.is_looking && is_over(self.looked_at, LOOK_EVERY);
        let is_log_due = !self.is_reading && is_over(self.read_at, LOG_EVERY);
        let mut wishes = Vec::new();
        if is_look_due {
            (self.is_looking, self.looked_at) = (true, Some(self.now));
            wishes.push(Wish::Look);
        }
        if let Some(server) = self.log.server.clone().filter(|_| is_log_due) {
            (self.is_reading, self.read_at) = (true, Some(self.now));
            wishes.push(Wish::ReadLog { server, is_anew: !self.log.is_read });
        }
        wishes
    }

    fn look_soon(&mut self) {
        self.looked_at = None;
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    /// What to say where there are no lines.
    pub(super) fn without_lines(&self) -> String {
        match (&self.fault, &self.server) {
            (Some(fault), _) => fault.clone(),
            (None, None) => "no server is chosen".to_owned(),
            (None, Some(_)) if self.is_read => "nothing yet; a server writes some once it was started".to_owned(),
            (None, Some(_)) => "reading…".to_owned(),
        }
    }
}

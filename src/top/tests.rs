//! Keys and events on the model, and what is drawn of it at three sizes of the screen. Snapshots are in `snapshots/`.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use serde_json::{Value, json};

use crate::server_logs::LogLine;

use super::history::History;
use super::{Acted, Event, Key, Look, LookFault, Model, Order, Sight, Theme, Verb, Wish, draw};

/// The wall clock when the model's own begins.
const BEGAN: i64 = 1_800_000_000;

/// A model with a clock.
struct World {
    model: Model,
    seconds: u64,
    sight: Sight,
}

impl World {
    fn new() -> Self {
        let mut world = Self { model: Model::new(), seconds: 0, sight: Sight::default() };
        assert_eq!(world.tick(0), [Wish::Look]);
        world
    }

    /// With a look at these servers.
    fn with(servers: &Value) -> Self {
        let mut world = Self::new();
        world.see(servers);
        world
    }

    /// Three servers whose names alone matter.
    fn abc() -> Self {
        Self::with(&json!([
            {"server": "alpha", "state": "ready", "groups": ["db"]},
            {"server": "beta", "state": "dormant", "groups": ["web", "db"]},
            {"server": "gamma", "state": "degraded", "groups": ["web"]},
        ]))
    }

    fn step(&mut self, event: Event) -> Vec<Wish> {
        self.model.step(event)
    }

    fn tick(&mut self, seconds: u64) -> Vec<Wish> {
        self.seconds += seconds;
        let unix_s = BEGAN + i64::try_from(self.seconds).unwrap();
        self.step(Event::Tick { now: Duration::from_secs(self.seconds), unix_s })
    }

    fn look(servers: &Value) -> Look {
        let daemon = json!({"pid": 4711, "version": "0.1.0", "uptime_s": 3725, "clients": 2});
        serde_json::from_value(json!({"daemon": daemon, "servers": servers})).unwrap()
    }

    fn see(&mut self, servers: &Value) {
        let _log = self.step(Event::Looked(Ok(Self::look(servers))));
    }

    /// Presses these keys: words are keys with names, everything else is typed.
    fn press(&mut self, keys: &str) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for word in keys.split(' ') {
            let named = match word {
                "up" => Some(Key::Up),
                "down" => Some(Key::Down),
                "pgdn" => Some(Key::PageDown),
                "home" => Some(Key::Home),
                "end" => Some(Key::End),
                "enter" => Some(Key::Enter),
                "esc" => Some(Key::Escape),
                "tab" => Some(Key::Tab),
                "backtab" => Some(Key::BackTab),
                "bksp" => Some(Key::Backspace),
                "ctrl-c" => Some(Key::Interrupt),
                "ctrl-z" => Some(Key::Suspend),
                _ => None,
            };
            let pressed = named.map_or_else(|| word.chars().map(Key::Char).collect(), |key| vec![key]);
            for key in pressed {
                wishes.extend(self.step(Event::Key(key)));
            }
        }
        // The log follows whatever is chosen; that is not what these tests are about.
        wishes.retain(|wish| !matches!(wish, Wish::ReadLog { .. } | Wish::Look));
        wishes
    }

    fn logged(&mut self, server: &str, is_anew: bool, texts: &[&str]) -> Vec<Wish> {
        let line = |text: &&str| LogLine::parse(&format!("2026-01-31T12:00:00.000Z {text}"), Default::default());
        let lines = Ok(texts.iter().map(line).collect());
        self.step(Event::LogRead { server: server.to_owned(), is_anew, lines })
    }

    fn screen(&mut self, columns: u16, rows: u16) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let theme = Theme { is_coloured: true };
        terminal.draw(|frame| draw(frame, &self.model, theme, &mut self.sight)).unwrap();
        terminal
    }

    fn text(&mut self, columns: u16, rows: u16) -> String {
        self.screen(columns, rows).backend().to_string()
    }

    /// The last line of a usual screen, without the quotes of the picture.
    fn bottom(&mut self) -> String {
        self.text(100, 24).lines().last().unwrap().trim_matches('"').trim().to_owned()
    }

    fn head(&mut self) -> String {
        self.text(120, 24).lines().next().unwrap().trim_matches('"').trim().to_owned()
    }
}

fn order(verb: Verb, servers: &[&str]) -> Order {
    Order { verb, servers: servers.iter().map(|name| (*name).to_owned()).collect() }
}

/// Servers of every kind, two minutes into their lives.
fn busy() -> World {
    let mut world = World::new();
    for second in 0..120_u64 {
        world.tick(1);
        let wave = second % 20;
        world.see(&json!([
            {"server": "filesystem", "state": "ready", "since": BEGAN - 4000, "pid": 5001, "cpu_percent": 0.5,
             "memory_bytes": 41_000_000, "starts": 1, "calls": second / 10, "groups": ["core"],
             "instances": [{"state": "ready"}]},
            {"server": "weather", "state": "ready", "since": BEGAN - 300, "pid": 5002, "cpu_percent": wave * 4,
             "memory_bytes": 80_000_000 + second * 1_000_000, "starts": 4, "restarts": 2, "calls": 1000 + second * wave,
             "errors": 3, "in_flight": 2, "waiting": 1, "is_kept": true, "groups": ["core", "web"],
             "depends_on": ["filesystem"], "warnings": ["memory is at 199 MB, above 150 MB"], "instances": [
                {"state": "ready", "since": BEGAN - 300, "pid": 5002, "cpu_percent": wave * 3, "memory_bytes": 120_000_000,
                 "threads": 4, "fds": 12, "processes": 2, "in_flight": 1, "calls": 900},
                {"state": "backoff", "since": BEGAN + 100, "retry_in_s": 2.6, "calls": 100}]},
            {"server": "git", "state": "dormant", "since": BEGAN - 90_000},
            {"server": "payments", "state": "crashed", "since": BEGAN + 60, "restarts": 5, "errors": 12, "groups": ["web"],
             "fault": "it ended with exit code 3 while it started\u{1b}[2J\r\nError: cannot find module 'stripe'; started 5 \
                       times within 60 s, so nothing is tried for 300 s; `mcporch restart payments` tries at once"},
            {"server": "search", "state": "starting", "since": BEGAN + 119, "pid": 5003},
        ]));
    }
    world.logged("filesystem", true, &["mcporch ready after 31 ms, pid 5001", "stderr listening"]);
    world
}

fn with_log(mut world: World, server: &str) -> World {
    let lines: Vec<String> = (0..40)
        .map(|at| match at % 8 {
            0 => "mcporch ready after 120 ms, pid 5002".to_owned(),
            5 => "stderr a line that is so long that it has to be broken where the screen ends, and goes on until it is longer \
                  than any screen that these tests have"
                .to_owned(),
            _ => format!("stderr GET /forecast?day={at} \u{202e}200"),
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    world.logged(server, true, &lines);
    world
}

#[test]
fn the_screen_at_three_sizes() {
    for (columns, rows) in [(120, 40), (80, 24), (40, 15)] {
        let mut world = busy();
        world.press("down");
        let mut world = with_log(world, "weather");
        insta::assert_snapshot!(format!("chosen_{columns}x{rows}"), world.screen(columns, rows).backend());
        world.press("tab");
        insta::assert_snapshot!(format!("instances_{columns}x{rows}"), world.screen(columns, rows).backend());
        world.press("tab");
        insta::assert_snapshot!(format!("log_{columns}x{rows}"), world.screen(columns, rows).backend());
        world.press("l up up up");
        insta::assert_snapshot!(format!("log_full_{columns}x{rows}"), world.screen(columns, rows).backend());
        world.press("l backtab backtab end up ?");
        insta::assert_snapshot!(format!("fault_and_help_{columns}x{rows}"), world.screen(columns, rows).backend());
    }
}

#[test]
fn the_screen_without_a_daemon_at_three_sizes() {
    for (columns, rows) in [(120, 40), (80, 24), (40, 15)] {
        let mut world = World::new();
        let servers = json!([{"server": "git", "state": "stopped"}, {"server": "time", "state": "refused",
            "fault": "${API_KEY} is not set"}]);
        let mut look = World::look(&servers);
        look.daemon = None;
        world.step(Event::Looked(Ok(look)));
        insta::assert_snapshot!(format!("no_daemon_{columns}x{rows}"), world.screen(columns, rows).backend());
    }
}

#[test]
fn no_size_of_the_screen_is_too_odd() {
    let mut world = with_log(busy(), "filesystem");
    for mode in ["", "tab", "tab", "l", "l ?", "esc /we", "enter X", "n esc"] {
        if !mode.is_empty() {
            world.press(mode);
        }
        for (columns, rows) in [(1, 1), (20, 4), (21, 5), (33, 9), (500, 7), (30, 200), (250, 80)] {
            world.text(columns, rows);
        }
    }
}

#[test]
fn keys_move_the_choice_within_the_table() {
    let check = |keys: &str, expected: &str| {
        let mut world = World::abc();
        world.press(keys);
        assert_eq!(world.model.chosen.as_deref(), Some(expected), "{keys}");
    };
    check("home", "alpha");
    check("down", "beta");
    check("jj", "gamma");
    check("jjj", "gamma");
    check("jk", "alpha");
    check("up", "alpha");
    check("pgdn", "gamma");
    check("end", "gamma");
    check("G home", "alpha");
    check("/ta enter", "beta");
    check("/MM enter", "gamma");
    check("/ta esc", "beta");
    check("gg", "beta");
}

#[test]
fn keys_give_orders_and_some_ask_first() {
    let check = |keys: &str, expected: &[Wish]| {
        assert_eq!(World::abc().press(keys), expected, "{keys}");
    };
    let ordered = |verb, servers: &[&str]| vec![Wish::Order(order(verb, servers))];
    check("s", &ordered(Verb::Start, &["alpha"]));
    check("down s", &ordered(Verb::Start, &["beta"]));
    check("r", &ordered(Verb::Restart, &["alpha"]));
    check("x", &[]);
    check("x y", &ordered(Verb::Stop, &["alpha"]));
    check("x n", &[]);
    check("x esc y", &[]);
    check("x q", &[]);
    // A restart of all is no start of what rests; a stop of all keeps what rests from being woken.
    check("R y", &ordered(Verb::Restart, &["alpha", "gamma"]));
    check("X y", &ordered(Verb::Stop, &["alpha", "beta", "gamma"]));
    // Only what is shown is meant.
    check("/ga enter X y", &ordered(Verb::Stop, &["gamma"]));
    check("g R y", &ordered(Verb::Restart, &["alpha"]));
    check("/nobody enter X", &[]);
    check("/nobody enter s", &[]);
    check("q", &[Wish::Quit]);
    check("ctrl-c", &[Wish::Quit]);
    check("ctrl-z", &[Wish::Suspend]);
    check("/q", &[]);
    check("/ ctrl-c", &[Wish::Quit]);
    check("l q", &[]);
    check("l q q", &[Wish::Quit]);
    check("? q", &[]);
    check("S", &[]);
}

#[test]
fn a_question_names_the_servers_and_no_is_told() {
    let mut world = World::abc();
    world.press("X");
    assert_eq!(world.bottom(), "stop these 3 servers? y/n (alpha, beta, gamma)");
    world.press("n");
    assert_eq!(world.bottom(), "nothing was done");
    world.press("x");
    assert_eq!(world.bottom(), "stop alpha? y/n");
}

#[test]
fn orders_are_told_while_they_last_and_when_they_end() {
    let mut world = World::abc();
    let restart = order(Verb::Restart, &["alpha"]);
    world.press("r");
    assert_eq!(world.bottom(), "restarting alpha…");
    assert!(world.text(120, 24).contains("restarting…"));
    let ended = |is_done, message: Option<&str>| {
        let message = message.map(str::to_owned);
        Ok(vec![Acted { server: "alpha".into(), is_done, state: "backoff".into(), message }])
    };
    let wishes = world.step(Event::Ordered { order: restart.clone(), ended: ended(true, None) });
    assert_eq!(world.bottom(), "alpha is backoff");
    assert_eq!(wishes, [Wish::Look]);
    world.press("r");
    world.step(Event::Ordered { order: restart.clone(), ended: ended(false, Some("it died\u{1b}[31m\nat once")) });
    assert_eq!(world.bottom(), "! alpha: it died [31m at once");
    world.press("r");
    world.step(Event::Ordered { order: restart, ended: Err("no daemon listens on /x".into()) });
    assert_eq!(world.bottom(), "! no daemon listens on /x");
    world.tick(31);
    assert!(world.bottom().contains("? help"), "{}", world.bottom());
}

#[test]
fn an_order_that_ends_is_followed_by_a_look_at_once() {
    let mut world = World::abc();
    assert_eq!(world.tick(0), [], "it is not time yet");
    world.press("s");
    let ended = Event::Ordered { order: order(Verb::Start, &["alpha"]), ended: Ok(Vec::new()) };
    assert_eq!(world.step(ended), [Wish::Look]);
}

#[test]
fn orders_that_wait_are_bounded() {
    let mut world = World::abc();
    assert_eq!(world.press("ssssss").len(), super::model::ORDERS_MAX);
    assert!(world.bottom().contains("wait"), "{}", world.bottom());
}

#[test]
fn looks_come_each_second_and_one_at_a_time() {
    let mut world = World::abc();
    let looks = |wishes: Vec<Wish>| wishes.iter().filter(|wish| **wish == Wish::Look).count();
    assert_eq!(looks(world.tick(0)), 0);
    assert_eq!(looks(world.tick(1)), 1);
    assert_eq!(looks(world.tick(5)), 0, "the one before has not ended");
    let wishes = world.step(Event::Looked(Err(LookFault("slow".into()))));
    assert_eq!(looks(wishes), 1);
}

#[test]
fn a_daemon_that_goes_is_missed_and_one_that_comes_is_welcome() {
    let mut world = World::new();
    assert_eq!(world.head(), "asking the daemon…");
    let absent =
        || Event::Looked(Ok(Look { daemon: None, servers: World::look(&json!([{"server": "alpha"}])).servers }));
    world.step(absent());
    assert_eq!(world.head(), "no daemon runs  S starts it");
    assert_eq!(world.press("s"), []);
    assert!(world.bottom().contains("S starts one"), "{}", world.bottom());
    assert_eq!(world.press("SS"), [Wish::StartDaemon]);
    world.step(Event::DaemonStarted(Err("its folder is not yours".into())));
    assert_eq!(world.bottom(), "! the daemon does not start: its folder is not yours");
    assert_eq!(world.press("S"), [Wish::StartDaemon]);
    world.step(Event::DaemonStarted(Ok(())));
    world.see(&json!([{"server": "alpha", "state": "ready"}]));
    assert!(
        world.head().starts_with("mcporch 0.1.0  pid 4711  up 62m  2 clients  1 server  0 calls/s"),
        "{}",
        world.head()
    );

    world.tick(3);
    world.step(absent());
    world.tick(12);
    assert_eq!(world.head(), "the daemon is gone for 12s  S starts one  still looking");
    world.step(absent());
    world.tick(2);
    assert!(world.head().starts_with("the daemon is gone for 14s"), "{}", world.head());
    let mut back = World::look(&json!([{"server": "alpha", "state": "ready"}]));
    back.daemon.as_mut().unwrap().pid = 4712;
    world.step(Event::Looked(Ok(back)));
    assert_eq!(world.bottom(), "a daemon is there again");
}

#[test]
fn a_daemon_that_does_not_answer_is_told_with_the_reason_and_what_was_seen_stays() {
    let mut world = World::abc();
    world.tick(1);
    world.step(Event::Looked(Err(LookFault("a control request took longer than 5 s".into()))));
    world.tick(4);
    assert_eq!(world.head(), "no answer for 4s  a control request took longer than 5 s");
    assert!(world.text(80, 24).contains("gamma"));
    assert_eq!(world.press("x y"), []);
    assert_eq!(world.bottom(), "! the daemon does not answer");
    assert_eq!(world.press("S"), []);
    assert!(world.bottom().contains("mcporch daemon --stop"), "{}", world.bottom());
}

#[test]
fn the_choice_stays_with_its_server_while_others_come_and_go() {
    let mut world = World::abc();
    world.press("down");
    world.see(&json!([{"server": "aaa"}, {"server": "alpha"}, {"server": "beta"}]));
    assert_eq!(world.model.chosen.as_deref(), Some("beta"));
    world.see(&json!([{"server": "aaa"}]));
    assert_eq!(world.model.chosen.as_deref(), Some("aaa"));
    world.see(&json!([]));
    assert_eq!(world.model.chosen, None);
    assert!(world.text(80, 24).contains("there are no servers"));
}

#[test]
fn groups_follow_each_other_and_one_that_is_gone_is_left() {
    let mut world = World::abc();
    let check = |world: &mut World, expected: Option<&str>| {
        assert_eq!(world.model.group.as_deref(), expected);
    };
    world.press("g");
    check(&mut world, Some("db"));
    assert!(world.head().contains("2 of 3 in db"), "{}", world.head());
    world.press("g");
    check(&mut world, Some("web"));
    world.see(&json!([{"server": "alpha", "groups": ["db"]}]));
    check(&mut world, None);
    world.press("g esc");
    check(&mut world, None);
}

#[test]
fn a_filter_narrows_while_it_is_written() {
    let mut world = World::abc();
    let shown = |world: &World| world.model.shown().map(|server| server.name.clone()).collect::<Vec<_>>().join(" ");
    world.press("/a");
    assert_eq!(world.bottom(), "/a▏ enter keeps it, esc drops it");
    world.press("l");
    assert_eq!(shown(&world), "alpha");
    world.press("bksp m");
    assert_eq!(shown(&world), "gamma");
    world.press("esc");
    assert_eq!(shown(&world), "alpha beta gamma");
    world.press("/be enter /gam esc");
    assert_eq!(shown(&world), "beta");
    world.press("esc");
    assert_eq!(shown(&world), "alpha beta gamma");
}

#[test]
fn the_log_is_that_of_the_chosen_server() {
    let mut world = World::new();
    let read = |server: &str, is_anew| Wish::ReadLog { server: server.to_owned(), is_anew };
    let abc = json!([{"server": "alpha"}, {"server": "beta"}]);
    assert_eq!(world.step(Event::Looked(Ok(World::look(&abc)))), [read("alpha", true)]);
    assert_eq!(world.tick(0), [], "it is being read");
    world.logged("alpha", true, &["stderr one"]);
    assert_eq!(world.tick(1), [Wish::Look, read("alpha", false)]);
    world.logged("alpha", false, &["stderr two"]);
    assert_eq!(world.model.log.lines.len(), 2);
    // To another and back while the first is being read: what came since belongs to nothing any more.
    assert_eq!(world.tick(1), [read("alpha", false)]);
    assert_eq!(world.step(Event::Key(Key::Down)), []);
    assert_eq!(world.step(Event::Key(Key::Up)), []);
    assert_eq!(world.logged("alpha", false, &["stderr three"]), [read("alpha", true)]);
    assert_eq!(world.model.log.lines.len(), 0);
    world.step(Event::LogRead { server: "alpha".into(), is_anew: true, lines: Err("the log cannot be read".into()) });
    assert!(world.text(120, 40).contains("the log cannot be read"));
}

#[test]
fn the_log_keeps_its_place_while_it_is_read_and_follows_at_its_end() {
    let mut world = World::abc();
    let lines: Vec<String> = (0..1500).map(|at| format!("stderr line {at}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    world.logged("alpha", true, &lines);
    assert_eq!(world.model.log.lines.len(), super::model::LOG_LINES_MAX);
    world.press("l");
    assert!(world.bottom().contains("l back"));
    world.press("up up");
    let last_line = |world: &mut World| world.text(60, 12).lines().rev().nth(1).unwrap().to_owned();
    assert!(last_line(&mut world).contains("line 1497"), "{}", last_line(&mut world));
    world.logged("alpha", false, &["stderr new"]);
    assert!(last_line(&mut world).contains("line 1497"), "{}", last_line(&mut world));
    world.press("end");
    assert!(last_line(&mut world).contains("new"), "{}", last_line(&mut world));
    world.press("home");
    let lines: Vec<String> = world.text(60, 12).lines().map(str::to_owned).collect();
    assert!(lines[2].contains("line 501") && lines[10].contains("line 509"), "{lines:#?}");
}

#[test]
fn rates_are_differences_and_nothing_is_made_up_where_nothing_was_seen() {
    let check = |counts: &[(u64, u64)], expected: Option<f64>| {
        let mut history = History::default();
        for (second, calls) in counts {
            history.take(Duration::from_secs(*second), None, None, *calls);
        }
        assert_eq!(history.calls_per_s(), expected, "{counts:?}");
    };
    check(&[], None);
    check(&[(1, 500)], None);
    check(&[(1, 500), (2, 510)], Some(10.0));
    check(&[(1, 500), (3, 510)], Some(5.0));
    check(&[(1, 500), (2, 3)], None);
    check(&[(1, 500), (1, 510)], None);
    let mut world = World::new();
    let seen = |calls: u64| json!([{"server": "a", "calls": calls}]);
    world.see(&seen(1000));
    world.tick(1);
    world.see(&seen(1005));
    assert_eq!(world.model.calls_per_s(), 5.0);
    // Another daemon that has come further meanwhile.
    let mut other = World::look(&seen(9000));
    other.daemon.as_mut().unwrap().pid = 4712;
    world.tick(1);
    world.step(Event::Looked(Ok(other)));
    assert_eq!(world.model.calls_per_s(), 0.0);
}

#[test]
fn histories_are_bounded_in_time_and_number() {
    let mut history = History::default();
    for tenth in 0..100_000_u64 {
        history.take(Duration::from_millis(tenth * 100), Some(1.0), None, 0);
    }
    assert!(history.len() <= 400, "{}", history.len());
    let mut slow = History::default();
    for minute in 0..100_u64 {
        slow.take(Duration::from_secs(minute * 60), Some(1.0), None, 0);
    }
    assert_eq!(slow.len(), 6);
    let mut world = World::abc();
    world.see(&json!([{"server": "alpha"}]));
    assert_eq!(world.model.histories.len(), 1, "servers that are gone are forgotten");
}

#[test]
fn a_chart_has_the_greatest_of_each_time_and_gaps_where_nothing_was_seen() {
    let mut history = History::default();
    for (second, cpu) in [(1, 1.0), (9, 7.0), (11, 2.0), (41, 3.0)] {
        history.take(Duration::from_secs(second), Some(cpu), None, 0);
    }
    let cells = |seconds, cells| history.cells(Duration::from_secs(seconds), cells, |sample| sample.cpu_percent);
    let last = |seconds| cells(seconds, 30).split_off(25);
    assert_eq!(last(41), [Some(7.0), Some(2.0), None, None, Some(3.0)]);
    assert_eq!(last(49), last(41), "a value stays in its cell");
    assert_eq!(last(50), [Some(2.0), None, None, Some(3.0), None]);
    assert_eq!(cells(41, 0), []);
    assert_eq!(cells(41, 2), [None, Some(7.0)]);
}

#[test]
fn what_servers_say_is_cleaned() {
    let check = |text: &str, expected: &str| {
        assert_eq!(super::clean::clean(text), expected);
    };
    check("a\u{1b}]0;x\u{7}b", "a ]0;x b");
    check("one\r\ntwo\u{9b}2J", "one  two 2J");
    check("ab\u{202e}cd\u{200b}\u{2066}", "abcd");
    let mut world = World::with(&json!([{"server": "a\u{202e}b\u{1b}c", "state": "\u{1b}[2J", "fault": "x\u{1b}c",
        "groups": ["g\u{1b}"], "warnings": ["w\u{1b}"]}]));
    world.logged("a\u{202e}b\u{1b}c", true, &["stderr \u{1b}[31mred"]);
    for panel in ["tab", "tab", "tab", "g", "X"] {
        world.press(panel);
        assert!(!world.text(120, 40).contains(['\u{1b}', '\u{202e}']));
    }
}

#[test]
fn lines_are_broken_at_spaces_and_by_columns() {
    let check = |text: &str, columns: usize, expected: &[&str]| {
        assert_eq!(super::clean::wrap(text, columns), expected, "{text}");
    };
    check("", 10, &[""]);
    check("one two", 10, &["one two"]);
    check("one two three", 10, &["one two", "three"]);
    check("abcdefghijkl", 5, &["abcde", "fghij", "kl"]);
    check("日本語です", 4, &["日本", "語で", "す"]);
}

#[test]
fn no_colour_is_used_where_none_is_wanted() {
    let mut world = with_log(busy(), "filesystem");
    for theme in [Theme { is_coloured: true }, Theme { is_coloured: false }] {
        let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
        terminal.draw(|frame| draw(frame, &world.model, theme, &mut world.sight)).unwrap();
        let cells = terminal.backend().buffer().content();
        assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset), theme.is_coloured);
    }
}

#[test]
fn a_long_table_shows_the_chosen_row() {
    let servers: Vec<Value> =
        (0..100).map(|at| json!({"server": format!("server-{at:02}"), "state": "ready"})).collect();
    let mut world = World::with(&json!(servers));
    for (keys, chosen) in [("end", "server-99"), ("up", "server-98"), ("home", "server-00"), ("pgdn", "server-10")] {
        world.press(keys);
        let text = world.text(40, 15);
        assert!(text.lines().any(|line| line.contains('▸') && line.contains(chosen)), "{keys}\n{text}");
    }
}

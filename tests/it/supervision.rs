//! The pool of servers from outside: the operator's commands, start modes, dependencies, several processes of one server,
//! memory, changed registries. Linux, since processes are looked up in /proc.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::daemon::{Shared, signal};
use crate::harness::{Client, Home, Ran, is_running, program, servers, text, wait_for, wait_until_gone};

/// An entry for a demo server, with further keys.
pub(crate) fn demo(flags: &[&str], more: &Value) -> Value {
    let mut args = vec!["demo-server"];
    args.extend(flags);
    let mut entry = json!({"command": program(), "args": args});
    for (key, value) in more.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

/// A daemon over these servers, whose tools are known already.
pub(crate) fn shared(home: Home) -> Shared {
    assert_eq!(home.run(&["index", "rebuild"]).code, 0);
    Shared::over(home)
}

/// What the daemon says of one server.
pub(crate) fn status(shared: &Shared, server: &str) -> Value {
    let all = shared.ask("status");
    let found = all["servers"].as_array().unwrap().iter().find(|one| one["server"] == server);
    found.cloned().unwrap_or_default()
}

pub(crate) fn wait_for_state(shared: &Shared, server: &str, state: &str) -> Value {
    wait_for(&format!("{server} to be {state}"), || Some(status(shared, server)).filter(|now| now["state"] == state))
}

pub(crate) fn pid_of(status: &Value) -> u32 {
    u32::try_from(status["pid"].as_u64().unwrap_or_else(|| panic!("no process: {status}"))).unwrap()
}

fn is_done(result: &Value) -> bool {
    result["_meta"]["mcporch/route"]["outcome"] == "done"
}

/// Sends a call that takes that long; gives its id.
pub(crate) fn send_slow(client: &mut Client, server: &str, seconds: f64) -> u64 {
    let arguments = json!({"tool": format!("{server}.slow_task"), "params": {"seconds": seconds}});
    client.send("tools/call", &json!({"name": "execute", "arguments": arguments}))
}

/// Somebody at a terminal: in their own folder, and without a flag that says where things are.
struct Person {
    folder: tempfile::TempDir,
}

impl Person {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn mcporch(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(program());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path()).env("XDG_RUNTIME_DIR", self.path()).current_dir(self.path());
        Ran::of(&command.args(args).stdin(Stdio::null()).output().unwrap())
    }

    /// What `status --json` says of one server.
    fn status(&self, with: &[&str], server: &str) -> Value {
        let all = self.mcporch(&[with, &["status", "--json"]].concat()).json();
        all["servers"].as_array().unwrap().iter().find(|one| one["server"] == server).cloned().unwrap_or_default()
    }

    /// Starts, looks, starts again, watches and stops, as the read-me of a supervisor of that kind has it.
    fn check_session(&self, with: &[&str]) {
        let run = |args: &[&str]| self.mcporch(&[with, args].concat());
        let started = run(&["start"]);
        assert!(started.code == 0 && started.stdout.contains("✓ random-walk ready (pid "), "{}", started.stdout);
        assert!(started.stdout.contains("✓ localization ready"), "{}", started.stdout);
        let one = run(&["start", "--server", "localization"]);
        assert!(one.code == 0 && !one.stdout.contains("random-walk"), "{}", one.stdout);
        let (walk, other) = (self.status(with, "random-walk"), self.status(with, "localization"));
        let table = run(&["status"]).stdout;
        let line = table.lines().find(|line| line.starts_with("random-walk")).unwrap_or_default();
        assert!(line.contains("ready") && line.contains(&pid_of(&walk).to_string()), "{table}");

        assert_eq!(run(&["restart", "--server", "random-walk"]).code, 0);
        let again = self.status(with, "random-walk");
        assert!(pid_of(&again) != pid_of(&walk) && again["restarts"] == 1, "{again}");
        assert!(!is_running(pid_of(&walk)));
        assert_eq!(self.status(with, "localization")["pid"], other["pid"]);

        let watched = run(&["monitor", "--looks", "1"]);
        assert!(watched.code == 0 && watched.stdout.matches("random-walk").count() >= 2, "{}", watched.stdout);
        let stopped = run(&["stop"]);
        assert!(stopped.code == 0 && stopped.stdout.contains("✓ random-walk stopped"), "{}", stopped.stdout);
        wait_until_gone(&[pid_of(&again), pid_of(&other)]);
        assert_eq!(self.status(with, "random-walk")["state"], "stopped");
        assert_eq!(run(&["daemon", "--stop"]).code, 0);
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        for with in [&[][..], &["--config", "servers.json"], &["--registry", "registry.json"]] {
            self.mcporch(&[with, &["daemon", "--stop"]].concat());
        }
    }
}

fn two_servers() -> String {
    let walk = demo(&["--kind", "maths"], &json!({"env": {"NODE_ENV": "production"}}));
    json!({"mcpServers": {"random-walk": walk, "localization": demo(&["--kind", "text"], &json!({}))}}).to_string()
}

#[test]
fn the_session_of_a_supervisor_runs_with_a_file_of_servers() {
    let person = Person::new();
    std::fs::write(person.path().join("servers.json"), two_servers()).unwrap();
    person.check_session(&["--config", "servers.json"]);
}

#[test]
fn the_session_of_a_supervisor_runs_with_the_file_in_the_home_folder() {
    let person = Person::new();
    std::fs::write(person.path().join(".mcp.json"), two_servers()).unwrap();
    person.check_session(&[]);
}

#[test]
fn a_registry_with_start_time_health_check_and_resources_is_served_as_written() {
    let person = Person::new();
    let record = person.path().join("record");
    let keys = json!({
        "description": "Draws pictures", "env": {"STYLE": "plain"}, "startup_timeout": 30,
        "health_check": {"method": "tool_call", "tool": "echo_0", "interval": 0.1, "timeout": 5, "retries": 3},
        "resources": {"max_memory": "2G", "max_cpu": "1.0", "max_instances": 3}
    });
    let artist = demo(&["--record", record.to_str().unwrap()], &keys);
    std::fs::write(person.path().join("registry.json"), json!({"mcps": {"artist": artist}}).to_string()).unwrap();
    let with = ["--registry", "registry.json"];
    let checked = person.mcporch(&[&with[..], &["config", "check"]].concat());
    assert!(checked.code == 0 && checked.stderr.is_empty(), "{}{}", checked.stdout, checked.stderr);
    assert_eq!(person.mcporch(&[&with[..], &["start"]].concat()).code, 0);
    // Nobody calls it: the checks do.
    wait_for("checks", || {
        let checks = std::fs::read_to_string(&record).unwrap_or_default().matches(r#""name":"echo_0""#).count();
        (checks >= 3).then_some(())
    });
    let status = person.status(&with, "artist");
    assert_eq!((&status["state"], &status["calls"]), (&json!("ready"), &json!(0)), "{status}");
    assert_eq!(person.mcporch(&[&with[..], &["daemon", "--stop"]].concat()).code, 0);
}

#[test]
fn eager_ones_run_at_once_lazy_ones_when_called_and_manual_ones_when_told() {
    let entry = |start: &str| demo(&[], &json!({"start": start}));
    let home = ["eager", "lazy", "manual"].iter().fold(Home::new(), |home, name| home.with_entry(name, entry(name)));
    let shared = shared(home);
    let mut client = shared.connect();
    wait_for_state(&shared, "eager", "ready");
    let refused = client.execute("manual.echo_0", &json!({}));
    assert!(text(&refused, 0).contains("mcporch start --server manual"), "{refused}");
    assert_eq!(status(&shared, "lazy")["starts"], 0);
    assert_eq!(status(&shared, "manual")["starts"], 0);
    assert!(is_done(&client.execute("lazy.echo_0", &json!({}))));
    assert_eq!(status(&shared, "lazy")["state"], "ready");
    assert_eq!(shared.home.run_shared(&["start", "--server", "manual"]).code, 0);
    assert!(is_done(&client.execute("manual.echo_0", &json!({}))));
}

#[test]
fn looking_and_searching_start_nothing() {
    let shared = shared(Home::new().with("clock", &["--kind", "clock"]).with("units", &["--kind", "units"]));
    let mut client = shared.connect();
    client.call("find_tool", &json!({"query": "convert kilometres into miles"}));
    client.call("list_capabilities", &json!({}));
    client.call("explain_tool", &json!({"tool": "clock.day_of_week"}));
    client.call("execute", &json!({"request": "which day of the week was 2024-02-29", "dry_run": true}));
    assert_eq!(shared.home.run_shared(&["tools"]).code, 0);
    assert_eq!(shared.home.run_shared(&["query", "what time is it"]).code, 0);
    for server in ["clock", "units"] {
        let status = status(&shared, server);
        assert_eq!((&status["state"], &status["starts"]), (&json!("dormant"), &json!(0)), "{status}");
    }
}

#[test]
fn an_unknown_server_is_listed_once_and_rests() {
    let shared = Shared::over(Home::new().with("clock", &["--kind", "clock"]));
    let mut client = shared.connect();
    wait_for("its tools", || {
        let found = client.call("find_tool", &json!({"query": "day of the week"}));
        found.to_string().contains("clock.day_of_week").then_some(())
    });
    let rested = wait_for_state(&shared, "clock", "dormant");
    assert_eq!((&rested["starts"], &rested["restarts"]), (&json!(1), &json!(0)), "{rested}");
    assert!(is_done(&client.execute("clock.day_of_week", &json!({"date": "2024-02-29"}))));
    // Woken from rest is not started again after a fault.
    let woken = status(&shared, "clock");
    assert_eq!((&woken["starts"], &woken["restarts"]), (&json!(2), &json!(0)), "{woken}");
}

/// The servers' story as their logs tell it: `server: text`, in order.
fn story(shared: &Shared) -> Vec<String> {
    let lines = shared.home.run_shared(&["logs", "--json", "-n", "1000"]).stdout;
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = lines.filter(|line| line["source"] == "mcporch");
    told.map(|line| format!("{}: {}", line["server"].as_str().unwrap(), line["text"].as_str().unwrap())).collect()
}

#[test]
fn who_is_needed_starts_first_and_stops_last() {
    // Slow to come up, and slow to leave: in the wrong order they would overtake each other.
    let home = Home::new()
        .with_entry("database", demo(&["--slow-start", "300"], &json!({})))
        .with_entry("page", demo(&["--ignore-eof"], &json!({"depends_on": ["shop"]})))
        .with_entry("shop", demo(&["--ignore-eof"], &json!({"depends_on": "database"})));
    let shared = Shared::over(home);
    let started = shared.home.run_shared(&["start", "--server", "page"]);
    assert_eq!(started.code, 0, "{}", started.stdout);
    assert_eq!(shared.home.run_shared(&["stop"]).code, 0);
    let story = story(&shared);
    let last =
        |what: &str| story.iter().rposition(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{story:?}"));
    let order = |what: &str| ["database", "shop", "page"].map(|server| last(&format!("{server}: {what}")));
    assert!(order("ready").is_sorted(), "{story:?}");
    assert!(order("stopped").iter().rev().is_sorted(), "{story:?}");
}

#[test]
fn a_needed_one_that_the_operator_stopped_is_named_and_started_with_who_needs_it() {
    let home = Home::new().with("base", &[]).with_entry("app", demo(&[], &json!({"depends_on": ["base"]})));
    let shared = shared(home);
    let mut client = shared.connect();
    assert!(is_done(&client.execute("app.echo_0", &json!({}))));
    assert_eq!(status(&shared, "base")["state"], "ready");
    assert_eq!(shared.home.run_shared(&["stop"]).code, 0);
    assert_eq!(shared.home.run_shared(&["start", "--server", "app"]).code, 0);
    assert_eq!(status(&shared, "base")["state"], "ready");
    assert_eq!(shared.home.run_shared(&["stop", "app", "base"]).code, 0);
    assert_eq!(shared.home.run_shared(&["restart", "--server", "app"]).code, 1);
    let refused = client.execute("app.echo_0", &json!({}));
    assert!(text(&refused, 0).contains("needs server base (depends_on)"), "{refused}");
}

#[test]
fn servers_that_need_each_other_or_nobody_known_are_refused_alone() {
    let home = Home::new()
        .with_entry("a", demo(&[], &json!({"depends_on": ["b"]})))
        .with_entry("b", demo(&[], &json!({"depends_on": ["a"]})))
        .with_entry("c", demo(&[], &json!({"depends_on": ["nobody"]})))
        .with("fine", &[]);
    let shared = Shared::over(home);
    let started = shared.home.run_shared(&["start", "--json"]);
    assert_eq!(started.code, 1);
    let check = |server: &str, expected: &str| {
        let status = status(&shared, server);
        let fault = status["fault"].as_str().unwrap_or_default();
        assert!(status["state"] == "refused" && fault.contains(expected), "{status}");
    };
    check("a", "a → b → a");
    check("b", "b → a → b");
    check("c", "`nobody`");
    assert_eq!(status(&shared, "fine")["state"], "ready");
}

#[test]
fn a_restart_in_mid_start_never_makes_two_of_it() {
    let home = Home::new().with("slow", &["--hang-at", "start", "--ignore-eof"]);
    let shared = Shared::over(home);
    let client = shared.connect();
    let daemon = shared.daemon();
    let first = wait_for("its process", || servers(daemon).first().copied());
    std::thread::scope(|scope| {
        // It will not come up, so that nobody waits for the end of this.
        let restart = scope.spawn(|| shared.home.run_as_it_is(&["restart", "--server", "slow"]));
        wait_for("another process", || {
            let now = servers(daemon);
            assert!(now.len() <= 1, "{now:?}");
            now.first().filter(|pid| **pid != first).map(drop)
        });
        assert_eq!(shared.home.run_as_it_is(&["stop", "slow"]).code, 0);
        assert_eq!(restart.join().unwrap().code, 1);
    });
    drop(client);
}

#[test]
fn a_group_is_started_and_stopped_alone() {
    let home = Home::new()
        .with_entry("one", demo(&[], &json!({"groups": ["office"]})))
        .with_entry("two", demo(&[], &json!({"groups": ["office", "home"]})))
        .with("three", &[]);
    let shared = shared(home);
    let acted = |args: &[&str]| -> Vec<Value> { shared.home.run_shared(args).json().as_array().unwrap().clone() };
    let names =
        |acted: &[Value]| acted.iter().map(|one| one["server"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&acted(&["start", "--group", "office", "--json"])), ["one", "two"]);
    assert_eq!(status(&shared, "three")["starts"], 0);
    assert_eq!(names(&acted(&["stop", "--group", "home", "--json"])), ["two"]);
    assert_eq!(status(&shared, "one")["state"], "ready");
    let unknown = shared.home.run_shared(&["start", "--group", "ofice"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("office"), "{}", unknown.stderr);
}

#[test]
fn parallel_slow_calls_get_processes_of_their_own_that_go_again() {
    let check = |calls_in_flight_max: &str| {
        let slow = demo(&["--kind", "misbehave"], &json!({"resources": {"max_instances": 3}}));
        let home = Home::new()
            .with_entry("slow", slow)
            .set("supervision.scale_up_calls=1")
            .set(&format!("servers.calls_in_flight_max={calls_in_flight_max}"))
            .set("supervision.spare_idle_timeout_s=1");
        let mut client = home.connect();
        assert!(is_done(&client.execute("slow.echo", &json!({"text": "up"}))));
        assert_eq!(servers(client.pid()).len(), 1);
        let calls: Vec<u64> = (0..3).map(|_| send_slow(&mut client, "slow", 2.0)).collect();
        wait_for("three processes", || (servers(client.pid()).len() == 3).then_some(()));
        for id in calls {
            assert!(is_done(&client.answer(id)["result"]));
        }
        wait_for("one process again", || (servers(client.pid()).len() == 1).then_some(()));
        assert!(is_done(&client.execute("slow.echo", &json!({"text": "still"}))));
    };
    check("64");
    check("1");
}

#[test]
fn where_state_is_kept_each_client_has_its_own_process() {
    let entry = demo(&[], &json!({"stateful": true, "resources": {"max_instances": 2}}));
    let shared = shared(Home::new().with_entry("own", entry));
    let (mut one, mut two) = (shared.connect(), shared.connect());
    let mut call = |times: [usize; 2]| {
        for (client, times) in [&mut one, &mut two].into_iter().zip(times) {
            (0..times).for_each(|_| assert!(is_done(&client.execute("own.echo_0", &json!({})))));
        }
        let status = status(&shared, "own");
        let calls = status["instances"].as_array().unwrap().iter().map(|one| one["calls"].as_u64().unwrap());
        calls.collect::<Vec<_>>()
    };
    assert_eq!(call([3, 2]), [3, 2]);
    assert_eq!(call([1, 4]), [4, 6]);
    assert_eq!(shared.home.run_shared(&["stop", "own"]).code, 0);
    assert_eq!(shared.home.run_shared(&["start", "own"]).code, 0);
    assert_eq!(call([1, 1]), [5, 7]);
}

#[test]
fn a_server_that_leaks_is_started_again_while_calls_go_on() {
    let keys = json!({"resources": {"max_memory": "80M"}});
    let home = Home::new()
        .with_entry("leaky", demo(&["--leak", "100000"], &keys))
        .set("supervision.watch_interval_s=1")
        // Longer than a test waits: a call that comes meanwhile must not be waited for.
        .set("supervision.drain_timeout_s=100")
        .set("supervision.memory_warn_mb=20");
    let shared = shared(home);
    let mut client = shared.connect();
    let (mut warned, mut calls) = (false, 0);
    wait_for("a new process", || {
        calls += 1;
        let result = client.execute("leaky.echo_0", &json!({}));
        assert!(is_done(&result), "{result}");
        let status = status(&shared, "leaky");
        warned |= status["warnings"].to_string().contains("memory is above 20 MB");
        status["restarts"].as_u64().filter(|restarts| *restarts > 0)
    });
    assert!(warned, "no warning in {calls} calls");
    assert!(story(&shared).iter().any(|line| line.contains("bytes of memory of 83886080 allowed")));
}

#[test]
fn a_changed_registry_is_taken_and_no_call_is_dropped() {
    let home = Home::new()
        .with("slow", &["--kind", "misbehave"])
        .with("kept", &[])
        .with("leaving", &["--kind", "clock"])
        .set("supervision.reload_interval_s=0");
    let mut shared = shared(home);
    let mut client = shared.connect();
    assert!(is_done(&client.execute("kept.echo_0", &json!({}))));
    let kept = pid_of(&status(&shared, "kept"));
    let call = send_slow(&mut client, "slow", 3.0);
    let working = wait_for("the call", || {
        Some(status(&shared, "slow")).filter(|now| now["in_flight"] == 1 && now["state"] == "ready")
    });
    let old = pid_of(&working);

    shared.home.change("slow", Some(demo(&["--kind", "misbehave", "--name", "another"], &json!({}))));
    shared.home.change("leaving", None);
    shared.home.change("new", Some(demo(&["--kind", "units"], &json!({}))));
    shared.home.write_registry();
    let told = shared.home.run_as_it_is(&["reload", "--json"]);
    let told_of = &told.json()["servers"];
    assert_eq!(told_of["changed"], json!(["slow"]), "{}", told.stdout);
    assert_eq!((&told_of["added"], &told_of["removed"]), (&json!(["new"]), &json!(["leaving"])), "{}", told.stdout);

    // The new one serves while the old one still works on its call.
    assert!(is_done(&client.execute("slow.echo", &json!({"text": "new"}))));
    assert!(is_running(old));
    assert!(is_done(&client.answer(call)["result"]));
    wait_until_gone(&[old]);
    assert_eq!(pid_of(&status(&shared, "kept")), kept);
    wait_for("the new server's tools", || {
        let result = client.execute("new.convert_length", &json!({"value": 1, "from": "km", "to": "m"}));
        is_done(&result).then_some(())
    });
    let gone = client.ask("tools/call", &json!({"name": "execute", "arguments": {"tool": "leaving.day_of_week"}}));
    assert!(gone.to_string().contains("leaving"), "{gone}");
    assert!(!is_done(&gone["result"]));
}

#[test]
fn a_call_that_waits_for_its_turn_at_a_changed_server_is_served() {
    let home = Home::new().with("slow", &["--kind", "misbehave"]).set("servers.calls_in_flight_max=1");
    let mut shared = shared(home.set("supervision.reload_interval_s=0"));
    let mut client = shared.connect();
    let calls = [send_slow(&mut client, "slow", 2.0), send_slow(&mut client, "slow", 0.1)];
    wait_for("a call that waits", || (status(&shared, "slow")["waiting"] == 1).then_some(()));
    shared.home.change("slow", None);
    shared.home.write_registry();
    assert_eq!(shared.home.run_as_it_is(&["reload", "--json"]).json()["servers"]["removed"], json!(["slow"]));
    for id in calls {
        let answer = client.answer(id);
        assert!(is_done(&answer["result"]), "{answer}");
    }
}

#[test]
fn a_list_that_takes_longer_than_the_time_to_rest_is_waited_for() {
    let home = Home::new().with("slow", &["--slow-list", "2500"]).set("servers.idle_timeout_s=1");
    let report = home.run(&["index", "rebuild", "--json"]).json();
    assert_eq!(report["listed"]["slow"], 10, "{report}");
}

#[test]
fn a_broken_registry_changes_nothing_and_says_why() {
    let home = Home::new().with("kept", &[]).set("supervision.reload_interval_s=1");
    let shared = shared(home);
    let mut client = shared.connect();
    assert!(is_done(&client.execute("kept.echo_0", &json!({}))));
    let pid = pid_of(&status(&shared, "kept"));
    let registry = shared.home.file("registry.json");
    let whole = std::fs::read_to_string(&registry).unwrap();
    let check = |text: &str| {
        std::fs::write(&registry, text).unwrap();
        let told = shared.home.run_as_it_is(&["reload", "--json"]);
        assert!(told.code == 1 && told.stderr.contains("registry.json"), "{}{}", told.stdout, told.stderr);
        assert!(told.stderr.contains("the configuration in force stays"), "{}", told.stderr);
        assert_eq!(pid_of(&status(&shared, "kept")), pid);
    };
    check("\u{1}\u{2} no registry at all");
    check(&whole[..whole.len() / 2]);
    check("");
    // Found by itself, too, and told in the log.
    wait_for("the daemon to notice", || shared.log().contains("a changed configuration was not taken").then_some(()));
    assert!(is_done(&client.execute("kept.echo_0", &json!({}))));
    std::fs::write(&registry, &whole).unwrap();
    assert_eq!(shared.home.run_as_it_is(&["reload", "--json"]).json()["servers"]["kept"], 1);
    assert_eq!(pid_of(&status(&shared, "kept")), pid);
}

#[test]
fn what_the_operator_said_outlives_a_changed_entry() {
    let home =
        Home::new().with("stopped", &[]).with("kept", &[]).with("out", &[]).set("supervision.reload_interval_s=0");
    let mut shared = shared(home);
    let client = shared.connect();
    assert_eq!(shared.home.run_shared(&["start", "--server", "kept"]).code, 0);
    assert_eq!(shared.home.run_shared(&["stop", "--server", "stopped"]).code, 0);
    assert_eq!(shared.home.run_shared(&["quarantine", "out", "--why", "it lies"]).code, 0);
    for name in ["stopped", "kept", "out"] {
        shared.home.change(name, Some(demo(&["--name", "another"], &json!({}))));
    }
    shared.home.write_registry();
    assert_eq!(
        shared.home.run_as_it_is(&["reload", "--json"]).json()["servers"]["changed"],
        json!(["stopped", "kept", "out"])
    );
    wait_for_state(&shared, "kept", "ready");
    assert_eq!(status(&shared, "stopped")["state"], "stopped");
    let out = status(&shared, "out");
    assert_eq!((&out["state"], &out["fault"]), (&json!("quarantined"), &json!("it lies")));
    drop(client);
}

#[test]
fn a_quarantine_outlives_the_daemon() {
    let shared = shared(Home::new().with("s", &["--kind", "bench"]));
    drop(shared.connect());
    assert_eq!(shared.home.run_shared(&["quarantine", "s", "--why", "it lies"]).code, 0);
    shared.kill_daemon();
    let ran = shared.home.run(&["call", "s.echo_0"]);
    assert!(ran.code == 1 && ran.stdout.contains("it lies"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(shared.home.run_shared(&["start", "s"]).code, 0);
    let ran = shared.home.run(&["call", "s.echo_0"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn what_the_operator_stopped_stays_so_when_the_registry_changes() {
    let home = Home::new().with_entry("eager", demo(&[], &json!({"start": "eager"})));
    let mut shared = shared(home.set("supervision.reload_interval_s=0"));
    let client = shared.connect();
    wait_for_state(&shared, "eager", "ready");
    assert_eq!(shared.home.run_shared(&["stop", "eager"]).code, 0);
    let starts = status(&shared, "eager")["starts"].clone();
    shared.home.change("new", Some(demo(&[], &json!({"start": "eager"}))));
    shared.home.write_registry();
    assert_eq!(shared.home.run_as_it_is(&["reload", "--json"]).json()["servers"]["added"], json!(["new"]));
    wait_for_state(&shared, "new", "ready");
    let now = status(&shared, "eager");
    assert_eq!((&now["state"], &now["starts"]), (&json!("stopped"), &starts), "{now}");
    drop(client);
}

#[test]
fn a_server_killed_in_use_comes_back_by_itself() {
    let shared = shared(Home::new().with("victim", &[]));
    let mut client = shared.connect();
    assert!(is_done(&client.execute("victim.echo_0", &json!({}))));
    let first = pid_of(&status(&shared, "victim"));
    signal(first, rustix::process::Signal::KILL);
    wait_for("another process", || {
        let now = status(&shared, "victim");
        (now["state"] == "ready" && pid_of(&now) != first).then_some(())
    });
    assert!(is_done(&client.execute("victim.echo_0", &json!({}))));
}

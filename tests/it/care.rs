//! What looks after servers from outside, with the real program: logs, alerts, backups, services.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Home, text, wait_for};

/// Says a line on stderr for each of these, and then is a server.
fn talkative(home: Home, name: &str, lines: &str) -> Home {
    let script = format!("{lines}; exec \"$0\" demo-server --kind clock");
    home.with_entry(name, json!({"command": "/bin/sh", "args": ["-c", script, crate::harness::program()]}))
}

fn json_lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[cfg(unix)]
#[test]
fn logs_show_stderr_and_story_of_servers() {
    let home = talkative(Home::new(), "clock", "echo one >&2; echo 'API_TOKEN is it' >&2");
    let home = talkative(home, "Other Clock", "echo two >&2");
    for server in ["clock", "Other Clock"] {
        let tool = format!("{server}.day_of_week");
        assert_eq!(home.run(&["call", &tool, "--params", r#"{"date":"2024-02-29"}"#]).code, 0);
    }
    let lines = json_lines(&home.run(&["logs", "--json"]).stdout);
    let told = |server: &str| -> Vec<String> {
        let of_server = lines.iter().filter(|line| line["server"] == server);
        of_server
            .map(|line| format!("{} {}", line["source"].as_str().unwrap(), line["text"].as_str().unwrap()))
            .collect()
    };
    assert!(told("clock").contains(&"stderr one".to_owned()), "{lines:?}");
    assert!(told("Other Clock").contains(&"stderr two".to_owned()), "{lines:?}");
    assert!(told("clock").iter().any(|line| line.starts_with("mcporch ready")), "{lines:?}");
    let times: Vec<&str> = lines.iter().map(|line| line["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let one = home.run(&["logs", "--server", "Other Clock", "--since", "1h"]);
    assert!(one.stdout.contains("two") && !one.stdout.contains("one"), "{}", one.stdout);
    assert_eq!(
        home.run(&["logs", "--since", "2001-01-01T00:00:00Z", "-n", "1", "--server", "clock"]).stdout.lines().count(),
        1
    );
    let unknown = home.run(&["logs", "--server", "clokc"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("did you mean `clock`?"), "{}", unknown.stderr);
    assert_eq!(home.run(&["logs", "--group", "none"]).code, 1);
    assert_eq!(home.run(&["logs", "--since", "yesterday"]).code, 2);
}

#[cfg(unix)]
#[test]
fn logs_are_followed_while_servers_run() {
    let home = talkative(Home::new(), "clock", "echo started >&2");
    let mut command = home.client_command();
    let mut following = command.args(["logs", "--follow", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let stdout = following.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        use std::io::BufRead;
        for line in std::io::BufReader::new(stdout).lines().map_while(Result::ok) {
            let _gone = sender.send(line);
        }
    });
    assert_eq!(home.run(&["call", "clock.day_of_week", "--params", r#"{"date":"2024-02-29"}"#]).code, 0);
    wait_for("a line", || lines.try_recv().ok().filter(|line| line.contains("started")));
    following.kill().unwrap();
    following.wait().unwrap();
    reader.join().unwrap();
}

#[cfg(unix)]
#[test]
fn a_flood_on_stderr_keeps_no_call_waiting_and_no_memory() {
    let flood = "(while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done | head -c 60000000 >&2) & true";
    let home = talkative(Home::new().with("units", &["--kind", "units"]), "clock", flood);
    let mut client = home.connect();
    for _ in 0..50 {
        let result = client.execute("clock.day_of_week", &json!({"date": "2024-02-29"}));
        assert!(text(&result, 0).contains("Thursday"), "{result}");
        let other = client.execute("units.convert_length", &json!({"value": 1, "from": "km", "to": "m"}));
        assert!(text(&other, 0).contains("1000"), "{other}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", client.pid())).unwrap_or_default();
    if let Some(line) = status.lines().find(|line| line.starts_with("VmRSS:")) {
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kilobytes < 200_000, "{line}");
    }
    assert_eq!(client.leave(), 0);
    let log = fs::metadata(home.file("home/logs/servers/clock.log")).unwrap().len();
    assert!(log < 11_000_000, "{log}");
}

#[test]
fn a_log_folder_in_the_way_costs_the_logs_alone() {
    let home = Home::new().with("clock", &["--kind", "clock"]);
    fs::create_dir_all(home.file("home/logs")).unwrap();
    fs::write(home.file("home/logs/servers"), "in the way").unwrap();
    let ran = home.run(&["call", "clock.day_of_week", "--params", r#"{"date":"2024-02-29"}"#]);
    assert!(ran.code == 0 && ran.stdout.contains("Thursday"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_home_comes_back_from_its_backup() {
    let home = Home::new().with("clock", &["--kind", "clock"]);
    fs::create_dir_all(home.file("home/config")).unwrap();
    fs::write(home.file("home/config/mcporch.toml"), "[log]\nlevel = \"warn\"\n").unwrap();
    let mut client = home.connect();
    let found = client.call("execute", &json!({"request": "what day of the week was 2024-02-29"}));
    assert!(found["structuredContent"]["route_id"].is_string(), "{found}");
    let file = home.file("mine.backup");
    let file = file.to_str().unwrap();
    let made = home.run(&["backup", file, "--json"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let parts = made.json()["parts"].to_string();
    for part in ["config/mcporch.toml", "index/catalog.sqlite", "history.db"] {
        assert!(parts.contains(part), "{parts}");
    }
    assert!(made.stderr.is_empty() && made.json()["left_out"].to_string().contains("registry.json"), "{}", made.stderr);
    let again = home.run(&["backup", file]);
    assert!(again.code == 1 && again.stderr.contains("--force"), "{}", again.stderr);
    let in_use = home.run(&["restore", file]);
    assert!(in_use.code == 1 && in_use.stderr.contains("in use"), "{}", in_use.stderr);
    assert_eq!(client.leave(), 0);
    fs::write(home.file("home/config/mcporch.toml"), "this is = no settings file [").unwrap();
    fs::write(home.file("home/index/catalog.sqlite"), "damaged").unwrap();
    let restored = home.run(&["restore", file]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    let tools = home.run(&["tools", "--json"]);
    assert!(tools.code == 0 && tools.stdout.contains("day_of_week"), "{}{}", tools.stdout, tools.stderr);
    assert!(home.run(&["config", "show", "--origin"]).stdout.contains("warn"));
    fs::write(home.file("foreign"), "something else").unwrap();
    let foreign = home.run(&["restore", home.file("foreign").to_str().unwrap()]);
    assert!(foreign.code == 1 && foreign.stderr.contains("no backup of mcporch"), "{}", foreign.stderr);
}

#[test]
fn a_service_is_printed_for_every_system_and_installed_for_this_one() {
    let home = Home::new();
    for (system, sign) in [("systemd", "[Service]"), ("launchd", "<plist"), ("windows", "<Task")] {
        let printed = home.run(&["service", "install", "--print", "--for", system]);
        assert!(printed.code == 0 && printed.stdout.contains(sign), "{}{}", printed.stdout, printed.stderr);
        assert!(printed.stdout.contains("--stay") && printed.stdout.contains("--home"), "{}", printed.stdout);
    }
    assert_eq!(home.run(&["service", "status", "--user"]).code, 1);
    if cfg!(target_os = "linux") {
        let installed = home.run(&["service", "install", "--user"]);
        assert!(installed.stdout.contains("systemctl --user enable --now mcporch.service"), "{}", installed.stdout);
        assert!(home.file(".config/systemd/user/mcporch.service").exists());
        let status = home.run(&["service", "status", "--json"]).json();
        assert_eq!((&status["installed"], &status["current"]), (&true.into(), &true.into()));
        assert_eq!(home.run(&["service", "uninstall"]).code, 0);
        assert!(!home.file(".config/systemd/user/mcporch.service").exists());
    }
}

#[test]
fn alerts_are_tried_and_told() {
    let none = Home::new().run(&["alerts", "test"]);
    assert!(none.code == 1 && none.stdout.contains("no target is set"), "{}{}", none.stdout, none.stderr);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("alerts.webhook_urls=http://{}/key", listener.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&got).contains("arrive here") {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "{}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&buffer[..length]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let ran = Home::new().set(&url).run(&["alerts", "test"]);
    assert!(ran.code == 0 && ran.stdout.contains("sent web hook at 127.0.0.1"), "{}{}", ran.stdout, ran.stderr);
    answer.join().unwrap();
    let refused = Home::new().set("alerts.webhook_urls=http://alerts.invalid/key").run(&["alerts", "test"]);
    assert!(refused.code == 1 && refused.stdout.contains("without encryption"), "{}", refused.stdout);
    assert!(!refused.stdout.contains("/key"), "{}", refused.stdout);
}

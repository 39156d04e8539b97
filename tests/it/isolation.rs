//! Nothing outlives us, and nothing does more than it may: with real processes.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::harness::{Client, Home, descendants, is_shim, program, servers, text, wait_for, wait_until_gone};

/// Processes of the server `--fork-family`: itself, a child, one in the background, one in a session of its own, a daemon.
const FAMILY: usize = 5;

/// A home with a server that has a whole family and ignores every polite word.
fn home_of_a_family(level: &str) -> Home {
    let args = ["demo-server", "--kind", "bench", "--fork-family", "--ignore-eof", "--ignore-term"];
    Home::new()
        .with_entry("s", json!({"command": program(), "args": args, "sandbox": level}))
        .set("servers.close_grace_ms=100")
        .set("servers.term_grace_ms=100")
}

/// The whole family, once it is there.
fn family(client: &mut Client) -> Vec<u32> {
    let answer = client.execute("s.echo_0", &json!({}));
    assert_eq!(answer["_meta"]["mcporch/route"]["outcome"], "done", "{answer}");
    let all = || Some(servers(client.pid())).filter(|found| found.len() == FAMILY);
    wait_for("the family of the server", all);
    descendants(client.pid())
}

/// The levels that this machine gives.
fn levels() -> Vec<&'static str> {
    let report = Home::new().run(&["doctor", "--offline", "--json"]).json();
    let is_available = |level: &str| {
        let of_it =
            report["sandbox"]["levels"].as_array().unwrap().iter().find(|probe| probe["level"] == level).unwrap();
        if of_it["is_available"] == false {
            eprintln!("skipped: level {level}: {of_it}");
        }
        of_it["is_available"] == true
    };
    let levels: Vec<&str> = ["basic", "standard", "strict"].into_iter().filter(|level| is_available(level)).collect();
    assert!(cfg!(not(unix)) || levels.contains(&"basic"));
    levels
}

/// At every level: after `end`, the whole family is gone.
fn check_nothing_is_left(end: impl Fn(&mut Client, &[u32])) {
    for level in levels() {
        let home = home_of_a_family(level);
        let mut client = home.connect();
        let family = family(&mut client);
        end(&mut client, &family);
        wait_until_gone(&family);
    }
}

#[test]
fn nothing_is_left_when_we_are_killed() {
    check_nothing_is_left(|client, _| client.kill());
}

#[test]
fn nothing_is_left_when_a_shim_is_killed() {
    check_nothing_is_left(|client, family| {
        kill(*family.iter().find(|pid| is_shim(**pid)).unwrap());
        // What it kept falls to mcporch, which ends it, asks about each, and goes on.
        wait_until_gone(family);
        wait_for("no dead process in the list", || descendants(client.pid()).is_empty().then_some(()));
        let answer = client.execute("s.echo_0", &json!({"text": "again"}));
        assert_eq!(answer["_meta"]["mcporch/route"]["outcome"], "done", "{answer}");
    });
}

#[test]
fn nothing_is_left_when_the_server_is_killed() {
    check_nothing_is_left(|client, family| {
        kill(*family.iter().find(|pid| !is_shim(**pid)).unwrap());
        wait_until_gone(family);
        wait_for("no dead process in the list", || descendants(client.pid()).is_empty().then_some(()));
    });
}

#[test]
fn nothing_is_left_after_a_proper_end() {
    for level in levels() {
        let home = home_of_a_family(level);
        let mut client = home.connect();
        let family = family(&mut client);
        assert_eq!(client.leave(), 0);
        wait_until_gone(&family);
    }
}

/// Runs a shell script as a server of these further keys; gives what it wrote to stderr.
fn said(home: &Home, script: &str, keys: Value) -> String {
    let mut entry = json!({"command": "sh", "args": ["-c", format!("{{ {script}; }} >&2 2>/dev/null; exit 3")]});
    entry.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    let registry = home.file("with-s.json");
    std::fs::write(&registry, json!({"mcpServers": {"s": entry}}).to_string()).unwrap();
    let report = home.run(&["--registry", registry.to_str().unwrap(), "index", "rebuild", "--json"]).json();
    let fault = report["failed"]["s"].as_str().unwrap().to_owned();
    assert!(fault.contains("exited with code 3"), "{fault}");
    fault
}

fn has(level: &str) -> bool {
    levels().contains(&level)
}

#[test]
fn a_server_inherits_no_rights_and_no_files() {
    let script = "grep NoNewPrivs /proc/self/status; ulimit -c; ulimit -n; umask; ls /proc/self/fd | tr '\\n' ' '";
    let said = said(&Home::new().set("sandbox.files_max=300"), script, json!({}));
    // 3 is the folder that ls reads.
    assert!(said.contains("NoNewPrivs:\t1 | 0 | 300 | 0022 | 0 1 2 3"), "{said}");
}

#[test]
fn the_data_of_a_process_is_bounded_by_max_memory() {
    let said = said(&Home::new(), "ulimit -d", json!({"resources": {"max_memory": "512M"}}));
    assert!(said.contains("786432"), "{said}");
}

#[test]
fn standard_denies_what_was_not_allowed() {
    if !has("standard") {
        return;
    }
    let home = Home::new();
    let (inside, outside) = (home.file("inside"), home.file("outside"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("there"), "x").unwrap();
    let script = format!(
        "echo a > '{0}/a' && echo written inside; (echo a > '{1}/a') || echo not outside; \
         cat '{1}/there' > /dev/null && echo read outside; (ulimit -n 50) || echo no limits; \
         (unshare -U true) || echo no namespaces",
        inside.display(),
        outside.display()
    );
    let keys = json!({"sandbox": "standard", "write_folders": ["inside"], "env": {"TMPDIR": inside}});
    let said = said(&home, &script, keys);
    assert!(said.contains("written inside | not outside | read outside | no limits | no namespaces"), "{said}");
}

#[test]
fn read_folders_limit_what_is_read() {
    if !has("standard") {
        return;
    }
    let home = Home::new();
    std::fs::create_dir(home.file("books")).unwrap();
    std::fs::write(home.file("books/one"), "x").unwrap();
    std::fs::write(home.file("diary"), "x").unwrap();
    let script = format!(
        "cat '{0}/books/one' > /dev/null && echo read the book; cat '{0}/diary' > /dev/null || echo not the diary",
        home.path().display()
    );
    let keys = json!({"sandbox": "standard", "read_folders": ["books"], "env": {"TMPDIR": "/var/tmp"}});
    let said = said(&home, &script, keys);
    assert!(said.contains("read the book | not the diary"), "{said}");
}

#[test]
fn the_network_is_denied_where_it_is_not_wanted() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let check = |keys: Value, expected: &str| {
        if has(keys["sandbox"].as_str().unwrap()) {
            let connect = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && echo connected || echo refused");
            let said = said(&Home::new(), &connect, keys);
            assert!(said.contains(expected), "{said}");
        }
    };
    check(json!({"sandbox": "standard"}), "connected");
    check(json!({"sandbox": "standard", "network": false}), "refused");
    check(json!({"sandbox": "strict"}), "refused");
    check(json!({"sandbox": "strict", "network": true}), "connected");
}

#[test]
fn strict_has_temporary_folders_of_its_own() {
    if !has("strict") {
        return;
    }
    let outside = tempfile::Builder::new().tempfile_in("/tmp").unwrap();
    let inside = format!("{}.inside", outside.path().display());
    let script = format!(
        "test -e '{}' || echo unseen; echo a > '{inside}' && echo written; (echo a > /var/x) || echo root kept",
        outside.path().display()
    );
    let said = said(&Home::new(), &script, json!({"sandbox": "strict"}));
    assert!(said.contains("unseen | written | root kept"), "{said}");
    assert!(!std::path::Path::new(&inside).exists());
}

#[test]
fn strict_still_writes_the_folders_that_it_was_given() {
    if !has("strict") {
        return;
    }
    let home = Home::new();
    std::fs::create_dir(home.file("notes")).unwrap();
    let note = home.file("notes/note");
    let script = format!("echo a > '{}' && echo written", note.display());
    let keys = json!({"sandbox": "strict", "write_folders": ["notes"], "cwd": "notes"});
    let said = said(&home, &script, keys);
    assert!(said.contains("written"), "{said}");
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "a\n");
}

#[test]
fn a_level_that_cannot_be_had_refuses_the_server_unless_less_is_allowed() {
    let entry = |fallback: &str| {
        let args = ["demo-server", "--kind", "clock"];
        json!({"command": program(), "args": args, "sandbox": "container", "sandbox_fallback": fallback})
    };
    let report = Home::new().with_entry("s", entry("refuse")).run(&["index", "rebuild", "--json"]).json();
    let fault = report["failed"]["s"].as_str().unwrap();
    for part in ["server s", "sandbox level container cannot be had here", "no image is named", "sandbox_fallback"] {
        assert!(fault.contains(part), "{fault}");
    }
    let report = Home::new().with_entry("s", entry("allow")).run(&["index", "rebuild", "--json"]).json();
    assert_eq!(report["listed"]["s"], 6, "{report}");
}

#[test]
fn a_program_that_the_system_refuses_is_told_as_ever() {
    let home = Home::new();
    let file = home.file("no-program");
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(&file, mode).unwrap();
    for level in levels() {
        let entry = json!({"command": file, "sandbox": level});
        let home = Home::new().with_entry("s", entry);
        let report = home.run(&["index", "rebuild", "--json"]).json();
        let fault = report["failed"]["s"].as_str().unwrap();
        assert!(
            fault.contains("could not be started") && fault.contains("No such file or directory"),
            "{level}: {fault}"
        );
    }
}

#[test]
fn variables_and_arguments_show_in_no_shim() {
    let home = Home::new();
    let entry = json!({"command": program(), "args": ["demo-server", "--kind", "bench", "--name", "hunter2"],
        "env": {"API_TOKEN": "hunter3"}});
    let home = home.with_entry("s", entry);
    let mut client = home.connect();
    let answer = client.execute("s.echo_0", &json!({"text": "hello"}));
    assert!(text(&answer, 0).contains("hello"), "{answer}");
    for shim in descendants(client.pid()).into_iter().filter(|pid| is_shim(*pid)) {
        for file in ["cmdline", "environ"] {
            let shown = std::fs::read(format!("/proc/{shim}/{file}")).unwrap();
            let shown = String::from_utf8_lossy(&shown);
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

//! Secrets by reference: read at the start, given to one server, hidden in every channel. And what may be started.

use std::hash::{BuildHasher, RandomState};

use serde_json::json;

use crate::harness::{Home, program, text};

/// Another one in each run, with letters that JSON and addresses write in another way.
fn random_secret() -> String {
    let letters = |_| format!("{:016x}", RandomState::new().hash_one("secret"));
    format!("{}/+\"{}", letters(0), letters(1))
}

/// A server that tells its variables on stderr and in an error, and then ends.
#[cfg(unix)]
fn gossip(env: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    let script = r#"
        echo "token is $TOKEN, file has $FROM_FILE" >&2
        printf '%0110d %s\n' 0 "$TOKEN"
        while read -r line; do
            case "$line" in *'"id"'*)
                id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
                told=$(printf '%s' "$TOKEN" | sed 's/["\\]/\\&/g')
                printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"bad key %s"}}\n' "$id" "$told" ;;
            esac
        done"#;
    let mut entry = json!({"command": "/bin/sh", "args": ["-c", script], "env": env});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

#[cfg(unix)]
#[test]
fn a_secret_never_appears_in_any_channel() {
    let (token, from_file) = (random_secret(), random_secret());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let env_file = folder.path().join("server.env");
    std::fs::write(&env_file, format!("FROM_FILE='{from_file}'\n")).unwrap();
    let home = Home::new()
        .with("clock", &["--kind", "clock"])
        .with_entry(
            "gossip",
            gossip(json!({"TOKEN": format!("${{file:{}}}", file.display())}), json!({"env_file": env_file})),
        )
        .with_entry(
            "last_words",
            json!({"command": "/bin/sh", "args": ["-c", "echo $TOKEN $FROM_FILE >&2; exit 3"],
            "env": {"TOKEN": format!("${{file:{}}}", file.display())}, "env_file": env_file}),
        )
        .set("log.level=trace")
        .set("log.file=all.log");
    let mut told = String::new();
    for args in [
        &["--verbose", "index", "rebuild"][..],
        &["index", "rebuild", "--json"],
        &["index", "status", "--json"],
        &["--verbose", "doctor", "--start"],
        &["doctor", "--json"],
        &["secrets", "list"],
        &["secrets", "check", "--json"],
        &["config", "check"],
        &["config", "show"],
        &["call", "gossip.any"],
    ] {
        let ran = home.run(args);
        told.extend([ran.stdout, ran.stderr]);
    }
    let mut client = home.connect();
    for tool in ["gossip.any", "last_words.any"] {
        let answer = client.ask("tools/call", &json!({"name": "execute", "arguments": {"tool": tool, "params": {}}}));
        told.push_str(&answer.to_string());
    }
    told.push_str(&client.call("list_capabilities", &json!({})).to_string());
    client.leave();
    told.push_str(&std::fs::read_to_string(home.file("home/logs/all.log")).unwrap());
    // Whatever is kept: the catalog remembers why a server did not start.
    for kept in ["home/index/catalog.sqlite", "home/index/catalog.sqlite-wal", "home/history.db"] {
        told.push_str(&String::from_utf8_lossy(&std::fs::read(home.file(kept)).unwrap_or_default()));
    }
    assert!(told.contains("bad key [hidden]"), "{told}");
    assert!(told.contains("[hidden] [hidden]"), "the end of stderr is quoted: {told}");
    for secret in [&token, &from_file] {
        let (first, last) = secret.split_once('"').unwrap();
        for part in [secret.as_str(), first, last] {
            let at = told.find(part);
            assert!(at.is_none(), "…{}", &told[at.unwrap_or(0).saturating_sub(300)..at.unwrap_or(0) + 40]);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_server_gets_its_own_secrets_as_they_are_at_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let seen = folder.path().join("seen");
    // Writes its environment into a file of the test's, then is a demo server.
    let entry = |name: &str, env: serde_json::Value| {
        let script = format!("env > {}-{name}; exec {} demo-server --kind clock", seen.display(), program());
        json!({"command": "/bin/sh", "args": ["-c", script], "env": env})
    };
    let home = Home::new()
        .with_entry("mine", entry("mine", json!({"TOKEN": format!("Bearer ${{file:{}}}", token.display())})))
        .with_entry("other", entry("other", json!({"PLAIN": "x"})));
    for value in ["first-value", "second-value"] {
        std::fs::write(&token, value).unwrap();
        assert_eq!(home.run(&["index", "rebuild"]).code, 0);
        let environment = |name: &str| std::fs::read_to_string(format!("{}-{name}", seen.display())).unwrap();
        assert!(environment("mine").lines().any(|line| line == format!("TOKEN=Bearer {value}")));
        assert!(!environment("other").contains(value) && !environment("other").contains("TOKEN"));
    }
}

#[test]
fn a_reference_that_cannot_be_had_refuses_the_start_and_says_what_to_do() {
    let home = Home::new().with_entry(
        "lost",
        json!({"command": program(), "args": ["demo-server"], "env": {"TOKEN": "${file:no-such-file}", "B": "${keyring:a/b}"}}),
    );
    let ran = home.run(&["index", "rebuild"]);
    assert_eq!(ran.code, 1);
    let why = &ran.stdout;
    assert!(why.contains("registry.json:1: mcpServers.lost.env.TOKEN: ${file:"), "{why}");
    assert!(why.contains("no-such-file} cannot be read") && why.contains("create the file"), "{why}");
    let check = home.run(&["secrets", "check", "--json"]);
    assert_eq!((check.code, check.json()[0]["present"].as_bool()), (1, Some(false)));
    assert_eq!(home.run(&["secrets", "list"]).code, 0);
    let doctor = home.run(&["doctor", "--offline"]);
    assert!(doctor.stdout.contains("${keyring:a/b}"), "{}", doctor.stdout);
    let arg = Home::new().with_entry("arg", json!({"command": "a-server", "args": ["${file:x}"]}));
    let check = arg.run(&["config", "check"]);
    assert!(check.code == 4 && check.stdout.contains("works under `env` only"), "{}", check.stdout);
}

#[test]
fn only_allowed_commands_are_started() {
    let home = || Home::new().with("clock", &["--kind", "clock"]);
    let own = std::fs::canonicalize(program()).unwrap().display().to_string();
    let ran = |setting: String| {
        let home = home().set(&setting);
        let ran = home.run(&["index", "rebuild"]);
        (ran.code, ran.stdout, home.run(&["doctor", "--offline"]).stdout)
    };
    assert_eq!(ran(format!("commands.allow={own}")).0, 0);
    let (code, told, doctor) = ran("commands.allow=/usr/bin/npx".to_owned());
    for told in [&told, &doctor] {
        assert!(told.contains("may not be started") && told.contains("commands.allow"), "{told}");
    }
    assert_eq!(code, 1, "{told}");
    let (code, told, _) = ran(format!("commands.deny={own}"));
    assert!(code == 1 && told.contains("commands.deny"), "{told}");
    // What is known already is not started either.
    let home = home();
    assert_eq!(home.run(&["index", "rebuild"]).code, 0);
    let mut client = home.set("commands.deny=**").connect();
    let answer = client.execute("clock.day_of_week", &json!({"date": "2024-02-29"}));
    assert!(answer["isError"] == true && text(&answer, 0).contains("commands.deny"), "{answer}");
}

//! Behaviour of references to secrets in registry files.

use std::fs;

use insta::assert_snapshot;
use tempfile::TempDir;

use super::*;
use crate::secrets::Piece;

/// A folder with `r.json` in it, whose server `s` has this entry, and what else the environment has.
struct World {
    dir: TempDir,
    env: MapEnv,
}

impl World {
    fn new(entry: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("r.json"), format!("{{\"mcps\": {{\n\"s\": {entry}}}}}")).unwrap();
        let at = dir.path().to_str().unwrap();
        let env = MapEnv::new(&[("HOME", at), ("USERPROFILE", at), ("MCPORCH_HOME", at), ("API_KEY", "k3yk3y")]);
        Self { dir, env }
    }

    fn load(&self) -> Config {
        let request = Request { registries: vec![self.dir.path().join("r.json")], ..Request::default() };
        load(&request, &self.env).unwrap()
    }

    fn without_folder(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// Refusals, warnings and advice, a line each.
fn told(entry: &str) -> String {
    let world = World::new(entry);
    let config = world.load();
    let refusals = config.servers.iter().filter_map(|server| server.refusal.as_ref());
    let lines = refusals.map(|fault| format!("refused: {fault}"));
    let lines = lines.chain(config.warnings.iter().map(|fault| format!("warning: {fault}")));
    let lines: Vec<String> = lines.chain(config.advice.iter().map(|fault| format!("advice: {fault}"))).collect();
    world.without_folder(&lines.join("\n"))
}

#[test]
fn files_and_the_keyring_are_left_for_the_start() {
    let world = World::new(
        r#"{"command": "a", "env": {"A": "Bearer ${file:t/oken} ${API_KEY}", "B": "${keyring:git/me/token}", "C": "${NONE:-${file:~/x}}",
            "D": "${API_KEY}", "E": "$${file:x}"}, "env_file": ["a.env", "/b.env"]}"#,
    );
    let config = world.load();
    let server = &config.servers[0];
    assert_eq!((&server.refusal, &config.warnings[..]), (&None, &[][..]));
    let Launch::Child { env, .. } = &server.launch else { panic!("a child") };
    assert_eq!(env[..], [("D".to_owned(), "k3yk3y".to_owned()), ("E".to_owned(), "${file:x}".to_owned())]);
    let late: Vec<String> = server
        .late_env
        .variables
        .iter()
        .map(|one| format!("{}={} {}", one.name, one.value.written(), one.place))
        .collect();
    let root = world.dir.path().display().to_string();
    assert_snapshot!(late.join("\n").replace(&root, "HERE"), @"
    A=Bearer ${file:HERE/t/oken} k3yk3y HERE/r.json:2: mcps.s.env.A
    B=${keyring:git/me/token} HERE/r.json:2: mcps.s.env.B
    C=${file:HERE/x} HERE/r.json:2: mcps.s.env.C
    ");
    let files: Vec<String> = server.late_env.files.iter().map(|file| file.path.display().to_string()).collect();
    assert_eq!(files, [format!("{root}/a.env"), "/b.env".to_owned()]);
    let shown = format!("{server:?}");
    assert!(!shown.contains("k3yk3y"), "{shown}");
}

#[test]
fn headers_are_read_at_the_start_and_a_remote_server_gets_no_environment() {
    let world = World::new(
        r#"{"url": "https://x.example/", "headers": {"Authorization": "Bearer ${file:token}", "B": "${API_KEY}"},
            "env": {"C": "${file:other}"}, "env_file": ["a.env"]}"#,
    );
    let server = world.load().servers[0].clone();
    let Launch::Remote { headers, .. } = &server.launch else { panic!("a remote one") };
    assert_eq!((&server.refusal, &headers[..]), (&None, &[("B".to_owned(), "k3yk3y".to_owned())][..]));
    let late: Vec<&str> = server.late_env.variables.iter().map(|one| one.name.as_str()).collect();
    assert_eq!((late, server.late_env.files.len()), (vec!["Authorization"], 0));
    fs::write(world.dir.path().join("token"), "of-the-file\n").unwrap();
    let complete = server.late_env.complete(headers).unwrap().env;
    assert_eq!(complete[0], ("Authorization".to_owned(), "Bearer of-the-file".to_owned()));
}

#[test]
fn an_env_file_may_be_the_one_beside_the_registry() {
    let world = World::new(r#"{"command": "a", "env_file": true}"#);
    assert_eq!(world.load().servers[0].late_env.files[0].path, world.dir.path().join(".env"));
    // Nobody reads it unasked.
    assert!(World::new(r#"{"command": "a"}"#).load().servers[0].late_env.is_empty());
    assert!(World::new(r#"{"command": "a", "envFile": null}"#).load().servers[0].late_env.is_empty());
}

#[test]
fn what_cannot_be_a_reference_is_refused() {
    assert_snapshot!(told(r#"{"command": "a", "args": ["--token", "${file:x}"]}"#), @"refused: r.json:2: mcps.s.args[1]: ${file:x} works under `env` only; put it under `env`; every user of the machine can read a program's arguments");
    assert_snapshot!(told(r#"{"command": "a", "args": ["${NONE:-${keyring:a/b}}"]}"#), @"refused: r.json:2: mcps.s.args[0]: ${keyring:a/b} works under `env` only; put it under `env`; every user of the machine can read a program's arguments");
    assert_snapshot!(told(r#"{"command": "a", "env": {"A": "${keyring:git}"}}"#), @"refused: r.json:2: mcps.s.env.A: has a ${keyring:…} without a service and a name; write ${keyring:SERVICE/NAME}");
    assert_snapshot!(told(r#"{"command": "a", "env": {"A": "${file: }"}}"#), @"refused: r.json:2: mcps.s.env.A: has a ${file:…} without a path; write ${file:PATH}");
    assert_snapshot!(told(r#"{"command": "a", "env": {"A": "${age:x}"}}"#), @"refused: r.json:2: mcps.s.env.A: ${age:…} is no kind of reference; write ${VAR}, ${env:VAR}, ${file:PATH} or ${keyring:SERVICE/NAME}; $${ stands for a plain ${");
    assert_snapshot!(told(r#"{"command": "a", "env": {"A": "${file:${keyring:a/b}}"}}"#), @"refused: r.json:2: mcps.s.env.A: has a `${` without the name of a variable and a closing brace; write ${VAR} or ${VAR:-default}; $${ stands for a plain ${");
    assert_snapshot!(told(r#"{"command": "a", "env_file": "${NONE}/.env"}"#), @"refused: r.json:2: mcps.s.env_file: ${NONE} is not set; set NONE where mcporch is started, or write ${NONE:-default}");
    assert_snapshot!(told(r#"{"command": "a", "env_file": 7}"#), @"refused: r.json:2: mcps.s.env_file: is a number; write a path, a list of paths, or true for `.env`");
}

#[test]
fn what_could_be_safer_is_advice_and_stops_nothing() {
    assert_snapshot!(told(r#"{"command": "a", "args": ["--key=${API_KEY}", "${env:HOME}", "$${MY_TOKEN}"]}"#), @"advice: r.json:2: mcps.s.args[0]: ${API_KEY} looks like a secret, and every user of the machine can read arguments; put it under `env` if the server reads API_KEY there");
    assert_snapshot!(told(r#"{"command": "a", "inherit_env": true}"#), @"advice: r.json:2: mcps.s.inherit_env: the server gets every variable of mcporch, with the secrets of all others among them; list the names that it needs");
    assert_snapshot!(told(r#"{"command": "a", "inherit_env": {"A": 1}}"#), @"refused: r.json:2: mcps.s.inherit_env: is an object; write a list of names, in which `*` may end a name, or true");
    assert_eq!(told(r#"{"command": "a", "disabled": true, "inherit_env": true}"#), "");
}

#[test]
fn further_variables_are_passed_by_name_or_all() {
    let passes = |entry: &str, name: &str| World::new(entry).load().servers[0].inherit_env.passes(name);
    let listed = r#"{"command": "a", "inherit_env": ["API_KEY", "GIT_*"]}"#;
    assert!(passes(listed, "API_KEY") && passes(listed, "GIT_DIR") && !passes(listed, "API_KEY_2"));
    assert!(passes(r#"{"command": "a", "inherit_env": true}"#, "X"));
    assert!(!passes(r#"{"command": "a", "inherit_env": false}"#, "X") && !passes(r#"{"command": "a"}"#, "X"));
}

#[test]
fn a_fingerprint_has_the_reference_and_not_the_value() {
    let of = |entry: &str, value: &str| {
        let world = World::new(&entry.replace("HERE", "/nowhere"));
        fs::write(world.dir.path().join("token"), value).unwrap();
        world.load().servers[0].fingerprint.clone()
    };
    let entry = r#"{"command": "a", "env": {"A": "${file:HERE/token}"}}"#;
    assert_eq!(of(entry, "one"), of(entry, "two"));
    assert_ne!(of(entry, "one"), of(&entry.replace("token", "other"), "one"));
    assert_ne!(of(entry, "one"), of(r#"{"command": "a"}"#, "one"));
    assert_ne!(of(r#"{"command": "a"}"#, ""), of(r#"{"command": "a", "inherit_env": true}"#, ""));
}

#[test]
fn required_variables_are_told_one_by_one() {
    let world = World::new(
        r#"{"command": "a", "env": {"OWN": "x", "LATE": "${file:token}", "GONE": "${file:none}"}, "env_file": ".env",
            "required_env": ["OWN", "LATE", "GONE", "API_KEY", "IN_FILE", "NOWHERE"]}"#,
    );
    fs::write(world.dir.path().join("token"), "value").unwrap();
    fs::write(world.dir.path().join(".env"), "IN_FILE=1").unwrap();
    let config = world.load();
    let server = &config.servers[0];
    assert_eq!(server.refusal, None, "only a start can tell what the env file has");
    let status = server.required_env_status(&world.env);
    let missing: Vec<&str> = status.iter().filter(|(_, there)| !**there).map(|(name, _)| name.as_str()).collect();
    assert_eq!((status.len(), missing), (6, vec!["GONE", "NOWHERE"]));
    assert_eq!(server.late_env.required, ["IN_FILE", "NOWHERE"]);
    assert!(server.late_env.variables.iter().all(|one| matches!(one.value.pieces(), [Piece::File(_)])));
    let refused = World::new(r#"{"command": "a", "required_env": ["API_KEY", "NOWHERE"]}"#);
    let config = refused.load();
    let status = config.servers[0].required_env_status(&refused.env);
    assert_eq!((status["API_KEY"], status["NOWHERE"]), (true, false));
}

#[test]
fn an_oauth_block_says_who_we_are() {
    let entry = r#"{"url": "https://x/mcp", "oauth": {"client_id": "me-${API_KEY}", "client_secret": "${file:t/secret}",
        "scopes": "read write", "redirect_port": 8123}, "private_hosts": ["SSO.corp.example"]}"#;
    assert_eq!(told(entry), "");
    let server = World::new(entry).load().servers[0].clone();
    assert_eq!((server.oauth.client_id.as_deref(), server.oauth.redirect_port), (Some("me-k3yk3y"), Some(8123)));
    assert_eq!(server.oauth.scopes, ["read", "write"]);
    assert_eq!(server.private_hosts, ["sso.corp.example"]);
    assert!(
        matches!(server.oauth.client_secret.unwrap().value.pieces(), [Piece::File(path)] if path.ends_with("t/secret"))
    );

    let as_others =
        World::new(r#"{"url": "https://x/", "oauth": {"clientId": "me", "callbackPort": 1, "scopes": ["a", "b c"]}}"#);
    let server = as_others.load().servers[0].clone();
    assert_eq!((server.oauth.client_id.as_deref(), server.oauth.redirect_port), (Some("me"), Some(1)));
    assert_eq!(server.oauth.scopes, ["a", "b", "c"]);
    assert_eq!(told(r#"{"url": "https://x/", "oauth": true}"#), "");
    assert_eq!(
        told(r#"{"url": "https://x/", "oauth": {"client_metadata_url": "https://me.example/mcporch.json"}}"#),
        ""
    );
}

#[test]
fn a_wrong_oauth_block_is_refused() {
    let oauth = |block: &str| told(&format!(r#"{{"url": "https://x/", "oauth": {block}}}"#));
    assert_snapshot!(oauth(r#"{"client_secret": "${API_KEY}"}"#), @"refused: r.json:2: mcps.s.oauth: has `client_secret` without `client_id`; write the identity that it belongs to");
    assert_snapshot!(oauth(r#"{"client_id": ""}"#), @"refused: r.json:2: mcps.s.oauth.client_id: is empty; write it, or remove the key");
    assert_snapshot!(oauth(r#"{"client_id": "${NONE}"}"#), @"refused: r.json:2: mcps.s.oauth.client_id: ${NONE} is not set; set NONE where mcporch is started, or write ${NONE:-default}");
    assert_snapshot!(oauth(r#"{"client_metadata_url": "http://me.example/a.json"}"#), @"refused: r.json:2: mcps.s.oauth.client_metadata_url: is no https address with a path; write an address such as https://example.com/mcporch.json");
    assert_snapshot!(oauth(r#"{"client_metadata_url": "https://me.example"}"#), @"refused: r.json:2: mcps.s.oauth.client_metadata_url: is no https address with a path; write an address such as https://example.com/mcporch.json");
    assert_snapshot!(oauth(r#"{"redirect_port": 0}"#), @"refused: r.json:2: mcps.s.oauth.redirect_port: is a number; write a whole number from 1 to 65535");
    assert_snapshot!(oauth(r#""yes""#), @r#"refused: r.json:2: mcps.s.oauth: is a text; write an object, such as {"client_id": …}"#);
    assert_snapshot!(oauth(r#"{"client_id": "a", "client_secret": "plain-text", "clinet": 1}"#), @"
    warning: r.json:2: mcps.s.oauth.clinet: unknown key, ignored; remove it, or see config/README.md for the keys that are read
    advice: r.json:2: mcps.s.oauth.client_secret: a secret stands in the file; put it into a file or the keyring and write ${file:PATH} or ${keyring:SERVICE/NAME}
    ");
    assert_snapshot!(told(r#"{"command": "a", "oauth": {"client_id": "a"}}"#), @"warning: r.json:2: mcps.s.oauth: means nothing for a server that is started as a program, ignored; remove it, or connect to the server by `url`");
}

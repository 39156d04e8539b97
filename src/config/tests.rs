//! Behaviour of the registry: formats, faults, search order.

use std::fs;
use std::path::Path;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::domain::Hints;

/// A folder with a home and a user's folder in it.
struct World {
    dir: TempDir,
    env: MapEnv,
    request: Request,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let at = dir.path().to_str().unwrap();
        let env = MapEnv::new(&[
            ("HOME", &format!("{at}/user")),
            ("USERPROFILE", &format!("{at}/user")),
            ("MCPORCH_HOME", &format!("{at}/home")),
        ]);
        Self { dir, env, request: Request::default() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let at = self.path(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
        self
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.env.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    fn registry(mut self, path: &str) -> Self {
        self.request.registries.push(self.path(path));
        self
    }

    fn load(&self) -> Config {
        load(&self.request, &self.env).unwrap()
    }

    /// Everything a person is told, a line each, without the folder's own path.
    fn told(&self) -> String {
        let lines: Vec<String> = match load(&self.request, &self.env) {
            Ok(config) => {
                let warnings = config.warnings.iter().map(|fault| format!("warning: {fault}"));
                let refusals = config.servers.iter().filter_map(|server| server.refusal.as_ref());
                warnings.chain(refusals.map(|fault| format!("refused: {fault}"))).collect()
            }
            Err(error) => error.to_string().lines().map(|line| format!("error: {line}")).collect(),
        };
        lines.join("\n").replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn world(registry: &str) -> World {
    World::new().file("r.json", registry).registry("r.json")
}

fn loaded(registry: &str) -> Config {
    world(registry).load()
}

fn told(registry: &str) -> String {
    world(registry).told()
}

/// `name: command args` per server.
fn shown(config: &Config) -> Vec<String> {
    let one = |server: &ServerConfig| match &server.launch {
        Launch::Child { command, args, .. } => format!("{}: {command} {}", server.name, args.join(" ")),
        Launch::Remote { url, kind, .. } => format!("{}: {url} {kind:?}", server.name),
    };
    config.servers.iter().map(one).collect()
}

#[track_caller]
fn check_servers(registry: &str, expected: &[&str]) {
    let world = world(registry);
    assert_eq!(world.told(), "");
    assert_eq!(shown(&world.load()), expected);
}

type Child<'a> = (&'a str, &'a [String], &'a [(String, String)], Option<&'a Path>);

fn child(config: &Config) -> Child<'_> {
    match &config.servers[0].launch {
        Launch::Child { command, args, env, cwd } => (command, args, env, cwd.as_deref()),
        Launch::Remote { .. } => panic!("a remote server"),
    }
}

#[test]
fn client_files_are_read_with_comments_and_trailing_commas() {
    check_servers(
        r#"{ // a client's file
            "mcpServers": {
                "b": {"command": "node", "args": ["b.js", /* one more */ "x",], "env": {"MODE": "production",},},
                "a": {"command": "a-server"},
            },
        }"#,
        &["b: node b.js x", "a: a-server "],
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_trouble() {
    let world =
        World::new().file("r.json", "\u{feff}{\r\n\"mcpServers\":\r\n{\"a\":{\"command\":7}}}").registry("r.json");
    assert_snapshot!(world.told(), @"refused: r.json:3: mcpServers.a.command: is a number; write a text");
}

#[test]
fn a_registry_with_hints_and_static_tools_is_read() {
    let config = loaded(
        r#"{"mcps": {"painter": {
            "description": "Draws", "keywords": ["logo"], "categories": ["art"], "examples": ["a bakery's logo"],
            "command": "python", "args": ["-m", "painter"], "env": {"PAINTER_URL": "http://localhost:1"},
            "startup_timeout": 30,
            "health_check": {"method": "tool_call", "tool": "status", "interval": 20, "timeout": 4, "retries": 2},
            "resources": {"max_memory": "2G", "max_cpu": "1.5", "max_instances": 3},
            "tools": ["status", {"name": "draw", "description": "Draws it", "keywords": ["sketch"], "input_schema": {"type": "object"}}],
            "tool_hints": {"status": {"keywords": ["alive"]}}
        }}}"#,
    );
    assert_eq!(config.warnings, []);
    let server = &config.servers[0];
    assert_eq!(server.refusal, None);
    assert_eq!(server.start_timeout, Duration::from_secs(30));
    assert_eq!(
        server.hints,
        Hints {
            description: "Draws".to_owned(),
            keywords: vec!["logo".to_owned()],
            categories: vec!["art".to_owned()],
            examples: vec!["a bakery's logo".to_owned()],
            aliases: vec![],
        }
    );
    let [status, draw] = &server.static_tools[..] else { panic!("{:?}", server.static_tools) };
    assert_eq!((status.name.as_str(), &status.input_schema), ("status", &None));
    assert_eq!((draw.description.as_str(), &draw.input_schema), ("Draws it", &Some(json!({"type": "object"}))));
    assert_eq!((draw.hints.description.as_str(), &draw.hints.keywords[0]), ("", &"sketch".to_owned()));
    assert_eq!(server.tool_hints["draw"].description, "Draws it");
    assert_eq!(server.tool_hints["status"].keywords, ["alive"]);
    let health = server.health_check.as_ref().unwrap();
    let method = HealthMethod::ToolCall { tool: "status".to_owned(), arguments: json!({}) };
    assert_eq!((&health.method, health.interval, health.retries), (&method, Duration::from_secs(20), 2));
    let resources = server.resources.as_ref().unwrap();
    assert_eq!(resources.memory_bytes_max, Some(2 << 30));
    assert_eq!((resources.cpu_cores_max, resources.instances_max), (Some(1.5), Some(3)));
}

#[test]
fn a_health_check_of_times_only_is_a_ping() {
    let config =
        loaded(r#"{"mcps": {"a": {"command": "a", "health_check": {"interval": 30, "timeout": 5, "retries": 3}}}}"#);
    assert_eq!(config.servers[0].health_check.as_ref().unwrap().method, HealthMethod::Ping);
}

#[test]
fn an_orchestrator_block_gives_its_servers_their_call_timeout() {
    let world = world(
        r#"{"servers": {
                "chat": {"name": "Chat Server", "description": "Chats", "command": "python", "args": ["chat/server.py"],
                         "port": 8001, "tools": ["ask", "embed"], "required_env": ["CHAT_KEY"]},
                "slow": {"command": "slow", "call_timeout_s": 90}},
            "orchestrator": {"port": 8000, "default_timeout": 30, "retry_attempts": 3, "load_balancing": {"by": "turns"}}}"#,
    )
    .var("CHAT_KEY", "k1");
    assert_eq!(world.told(), "");
    let config = world.load();
    let [chat, slow] = &config.servers[..] else { panic!("{:?}", config.servers) };
    assert_eq!((chat.title.as_str(), chat.port), ("Chat Server", Some(8001)));
    assert_eq!(chat.static_tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["ask", "embed"]);
    assert_eq!((chat.call_timeout, slow.call_timeout), (Duration::from_secs(30), Duration::from_secs(90)));
    let block = &config.orchestrators[0];
    assert_eq!((block.port, block.retry_attempts), (Some(8000), Some(3)));
    assert_eq!(block.load_balancing, Some(json!({"by": "turns"})));
    // The small environment that servers get does not hold the key, so the launch does.
    assert_eq!(child(&config).2, [("CHAT_KEY".to_owned(), "k1".to_owned())]);
}

#[test]
fn an_editors_servers_with_types_are_read() {
    check_servers(
        r#"{"servers": {
            "local": {"type": "stdio", "command": "node", "args": ["s.js"], "envFile": null},
            "web": {"type": "http", "url": "https://x.example/mcp"}, "old": {"type": "sse", "url": "http://x.example/sse"}
        }, "inputs": []}"#
            .replace(r#", "envFile": null"#, "")
            .as_str(),
        &["local: node s.js", "web: https://x.example/mcp Http", "old: http://x.example/sse Sse"],
    );
}

#[test]
fn other_clients_spellings_are_read() {
    check_servers(
        r#"{"theme": "dark", "context_servers": {
            "a": {"source": "custom", "command": "a"}, "b": {"httpUrl": "https://b.example/"},
            "c": {"serverUrl": "https://c.example/"}, "d": {"command": ["npx", "-y"], "args": ["d"]}}}"#,
        &["a: a ", "b: https://b.example/ Http", "c: https://c.example/ Unsaid", "d: npx -y d"],
    );
    let config = loaded(
        r#"{"mcpServers": {"a": {"command": "a", "timeout": 45, "includeTools": ["x"], "tools": ["*"]},
        "b": {"command": "b", "timeout": 45000, "excludeTools": ["x"]}}}"#,
    );
    let [a, b] = &config.servers[..] else { panic!("{:?}", config.servers) };
    assert_eq!((a.call_timeout, b.call_timeout), (Duration::from_secs(45), Duration::from_secs(45)));
    assert_eq!((a.is_tool_allowed("x"), a.is_tool_allowed("y")), (true, false));
    assert_eq!((b.is_tool_allowed("x"), b.is_tool_allowed("y")), (false, true));
    assert_eq!(a.static_tools, []);
}

#[test]
fn an_object_of_nothing_but_servers_is_read() {
    check_servers(r#"{"painter": {"command": "python", "args": ["-m", "painter"]}}"#, &["painter: python -m painter"]);
}

#[test]
fn several_files_are_read_together() {
    let world = World::new()
        .file("a.json", r#"{"mcpServers": {"a": {"command": "a"}}}"#)
        .file("b.json", r#"{"mcps": {"b": {"command": "b"}}}"#)
        .registry("a.json")
        .registry("b.json");
    assert_eq!(shown(&world.load()), ["a: a ", "b: b "]);
    assert_eq!(world.load().registry_files, [world.path("a.json"), world.path("b.json")]);
}

#[test]
fn a_name_defined_twice_names_both_places() {
    let world = World::new()
        .file("a.json", "{\"mcpServers\": {\n\"git\": {\"command\": \"a\"},\n\"x\": {\"command\": \"x\"},\n\"x\": {\"command\": \"x\"}}}")
        .file("b.json", r#"{"mcps": {"git": {"command": "b"}}}"#)
        .registry("a.json")
        .registry("b.json");
    assert_snapshot!(world.told(), @"
    error: a.json:4: mcpServers.x: server `x` is already defined at a.json:3; give one of the two another name, or remove it
    error: b.json:1: mcps.git: server `git` is already defined at a.json:2; give one of the two another name, or remove it
    ");
}

#[test]
fn a_key_written_twice_refuses_the_server() {
    assert_snapshot!(told("{\"mcpServers\": {\"a\": {\"command\": \"a\",\n\"command\": \"b\"},\n\"b\": {\"command\": \"b\", \"env\": {\"X\": \"1\",\n \"X\": \"2\"}}}}"), @"
    refused: r.json:2: mcpServers.a.command: `command` is already set at r.json:1; keep one of the two
    refused: r.json:4: mcpServers.b.env.X: `X` is already set at r.json:3; keep one of the two
    ");
    assert_snapshot!(told("{\"mcps\": {},\n\"mcps\": {}}"), @"error: r.json:2: mcps: `mcps` is already defined at r.json:1; bring the two together");
}

#[test]
fn malformed_files_are_named_with_their_line() {
    assert_snapshot!(told("{\"mcpServers\": {\n  \"a\": {\"command\" \"a\"}}}"), @"error: r.json:2: expected colon after the string or word in object property (column 19); write JSON; comments and trailing commas are allowed");
    assert_snapshot!(told("{\"mcpServers\": {\n  \"a\": {\"command\": \"a\"}\n  \"b\": {}}}"), @"error: r.json:2: expected comma (column 24); write JSON; comments and trailing commas are allowed");
    assert_snapshot!(told("{\"mcpServers\": {"), @"error: r.json:1: unterminated object (column 16); write JSON; comments and trailing commas are allowed");
    assert_snapshot!(told("{'mcpServers': {}}"), @"error: r.json:1: single-quoted strings are not allowed (column 2); write JSON; comments and trailing commas are allowed");
    assert_snapshot!(told(""), @r#"error: r.json:1: the file is empty; write at least {"mcpServers": {}}"#);
    assert_snapshot!(told("{} {}"), @"error: r.json:1: text cannot contain more than one JSON value (column 4); write JSON; comments and trailing commas are allowed");
    assert_snapshot!(told("[]"), @r#"error: r.json:1: expected an object, found a list; write {"mcpServers": {"NAME": {"command": "…", "args": []}}}"#);
    assert_snapshot!(told("{}"), @r#"warning: r.json:1: the file names no servers; write {"mcpServers": {"NAME": {"command": "…", "args": []}}}"#);
    assert_snapshot!(told(r#"{"mcpServers": []}"#), @r#"error: r.json:1: mcpServers: expected an object of servers, found a list; write {"mcpServers": {"NAME": {"command": "…", "args": []}}}"#);
    assert_snapshot!(told(r#"{"mcpServer": {"a": {"command": "a"}}, "x": 1}"#), @"error: r.json:1: mcpServer: no servers: none of the keys mcpServers, mcps, servers, context_servers, mcp_servers is there; did you mean `mcpServers`?");
    assert_snapshot!(told(r#"{"x": 1}"#), @r#"error: r.json:1: no servers: none of the keys mcpServers, mcps, servers, context_servers, mcp_servers is there; write {"mcpServers": {"NAME": {"command": "…", "args": []}}}"#);
    assert_snapshot!(World::new().file("r.json", b"{\n\"\xff\"").registry("r.json").told(), @"error: r.json:2: is not UTF-8 text; save the file as UTF-8");
    let deep = "[".repeat(100_000);
    assert_snapshot!(told(&deep), @"error: r.json:1: maximum nesting depth exceeded (column 513); write JSON; comments and trailing commas are allowed");
}

#[test]
fn one_run_names_the_faults_of_all_files() {
    let world = World::new()
        .file("a.json", "{")
        .file("home/config/mcporch.toml", "[servers]\nstart_timeout_s = 0\n")
        .file("b.json", "[1]")
        .registry("a.json")
        .registry("missing.json")
        .registry("home")
        .registry("b.json");
    assert_snapshot!(world.told(), @r#"
    error: home/config/mcporch.toml:2: servers.start_timeout_s: 0 does not fit; write a whole number from 1 to 3600
    error: a.json:1: unterminated object (column 1); write JSON; comments and trailing commas are allowed
    error: missing.json: --registry: no such file; correct the path or create the file
    error: home: --registry: is a folder; name a file
    error: b.json:1: expected an object, found a list; write {"mcpServers": {"NAME": {"command": "…", "args": []}}}
    "#);
}

#[test]
fn what_is_wrong_with_one_server_refuses_that_one_only() {
    let config = loaded(r#"{"mcpServers": {"bad": {"command": "${NOWHERE}"}, "good": {"command": "good"}}}"#);
    assert!(config.servers[0].refusal.is_some());
    assert_eq!(config.servers[1].refusal, None);
    assert_eq!(config.faults().count(), 1);
}

#[test]
fn each_fault_of_a_server_says_what_to_do() {
    let refused = |entry: &str| told(&format!("{{\"mcpServers\": {{\n\"my srv\": {entry}}}}}"));
    assert_snapshot!(refused(r#""x""#), @r#"refused: r.json:2: mcpServers["my srv"]: is a text; write an object with `command` or `url`"#);
    assert_snapshot!(refused("{}"), @r#"refused: r.json:2: mcpServers["my srv"]: has neither `command` nor `url`; say what to start or to connect to"#);
    assert_snapshot!(refused(r#"{"command": ""}"#), @r#"refused: r.json:2: mcpServers["my srv"].command: the command is empty; name the program to start"#);
    assert_snapshot!(refused(r#"{"command": {"path": "x"}}"#), @r#"refused: r.json:2: mcpServers["my srv"].command: is an object; write a text"#);
    assert_snapshot!(refused(r#"{"command": "a", "args": "-m x"}"#), @r#"refused: r.json:2: mcpServers["my srv"].args: is a text; write a list of texts, one per argument"#);
    assert_snapshot!(refused(r#"{"command": "a", "args": ["x", null]}"#), @r#"refused: r.json:2: mcpServers["my srv"].args[1]: is null; write a text"#);
    assert_snapshot!(refused(r#"{"command": "a", "env": ["A=b"]}"#), @r#"refused: r.json:2: mcpServers["my srv"].env: is a list; write an object from names to texts"#);
    assert_snapshot!(refused(r#"{"command": "a", "env": {"A": {}}}"#), @r#"refused: r.json:2: mcpServers["my srv"].env.A: is an object; write a text"#);
    assert_snapshot!(refused(r#"{"command": "a", "env": {"A=": "b"}}"#), @r#"refused: r.json:2: mcpServers["my srv"].env["A="]: nothing can have that name; give it another name"#);
    assert_snapshot!(refused(r#"{"command": "a", "args": ["a\u0000b"]}"#), @r#"refused: r.json:2: mcpServers["my srv"].args[0]: has a NUL character in it; remove that character"#);
    assert_snapshot!(refused(r#"{"command": "a", "url": "https://x"}"#), @r#"refused: r.json:2: mcpServers["my srv"]: has both `command` and `url`; keep one of the two, or add `type`"#);
    assert_snapshot!(refused(r#"{"url": "ftp://x"}"#), @r#"refused: r.json:2: mcpServers["my srv"].url: is no web address; write an address that begins with https:// or http://"#);
    assert_snapshot!(refused(r#"{"type": "http", "command": "a"}"#), @r#"refused: r.json:2: mcpServers["my srv"]: `url` is missing; say where the server is"#);
    assert_snapshot!(refused(r#"{"type": "stdio", "url": "https://x"}"#), @r#"refused: r.json:2: mcpServers["my srv"]: `command` is missing; name the program to start"#);
    assert_snapshot!(refused(r#"{"type": "ws", "url": "https://x"}"#), @r#"refused: r.json:2: mcpServers["my srv"].type: `ws` is no known transport; write "stdio", "http" or "sse""#);
    assert_snapshot!(refused(r#"{"command": "a", "startup_timeout": -1}"#), @r#"refused: r.json:2: mcpServers["my srv"].startup_timeout: is a number; write a number of seconds from 0.001 to 86400"#);
    assert_snapshot!(refused(r#"{"command": "a", "startup_timeout": 1e400}"#), @r#"refused: r.json:2: mcpServers["my srv"].startup_timeout: is a number; write a number of seconds from 0.001 to 86400"#);
    assert_snapshot!(refused(r#"{"command": "a", "disabled": "yes"}"#), @r#"refused: r.json:2: mcpServers["my srv"].disabled: is a text; write true or false"#);
    assert_snapshot!(refused(r#"{"command": "a", "required_env": ["K1", "K2"]}"#), @r#"refused: r.json:2: mcpServers["my srv"].required_env: K1, K2 are required and not set; set them where mcporch is started, or under `env`"#);
    assert_snapshot!(refused(r#"{"command": "a", "health_check": {"method": "telnet"}}"#), @r#"refused: r.json:2: mcpServers["my srv"].health_check.method: `telnet` is no way to check a server; write "ping", "tools/list" or "tool_call""#);
    assert_snapshot!(refused(r#"{"command": "a", "health_check": {"method": "tool_call"}}"#), @r#"refused: r.json:2: mcpServers["my srv"].health_check: `tool` is missing; name the tool that is to be called"#);
    assert_snapshot!(refused(r#"{"command": "a", "resources": {"max_memory": "much"}}"#), @r#"refused: r.json:2: mcpServers["my srv"].resources.max_memory: is a text; write a number of bytes, such as 536870912 or "512M""#);
    assert_snapshot!(refused(r#"{"command": "a", "resources": {"max_instances": 0}}"#), @r#"refused: r.json:2: mcpServers["my srv"].resources.max_instances: is a number; write a whole number from 1 to 1000"#);
}

#[test]
fn what_only_helps_is_a_warning() {
    let warned = |entry: &str| told(&format!("{{\"mcps\": {{\n\"a\": {entry}}}}}"));
    assert_snapshot!(warned(r#"{"command": "a", "args": [8080, true], "env": {"PORT": 8080, "NOT": null}}"#), @"
    warning: r.json:2: mcps.a.args[0]: the number is taken as a text; write it in quotes
    warning: r.json:2: mcps.a.args[1]: the switch is taken as a text; write it in quotes
    warning: r.json:2: mcps.a.env.PORT: the number is taken as a text; write it in quotes
    warning: r.json:2: mcps.a.env.NOT: null is taken as not given; remove it, or write a text
    ");
    assert_snapshot!(warned(r#"{"command": "a", "keyword": [], "health_check": {"intervall": 3}}"#), @"
    warning: r.json:2: mcps.a.keyword: unknown key, ignored; did you mean `keywords`?
    warning: r.json:2: mcps.a.health_check.intervall: unknown key, ignored; did you mean `interval`?
    ");
    assert_snapshot!(warned(r#"{"command": "a", "zzzzzz": 1}"#), @"warning: r.json:2: mcps.a.zzzzzz: unknown key, ignored; remove it, or see config/README.md for the keys that are read");
    assert_snapshot!(warned(r#"{"command": "a", "keywords": {"x": 1}, "port": 99999}"#), @"
    warning: r.json:2: mcps.a.keywords: is an object; write a list of texts
    warning: r.json:2: mcps.a.port: is a number; write a whole number from 1 to 65535
    ");
    assert_snapshot!(warned(r#"{"command": "npx -y thing"}"#), @"warning: r.json:2: mcps.a.command: the command has a space in it and is taken as one program; put the arguments into `args`, one by one");
    assert_snapshot!(warned(r#"{"command": "a", "tools": ["t", "t", 3, {"description": "x"}, {"name": "u", "input_schema": "x"}]}"#), @"
    warning: r.json:2: mcps.a.tools[1]: tool `t` is listed twice; list it once
    warning: r.json:2: mcps.a.tools[2]: is a number; write a tool's name or an object
    warning: r.json:2: mcps.a.tools[3]: `name` is missing; give the tool its name
    warning: r.json:2: mcps.a.tools[4].input_schema: is a text; write a JSON Schema, which is an object
    ");
    assert_snapshot!(told(r#"{"mcps": {" a": {"command": "a"}, "": {"command": "a"}}}"#), @r#"
    warning: r.json:1: mcps[" a"]: server name " a" has a control character or white space at an end; the entry is skipped; give it another name
    warning: r.json:1: mcps[""]: a server name must not be empty; the entry is skipped; give it another name
    "#);
    assert_snapshot!(told(r#"{"servers": {}, "orchestrater": {}}"#), @"warning: r.json:1: orchestrater: unknown key, ignored; did you mean `orchestrator`?");
    assert_snapshot!(told(r#"{"servers": {}, "orchestrator": {"port": "x", "retries": 3}}"#), @"
    warning: r.json:1: orchestrator.port: is a text; write a whole number from 1 to 65535
    warning: r.json:1: orchestrator.retries: unknown key, ignored; remove it, or see config/README.md for the keys that are read
    ");
}

#[track_caller]
fn check_arg(arg: &str, expected: Result<&str, &str>) {
    let text = json!({"mcpServers": {"a": {"command": "a", "args": [arg]}}}).to_string();
    let world = world(&text).var("SET", "value").var("EMPTY", "").var("REF", "${SET}");
    let config = world.load();
    let found = match &config.servers[0].refusal {
        None => Ok(child(&config).1[0].as_str()),
        Some(fault) => Err(fault.message.as_str()),
    };
    assert_eq!(found, expected, "{arg}");
}

#[test]
fn references_to_variables_are_resolved() {
    const MALFORMED: &str = "has a `${` without the name of a variable and a closing brace";
    check_arg("${SET}", Ok("value"));
    check_arg("a-${SET}-${env:SET}", Ok("a-value-value"));
    check_arg("${NONE:-x}", Ok("x"));
    check_arg("${EMPTY:-x}", Ok("x"));
    check_arg("${EMPTY}", Ok(""));
    check_arg("${NONE:-}", Ok(""));
    check_arg("${NONE:-a:-b}", Ok("a:-b"));
    check_arg("${NONE:-${SET}}/${NONE:-${NONE2:-y}}", Ok("value/y"));
    check_arg("$SET $${SET} {SET} é${SET}é", Ok("$SET ${SET} {SET} évalueé"));
    check_arg("${REF}", Ok("${SET}"));
    check_arg("${NONE}", Err("${NONE} is not set"));
    check_arg("${input:key}", Err("${input:key} asks a question that only an editor can ask"));
    check_arg("${", Err(MALFORMED));
    check_arg("${}", Err(MALFORMED));
    check_arg("${a b}", Err(MALFORMED));
    check_arg(&"${A:-".repeat(5000), Err(MALFORMED));
}

#[test]
fn every_part_of_a_launch_is_resolved() {
    let world = world(
        r#"{"mcpServers": {"a": {"command": "~/bin/${X}", "args": ["~"], "env": {"K": "${X}"}, "cwd": "sub/${X}"},
            "b": {"url": "https://${X}/", "headers": {"K": "${X}"}}, "c": {"command": "c", "cwd": "~"}}}"#,
    )
    .var("X", "x");
    let config = world.load();
    let (command, args, env, cwd) = child(&config);
    assert_eq!(command, world.path("user/bin/x").to_str().unwrap());
    assert_eq!((args[0].as_str(), env[0].1.as_str()), ("~", "x"));
    assert_eq!(cwd.unwrap(), world.path("sub/x"));
    let headers = vec![("K".to_owned(), "x".to_owned())];
    assert_eq!(
        config.servers[1].launch,
        Launch::Remote { url: "https://x/".to_owned(), headers, kind: RemoteKind::Unsaid }
    );
    let Launch::Child { cwd: Some(cwd), .. } = &config.servers[2].launch else { panic!("no folder") };
    assert_eq!(*cwd, world.path("user"));
}

#[test]
fn every_missing_variable_is_named() {
    assert_snapshot!(told(r#"{"mcpServers": {"a": {"command": "${A}", "args": ["${B}"], "env": {"K": "${C}"}},
        "off": {"command": "${D}", "args": ["${E}"], "disabled": true}}}"#), @"
    warning: r.json:1: mcpServers.a.args[0]: ${B} is not set; set B where mcporch is started, or write ${B:-default}
    warning: r.json:1: mcpServers.a.env.K: ${C} is not set; set C where mcporch is started, or write ${C:-default}
    refused: r.json:1: mcpServers.a.command: ${A} is not set; set A where mcporch is started, or write ${A:-default}
    refused: r.json:2: mcpServers.off.command: ${D} is not set; set D where mcporch is started, or write ${D:-default}
    ");
}

#[test]
fn required_variables_may_stand_in_the_entry() {
    let config = loaded(r#"{"servers": {"a": {"command": "a", "env": {"K": "v"}, "required_env": ["K"]}}}"#);
    assert_eq!(config.servers[0].refusal, None);
    assert_eq!(child(&config).2, [("K".to_owned(), "v".to_owned())]);
    let config = loaded(r#"{"servers": {"a": {"command": "a", "required_env": ["HOME"]}}}"#);
    assert_eq!((config.servers[0].refusal.clone(), child(&config).2), (None, &[][..]));
}

#[test]
fn disabled_servers_stay_known() {
    let config = loaded(
        r#"{"mcpServers": {"a": {"command": "a", "disabled": true}, "b": {"command": "b", "enabled": false},
            "c": {"command": "c", "enabled": true, "disabled": false}}}"#,
    );
    assert_eq!(config.servers.iter().map(|server| server.disabled).collect::<Vec<_>>(), [true, true, false]);
}

#[track_caller]
fn check_is_own(command: &str, args: &[&str], expected: bool) {
    let text = json!({"mcpServers": {"a": {"command": command, "args": args}}}).to_string();
    let mut world = world(&text).file("bin/router", "");
    world.env.exe = Some(world.path("bin/router"));
    assert_eq!(world.load().servers.is_empty(), expected, "{command} {args:?}");
}

#[test]
fn an_entry_that_would_start_mcporch_itself_is_skipped() {
    assert_snapshot!(told(r#"{"mcpServers": {"me": {"command": "/opt/mcporch", "args": []}, "x": {"command": "x"}}}"#), @"warning: r.json:1: mcpServers.me: the entry is skipped, since it would start mcporch itself; remove it from this file; only clients need it");
    check_is_own("mcporch", &[], true);
    check_is_own("C:\\Tools\\MCPORCH.EXE", &["--home", "x"], true);
    check_is_own("npx", &["-y", "mcporch"], true);
    check_is_own("npx", &["-y", "@someone/mcporch@1.2.3"], true);
    check_is_own("/usr/bin/env", &["A=b", "mcporch"], true);
    check_is_own("pnpm", &["dlx", "mcporch@latest"], true);
    check_is_own("sh", &["-c", "cd /tmp && exec mcporch --home x"], true);
    check_is_own("cmd", &["/c", "mcporch.exe"], true);
    check_is_own("mcporch", &["demo-server", "files"], false);
    check_is_own("sh", &["-c", "mcporch demo-server"], false);
    check_is_own("uv", &["--directory", "/src/mcporch", "run", "server.py"], false);
    check_is_own("uv", &["run", "--directory", "mcporch", "server.py"], false);
    check_is_own("uv", &["tool", "run", "mcporch"], true);
    check_is_own("npm", &["install", "mcporch"], false);
    check_is_own("server-filesystem", &["/src/mcporch"], false);
    check_is_own("npx", &["-y", "server-filesystem", "/src/mcporch"], false);
    check_is_own("sh", &["-c", "server-filesystem /src/mcporch"], false);
    check_is_own("router", &[], false);
}

#[cfg(unix)]
#[test]
fn our_own_program_is_known_under_any_name() {
    let world = World::new().file("bin/router", "");
    std::os::unix::fs::symlink(world.path("bin/router"), world.path("bin/other")).unwrap();
    let other = world.path("bin/other");
    let text = json!({"mcpServers": {"a": {"command": other}, "b": {"command": "wrap", "args": [other]}}}).to_string();
    let mut world = world.file("r.json", text).registry("r.json");
    world.env.exe = Some(world.path("bin/router"));
    assert_eq!(shown(&world.load()), Vec::<String>::new());
}

#[test]
fn the_first_level_with_a_file_wins() {
    let file = |name: &str| format!(r#"{{"mcpServers": {{"{name}": {{"command": "x"}}}}}}"#);
    let names = |world: &World| world.load().servers.iter().map(|server| server.name.to_string()).collect::<Vec<_>>();
    let world = World::new();
    assert_snapshot!(world.told(), @r#"warning: home/config/registry.json: there is no registry, so there are no servers; write {"mcpServers": {"NAME": {"command": "…", "args": []}}} to that file, or pass --registry FILE"#);
    let world = world.file("user/.mcp.json", file("user"));
    assert_eq!(names(&world), ["user"]);
    let world =
        world.file("home/config/mcp_servers.json", file("second")).file("home/config/registry.json", file("first"));
    assert_eq!(names(&world), ["first", "second"]);
    let world = world.file("e1.json", file("e1")).file("e2.json", file("e2"));
    let list = std::env::join_paths([world.path("e1.json"), world.path("e2.json")]).unwrap();
    let world = world.var("MCPORCH_REGISTRY", list.to_str().unwrap());
    assert_eq!(names(&world), ["e1", "e2"]);
    let world = world.file("f.json", file("flag")).registry("f.json");
    assert_eq!(names(&world), ["flag"]);
}

#[test]
fn a_registry_that_was_named_must_exist() {
    assert_snapshot!(World::new().registry("none.json").told(), @"error: none.json: --registry: no such file; correct the path or create the file");
    let world = World::new();
    let path = world.path("none.json");
    assert_snapshot!(world.var("MCPORCH_REGISTRY", path.to_str().unwrap()).told(), @"error: none.json: MCPORCH_REGISTRY: no such file; correct the path or create the file");
    let twice =
        World::new().file("r.json", r#"{"mcps": {"a": {"command": "a"}}}"#).registry("r.json").registry("r.json");
    assert_snapshot!(twice.told(), @"warning: r.json: this registry is named twice and read once; name it once");
}

#[test]
fn servers_know_where_they_stand() {
    let world = world("{\n\"mcpServers\": {\n\n\"my.srv\": {\"command\": \"a\"}}}");
    let origin = world.load().servers[0].origin.clone();
    assert_eq!(origin, Origin { file: world.path("r.json"), line: 4, key: r#"mcpServers["my.srv"]"#.to_owned() });
}

#[test]
fn the_fingerprint_is_that_of_what_is_started() {
    let print = |entry: &str, var: &str| {
        let world = world(&format!(r#"{{"mcpServers": {{"a": {entry}}}}}"#)).var("V", var);
        world.load().servers[0].fingerprint.clone()
    };
    let first = print(r#"{"command": "a", "args": ["x"], "env": {"A": "1", "B": "${V}"}}"#, "v");
    assert_eq!(first.len(), 64);
    assert_eq!(
        first,
        print(r#"{"env": {"B": "${V}", "A": "1"}, "command": "a", "args": ["x"], "keywords": ["k"]}"#, "v")
    );
    for other in [
        print(r#"{"command": "a", "args": ["x"], "env": {"A": "1", "B": "${V}"}}"#, "w"),
        print(r#"{"command": "a", "args": ["x", ""], "env": {"A": "1", "B": "v"}}"#, "v"),
        print(r#"{"command": "ax", "args": [], "env": {"A": "1", "B": "v"}}"#, "v"),
        print(r#"{"command": "a", "args": ["x"], "env": {"A": "1", "B": "v"}, "cwd": "/"}"#, "v"),
    ] {
        assert_ne!(first, other);
    }
}

#[test]
fn a_remote_server_with_another_key_is_the_same_server() {
    let print = |entry: &str, var: &str| {
        let world = world(&format!(r#"{{"mcpServers": {{"a": {entry}}}}}"#)).var("V", var);
        world.load().servers[0].fingerprint.clone()
    };
    let entry = r#"{"url": "https://x.example/mcp", "headers": {"Authorization": "Bearer ${V}", "B": "1"}}"#;
    let first = print(entry, "v");
    assert_eq!(first, print(entry, "w"));
    assert_ne!(first, print(r#"{"url": "https://x.example/mcp", "headers": {"Authorization": "Bearer ${V}"}}"#, "v"));
    assert_ne!(first, print(&entry.replace("/mcp", "/sse"), "v"));
    assert_ne!(first, print(&entry.replace("\"url\"", "\"type\": \"sse\", \"url\""), "v"));
}

#[test]
fn debug_output_shows_no_secret() {
    let world = world(
        r#"{"mcpServers": {"a": {"command": "a", "args": ["--key=${S}"], "env": {"K": "${S}", "L": "hidden-two"}},
            "b": {"url": "https://u:${S}@x.example/${S}?k=${S}", "headers": {"Authorization": "Bearer ${S}"}},
            "c": {"command": "a", "env": {"K": "${S}"}, "required_env": ["S", "T"], "disabled": 3}}}"#,
    )
    .var("S", "hidden-one");
    let text = format!("{:?}", world.load());
    assert!(!text.contains("hidden-"), "{text}");
    assert!(text.contains(r#"env: ["K", "L"]"#) && text.contains("x.example"), "{text}");
}

#[test]
fn examples_load_without_a_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut request = Request::default();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The routes beside them are no registry.
        if path.extension().is_some_and(|end| end == "json") {
            request.registries.push(path);
        }
    }
    let world = World { request, ..World::new() }.var("CHAT_API_KEY", "k");
    assert_eq!(world.told(), "");
    let config = world.load();
    assert_eq!((config.registry_files.len(), config.servers.len()), (6, 11));
}

#[test]
fn shipped_hints_are_for_what_is_started_not_for_names() {
    let check = |command: &str, args: &[&str], is_known: bool| {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let launch = Launch::Child { command: command.to_owned(), args, env: Vec::new(), cwd: None };
        assert_eq!(known_hints(&launch).is_some(), is_known, "{command}");
    };
    check("mcp-server-memory", &[], true);
    check("/opt/bin/mcp-server-fetch", &[], true);
    check("npx", &["-y", "@modelcontextprotocol/server-memory@2026.8.31"], true);
    check("uvx", &["mcp-server-fetch==2026.10.24"], true);
    check("memory", &[], false);
    check("python", &["-m", "my-mcp-server-memory-like-thing"], false);
}

#[test]
fn every_known_server_has_a_file_of_tools_with_several_sentences_each() {
    for (program, tools, least) in [("mcp-server-time", 2, 5), ("workspace-mcp", 119, 5), ("git-mcp-server", 28, 5)] {
        let launch = Launch::Child { command: program.to_owned(), args: Vec::new(), env: Vec::new(), cwd: None };
        let hints = known_tool_hints(&launch);
        assert_eq!(hints.len(), tools, "{program}");
        for (tool, hints) in &hints {
            assert!(hints.examples.len() >= least, "{program} {tool}: {:?}", hints.examples);
            assert!(hints.examples.iter().all(|text| !text.trim().is_empty()), "{program} {tool}");
        }
    }
    let programs = known_servers::programs_without_tools();
    assert_eq!(programs, Vec::<String>::new(), "these name a file of tools that is not there, or is empty");
}

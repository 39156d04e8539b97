//! Behaviour of the settings: defaults, layers, origins, faults, the schema; and of the home.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use insta::assert_snapshot;
use tempfile::TempDir;

use super::*;
use crate::domain::Effect;

/// What is told about a settings file, the environment and `--set`, a line each.
fn told(file: &str, vars: &[(&str, &str)], overrides: &[&str]) -> String {
    match loaded(file, vars, overrides) {
        Ok(config) => {
            let lines: Vec<String> = config.warnings.iter().map(|fault| format!("warning: {fault}")).collect();
            lines.join("\n")
        }
        Err(told) => told,
    }
}

/// With a registry that is there and empty.
fn loaded(file: &str, vars: &[(&str, &str)], overrides: &[&str]) -> Result<Config, String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("config/mcporch.toml");
    fs::create_dir(dir.path().join("config")).unwrap();
    fs::write(path, file).unwrap();
    fs::write(dir.path().join("config/registry.json"), r#"{"mcpServers": {}}"#).unwrap();
    let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
    let request = Request { home: Some(dir.path().to_owned()), overrides, ..Request::default() };
    let clean = |text: String| text.replace(&format!("{}/", dir.path().display()), "");
    let mut config = load(&request, &MapEnv::new(vars)).map_err(|error| clean(error.to_string()))?;
    for fault in &mut config.warnings {
        fault.file = PathBuf::from(clean(fault.file.display().to_string()));
    }
    for value in &mut config.values {
        value.origin = clean(std::mem::take(&mut value.origin));
    }
    Ok(config)
}

#[test]
fn the_defaults_file_holds_every_setting_with_a_reason() {
    let schema = settings_file::plain_schema();
    let defaults = layers::defaults();
    let sections = schema["properties"].as_object().unwrap();
    assert_eq!(defaults.as_object().unwrap().len(), sections.len());
    for (section, rules) in sections {
        let keys = rules["properties"].as_object().unwrap();
        assert_eq!(defaults[section].as_object().unwrap().keys().collect::<Vec<_>>(), keys.keys().collect::<Vec<_>>());
        for (key, rule) in keys {
            assert!(rule["description"].is_string(), "{section}.{key} is not described");
        }
    }
    let lines: Vec<&str> = default_settings_text().lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#')) {
        assert!(lines[at - 1].starts_with("# "), "no reason above `{line}`");
    }
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let settings = Settings::default();
    assert_eq!(settings.servers.start_timeout, Duration::from_secs(60));
    assert_eq!(settings.servers.restart_backoff, Duration::from_millis(100));
    assert_eq!(settings.limits.line_bytes_max, 64 << 20);
    assert_eq!((settings.index.kind, settings.log.level), (IndexKind::Auto, LogLevel::Info));
    assert_eq!((settings.embedder.onnx_runtime, settings.log.file), (None, None));
    assert_eq!(settings.router.words_weight, 0.30);
    assert_eq!(loaded("", &[], &[]).unwrap().settings, Settings::default());
    // The whole file, read as a user's file, changes nothing and warns about nothing.
    let config = loaded(default_settings_text(), &[], &[]).unwrap();
    assert_eq!((config.settings, config.warnings), (Settings::default(), vec![]));
}

#[test]
fn the_schema_file_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/mcporch.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, schema()).unwrap();
    }
    let is_same = fs::read_to_string(&path).unwrap_or_default() == schema();
    assert!(is_same, "config/mcporch.schema.json is old; run `UPDATE=1 cargo test schema` and look at the difference");
}

#[test]
fn the_schema_accepts_the_defaults() {
    let schema = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&layers::defaults()));
    assert!(validator.is_valid(&serde_json::json!({"log": {"level": "debug"}})));
    assert!(!validator.is_valid(&serde_json::json!({"log": {"level": "loud"}})));
    assert!(!validator.is_valid(&serde_json::json!({"servers": {"start_timeout_s": 0}})));
    assert!(!validator.is_valid(&serde_json::json!({"serverz": {}})));
}

#[test]
fn later_layers_win_and_are_named() {
    let file = "[log]\nlevel = \"warn\"\nformat = \"json\"\n[servers]\nstart_timeout_s = 5\ncall_timeout_s = 6\n";
    let vars = [("MCPORCH_SERVERS_START_TIMEOUT_S", "7"), ("MCPORCH_LOG_LEVEL", "DEBUG"), ("MCPORCH_LOG_FILE", "")];
    let config =
        loaded(file, &vars, &["servers.start_timeout_s=8", "servers.pass_env=PATH, X_*", "index.kind=hnsw"]).unwrap();
    let changed: Vec<String> = config
        .settings_with_origin()
        .into_iter()
        .filter(|(.., origin)| origin != "default")
        .map(|(key, value, origin)| format!("{key} = {value} ({origin})"))
        .collect();
    assert_snapshot!(changed.join("\n"), @r#"
    servers.start_timeout_s = 8 (--set)
    servers.call_timeout_s = 6 (config/mcporch.toml:6)
    servers.pass_env = ["PATH","X_*"] (--set)
    index.kind = "hnsw" (--set)
    log.level = "debug" (environment MCPORCH_LOG_LEVEL)
    log.format = "json" (config/mcporch.toml:3)
    "#);
    assert_eq!(config.settings.servers.start_timeout, Duration::from_secs(8));
    assert_eq!(config.settings.index.kind, IndexKind::Hnsw);
    assert_eq!(
        config.values.len(),
        layers::defaults().as_object().unwrap().values().map(|s| s.as_object().unwrap().len()).sum::<usize>()
    );
}

#[test]
fn the_log_level_of_other_programs_is_read() {
    let level = |vars: &[(&str, &str)]| loaded("[log]\nlevel = \"trace\"", vars, &[]).unwrap().settings.log.level;
    assert_eq!(level(&[("MCP_LOG_LEVEL", "INFO")]), LogLevel::Info);
    assert_eq!(level(&[("MCP_LOG_LEVEL", "WARNING")]), LogLevel::Warn);
    assert_eq!(level(&[("MCP_LOG_LEVEL", "INFO"), ("MCPORCH_LOG_LEVEL", "error")]), LogLevel::Error);
    assert_eq!(level(&[("MCP_LOG_LEVEL", "verbose")]), LogLevel::Trace);
    assert_snapshot!(told("", &[("MCP_LOG_LEVEL", "verbose")], &[]), @r#"warning: environment: MCP_LOG_LEVEL: "verbose" is none of the choices, ignored; write "off" or "error" or "warn" or "info" or "debug" or "trace""#);
}

#[test]
fn wrong_values_are_named_with_file_line_and_range() {
    assert_snapshot!(told("[servers]\n\nstart_timeout_s = 0\n", &[], &[]), @"config/mcporch.toml:3: servers.start_timeout_s: 0 does not fit; write a whole number from 1 to 3600");
    assert_snapshot!(told("[servers]\nstart_timeout_s = 1.5\n[router]\nbar_read = 2\nwords_weight = nan", &[], &[]), @r#"
    config/mcporch.toml:2: servers.start_timeout_s: 1.5 does not fit; write a whole number from 1 to 3600
    config/mcporch.toml:4: router.bar_read: 2 does not fit; write a number from 0.0 to 1.0
    config/mcporch.toml:5: router.words_weight: "nan" does not fit; write a number from 0.0 to 1.0
    "#);
    assert_snapshot!(told("[log]\nlevel = 3\nformat = \"xml\"\nfile = true", &[], &[]), @r#"
    config/mcporch.toml:2: log.level: 3 is none of the choices; write "off" or "error" or "warn" or "info" or "debug" or "trace"
    config/mcporch.toml:3: log.format: "xml" is none of the choices; write "text" or "json"
    config/mcporch.toml:4: log.file: true does not fit; write a text
    "#);
    assert_snapshot!(told("[embedder]\nmodel = \"\"\nallow_download = \"yes\"\n[servers]\npass_env = [1]", &[], &[]), @r#"
    config/mcporch.toml:2: embedder.model: "" does not fit; write a text that is not empty
    config/mcporch.toml:3: embedder.allow_download: "yes" does not fit; write true or false
    config/mcporch.toml:5: servers.pass_env: [1] does not fit; write a list of texts
    "#);
    assert_snapshot!(told("", &[("MCPORCH_SERVERS_START_TIMEOUT_S", "soon")], &["servers.starts_in_parallel=0", "log", "log.levl=x"]), @r#"
    environment: MCPORCH_SERVERS_START_TIMEOUT_S: "soon" does not fit; write a whole number from 1 to 3600
    --set: servers.starts_in_parallel: 0 does not fit; write a whole number from 1 to 256
    --set: log: not a setting; write --set section.key=value
    --set: log.levl: no such setting; did you mean `level`?
    "#);
    assert_snapshot!(told("[servers]\ncall_timeout_s = 700", &[], &[]), @"config/mcporch.toml:2: servers.call_timeout_s: 700 is more than servers.call_ceiling_s = 600; change one of the two");
    assert_snapshot!(told("[servers]\ncall_ceiling_s = 60", &[], &[]), @"config/mcporch.toml:2: servers.call_ceiling_s: 60 is less than servers.call_timeout_s = 120; change one of the two");
    assert_snapshot!(told("[servers]\nrestart_backoff_ms = 3000\nrestart_backoff_max_s = 2", &[], &[]), @"config/mcporch.toml:3: servers.restart_backoff_max_s: 2 is less than servers.restart_backoff_ms = 3000; change one of the two");
}

#[test]
fn malformed_settings_files_are_named_with_their_line() {
    assert_snapshot!(told("[servers]\nstart_timeout_s 3\n", &[], &[]), @"config/mcporch.toml:2: key with no value, expected `=`; write TOML: `[section]` lines and `key = value` lines");
    assert_snapshot!(told("[log]\nlevel = \"info\"\nlevel = \"warn\"\n", &[], &[]), @"config/mcporch.toml:3: duplicate key; write TOML: `[section]` lines and `key = value` lines");
    assert_snapshot!(told("servers = 3\n", &[], &[]), @"warning: config/mcporch.toml:1: servers: unknown key, ignored; did you mean section [servers]?");
}

#[test]
fn unknown_settings_are_warnings_with_the_nearest_known_one() {
    assert_snapshot!(told("level = \"info\"\n[servers]\nstart_timeout = 3\n[server]\nstart_time = 3\n[log]\nzzz = 1\nbusy_timeout_ms = 3", &[], &[]), @"
    warning: config/mcporch.toml:1: level: unknown key, ignored; did you mean `level` in section [log]?
    warning: config/mcporch.toml:3: servers.start_timeout: unknown key, ignored; did you mean `start_timeout_s`?
    warning: config/mcporch.toml:5: server.start_time: unknown key, ignored; did you mean section [servers]?
    warning: config/mcporch.toml:7: log.zzz: unknown key, ignored; `mcporch config show` lists all settings
    warning: config/mcporch.toml:8: log.busy_timeout_ms: unknown key, ignored; did you mean `busy_timeout_ms` in section [catalog]?
    ");
    assert_snapshot!(told("", &[("MCPORCH_LOG_LEVLE", "info"), ("MCPORCH_OTHER", "x")], &[]), @"warning: environment: MCPORCH_LOG_LEVLE: no such setting, ignored; did you mean `MCPORCH_LOG_LEVEL`?");
}

#[test]
fn a_settings_file_that_was_named_must_exist() {
    let dir = TempDir::new().unwrap();
    let request = Request {
        home: Some(dir.path().to_owned()),
        settings_file: Some(dir.path().join("none.toml")),
        ..Request::default()
    };
    let error = load(&request, &MapEnv::default()).unwrap_err().to_string();
    assert_snapshot!(error.replace(dir.path().to_str().unwrap(), ""), @"/none.toml: --config: no such file; correct the path or create the file");
}

#[test]
fn passed_variables_are_chosen_by_name() {
    let servers = Settings::default().servers;
    for name in ["PATH", "HOME", "LC_ALL", "XDG_RUNTIME_DIR", "https_proxy"] {
        assert!(servers.passes(name), "{name}");
    }
    for name in ["OPENAI_API_KEY", "PATHX", "XLC_ALL", "LD_PRELOAD", "NODE_OPTIONS", ""] {
        assert!(!servers.passes(name), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_home_is_found() {
    let home = |asked: Option<&str>, vars: &[(&str, &str)]| {
        Home::find(asked.map(Path::new), &MapEnv::new(vars)).map(|home| home.root().display().to_string())
    };
    let all = [("MCPORCH_HOME", "/m"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
    assert_eq!(home(Some("/asked"), &all).unwrap(), "/asked");
    assert_eq!(home(None, &all).unwrap(), "/m");
    assert_eq!(home(None, &all[1..]).unwrap(), "/x/mcporch");
    assert_eq!(home(None, &all[2..]).unwrap(), "/h/.local/share/mcporch");
    assert_eq!(home(None, &[("XDG_DATA_HOME", "relative"), ("HOME", "/h")]).unwrap(), "/h/.local/share/mcporch");
    assert_snapshot!(home(None, &[]).unwrap_err(), @"no home for mcporch's files, since HOME is not set; pass --home FOLDER or set MCPORCH_HOME");
    let home = Home::at(Path::new("/m"));
    assert_eq!(
        [home.config(), home.models(), home.index(), home.logs()],
        ["/m/config", "/m/models", "/m/index", "/m/logs"].map(PathBuf::from)
    );
}

#[test]
fn paths_in_settings_are_expanded() {
    let vars = [("HOME", "/h"), ("USERPROFILE", "/h")];
    let file = "[embedder]\nmodel = \"~/model\"\nonnx_runtime = \"~/lib.so\"\n[log]\nfile = \"a.log\"";
    let config = loaded(file, &vars, &[]).unwrap();
    assert_eq!(Path::new(&config.settings.embedder.model), Path::new("/h/model"));
    assert_eq!(config.settings.embedder.onnx_runtime.as_deref(), Some(Path::new("/h/lib.so")));
    assert_eq!(config.settings.log.file, Some(config.home.logs().join("a.log")));
}

#[test]
fn the_process_environment_survives_odd_names() {
    for name in ["", "A=B", "A\0B"] {
        assert_eq!(ProcessEnv.var(name), None);
    }
}

#[test]
fn overrides_of_tools_are_read_with_their_lines() {
    let file = "[overrides.\"mail.search\"]\nalias = \"find_mail\"\nkeywords = [\"inbox\"]\neffect = \"read\"\n\
                [overrides.\"mail.*\"]\nhidden = true\n";
    let sets = ["overrides.\"mail.search\".hidden=false", "overrides.git.log.examples=who wrote this, why"];
    let config = loaded(file, &[], &sets).unwrap();
    let shown: Vec<String> = config
        .settings_with_origin()
        .into_iter()
        .filter(|(key, ..)| key.starts_with("overrides"))
        .map(|(key, value, origin)| format!("{key} = {value} ({origin})"))
        .collect();
    assert_snapshot!(shown.join("\n"), @r#"
    overrides."mail.search".alias = "find_mail" (config/mcporch.toml:2)
    overrides."mail.search".effect = "read" (config/mcporch.toml:4)
    overrides."mail.search".keywords = ["inbox"] (config/mcporch.toml:3)
    overrides."mail.search".hidden = false (--set)
    overrides."mail.*".hidden = true (config/mcporch.toml:6)
    overrides."git.log".examples = ["who wrote this","why"] (--set)
    "#);
    let search = &config.tool_overrides[0];
    assert_eq!(
        (search.alias.as_deref(), search.hidden, search.effect),
        (Some("find_mail"), Some(false), Some(Effect::Read))
    );
    let servers = [ServerName::parse("mail").unwrap()];
    let named: Vec<bool> = config.tool_overrides.iter().map(|one| one.names_one_of(&servers)).collect();
    assert_eq!(named, [true, true, false]);
}

#[test]
fn wrong_overrides_are_named_with_line_and_help() {
    let file = "[overrides.\"mail.search\"]\nalias = \"find mail\"\nkeyword = [\"inbox\"]\neffect = \"harmless\"\n\
                [overrides.\"mail.*\"]\ndescription = \"x\"\n[overrides.\"mail.*_all\"]\n[overrides.search]\n\
                [overrides.git.log]\nhidden = true\n[overrides]\n\"git.show\" = 3\n";
    assert_snapshot!(told(file, &[], &[]), @r#"
    config/mcporch.toml:2: overrides."mail.search".alias: "find mail" is no name for a tool; write one word without white space, at most 128 bytes
    config/mcporch.toml:4: overrides."mail.search".effect: "harmless" is none of the choices; write "read" or "write" or "destructive"
    config/mcporch.toml:6: overrides."mail.*".description: cannot be the same for several tools; give it to one tool, by its whole name
    config/mcporch.toml:7: overrides."mail.*_all": has a `*` that is not at its end; write [overrides."server.tool"], or "server.*" for all tools of a server
    config/mcporch.toml:8: overrides."search": names no tool of a server; write [overrides."server.tool"], or "server.*" for all tools of a server
    config/mcporch.toml:9: overrides."git": is no tool's name; write [overrides."git.log"], with the tool's whole name in quotes
    config/mcporch.toml:12: overrides."git.show": is no section; write a section [overrides."server.tool"] with one line for each thing you say
    "#);
    let twice = "[overrides.\"a.b\"]\nalias = \"x\"\n[overrides.\"c.d\"]\nalias = \"x\"";
    assert_snapshot!(told(twice, &[], &[]), @r#"config/mcporch.toml:4: overrides."c.d".alias: "x" is the alias of a.b already; give each tool an alias of its own"#);
    assert_snapshot!(told("[overrides.\"a.b\"]\nkeyword = [\"x\"]", &[("MCPORCH_OVERRIDES_A", "x")], &[]), @r#"
    warning: environment: MCPORCH_OVERRIDES_A: no such setting, ignored; overrides stand in the settings file, or in --set
    warning: config/mcporch.toml:2: overrides."a.b".keyword: unknown key, ignored; did you mean `keywords`?
    "#);
    assert_snapshot!(told("", &[], &["overrides.x=1", "overrides.\"a.b\".hiden=true"]), @r#"
    --set: overrides.x: names no tool; write --set 'overrides."server.tool".key=value'
    --set: overrides."a.b".hiden: unknown key, ignored; did you mean `hidden`?
    "#);
    assert_snapshot!(told("[override.\"a.b\"]\nhidden = true", &[], &[]), @"warning: config/mcporch.toml:1: override.a.b: unknown key, ignored; did you mean section [overrides]?");
}

#[test]
fn commands_are_whole_paths_or_tables() {
    let text = "[commands]\nallow = [\"/usr/bin/a\", { command = \"/usr/bin/npx\", args = [\"-y\", \"@x/*\"] }]\ndeny = [\"**/sudo\"]";
    let rules = loaded(text, &[], &[]).unwrap().settings.commands;
    let args = Some(vec!["-y".to_owned(), "@x/*".to_owned()]);
    assert_eq!(rules.allow[0], CommandPattern { command: "/usr/bin/a".to_owned(), args: None, sha256: None });
    assert_eq!((&rules.allow[1].args, rules.deny[0].command.as_str()), (&args, "**/sudo"));
    for wrong in
        ["\"npx\"", "7", "{ args = [] }", "{ command = \"/a\", arg = [] }", "{ command = \"/a\", sha256 = \"12\" }"]
    {
        let said = told(&format!("[commands]\nallow = [{wrong}]"), &[], &[]);
        assert!(
            said.contains(":2: commands.allow: ") && said.contains("a name alone is not enough"),
            "{wrong}: {said}"
        );
    }
}

#[test]
fn profiles_are_read_and_their_faults_named() {
    let file = "[profiles.work]\nservers = [\"git\"]\nprefix = false\n[profiles.all]\ninline_bytes_max = 0\n";
    let config = loaded(file, &[], &[]).unwrap();
    let profile = |name: &str, servers: Option<&str>, prefix, inline_bytes_max| ProfileSettings {
        name: name.to_owned(),
        servers: servers.map(|server| vec![server.to_owned()]),
        tools: None,
        prefix,
        inline_bytes_max,
    };
    assert_eq!(config.profiles, [profile("work", Some("git"), false, None), profile("all", None, true, Some(0))]);
    assert!(config.values.iter().any(|one| one.key == "profiles.work.prefix" && one.origin.ends_with(":3")));
    let check = |file: &str, expected: &str| {
        let told = told(file, &[], &[]);
        assert!(told.contains(expected), "{told}");
    };
    check("[profiles.\"a b\"]\nservers = []", "mcporch.toml:1: profiles.a b: is no name of a profile");
    check("[profiles.x]\ntools = \"all\"", "mcporch.toml:2: profiles.x.tools: \"all\" does not fit");
    check("[profiles.x]\nserver = []", "warning: config/mcporch.toml:2: profiles.x.server: unknown key, ignored");
    check("[profiles]\nx = 1", "mcporch.toml:2: profiles.x: is no section");
}

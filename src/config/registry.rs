//! Finds the registry files, tells their format by their top-level keys, and brings their servers together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::domain::{did_you_mean, nearest};

use super::blocks;
use super::entry::{self, Surroundings};
use super::home::{Home, set, user_folder};
use super::json::{self, Member, Node};
use super::values::join;
use super::{Env, Fault, Orchestrator, Request, ServerConfig, Settings, expand, needs, read};

/// Files that are looked for in the home's `config/`; all that exist are read together.
const HOME_FILES: &[&str] = &["registry.json", "mcp.json", ".mcp.json", "mcp_servers.json"];
/// Top-level keys whose value maps names to servers.
const SERVER_MAPS: &[&str] = &["mcpServers", "mcps", "servers", "context_servers", "mcp_servers"];
/// Other top-level keys that are known.
const OTHER_KEYS: &[&str] = &["orchestrator", "inputs", "$schema"];
/// Keys that make an object without a server map a plain map of servers.
const LAUNCH_KEYS: &[&str] = &["command", "url", "httpUrl", "serverUrl"];

/// What the registry files come to.
#[derive(Default)]
pub(super) struct Registry {
    pub(super) servers: Vec<ServerConfig>,
    pub(super) orchestrators: Vec<Orchestrator>,
    pub(super) files: Vec<PathBuf>,
    pub(super) warnings: Vec<Fault>,
    pub(super) advice: Vec<Fault>,
    pub(super) faults: Vec<Fault>,
}

/// Reads every file of the first level that has one.
pub(super) fn load(request: &Request, home: &Home, settings: &Settings, env: &dyn Env) -> Registry {
    let mut registry = Registry::default();
    let (asked_by, files) = find_files(request, home, env, &mut registry.warnings);
    if files.is_empty() {
        let path = home.config().join("registry.json");
        let help =
            r#"write {"mcpServers": {"NAME": {"command": "…", "args": []}}} to that file, or pass --registry FILE"#;
        registry.warnings.push(Fault::new(&path, 0, "", "there is no registry, so there are no servers", help));
    }
    let mut places = HashMap::new();
    for file in files {
        let first_new = registry.faults.len();
        registry.read(&file, &mut places, settings, env);
        // A fault of the whole file says who asked for the file.
        for fault in registry.faults[first_new..].iter_mut().filter(|fault| fault.line == 0) {
            fault.key = asked_by.to_owned();
        }
        registry.files.push(file);
    }
    needs::check(&mut registry.servers);
    registry
}

/// The files of the first level that has one, and the flag or variable that named them, if one did.
fn find_files(
    request: &Request,
    home: &Home,
    env: &dyn Env,
    warnings: &mut Vec<Fault>,
) -> (&'static str, Vec<PathBuf>) {
    // A file that was asked for must exist: to go on with other servers than those named would be a trap. Reading it
    // reports what is wrong.
    if !request.registries.is_empty() {
        return ("--registry", each_once(request.registries.clone(), warnings));
    }
    if let Some(list) = set(env, "MCPORCH_REGISTRY") {
        let files = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
        let files = files.map(|path| expand::tilde_path(&path, env)).collect();
        return ("MCPORCH_REGISTRY", each_once(files, warnings));
    }
    let in_home: Vec<PathBuf> =
        HOME_FILES.iter().map(|name| home.config().join(name)).filter(|path| path.exists()).collect();
    if !in_home.is_empty() {
        return ("", each_once(in_home, warnings));
    }
    let in_user_folder = user_folder(env).map(|folder| folder.join(".mcp.json")).filter(|path| path.exists());
    ("", in_user_folder.into_iter().collect())
}

/// Every file that may be read for this command line: those that are there, and those that would be if they were.
pub(super) fn candidates(request: &Request, home: &Home, env: &dyn Env) -> Vec<PathBuf> {
    if !request.registries.is_empty() {
        return request.registries.clone();
    }
    if let Some(list) = set(env, "MCPORCH_REGISTRY") {
        let files = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
        return files.map(|path| expand::tilde_path(&path, env)).collect();
    }
    let in_home = HOME_FILES.iter().map(|name| home.config().join(name));
    in_home.chain(user_folder(env).map(|folder| folder.join(".mcp.json"))).collect()
}

/// The same file named twice is read once; otherwise each of its servers would be defined twice.
fn each_once(files: Vec<PathBuf>, warnings: &mut Vec<Fault>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for file in files {
        let real = file.canonicalize().unwrap_or_else(|_| file.clone());
        if seen.contains(&real) {
            warnings.push(Fault::new(&file, 0, "", "this registry is named twice and read once", "name it once"));
        } else {
            seen.push(real);
            kept.push(std::path::absolute(&file).unwrap_or(file));
        }
    }
    kept
}

impl Registry {
    fn read(&mut self, file: &Path, places: &mut HashMap<String, String>, settings: &Settings, env: &dyn Env) {
        let root = match read::text(file).and_then(|text| json::parse(file, &text)) {
            Ok(root) => root,
            Err(fault) => return self.faults.push(fault),
        };
        let maps = match find_maps(file, &root) {
            Ok(maps) => maps,
            Err(fault) => return self.faults.push(fault),
        };
        self.check_top_level(file, &root, maps.is_empty());
        let orchestrator = root
            .members()
            .and_then(|members| members.iter().find(|member| member.key == "orchestrator"))
            .map(|member| blocks::orchestrator(file, member, &mut self.warnings));
        let around = Surroundings {
            file,
            settings: &settings.servers,
            call_timeout: orchestrator.as_ref().and_then(|block| block.default_timeout),
            env,
        };
        self.orchestrators.extend(orchestrator);
        for (path, servers) in maps {
            for member in servers {
                self.add(&path, member, &around, places);
            }
        }
    }

    fn add(&mut self, path: &str, member: &Member, around: &Surroundings<'_>, places: &mut HashMap<String, String>) {
        let key = join(path, &member.key);
        let place = format!("{}:{}", around.file.display(), member.line);
        if let Some(first) = places.insert(member.key.clone(), place) {
            let message = format!("server `{}` is already defined at {first}", member.key);
            let help = "give one of the two another name, or remove it";
            self.faults.push(Fault::new(around.file, member.line, key, message, help));
            places.insert(member.key.clone(), first);
            return;
        }
        let mut told = entry::Told::default();
        self.servers.extend(entry::read(key, member, around, &mut told));
        self.warnings.append(&mut told.warnings);
        self.advice.append(&mut told.advice);
    }

    /// Warns about keys that look like slips. A key that is like none of ours belongs to another program, whose settings
    /// file this may be.
    fn check_top_level(&mut self, file: &Path, root: &Node, has_no_map: bool) {
        let members = root.members().unwrap_or_default();
        let known: Vec<&str> = SERVER_MAPS.iter().chain(OTHER_KEYS).copied().collect();
        for (at, member) in members.iter().enumerate() {
            let fault =
                |message: String, help: String| Fault::new(file, member.line, member.key.clone(), message, help);
            if let Some(first) = members[..at].iter().find(|first| first.key == member.key) {
                let message = format!("`{}` is already defined at {}:{}", member.key, file.display(), first.line);
                self.faults.push(fault(message, "bring the two together".to_owned()));
            } else if !known.contains(&member.key.as_str())
                && let Some(help) = did_you_mean(&member.key, known.iter().copied()).filter(|_| !has_no_map)
                && !is_server(&member.value)
            {
                self.warnings.push(fault("unknown key, ignored".to_owned(), help));
            }
        }
        if members.is_empty() {
            let help = r#"write {"mcpServers": {"NAME": {"command": "…", "args": []}}}"#;
            self.warnings.push(Fault::new(file, root.line, "", "the file names no servers", help));
        }
    }
}

/// The maps of servers, each with the path of its key. An object whose every value looks like a server is such a map too.
fn find_maps<'a>(file: &Path, root: &'a Node) -> Result<Vec<(String, &'a [Member])>, Fault> {
    let example = r#"write {"mcpServers": {"NAME": {"command": "…", "args": []}}}"#;
    let Some(members) = root.members() else {
        let message = format!("expected an object, found {}", root.kind());
        return Err(Fault::new(file, root.line, "", message, example));
    };
    let mut maps = Vec::new();
    for member in members.iter().filter(|member| SERVER_MAPS.contains(&member.key.as_str())) {
        let Some(servers) = member.value.members() else {
            let message = format!("expected an object of servers, found {}", member.value.kind());
            return Err(Fault::new(file, member.value.line, &member.key, message, example));
        };
        maps.push((member.key.clone(), servers));
    }
    if maps.is_empty() && !members.is_empty() {
        if members.iter().all(|member| is_server(&member.value)) {
            return Ok(vec![(String::new(), members)]);
        }
        let meant = members
            .iter()
            .find_map(|member| nearest(&member.key, SERVER_MAPS.iter().copied()).map(|known| (member, known)));
        let message = format!("no servers: none of the keys {} is there", SERVER_MAPS.join(", "));
        return Err(match meant {
            Some((member, known)) => {
                Fault::new(file, member.line, &member.key, message, format!("did you mean `{known}`?"))
            }
            None => Fault::new(file, root.line, "", message, example),
        });
    }
    Ok(maps)
}

fn is_server(node: &Node) -> bool {
    node.members().is_some_and(|members| members.iter().any(|member| LAUNCH_KEYS.contains(&member.key.as_str())))
}

//! One entry of a registry file: every known key, whichever program it comes from, becomes a part of a [`ServerConfig`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::home::set;
use super::json::{Data, Member, Node};
use super::keys::{KEYS, Use};
use super::values::{At, flag, list, object, text, texts, time, time_of_either_unit};
use super::{
    Env, Fault, InheritEnv, Launch, Origin, RemoteKind, ServerConfig, ServersSettings, StaticTool, below, blocks,
    expand, oauth, recursion, sandbox, tool_entries,
};
use crate::domain::{Hints, ServerName};
use crate::secrets::{EnvFile, LateEnv, LateVariable, Place, is_secret_name};

/// What an entry is read with.
pub(super) struct Surroundings<'a> {
    pub(super) file: &'a Path,
    pub(super) settings: &'a ServersSettings,
    /// The file's own `default_timeout`.
    pub(super) call_timeout: Option<Duration>,
    pub(super) env: &'a dyn Env,
}

/// What is told of entries beside their refusals.
#[derive(Default)]
pub(super) struct Told {
    /// What is odd.
    pub(super) warnings: Vec<Fault>,
    /// What works and could be safer.
    pub(super) advice: Vec<Fault>,
}

/// Reads the entry at that path of keys. `None`, with a warning, when it is to be skipped: its name is none, or it would
/// start mcporch itself.
pub(super) fn read(key: String, member: &Member, around: &Surroundings<'_>, told: &mut Told) -> Option<ServerConfig> {
    let warnings = &mut told.warnings;
    let at = At { file: around.file, key };
    let name = match ServerName::parse(&member.key) {
        Ok(name) => name,
        Err(error) => {
            warnings.push(at.fault(member.line, format!("{error}; the entry is skipped"), "give it another name"));
            return None;
        }
    };
    let mut draft = Draft { around, parts: Parts::default(), faults: Vec::new(), odd: Vec::new(), advice: Vec::new() };
    draft.take_all(&at, &member.value);
    if let Some(command) = draft.parts.command.as_ref()
        && draft.parts.url.is_none()
        && recursion::starts_mcporch(command, &draft.parts.args, around.env)
    {
        let message = "the entry is skipped, since it would start mcporch itself";
        warnings.push(at.fault(member.line, message, "remove it from this file; only clients need it"));
        return None;
    }
    let line = member.line;
    warnings.append(&mut draft.odd);
    let mut advice = std::mem::take(&mut draft.advice);
    let server = draft.finish(name, &at, line);
    if !server.0.disabled {
        warnings.extend(server.1);
        told.advice.append(&mut advice);
    }
    Some(server.0)
}

/// What the keys say that is no field of [`ServerConfig`] yet.
#[derive(Default)]
struct Parts {
    title: String,
    command: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    late_env: LateEnv,
    inherit_env: InheritEnv,
    cwd: Option<PathBuf>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    oauth: Option<(super::OAuth, usize)>,
    private_hosts: Vec<String>,
    late_headers: Vec<LateVariable>,
    is_http_url: bool,
    transport: Option<Transport>,
    hints: Hints,
    tool_hints: Vec<(String, Hints)>,
    static_tools: Vec<StaticTool>,
    groups: Vec<String>,
    tools_allowed: Option<Vec<String>>,
    tools_denied: Vec<String>,
    start_timeout: Option<Duration>,
    list_timeout: Option<Duration>,
    call_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    required_env: Vec<(String, usize)>,
    health_check: Option<super::HealthCheck>,
    resources: Option<super::Resources>,
    start: super::Start,
    depends_on: Vec<ServerName>,
    stateful: Option<bool>,
    balance: Option<super::Balance>,
    sandbox: super::Sandbox,
    port: Option<u16>,
    health_endpoint: Option<String>,
    disabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Stdio,
    Remote(RemoteKind),
}

struct Draft<'a> {
    around: &'a Surroundings<'a>,
    parts: Parts,
    /// Each is a reason to refuse the server.
    faults: Vec<Fault>,
    /// Each is a warning.
    odd: Vec<Fault>,
    /// Each says what could be safer.
    advice: Vec<Fault>,
}

impl Draft<'_> {
    fn take_all(&mut self, at: &At<'_>, node: &Node) {
        let Some(members) = node.members() else {
            self.faults.push(at.wrong(node, "an object with `command` or `url`"));
            return;
        };
        for (index, member) in members.iter().enumerate() {
            if let Some(first) = members[..index].iter().find(|first| first.key == member.key) {
                self.faults.push(at.twice(member, first));
                continue;
            }
            let here = at.under(&member.key);
            let Some((_, wanted)) = KEYS.iter().find(|(key, _)| *key == member.key) else {
                let known: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
                self.odd.push(blocks::unknown(&here, member, &known));
                continue;
            };
            match self.take(*wanted, &here, &member.value) {
                Err(fault) if wanted.is_only_a_hint() => self.odd.push(fault),
                Err(fault) => self.faults.push(fault),
                Ok(()) => {}
            }
        }
        if let (None, Some((_, line))) = (&self.parts.url, &self.parts.oauth) {
            let message = "means nothing for a server that is started as a program, ignored";
            let help = "remove it, or connect to the server by `url`";
            self.odd.push(at.under("oauth").fault(*line, message, help));
        }
    }

    fn take(&mut self, wanted: Use, at: &At<'_>, node: &Node) -> Result<(), Fault> {
        match wanted {
            Use::Command => self.take_command(at, node)?,
            Use::Args => self.take_args(at, node)?,
            Use::Env => self.parts.env = self.pairs(at, node, true)?,
            Use::EnvFile => self.take_env_file(at, node)?,
            Use::InheritEnv => self.take_inherit_env(at, node)?,
            Use::Cwd => {
                let folder = self.resolved(at, node.line, &text(at, node)?).unwrap_or_default();
                let folder = PathBuf::from(expand::tilde(&folder, self.around.env));
                self.parts.cwd = Some(below(self.folder(), folder));
            }
            Use::Url => self.parts.url = self.resolved(at, node.line, &text(at, node)?),
            Use::HttpUrl => {
                self.parts.url = self.resolved(at, node.line, &text(at, node)?);
                self.parts.is_http_url = true;
            }
            Use::Headers => self.parts.headers = self.pairs(at, node, false)?,
            Use::OAuth => self.take_oauth(at, node)?,
            Use::PrivateHosts => {
                self.parts.private_hosts =
                    texts(at, node)?.iter().map(|host| host.trim().to_ascii_lowercase()).collect();
            }
            Use::Transport => self.parts.transport = Some(transport(at, node)?),
            Use::Title => self.parts.title = text(at, node)?,
            Use::Description => self.parts.hints.description = text(at, node)?,
            Use::Keywords => self.parts.hints.keywords.extend(texts(at, node)?),
            Use::Categories => self.parts.hints.categories.extend(texts(at, node)?),
            Use::Groups => self.parts.groups.extend(texts(at, node)?),
            Use::Examples => self.parts.hints.examples.extend(texts(at, node)?),
            Use::Tools => self.parts.static_tools = tool_entries::tools(at, node, &mut self.odd)?,
            Use::ToolHints => self.parts.tool_hints = tool_entries::tool_hints(at, node, &mut self.odd)?,
            Use::ToolsAllowed => self.parts.tools_allowed = Some(texts(at, node)?),
            Use::ToolsDenied => self.parts.tools_denied.extend(texts(at, node)?),
            Use::StartTimeout => self.parts.start_timeout = Some(time(at, node)?),
            Use::ListTimeout => self.parts.list_timeout = Some(time(at, node)?),
            Use::CallTimeout => self.parts.call_timeout = Some(time(at, node)?),
            Use::AnyTimeout => self.parts.call_timeout = Some(time_of_either_unit(at, node)?),
            Use::IdleTimeout => self.parts.idle_timeout = Some(time(at, node)?),
            Use::RequiredEnv => {
                self.parts.required_env = texts(at, node)?.into_iter().map(|name| (name, node.line)).collect();
            }
            Use::HealthCheck => self.parts.health_check = blocks::health_check(at, node, &mut self.odd)?,
            Use::Resources => self.parts.resources = Some(blocks::resources(at, node, &mut self.odd)?),
            Use::Start => self.parts.start = blocks::start(at, node)?,
            Use::DependsOn => self.parts.depends_on = blocks::depends_on(at, node)?,
            Use::Stateful => self.parts.stateful = Some(flag(at, node)?),
            Use::Balance => self.parts.balance = Some(blocks::balance(at, node)?),
            Use::SandboxLevel => self.parts.sandbox.level = Some(sandbox::level(at, node)?),
            Use::SandboxFallback => self.parts.sandbox.fallback = Some(sandbox::fallback(at, node)?),
            Use::Network => self.parts.sandbox.network = Some(flag(at, node)?),
            Use::ReadFolders => self.parts.sandbox.read_folders = self.folders(at, node)?,
            Use::WriteFolders => self.parts.sandbox.write_folders = self.folders(at, node)?,
            Use::Image => self.parts.sandbox.image = self.resolved(at, node.line, &text(at, node)?),
            Use::Port => self.parts.port = Some(blocks::port(at, node)?),
            Use::HealthEndpoint => self.parts.health_endpoint = Some(text(at, node)?),
            Use::Disabled => self.parts.disabled |= flag(at, node)?,
            Use::Enabled => self.parts.disabled |= !flag(at, node)?,
            Use::Foreign => {}
        }
        Ok(())
    }

    /// Folders, absolute: a relative one is taken from the registry file's folder.
    fn folders(&mut self, at: &At<'_>, node: &Node) -> Result<Vec<PathBuf>, Fault> {
        let base = self.around.file.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let mut folders = Vec::new();
        for (index, folder) in texts(at, node)?.iter().enumerate() {
            if let Some(folder) = self.resolved(&at.item(index), node.line, folder) {
                folders.push(below(&base, PathBuf::from(expand::tilde(&folder, self.around.env))));
            }
        }
        Ok(folders)
    }

    /// A text, or a list whose first item is the program and whose others are its first arguments.
    fn take_command(&mut self, at: &At<'_>, node: &Node) -> Result<(), Fault> {
        if let Data::List(items) = &node.data {
            let Some((first, others)) = items.split_first() else {
                return Err(at.wrong(node, "a program"));
            };
            self.take_command(&at.item(0), first)?;
            for (index, item) in others.iter().enumerate() {
                if let Some(arg) = self.scalar(&at.item(index + 1), item)? {
                    self.parts.args.insert(index, arg);
                }
            }
            return Ok(());
        }
        let command = text(at, node)?;
        if command.trim().is_empty() {
            return Err(at.fault(node.line, "the command is empty", "name the program to start"));
        }
        if command.contains(" -") || (command.contains(' ') && !command.contains(['/', '\\', '$'])) {
            let help = "put the arguments into `args`, one by one";
            self.odd.push(at.fault(node.line, "the command has a space in it and is taken as one program", help));
        }
        if let Some(command) = self.resolved(at, node.line, &command) {
            self.parts.command = Some(expand::tilde(&command, self.around.env));
        }
        Ok(())
    }

    /// How we present ourselves to the issuer of its tokens; `false` is as if it were not there.
    fn take_oauth(&mut self, at: &At<'_>, node: &Node) -> Result<(), Fault> {
        if matches!(node.data, Data::Bool(false) | Data::Null) {
            return Ok(());
        }
        let folder = self.around.file.parent().unwrap_or_else(|| Path::new(""));
        let (odd, advice) = (&mut self.odd, &mut self.advice);
        let mut reading = oauth::Reading { env: self.around.env, folder, odd, advice };
        self.parts.oauth = Some((oauth::oauth(at, node, &mut reading)?, node.line));
        Ok(())
    }

    /// A file, several of them, or `true` for `.env` beside the registry file.
    fn take_env_file(&mut self, at: &At<'_>, node: &Node) -> Result<(), Fault> {
        let files = match &node.data {
            Data::Bool(true) => vec![".env".to_owned()],
            Data::Bool(false) | Data::Null => Vec::new(),
            Data::Text(_) | Data::List(_) => texts(at, node)?,
            Data::Number(_) | Data::Object(_) => {
                return Err(at.wrong(node, "a path, a list of paths, or true for `.env`"));
            }
        };
        for file in files {
            let Some(file) = self.resolved(at, node.line, &file) else { continue };
            if file.trim().is_empty() {
                return Err(at.fault(node.line, "the path is empty", "name the file"));
            }
            let path = below(self.folder(), PathBuf::from(expand::tilde(&file, self.around.env)));
            self.parts.late_env.files.push(EnvFile { path, place: place(at, node.line) });
        }
        Ok(())
    }

    /// `true` for everything, or names of variables.
    fn take_inherit_env(&mut self, at: &At<'_>, node: &Node) -> Result<(), Fault> {
        self.parts.inherit_env = match &node.data {
            Data::Bool(true) => {
                let message = "the server gets every variable of mcporch, with the secrets of all others among them";
                self.advice.push(at.fault(node.line, message, "list the names that it needs"));
                InheritEnv::All
            }
            Data::Bool(false) => InheritEnv::default(),
            Data::Text(_) | Data::List(_) => InheritEnv::Names(texts(at, node)?),
            Data::Null | Data::Number(_) | Data::Object(_) => {
                return Err(at.wrong(node, "a list of names, in which `*` may end a name, or true"));
            }
        };
        Ok(())
    }

    /// The folder of the registry file.
    fn folder(&self) -> &Path {
        self.around.file.parent().unwrap_or_else(|| Path::new(""))
    }

    fn take_args(&mut self, at: &At<'_>, node: &Node) -> Result<(), Fault> {
        for (index, item) in list(at, node, "a list of texts, one per argument")?.iter().enumerate() {
            if let Data::Text(written) = &item.data {
                self.advise_on_argument(&at.item(index), item.line, written);
            }
            if let Some(arg) = self.scalar(&at.item(index), item)? {
                self.parts.args.push(arg);
            }
        }
        Ok(())
    }

    fn advise_on_argument(&mut self, at: &At<'_>, line: usize, written: &str) {
        if let Some(name) = expand::names(written).into_iter().find(|name| is_secret_name(name)) {
            let message = format!("${{{name}}} looks like a secret, and every user of the machine can read arguments");
            self.advice.push(at.fault(line, message, format!("put it under `env` if the server reads {name} there")));
        }
    }

    /// Names and resolved values, in file order. A `null` is as if the name were not there.
    fn pairs(&mut self, at: &At<'_>, node: &Node, is_env: bool) -> Result<Vec<(String, String)>, Fault> {
        let mut pairs = Vec::new();
        for member in object(at, node, "an object from names to texts")? {
            let at = at.under(&member.key);
            if member.key.is_empty() || member.key.contains(['\0', '\r', '\n']) || (is_env && member.key.contains('='))
            {
                return Err(at.fault(member.line, "nothing can have that name", "give it another name"));
            }
            if matches!(member.value.data, Data::Null) {
                self.odd.push(at.fault(member.line, "null is taken as not given", "remove it, or write a text"));
            } else if let Data::Text(text) = &member.value.data {
                if let Some(value) = self.variable(&at, member, text, is_env) {
                    pairs.push((member.key.clone(), value));
                }
            } else if let Some(value) = self.scalar(&at, &member.value)? {
                pairs.push((member.key.clone(), value));
            }
        }
        Ok(pairs)
    }

    /// A text with its references resolved; `None` when one of them cannot be. A number or a switch becomes a text.
    fn scalar(&mut self, at: &At<'_>, node: &Node) -> Result<Option<String>, Fault> {
        let (kind, plain) = match &node.data {
            Data::Text(it) => return Ok(self.resolved(at, node.line, it)),
            Data::Number(it) => ("number", it.clone()),
            Data::Bool(it) => ("switch", it.to_string()),
            Data::Null | Data::List(_) | Data::Object(_) => return Err(at.wrong(node, "a text")),
        };
        self.odd.push(at.fault(node.line, format!("the {kind} is taken as a text"), "write it in quotes"));
        Ok(Some(plain))
    }

    /// The value of a variable, or of a header. One with references that are read at the start is put aside for then.
    fn variable(&mut self, at: &At<'_>, member: &Member, text: &str, is_env: bool) -> Option<String> {
        let line = member.value.line;
        let template = match expand::template(text, self.around.env, self.folder()) {
            Ok(template) => template,
            Err(unresolved) => {
                self.faults.push(at.fault(line, unresolved.message(), unresolved.help()));
                return None;
            }
        };
        if template.plain().is_some() {
            return self.resolved(at, line, text);
        }
        let (name, place) = (member.key.clone(), place(at, line));
        let late = LateVariable { name, value: template, place };
        match is_env {
            true => self.parts.late_env.variables.push(late),
            false => self.parts.late_headers.push(late),
        }
        None
    }

    /// Keeps the fault and goes on, so that every missing variable is named at once.
    fn resolved(&mut self, at: &At<'_>, line: usize, text: &str) -> Option<String> {
        match expand::variables(text, self.around.env) {
            Ok(text) if text.contains('\0') => {
                self.faults.push(at.fault(line, "has a NUL character in it", "remove that character"));
                None
            }
            Ok(text) => Some(text),
            Err(unresolved) => {
                self.faults.push(at.fault(line, unresolved.message(), unresolved.help()));
                None
            }
        }
    }

    /// The server, and the faults beyond the one that is its refusal.
    fn finish(mut self, name: ServerName, at: &At<'_>, line: usize) -> (ServerConfig, Vec<Fault>) {
        self.find_required_env(at);
        let launch = self.launch(at, line);
        let parts = self.parts;
        let origin = Origin { file: self.around.file.to_owned(), line, key: at.key.clone() };
        let mut server = ServerConfig::new(name, launch, self.around.settings, origin);
        server.oauth = parts.oauth.map(|(oauth, _)| oauth).unwrap_or_default();
        server.private_hosts = parts.private_hosts;
        server.late_env = parts.late_env;
        server.inherit_env = parts.inherit_env;
        server.fingerprint = server.fingerprint_of_all();
        server.title = parts.title;
        server.hints = parts.hints;
        server.tool_hints = parts
            .static_tools
            .iter()
            .map(|tool| (tool.name.clone(), tool_entries::hints_of(tool)))
            .filter(|(_, hints)| *hints != Hints::default())
            .chain(parts.tool_hints)
            .collect();
        server.static_tools = parts.static_tools;
        server.groups = parts.groups;
        server.tools_allowed = parts.tools_allowed;
        server.tools_denied = parts.tools_denied;
        server.start_timeout = parts.start_timeout.unwrap_or(server.start_timeout);
        server.list_timeout = parts.list_timeout.unwrap_or(server.list_timeout);
        server.call_timeout = parts.call_timeout.or(self.around.call_timeout).unwrap_or(server.call_timeout);
        server.idle_timeout = parts.idle_timeout.unwrap_or(server.idle_timeout);
        server.required_env = parts.required_env.into_iter().map(|(name, _)| name).collect();
        server.health_check = parts.health_check;
        server.resources = parts.resources;
        server.start = parts.start;
        server.depends_on = parts.depends_on;
        server.stateful = parts.stateful;
        server.balance = parts.balance;
        server.sandbox = parts.sandbox;
        server.port = parts.port;
        server.health_endpoint = parts.health_endpoint;
        server.disabled = parts.disabled;
        let mut faults = self.faults.into_iter();
        server.refusal = faults.next();
        (server, faults.collect())
    }

    /// A variable that a server requires is passed on to it, for the environment that every server gets is small.
    fn find_required_env(&mut self, at: &At<'_>) {
        let mut missing = Vec::new();
        for (name, _) in &self.parts.required_env {
            let is_late = self.parts.late_env.variables.iter().any(|variable| variable.name == *name);
            if is_late || self.parts.env.iter().any(|(given, value)| given == name && !value.is_empty()) {
                continue;
            }
            match set(self.around.env, name) {
                // Every server gets it anyway, and PATH may still be repaired.
                Some(_) if self.around.settings.passes(name) => {}
                Some(value) => {
                    self.parts.env.retain(|(given, _)| given != name);
                    self.parts.env.push((name.clone(), value));
                }
                // Its env files are read when it starts.
                None if !self.parts.late_env.files.is_empty() => self.parts.late_env.required.push(name.clone()),
                None => missing.push(name.as_str()),
            }
        }
        if let (false, Some((_, line))) = (missing.is_empty(), self.parts.required_env.first()) {
            let (verb, them) = if missing.len() == 1 { ("is", "it") } else { ("are", "them") };
            let message = format!("{} {verb} required and not set", missing.join(", "));
            let help = format!("set {them} where mcporch is started, or under `env`");
            self.faults.push(at.under("required_env").fault(*line, message, help));
        }
    }

    fn launch(&mut self, at: &At<'_>, line: usize) -> Launch {
        let is_remote = match self.parts.transport {
            Some(Transport::Remote(_)) => true,
            Some(Transport::Stdio) => false,
            None => self.parts.command.is_none() && self.parts.url.is_some(),
        };
        // A part that is there but could not be resolved has its own fault already.
        if self.faults.is_empty() {
            let has = (self.parts.command.is_some(), self.parts.url.is_some(), self.parts.transport);
            let problem = match has {
                (true, true, None) => Some(("has both `command` and `url`", "keep one of the two, or add `type`")),
                (false, false, None) => Some(("has neither `command` nor `url`", "say what to start or to connect to")),
                (_, false, Some(Transport::Remote(_))) => Some(("`url` is missing", "say where the server is")),
                (false, _, Some(Transport::Stdio)) => Some(("`command` is missing", "name the program to start")),
                _ => None,
            };
            let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
            if let Some((message, help)) = problem {
                self.faults.push(at.fault(line, message, help));
            } else if is_remote && !self.parts.url.as_ref().is_some_and(is_web) {
                let help = "write an address that begins with https:// or http://";
                self.faults.push(at.under("url").fault(line, "is no web address", help));
            }
        }
        let parts = &mut self.parts;
        if is_remote {
            let kind = match parts.transport {
                Some(Transport::Remote(kind)) => kind,
                Some(Transport::Stdio) | None if parts.is_http_url => RemoteKind::Http,
                Some(Transport::Stdio) | None => RemoteKind::Unsaid,
            };
            let (url, headers) = (parts.url.take().unwrap_or_default(), std::mem::take(&mut parts.headers));
            // It has no environment: what is read at each start are headers.
            parts.late_env = LateEnv { variables: std::mem::take(&mut parts.late_headers), ..LateEnv::default() };
            return Launch::Remote { url, headers, kind };
        }
        Launch::Child {
            command: parts.command.take().unwrap_or_default(),
            args: std::mem::take(&mut parts.args),
            env: std::mem::take(&mut parts.env),
            cwd: parts.cwd.take(),
        }
    }
}

fn place(at: &At<'_>, line: usize) -> Place {
    Place { file: at.file.to_owned(), line, key: at.key.clone() }
}

fn transport(at: &At<'_>, node: &Node) -> Result<Transport, Fault> {
    let word = text(at, node)?;
    let plain: String = word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "stdio" | "local" => Ok(Transport::Stdio),
        "http" | "streamablehttp" => Ok(Transport::Remote(RemoteKind::Http)),
        "remote" => Ok(Transport::Remote(RemoteKind::Unsaid)),
        "sse" => Ok(Transport::Remote(RemoteKind::Sse)),
        _ => {
            let help = r#"write "stdio", "http" or "sse""#;
            Err(at.fault(node.line, format!("`{word}` is no known transport"), help))
        }
    }
}

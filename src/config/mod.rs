//! What the operator asked for: every accepted file format becomes one checked, complete [`Config`], which knows where
//! each value came from. This room reads files and the environment and nothing else: it starts nothing, writes nothing,
//! and never shows the value of an environment variable.

mod blocks;
mod command_rules;
mod entry;
mod env;
mod error;
mod expand;
mod fault;
mod home;
mod json;
mod keys;
mod known_servers;
mod layers;
mod needs;
mod oauth;
mod profiles;
mod read;
mod recursion;
mod registry;
mod sandbox;
#[cfg(test)]
mod secret_tests;
mod server;
mod settings;
mod settings_audit;
mod settings_care;
mod settings_file;
mod settings_http;
mod settings_monitor;
mod settings_results;
mod settings_telemetry;
#[cfg(test)]
mod settings_tests;
mod settings_websocket;
#[cfg(test)]
mod tests;
mod toml_text;
mod tool_entries;
mod tool_overrides;
mod values;

use std::path::{Path, PathBuf};

pub use blocks::balance_of;
pub use env::{Env, MapEnv, ProcessEnv};
pub use error::Error;
pub use fault::Fault;
pub use home::Home;
pub use known_servers::{known_hints, known_tool_hints};
pub use oauth::OAuth;
pub use profiles::ProfileSettings;
pub use sandbox::{Sandbox, SandboxFallback, SandboxLevel, SandboxSettings};
pub use server::{
    Balance, HealthCheck, HealthMethod, InheritEnv, Launch, Orchestrator, Origin, RemoteKind, Resources, ServerConfig,
    Start, StaticTool, without_secrets,
};
pub use settings::{
    CatalogSettings, CommandPattern, CommandsSettings, DaemonSettings, EmbedderSettings, IndexKind, IndexSettings,
    LimitsSettings, LogFormat, LogLevel, LogSettings, RouterSettings, ServersSettings, Settings, SupervisionSettings,
};

pub use settings_audit::AuditSettings;
pub use settings_care::{AlertOccasion, AlertsSettings, MailEncryption, ServerLogsSettings};
pub use settings_http::HttpSettings;
pub use settings_monitor::MonitorSettings;
pub use settings_results::ResultsSettings;
pub use settings_telemetry::TelemetrySettings;
pub use settings_websocket::WebsocketSettings;
pub use tool_overrides::ToolOverride;

use crate::domain::ServerName;

/// What the command line says about configuration. `Default` is a command line without flags.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `--registry`, repeatable: registry files, read together; each must exist.
    pub registries: Vec<PathBuf>,
    /// `--config`: the settings file to read in place of the home's `config/mcporch.toml`; it must exist.
    pub settings_file: Option<PathBuf>,
    /// `--home`: the folder for everything mcporch writes.
    pub home: Option<PathBuf>,
    /// `--set`, repeatable: `section.key=value`, the highest layer of settings.
    pub overrides: Vec<String>,
}

/// Everything the operator asked for, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where mcporch keeps its files.
    pub home: Home,
    /// The settings after all layers.
    pub settings: Settings,
    /// Every setting with its value and its origin, in the order of the defaults file; then the overrides.
    pub values: Vec<SettingValue>,
    /// What the operator says about single tools, in the order of the settings file; each pattern once.
    pub tool_overrides: Vec<ToolOverride>,
    /// Views that the operator made, in the order of the settings file; each name once.
    pub profiles: Vec<ProfileSettings>,
    /// The servers, in the order of their files. One with a `refusal` must not be started.
    pub servers: Vec<ServerConfig>,
    /// The `orchestrator` blocks of the registry files that have one.
    pub orchestrators: Vec<Orchestrator>,
    /// What is odd but stops nothing: unknown keys, skipped entries, no registry at all.
    pub warnings: Vec<Fault>,
    /// What works and could be safer, such as a secret among arguments; for `config check` and `doctor`.
    pub advice: Vec<Fault>,
    /// The registry files that were read; empty when there is none.
    pub registry_files: Vec<PathBuf>,
}

/// One setting, for people: `servers.start_timeout_s`, `60`, `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingValue {
    /// `section.key`.
    pub key: String,
    /// As it would stand in the settings file.
    pub value: String,
    /// `default`, `FILE:LINE`, `environment NAME` or `--set`.
    pub origin: String,
}

impl Config {
    /// Key, value and origin of every setting, in the order of the defaults file.
    #[must_use]
    pub fn settings_with_origin(&self) -> Vec<(String, String, String)> {
        self.values.iter().map(|one| (one.key.clone(), one.value.clone(), one.origin.clone())).collect()
    }

    /// The server of that name.
    #[must_use]
    pub fn server(&self, name: &ServerName) -> Option<&ServerConfig> {
        self.servers.iter().find(|server| server.name == *name)
    }

    /// This configuration with the servers of another one added, and the names that both have: of those, the other one's
    /// server counts. Settings and home stay.
    #[must_use]
    pub fn with_servers_of(&self, other: &Self) -> (Self, Vec<ServerName>) {
        let mut both = self.clone();
        both.servers.retain(|server| other.server(&server.name).is_none());
        let is_here = |server: &&ServerConfig| self.server(&server.name).is_some();
        let replaced = other.servers.iter().filter(is_here).map(|server| server.name.clone()).collect();
        both.servers.extend(other.servers.iter().cloned());
        both.registry_files.extend(other.registry_files.iter().cloned());
        (both, replaced)
    }

    /// The warnings, then why single servers are refused. Disabled servers are left out.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        let refusals =
            self.servers.iter().filter(|server| !server.disabled).filter_map(|server| server.refusal.as_ref());
        self.warnings.iter().chain(refusals)
    }
}

/// Reads the settings and the registry. Blocking: a few small files.
///
/// Settings: defaults < settings file < environment < `--set`. Registry: `--registry` files, else those of
/// `MCPORCH_REGISTRY`, else those in the home's `config/`, else `~/.mcp.json`; the first level that has a file wins.
///
/// # Errors
/// [`Error::Faults`] holds every fault that leaves no trustworthy configuration: an unreadable or malformed file, a
/// setting out of its range, a server defined twice. What is wrong with one server only is that server's `refusal`.
pub fn load(request: &Request, env: &dyn Env) -> Result<Config, Error> {
    let home = Home::find(request.home.as_deref(), env)?;
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let layered = match layers::load(request, &home, env) {
        Ok(layered) => Some(layered),
        Err(found) => {
            faults.extend(found);
            None
        }
    };
    // A broken settings file must not hide what is wrong with the registry: one run names every fault.
    let settings = layered.as_ref().map_or_else(Settings::default, |layered| layered.settings.clone());
    let registry = registry::load(request, &home, &settings, env);
    faults.extend(registry.faults);
    let Some(layered) = layered.filter(|_| faults.is_empty()) else {
        return Err(Error::Faults { faults });
    };
    warnings.extend(layered.warnings);
    warnings.extend(registry.warnings);
    Ok(Config {
        home,
        settings: layered.settings,
        values: layered.values,
        tool_overrides: layered.tool_overrides,
        profiles: layered.profiles,
        servers: registry.servers,
        orchestrators: registry.orchestrators,
        warnings,
        advice: registry.advice,
        registry_files: registry.files,
    })
}

/// The files whose change may change the configuration, be they there or not.
#[must_use]
pub fn files_to_watch(request: &Request, env: &dyn Env) -> Vec<PathBuf> {
    let Ok(home) = Home::find(request.home.as_deref(), env) else { return Vec::new() };
    let settings = request.settings_file.clone().unwrap_or_else(|| home.config().join("mcporch.toml"));
    let mut files = registry::candidates(request, &home, env);
    files.push(settings);
    files
}

/// The home and the `[daemon]` settings alone, for whoever must be small and quick: without the registry, and where no layer
/// says a word of the daemon without the other settings too. Blocking: at most a small file.
///
/// # Errors
/// As [`load`], as far as it looks.
pub fn load_daemon(request: &Request, env: &dyn Env) -> Result<(Home, DaemonSettings), Error> {
    let home = Home::find(request.home.as_deref(), env)?;
    let settings = if layers::may_mention("daemon", request, &home, env) {
        layers::load(request, &home, env).map_err(|faults| Error::Faults { faults })?.settings
    } else {
        Settings::default()
    };
    Ok((home, settings.daemon))
}

/// The registry files that were asked for by name, as whole paths: those of the request, else those of `MCPORCH_REGISTRY`.
#[must_use]
pub fn asked_registries(request: &Request, env: &dyn Env) -> Vec<PathBuf> {
    let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    if !request.registries.is_empty() {
        return request.registries.iter().cloned().map(whole).collect();
    }
    let list = home::set(env, "MCPORCH_REGISTRY").unwrap_or_default();
    let files = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
    files.map(|path| whole(expand::tilde_path(&path, env))).collect()
}

/// The JSON Schema (draft 2020-12) of the settings file, indented, with a line feed at its end. It is what
/// `config/mcporch.schema.json` holds.
///
/// # Panics
/// Never: the schema is made of plain JSON values.
#[must_use]
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&settings_file::schema()).expect("a JSON value can be written");
    text.push('\n');
    text
}

/// The settings file with every default, its unit and its reason, as compiled in.
#[must_use]
pub fn default_settings_text() -> &'static str {
    layers::DEFAULTS
}

/// The path as given when absolute, else below the folder.
fn below(folder: &Path, path: PathBuf) -> PathBuf {
    if path.is_absolute() { path } else { folder.join(path) }
}

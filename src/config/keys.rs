//! The keys that an entry of a registry file may have, over all programs whose files are read.

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Command,
    Args,
    Env,
    EnvFile,
    InheritEnv,
    Cwd,
    Url,
    HttpUrl,
    Headers,
    Transport,
    Title,
    Description,
    Keywords,
    Categories,
    Groups,
    Examples,
    Tools,
    ToolHints,
    ToolsAllowed,
    ToolsDenied,
    StartTimeout,
    ListTimeout,
    CallTimeout,
    AnyTimeout,
    IdleTimeout,
    RequiredEnv,
    HealthCheck,
    Resources,
    Start,
    DependsOn,
    Stateful,
    Balance,
    SandboxLevel,
    SandboxFallback,
    Network,
    ReadFolders,
    WriteFolders,
    Image,
    Port,
    HealthEndpoint,
    Disabled,
    Enabled,
    /// Means something to another program and nothing to us.
    Foreign,
}

impl Use {
    /// Helps routing or is only shown: a wrong value is a warning, and the server runs without it.
    pub(super) fn is_only_a_hint(self) -> bool {
        matches!(
            self,
            Self::Title
                | Self::Description
                | Self::Keywords
                | Self::Categories
                | Self::Groups
                | Self::Examples
                | Self::Tools
                | Self::ToolHints
                | Self::Port
                | Self::HealthEndpoint
        )
    }
}

/// The keys of an entry. Ours first, so that of two equally near ones a message names ours.
pub(super) const KEYS: &[(&str, Use)] = &[
    ("command", Use::Command),
    ("args", Use::Args),
    ("env", Use::Env),
    ("env_file", Use::EnvFile),
    ("inherit_env", Use::InheritEnv),
    ("cwd", Use::Cwd),
    ("url", Use::Url),
    ("headers", Use::Headers),
    ("type", Use::Transport),
    ("description", Use::Description),
    ("keywords", Use::Keywords),
    ("categories", Use::Categories),
    ("groups", Use::Groups),
    ("examples", Use::Examples),
    ("tools", Use::Tools),
    ("tool_hints", Use::ToolHints),
    ("enabled_tools", Use::ToolsAllowed),
    ("disabled_tools", Use::ToolsDenied),
    ("startup_timeout", Use::StartTimeout),
    ("start_timeout_s", Use::StartTimeout),
    ("list_timeout_s", Use::ListTimeout),
    ("call_timeout_s", Use::CallTimeout),
    ("idle_timeout_s", Use::IdleTimeout),
    ("required_env", Use::RequiredEnv),
    ("health_check", Use::HealthCheck),
    ("resources", Use::Resources),
    ("start", Use::Start),
    ("depends_on", Use::DependsOn),
    ("stateful", Use::Stateful),
    ("balance", Use::Balance),
    ("sandbox", Use::SandboxLevel),
    ("sandbox_fallback", Use::SandboxFallback),
    ("network", Use::Network),
    ("read_folders", Use::ReadFolders),
    ("write_folders", Use::WriteFolders),
    ("image", Use::Image),
    ("disabled", Use::Disabled),
    ("enabled", Use::Enabled),
    ("name", Use::Title),
    ("title", Use::Title),
    ("displayName", Use::Title),
    ("port", Use::Port),
    ("health_endpoint", Use::HealthEndpoint),
    ("tags", Use::Keywords),
    ("capabilities", Use::Keywords),
    ("category", Use::Categories),
    ("group", Use::Groups),
    ("use_cases", Use::Examples),
    ("transport", Use::Transport),
    ("serverUrl", Use::Url),
    ("httpUrl", Use::HttpUrl),
    ("http_headers", Use::Headers),
    ("envFile", Use::EnvFile),
    ("includeTools", Use::ToolsAllowed),
    ("excludeTools", Use::ToolsDenied),
    ("startup_timeout_sec", Use::StartTimeout),
    ("tool_timeout_sec", Use::CallTimeout),
    ("timeout", Use::AnyTimeout),
    ("autoApprove", Use::Foreign),
    ("alwaysAllow", Use::Foreign),
    ("trust", Use::Foreign),
    ("dev", Use::Foreign),
    ("gallery", Use::Foreign),
    ("source", Use::Foreign),
    ("settings", Use::Foreign),
    ("version", Use::Foreign),
    ("author", Use::Foreign),
    ("icon", Use::Foreign),
    ("license", Use::Foreign),
    ("homepage", Use::Foreign),
    ("repository", Use::Foreign),
    ("comment", Use::Foreign),
    ("notes", Use::Foreign),
    ("$schema", Use::Foreign),
];

//! Which daemon is the right one: whoever asks for the same home, registry and settings shares one.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::cli::Global;
use crate::config::{self, DaemonSettings, Env, Home};
use crate::local_socket::{Error, Place, Surroundings, name_of};

/// Variables of ours that are no settings: what they say stands elsewhere in the identity, or is no daemon's business.
const NO_SETTINGS: &[&str] = &["MCPORCH_HOME", "MCPORCH_REGISTRY", "MCPORCH_ANCESTORS", "MCPORCH_STANDALONE"];

/// What makes a daemon. All paths are whole.
#[derive(Debug)]
pub(in crate::cli) struct Identity {
    pub(super) registries: Vec<PathBuf>,
    pub(super) settings_file: Option<PathBuf>,
    pub(super) user_folder: Option<PathBuf>,
    name: String,
}

impl Identity {
    /// From the command line and the environment.
    pub(in crate::cli) fn of(global: &Global, home: &Home, env: &dyn Env) -> Self {
        let request = global.request();
        let registries = config::asked_registries(&request, env);
        let settings_file =
            request.settings_file.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
        let user_folder = env.var("HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let is_setting =
            |name: &str| (name.starts_with("MCPORCH_") && !NO_SETTINGS.contains(&name)) || name == "MCP_LOG_LEVEL";
        let variables: Vec<String> = env
            .all()
            .into_iter()
            .filter(|(name, value)| is_setting(name) && !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut parts: Vec<&[u8]> = vec![b"home", home.root().as_os_str().as_bytes(), b"registries"];
        parts.extend(registries.iter().map(|file| file.as_os_str().as_bytes()));
        parts.push(b"settings");
        parts.extend(settings_file.iter().map(|file| file.as_os_str().as_bytes()));
        parts.push(b"set");
        parts.extend(request.overrides.iter().map(String::as_bytes));
        parts.push(b"variables");
        parts.extend(variables.iter().map(String::as_bytes));
        // `~` in a registry, and the registry in the user's folder.
        parts.push(b"user");
        parts.extend(user_folder.iter().map(|folder| folder.as_os_str().as_bytes()));
        let name = name_of(parts);
        Self { registries, settings_file, user_folder, name }
    }

    /// Where its socket lies.
    pub(in crate::cli) fn place(&self, settings: &DaemonSettings, env: &dyn Env) -> Result<Place, Error> {
        let around = Surroundings {
            asked: settings.run_folder.clone(),
            runtime: env.var("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from),
            temporary: std::env::temp_dir(),
        };
        Place::find(&around, &self.name)
    }
}

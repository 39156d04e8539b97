//! How closely each server is held: from the registry and the settings to what the room `isolation` understands.

use crate::config::{SandboxFallback, SandboxLevel, ServerConfig, Settings};
use crate::isolation::{Demand, Level};

/// What is demanded for this server.
pub(super) fn demand(server: &ServerConfig, settings: &Settings) -> Demand {
    let (own, general) = (&server.sandbox, &settings.sandbox);
    let level = sandbox_level(server, settings);
    let mut write_folders = own.write_folders.clone();
    if level == Level::Standard {
        write_folders.extend(general.write_folders.iter().cloned());
    }
    Demand {
        level,
        fallback_allowed: own.fallback.unwrap_or(general.fallback) == SandboxFallback::Allow,
        memory_bytes_max: server.resources.as_ref().and_then(|resources| resources.memory_bytes_max),
        cpu_cores_max: server.resources.as_ref().and_then(|resources| resources.cpu_cores_max),
        processes_max: general.processes_max,
        files_max: general.files_max,
        network: own.network,
        read_folders: own.read_folders.clone(),
        write_folders,
        image: own.image.clone(),
    }
}

/// The level that is asked for, by the entry or else by the settings.
#[must_use]
pub fn sandbox_level(server: &ServerConfig, settings: &Settings) -> Level {
    level(server.sandbox.level.unwrap_or(settings.sandbox.level))
}

fn level(level: SandboxLevel) -> Level {
    match level {
        SandboxLevel::None => Level::None,
        SandboxLevel::Basic => Level::Basic,
        SandboxLevel::Standard => Level::Standard,
        SandboxLevel::Strict => Level::Strict,
        SandboxLevel::Container => Level::Container,
    }
}

//! The second guard against mcporch starting itself: what the registry hides behind a script shows up in the
//! environment. Each server we start is told by which mcporch; an mcporch that finds itself in that list stops.

use sha2::{Digest, Sha256};

use crate::config::{Config, Env};

/// Names, separated by commas, of the mcporch configurations above this process.
const VARIABLE: &str = "MCPORCH_ANCESTORS";
/// Different configurations may stand above each other (an agent that is itself a server may have its own mcporch), but
/// not without end.
const DEPTH_MAX: usize = 8;

/// This mcporch would start itself.
#[derive(Debug, thiserror::Error)]
#[error(
    "mcporch was started by one of its own servers: an entry of {registry} leads back to mcporch; take it out of the \
     registry, or give the inner mcporch a registry of its own"
)]
pub struct Recursion {
    registry: String,
}

/// Where this process stands below others.
#[derive(Debug, Clone)]
pub struct Ancestry {
    above: Vec<String>,
    own: String,
    registry: String,
}

impl Ancestry {
    /// From the environment and what is configured.
    #[must_use]
    pub fn of(config: &Config, env: &dyn Env) -> Self {
        let mut hash = Sha256::new();
        for file in &config.registry_files {
            let whole = file.canonicalize().unwrap_or_else(|_| file.clone());
            hash.update(whole.to_string_lossy().as_bytes());
            hash.update([0]);
        }
        let own = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let above = env.var(VARIABLE).unwrap_or_default();
        let above = above.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let files: Vec<String> = config.registry_files.iter().map(|file| file.display().to_string()).collect();
        Self { above, own, registry: files.join(", ") }
    }

    /// # Errors
    /// [`Recursion`] when this configuration stands above itself.
    pub fn check(&self) -> Result<(), Recursion> {
        if self.above.contains(&self.own) || self.above.len() >= DEPTH_MAX {
            return Err(Recursion { registry: self.registry.clone() });
        }
        Ok(())
    }

    /// What our servers are told.
    #[must_use]
    pub fn variable(&self) -> (String, String) {
        let names: Vec<&str> = self.above.iter().map(String::as_str).chain([self.own.as_str()]).collect();
        (VARIABLE.to_owned(), names.join(","))
    }
}

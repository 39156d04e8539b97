//! Asks a server's health address.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;

use crate::supervisor::HttpGet;

/// One GET on a thread of its own; a status below 400 is well.
pub(super) fn http_get() -> HttpGet {
    Arc::new(|url, timeout| {
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || get(&url, timeout)).await;
            asked.unwrap_or_else(|_| Err("asking its health address broke off".to_owned()))
        })
    })
}

/// Blocking, for `timeout` at most. Messages hold no address: a key may be part of one.
fn get(url: &str, timeout: Duration) -> Result<(), String> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .timeout_global(Some(timeout))
        .user_agent(concat!("mcporch/", env!("CARGO_PKG_VERSION")));
    match config.build().new_agent().get(url).call() {
        Ok(answer) if answer.status().as_u16() < 400 => Ok(()),
        Ok(answer) => Err(format!("its health address answered {}", answer.status().as_u16())),
        Err(ureq::Error::Timeout(_)) => {
            Err(format!("its health address was silent for {:.1} s", timeout.as_secs_f64()))
        }
        Err(_) => Err("its health address could not be asked".to_owned()),
    }
}

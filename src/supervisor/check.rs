//! Asks one instance whether it is well.

use std::time::Duration;

use serde::Deserialize;

use crate::upstream::{self, CallOptions, SalvageLimits, Session};

use super::settings::{HealthCheck, HttpGet, Probe};

/// Asks once, with the check's own time limit.
///
/// # Errors
/// What was wrong, in a few words.
pub(super) async fn check(
    session: Session,
    health: HealthCheck,
    salvage: SalvageLimits,
    http_get: HttpGet,
) -> Result<(), String> {
    let timeout = health.timeout;
    let asked = async {
        match health.probe {
            Probe::Ping => match session.ping(timeout).await {
                // A server that does not know the question still answers.
                Ok(()) | Err(upstream::Error::Refused { .. }) => Ok(()),
                Err(fault) => Err(fault.to_string()),
            },
            Probe::ListTools => {
                session.list_tools(timeout, salvage).await.map(|_tools| ()).map_err(|fault| fault.to_string())
            }
            Probe::ToolCall { tool, arguments } => call(&session, &tool, &arguments, timeout).await,
            Probe::Http { url } => http_get(url, timeout).await,
        }
    };
    // The questions have the same limit; this one bounds whatever they forget.
    match tokio::time::timeout(timeout + timeout / 4, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {:.1} s", timeout.as_secs_f64())),
    }
}

async fn call(session: &Session, tool: &str, arguments: &str, timeout: Duration) -> Result<(), String> {
    #[derive(Deserialize)]
    struct ToolResult {
        #[serde(default, rename = "isError")]
        is_error: bool,
    }
    let options = CallOptions::own(timeout);
    let answer = session.call_tool(tool, arguments, &options).await.map_err(|fault| fault.to_string())?;
    let result: Result<ToolResult, _> = serde_json::from_str(answer.payload().unwrap_or_default());
    match result {
        Ok(result) if !result.is_error => Ok(()),
        Ok(_) => Err(format!("its tool {tool} answered with an error")),
        Err(fault) => Err(format!("its tool {tool} answered what cannot be read: {fault}")),
    }
}

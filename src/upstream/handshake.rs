//! Which era does the server speak? `server/discover` is asked first, as the specification advises; whatever a legacy
//! server answers, or does not answer, `initialize` follows on the same pipe. A server that dies of the question is
//! started again and asked the old way. rmcp's own probing gives up after a fixed ten seconds and then trips over the
//! late answer; a cold `npx` takes longer than that.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{Answer, CallOptions, Era, Error, Hello, LEGACY_VERSION, Limits, MODERN_VERSION, Phase, Session};

/// `UnsupportedProtocolVersionError` of 2026-07-28.
const UNSUPPORTED_VERSION: i64 = -32022;

/// In which order to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing is known: `server/discover`, then `initialize`.
    Probe,
    /// Known to be legacy: `initialize` alone.
    Legacy,
    /// Known to be modern: `server/discover`, then `initialize` if it is refused.
    Modern,
}

impl Plan {
    pub(super) fn for_era(known: Option<Era>) -> Self {
        match known {
            None => Self::Probe,
            Some(Era::Legacy) => Self::Legacy,
            Some(Era::Modern) => Self::Modern,
        }
    }

    /// What to try with a fresh process after this failure, if anything.
    pub(super) fn after(self, fault: &Error) -> Option<Self> {
        match (self, fault) {
            // It may have died of a first message that was not `initialize`.
            (Self::Probe | Self::Modern, Error::Died { .. }) => Some(Self::Legacy),
            // It may have become a modern server since.
            (Self::Legacy, Error::Refused { .. }) => Some(Self::Probe),
            _ => None,
        }
    }
}

/// Shakes hands before `deadline`.
pub(super) async fn shake(session: &Session, plan: Plan, limits: &Limits, deadline: Instant) -> Result<Hello, Error> {
    if plan == Plan::Legacy {
        return initialize(session, deadline, limits.start_timeout).await;
    }
    let discover = discover(session, deadline, limits.start_timeout);
    tokio::pin!(discover);
    let probe = limits.probe_timeout.min(deadline.saturating_duration_since(Instant::now()));
    match tokio::time::timeout(probe, &mut discover).await {
        Ok(Ok(Some(hello))) => Ok(hello),
        Ok(Ok(None)) => initialize(session, deadline, limits.start_timeout).await,
        Ok(Err(fault)) => Err(fault),
        // Silent so far: slow to start, or one that drops what it does not know. Both questions wait now, and the server
        // answers them in its own order: a modern one says yes to the first and no to the second.
        Err(_) => {
            let initialize = initialize(session, deadline, limits.start_timeout);
            tokio::pin!(initialize);
            tokio::select! {
                biased;
                late = &mut discover => match late? {
                    Some(hello) => Ok(hello),
                    None => initialize.await,
                },
                answer = &mut initialize => match answer {
                    Err(refusal @ Error::Refused { .. }) => match tokio::time::timeout(probe, discover).await {
                        Ok(Ok(Some(hello))) => Ok(hello),
                        _ => Err(refusal),
                    },
                    other => other,
                },
            }
        }
    }
}

/// Asks the modern way. `None`: the server is not modern.
async fn discover(session: &Session, deadline: Instant, whole: Duration) -> Result<Option<Hello>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Discovered {
        supported_versions: Vec<String>,
        #[serde(default)]
        capabilities: Value,
        #[serde(default)]
        instructions: Option<String>,
        #[serde(default, rename = "_meta")]
        meta: Value,
    }
    let options = options(deadline, whole);
    let answer = match session.exchange("server/discover", "", Some(Era::Modern), Phase::Start, &options).await {
        Ok(answer) => answer,
        Err(Error::TimedOut { server, phase, stderr, .. }) => {
            return Err(Error::TimedOut { server, phase, after: whole, stderr });
        }
        // A web server's way of saying that it does not know the question.
        Err(Error::HttpStatus { status: 400 | 404 | 405 | 406 | 415 | 422 | 500 | 501, .. }) => {
            return Ok(None);
        }
        Err(Error::BadAnswer { .. }) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let answer = match answer.payload() {
        // It speaks our version, and says so in refusing what it takes for another: asked once more, it should know better.
        Err(error) if offers_ours(error) => {
            session.exchange("server/discover", "", Some(Era::Modern), Phase::Start, &options).await?
        }
        _ => answer,
    };
    let Ok(result) = answer.payload() else { return Ok(None) };
    // What is no DiscoverResult, or offers no version of ours, is left to `initialize`.
    let Ok(found) = serde_json::from_str::<Discovered>(result) else { return Ok(None) };
    if !found.supported_versions.iter().any(|version| version == MODERN_VERSION) {
        return Ok(None);
    }
    let info = found.meta.get("io.modelcontextprotocol/serverInfo");
    let hello = hello(Era::Modern, MODERN_VERSION, info, &found.capabilities, found.instructions);
    session.listen(&found.capabilities);
    Ok(Some(hello))
}

/// Whether it is the error of a server that wants another version, and knows ours.
fn offers_ours(error: &str) -> bool {
    let error: Value = serde_json::from_str(error).unwrap_or_default();
    let supported = error.pointer("/data/supported").and_then(Value::as_array);
    let knows_ours = supported.is_some_and(|all| all.iter().any(|version| version == MODERN_VERSION));
    error.get("code").and_then(Value::as_i64) == Some(UNSUPPORTED_VERSION) && knows_ours
}

/// Asks the old way.
async fn initialize(session: &Session, deadline: Instant, whole: Duration) -> Result<Hello, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Initialized {
        protocol_version: String,
        #[serde(default)]
        capabilities: Value,
        #[serde(default)]
        server_info: Value,
        #[serde(default)]
        instructions: Option<String>,
    }
    let capabilities = session.shared().offer.capabilities.as_deref().unwrap_or("{}");
    let members = format!(
        "\"protocolVersion\":\"{LEGACY_VERSION}\",\"capabilities\":{capabilities},\
         \"clientInfo\":{{\"name\":\"mcporch\",\"version\":\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    let answer = session.exchange("initialize", &members, None, Phase::Start, &options(deadline, whole)).await;
    let answer: Answer = match answer {
        Err(Error::TimedOut { server, phase, stderr, .. }) => {
            return Err(Error::TimedOut { server, phase, after: whole, stderr });
        }
        other => other?,
    };
    let result = answer.payload().map_err(|error| session.refused("initialize", error))?;
    let found: Initialized = serde_json::from_str(result)
        .map_err(|fault| session.bad_answer("initialize", format!("a bad result: {fault}")))?;
    session.notify("notifications/initialized", None);
    Ok(hello(Era::Legacy, &found.protocol_version, Some(&found.server_info), &found.capabilities, found.instructions))
}

fn hello(era: Era, version: &str, info: Option<&Value>, capabilities: &Value, instructions: Option<String>) -> Hello {
    let said = |key: &str| info.and_then(|info| info.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned();
    Hello {
        era,
        protocol_version: version.to_owned(),
        name: said("name"),
        version: said("version"),
        instructions: instructions.unwrap_or_default(),
        capabilities: capabilities.to_string().into(),
        server_info: info.map_or_else(|| "{}".into(), |info| info.to_string().into()),
        has_tools: capabilities.get("tools").is_some(),
        tells_tool_changes: capabilities.pointer("/tools/listChanged").and_then(Value::as_bool).unwrap_or(false),
    }
}

fn options(deadline: Instant, whole: Duration) -> CallOptions {
    let left = deadline.saturating_duration_since(Instant::now()).min(whole);
    CallOptions::own(left)
}

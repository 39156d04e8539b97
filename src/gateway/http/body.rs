//! Reads the body of a request, under a limit and in time.

use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body, Bytes};
use hyper::{Response, StatusCode};

use super::answer::{INVALID_REQUEST, Reply, refuse};

/// What is wrong with a body before anybody looks into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum BodyFault {
    /// More than that, in bytes.
    #[error("the body has more than {0} bytes (limits.client_line_bytes_max)")]
    TooLong(usize),
    /// It took longer than that.
    #[error("the body did not come within {} ms (http.body_timeout_s)", .0.as_millis())]
    TooSlow(Duration),
    /// The client stopped in the middle.
    #[error("the body broke off")]
    BrokeOff,
}

impl BodyFault {
    /// As MCP clients are told.
    pub(super) fn refusal(self) -> Response<Reply> {
        let status = match self {
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::BrokeOff => StatusCode::BAD_REQUEST,
        };
        refuse(status, INVALID_REQUEST, &self.to_string())
    }
}

/// The whole body.
///
/// Cancel safe: what was read is lost with the request.
///
/// # Errors
/// [`BodyFault`].
pub(in crate::gateway) async fn read_body<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Bytes, BodyFault> {
    let is_announced_too_long = body.size_hint().lower() > bytes_max as u64;
    if is_announced_too_long {
        return Err(BodyFault::TooLong(bytes_max));
    }
    let gathered = tokio::time::timeout(timeout, gather(&mut body, bytes_max)).await;
    gathered.map_err(|_| BodyFault::TooSlow(timeout))?
}

async fn gather<B: Body<Data = Bytes> + Unpin>(body: &mut B, bytes_max: usize) -> Result<Bytes, BodyFault> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let Ok(frame) = frame else { return Err(BodyFault::BrokeOff) };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > bytes_max {
            return Err(BodyFault::TooLong(bytes_max));
        }
        if first.is_empty() && all.is_empty() {
            // The usual body comes in one piece, and is not copied.
            first = data;
            continue;
        }
        if all.is_empty() {
            let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            all.reserve(first.len() + data.len() + expected);
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

//! Reads the body of a request, under a limit and in time.

use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::{Response, StatusCode};

use super::answer::{INVALID_REQUEST, Reply, refuse};

/// The whole body, or the answer to who sent a bad one.
///
/// Cancel safe: what was read is lost with the request.
pub(super) async fn read(mut body: Incoming, bytes_max: usize, timeout: Duration) -> Result<Bytes, Response<Reply>> {
    let is_announced_too_long = body.size_hint().lower() > bytes_max as u64;
    if is_announced_too_long {
        return Err(too_long(bytes_max));
    }
    match tokio::time::timeout(timeout, gather(&mut body, bytes_max)).await {
        Ok(gathered) => gathered,
        Err(_) => {
            let what = format!("the body did not come within {} ms (http.body_timeout_s)", timeout.as_millis());
            Err(refuse(StatusCode::REQUEST_TIMEOUT, INVALID_REQUEST, &what))
        }
    }
}

async fn gather(body: &mut Incoming, bytes_max: usize) -> Result<Bytes, Response<Reply>> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let Ok(frame) = frame else {
            return Err(refuse(StatusCode::BAD_REQUEST, INVALID_REQUEST, "the body broke off"));
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > bytes_max {
            return Err(too_long(bytes_max));
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

fn too_long(bytes_max: usize) -> Response<Reply> {
    let what = format!("the body has more than {bytes_max} bytes (limits.client_line_bytes_max)");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, &what)
}

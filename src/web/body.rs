//! Bodies of answers, never longer than asked for.

use std::time::Duration;

use reqwest::Response;

use super::client::{Timeouts, named};
use super::{Error, shown};

/// The whole body. Not cancel safe: what was read is lost.
///
/// # Errors
/// [`Error::TooLong`] beyond `bytes_max`, [`Error::Late`] when the end did not come in time, and when the connection breaks.
pub async fn read_body(response: Response, bytes_max: usize, deadline: Duration) -> Result<Vec<u8>, Error> {
    let at = shown(response.url());
    if response.content_length().is_some_and(|len| len > bytes_max as u64) {
        return Err(Error::TooLong { at, bytes_max });
    }
    let (body, is_whole) = read(response, bytes_max, deadline).await?;
    if is_whole { Ok(body) } else { Err(Error::TooLong { at, bytes_max }) }
}

/// The body's first `bytes_max` bytes, for messages about failures. Not cancel safe.
///
/// # Errors
/// As [`read_body`], without the limit.
pub async fn read_start(response: Response, bytes_max: usize, deadline: Duration) -> Result<Vec<u8>, Error> {
    Ok(read(response, bytes_max, deadline).await?.0)
}

async fn read(mut response: Response, bytes_max: usize, deadline: Duration) -> Result<(Vec<u8>, bool), Error> {
    let url = response.url().clone();
    let timeouts = Timeouts { connect: deadline, answer: deadline, silence: None };
    let reading = async {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|fault| named(&url, fault, timeouts))? {
            let room = bytes_max - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                return Ok((body, false));
            }
        }
        Ok((body, true))
    };
    tokio::time::timeout(deadline, reading)
        .await
        .unwrap_or_else(|_| Err(Error::Late { at: shown(&url), after: deadline }))
}

//! A server inside this very process, over two in-memory pipes: the same messages as with a child, without a process.

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, SimplexStream, WriteHalf};
use tokio_util::sync::CancellationToken;

use crate::wire::LineWriter;

use super::session::Shared;
use super::{Limits, receive};

/// Bytes on their way in one direction before the writer waits.
const PIPE_BYTES: usize = 64 * 1024;

/// What the server reads from, and what it writes to.
pub type BuiltInStreams = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

/// A server that is built in. It must serve what it is given on tasks of its own, and end when its input ends.
#[derive(Clone)]
pub struct BuiltIn(Arc<dyn Fn(BuiltInStreams) + Send + Sync>);

impl BuiltIn {
    /// A server that `serve` starts; called on the runtime once for each session, and must not block.
    #[must_use]
    pub fn new(serve: impl Fn(BuiltInStreams) + Send + Sync + 'static) -> Self {
        Self(Arc::new(serve))
    }
}

impl fmt::Debug for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltIn").finish_non_exhaustive()
    }
}

/// What the server writes.
pub(super) type Output = ReadHalf<SimplexStream>;

/// Starts it.
pub(super) fn start(built_in: &BuiltIn, limits: &Limits) -> (LineWriter, Output) {
    let (its_input, input): (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) = tokio::io::simplex(PIPE_BYTES);
    let (output, its_output) = tokio::io::simplex(PIPE_BYTES);
    (built_in.0)((Box::new(its_input), Box::new(its_output)));
    (LineWriter::to_stream(input, limits.line_bytes_max), output)
}

/// Owns the session until one of the two ends it.
pub(super) async fn own(shared: Arc<Shared>, output: Output, stop: CancellationToken, limits: Limits) {
    let followed = receive::follow(shared.clone(), output, limits.line_bytes_max);
    tokio::pin!(followed);
    let how = tokio::select! {
        () = &mut followed => "closed its output",
        () = stop.cancelled() => {
            shared.link.close();
            // It ends when its input does; one that does not is let go.
            let _too_slow = tokio::time::timeout(limits.close_grace, followed).await;
            "was stopped"
        }
    };
    shared.ended(how.to_owned());
}

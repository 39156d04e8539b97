//! JSON-RPC over lines: read them under a limit, take an envelope apart without touching what is inside, write them
//! whole. Used on both edges. It must never parse a payload, and never block the runtime.

mod envelope;
mod line_reader;
mod line_writer;
mod members;
#[cfg(test)]
mod tests;

pub use envelope::{
    Envelope, EnvelopeKind, error_line, is_method, notification_line, owned_result_line, raw_error_line, request_line,
    result_line,
};
pub use line_reader::{Line, LineReader};
pub use line_writer::{LineWriter, WriteError, WriteWatch};
pub use members::Members;

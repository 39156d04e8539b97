//! The nouns of mcporch: servers, tools, calls and how sure we are. No input or output happens here, and nothing here
//! knows where a value came from.

mod access;
mod confidence;
mod effect;
mod ended;
mod error_chain;
mod input_schema;
mod moment;
mod nearest;
mod server_name;
#[cfg(test)]
mod tests;
mod tool;

pub use access::{Scope, Surface};
pub use confidence::Confidence;
pub use effect::{Effect, EffectSource};
pub use ended::{Act, CallOutcome, CallParams, Considered, Ended, Observer, Stage, Verb};
pub use error_chain::error_chain;
pub use input_schema::{InputSchema, Outline, Parameter};
pub use moment::Moment;
pub use nearest::{Misspelt, did_you_mean, nearest};
pub use server_name::{BadServerName, ServerName};
pub use tool::{Hints, Tool, ToolKey};

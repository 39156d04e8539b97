//! The nouns of mcporch: servers, tools, calls and how sure we are. No input or output happens here, and nothing here
//! knows where a value came from.

mod confidence;
mod effect;
mod server_name;
mod tool;

pub use confidence::Confidence;
pub use effect::Effect;
pub use server_name::{BadServerName, ServerName};
pub use tool::{Hints, Tool, ToolKey};

//! What is wrong with a set-up, and what to do about it: servers that fail, texts that mislead, tools that no request
//! finds, tools that cannot be told apart, overrides that do nothing. Findings are data; who asks shows them. It looks at
//! snapshots and facts and embeds its own probes; it starts nothing, changes nothing, and never sees a secret.

mod facts;
mod finding;
mod overrides;
mod probes;
mod routing;
mod suggestion;
mod suspicious;
#[cfg(test)]
mod tests;
mod texts;
mod unpinned;

pub use facts::{ServerFacts, ServerState, servers};
pub use finding::{Area, Finding, Severity};
pub use overrides::{Change, Effect, Share, effect, overrides};
pub use probes::{Probe, ProbeKind, Probes, Vectors};
pub use routing::{Figures, Routing, routing};
pub use texts::texts;
pub use unpinned::unpinned_package;

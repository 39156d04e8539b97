//! Why there is no configuration.

use super::Fault;

/// Why configuration could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files or settings are wrong; each fault is one line that names file, line and key.
    #[error("{}", lines(faults))]
    Faults {
        /// At least one.
        faults: Vec<Fault>,
    },
    /// No place for mcporch's files is known.
    #[error("no home for mcporch's files, since {variable} is not set; pass --home FOLDER or set MCPORCH_HOME")]
    NoHome {
        /// The variable that would have told.
        variable: &'static str,
    },
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

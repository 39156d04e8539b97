//! Why a program was not started.

use std::io;

use super::Level;

/// Why a program was not started. Who asked knows the server's name and adds it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system would not start the program itself.
    #[error("the program could not be started")]
    Program(#[source] io::Error),
    /// Something of ours around it failed.
    #[error("could not {doing}")]
    Around {
        /// What, such as "make a pipe to it".
        doing: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The process that starts it ended before it said anything.
    #[error("the process that was to start it {how}")]
    ShimLost {
        /// "exited with code 1", "was killed by signal 9".
        how: String,
    },
    /// It took too long.
    #[error("the program was not started within {seconds:.1} s")]
    TimedOut {
        /// The deadline that passed.
        seconds: f64,
    },
    /// The level cannot be had on this machine.
    #[error("sandbox level {level} cannot be had here: {reason}; {advice}")]
    Refused {
        /// The level asked for.
        level: Level,
        /// What is missing.
        reason: String,
        /// What to do.
        advice: String,
    },
}

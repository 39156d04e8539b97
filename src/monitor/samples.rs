//! What servers used and did, second by second.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One server at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSample<'a> {
    /// Its name.
    pub server: &'a str,
    /// The word for its state.
    pub state: &'static str,
    /// Processor use of all its processes, in percent of one core; `None` while it does not run.
    pub cpu_percent: Option<f64>,
    /// Resident memory of all its processes, in bytes; `None` while it does not run.
    pub memory_bytes: Option<u64>,
    /// Calls it was given so far.
    pub calls: u64,
    /// Calls that failed for a fault of it so far.
    pub errors: u64,
    /// Starts after a failure or by order so far.
    pub restarts: u64,
    /// Calls that run.
    pub in_flight: usize,
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// Instances that take calls.
    pub instances: usize,
}

/// How far back, and how fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Range {
    /// Ten minutes, each second.
    #[default]
    #[serde(rename = "10m")]
    TenMinutes,
    /// Seven days, each minute: averages, and maxima of memory and of calls in flight.
    #[serde(rename = "7d")]
    SevenDays,
}

impl Range {
    /// Seconds between two values.
    #[must_use]
    pub fn step_s(self) -> u32 {
        match self {
            Self::TenMinutes => 1,
            Self::SevenDays => 60,
        }
    }

    /// Values in each series.
    #[must_use]
    pub fn steps(self) -> usize {
        match self {
            Self::TenMinutes => 600,
            Self::SevenDays => 7 * 24 * 60,
        }
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "10m" => Ok(Self::TenMinutes),
            "7d" => Ok(Self::SevenDays),
            _ => Err(format!("there is no range {word:?}; there are 10m and 7d")),
        }
    }
}

/// What was measured over a time. All lists of all series have the same length; what was not measured is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Measured {
    /// Seconds between two values.
    pub step_s: u32,
    /// The moment of the first value, in seconds since 1970.
    pub from: i64,
    /// By server; `*` is the sum.
    pub series: BTreeMap<String, Series>,
}

/// One server over a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Series {
    /// Processor use in percent of one core; `null` while it did not run.
    pub cpu_percent: Vec<Option<f64>>,
    /// Resident memory in bytes; `null` while it did not run.
    pub memory_bytes: Vec<Option<u64>>,
    /// Calls that ended within the step.
    pub calls: Vec<Option<u64>>,
    /// Of these those that failed.
    pub errors: Vec<Option<u64>>,
    /// Calls that ran.
    pub in_flight: Vec<Option<u64>>,
}

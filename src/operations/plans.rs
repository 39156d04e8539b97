//! Plans: a call that was prepared and shown, and waits for its word. Each runs at most once.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::domain::Tool;

use super::Error;

/// Plans that are kept; then the oldest go. A guess: far more than a conversation has open questions.
const PLANS_MAX: usize = 256;
/// Parameters that all plans may hold together, in bytes as JSON; then the oldest go. A guess: some files' contents.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Letters and digits that are not mistaken for one another; a power of two of them.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnopqrstuvwxyz23456789";
/// Characters of an id behind its `p`: 35 bits, so that nobody hits upon one by chance.
const ID_CHARS: usize = 7;

/// Plans that wait, for all callers of this process.
#[derive(Debug)]
pub(super) struct Plans {
    time_to_live: Duration,
    /// Its keys are drawn by the system at start, so ids cannot be foretold.
    random: RandomState,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    plans: HashMap<String, Plan>,
    order: VecDeque<String>,
    issued: u64,
    bytes: usize,
}

/// A call that was checked and not made.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What is called.
    pub(super) tool: Arc<Tool>,
    /// With what; they fitted the tool's schema.
    pub(super) params: Value,
    /// Of the catalogue that it was made from.
    pub(super) generation: u64,
    /// When it lapses.
    expires: Instant,
    bytes: usize,
}

impl Waiting {
    fn forget_oldest(&mut self) {
        if let Some(plan) = self.order.pop_front().and_then(|id| self.plans.remove(&id)) {
            self.bytes -= plan.bytes;
        }
    }
}

impl Plans {
    pub(super) fn new(time_to_live: Duration) -> Self {
        Self { time_to_live, random: RandomState::new(), waiting: Mutex::default() }
    }

    /// Keeps the call and gives the id to ask for it with.
    pub(super) fn issue(&self, tool: &Arc<Tool>, params: &Value, generation: u64) -> String {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.issued += 1;
        let id = self.id(waiting.issued);
        let now = Instant::now();
        let (expires, bytes) = (now + self.time_to_live, params.to_string().len());
        let plan = Plan { tool: tool.clone(), params: params.clone(), generation, expires, bytes };
        waiting.plans.insert(id.clone(), plan);
        waiting.order.push_back(id.clone());
        waiting.bytes += bytes;
        // The oldest is the first to lapse; the new one itself always stays.
        while waiting.order.len() > 1 {
            let is_past =
                waiting.order.front().and_then(|id| waiting.plans.get(id)).is_none_or(|plan| plan.expires <= now);
            if !is_past && waiting.order.len() <= PLANS_MAX && waiting.bytes <= BYTES_MAX {
                break;
            }
            waiting.forget_oldest();
        }
        id
    }

    /// What the plan is, without using it up.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) fn look(&self, id: &str, generation: u64) -> Result<Plan, Error> {
        let found = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).plans.get(id.trim()).cloned();
        self.checked(id.trim(), found, generation)
    }

    /// Takes the plan out: whatever comes of it, it is used up. `generation` is today's.
    ///
    /// # Errors
    /// When it is not known, was used, has lapsed, or the catalogue has changed.
    pub(super) fn take(&self, id: &str, generation: u64) -> Result<Plan, Error> {
        let id = id.trim();
        let taken = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.order.retain(|known| known != id);
            let plan = waiting.plans.remove(id);
            waiting.bytes -= plan.as_ref().map_or(0, |plan| plan.bytes);
            plan
        };
        self.checked(id, taken, generation)
    }

    fn checked(&self, id: &str, found: Option<Plan>, generation: u64) -> Result<Plan, Error> {
        let shown: String = id.chars().take(40).collect();
        let Some(plan) = found else {
            let what = format!(
                "there is no plan {shown:?}: it was used already, or never made, or by another process. Send the request \
                 again to get a new one"
            );
            return Err(Error::NotFound { what });
        };
        let again =
            format!("nothing was run. Send the request again, or name \"tool\": \"{}\" with its params", plan.tool.key);
        if plan.expires <= Instant::now() {
            let seconds = self.time_to_live.as_secs();
            let what = format!("plan {shown:?} lapsed after {seconds} s (router.plan_ttl_s); {again}");
            return Err(Error::InvalidInput { what });
        }
        if plan.generation != generation {
            let what = format!("the tools have changed since plan {shown:?} was made; {again}");
            return Err(Error::InvalidInput { what });
        }
        Ok(plan)
    }

    fn id(&self, number: u64) -> String {
        let mut bits = self.random.hash_one(number);
        let mut id = String::from("p");
        for _ in 0..ID_CHARS {
            id.push(char::from(ALPHABET[(bits % 32) as usize]));
            bits /= 32;
        }
        id
    }
}

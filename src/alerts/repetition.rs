//! The same of the same server is told once in a while. What happens again meanwhile is counted, and told in one alert at the
//! end of that while, with the latest state: who was told of a recovery must hear that it did not last. Pure: time comes in.

use std::collections::BTreeMap;

use crate::domain::ServerName;

use super::{Alert, Occasion};

/// What was told of late.
#[derive(Debug)]
pub(super) struct Repetition {
    repeat_after_s: i64,
    stories: BTreeMap<ServerName, Story>,
}

#[derive(Debug)]
struct Story {
    since: i64,
    told: Vec<Occasion>,
    held: BTreeMap<Occasion, u32>,
    last_held: Option<Alert>,
}

impl Repetition {
    pub(super) fn new(repeat_after_s: i64) -> Self {
        Self { repeat_after_s, stories: BTreeMap::new() }
    }

    /// The alert, if it is to be told now. [`Repetition::due`] goes before.
    pub(super) fn admit(&mut self, alert: Alert, now: i64) -> Option<Alert> {
        if alert.occasion == Occasion::Test || self.repeat_after_s == 0 {
            return Some(alert);
        }
        let fresh = || Story { since: now, told: Vec::new(), held: BTreeMap::new(), last_held: None };
        let story = self.stories.entry(alert.server.clone()).or_insert_with(fresh);
        if story.told.contains(&alert.occasion) {
            *story.held.entry(alert.occasion).or_default() += 1;
            story.last_held = Some(alert);
            return None;
        }
        story.told.push(alert.occasion);
        // What is told now is the latest state, whatever was held before.
        Some(alert)
    }

    /// What is to be told of what was held; at the end of everything, `is_end`, all of it.
    pub(super) fn due(&mut self, now: i64, is_end: bool) -> Vec<Alert> {
        let repeat_after_s = self.repeat_after_s;
        let mut due = Vec::new();
        self.stories.retain(|_, story| {
            // A clock that was set back must not hold anything for ever.
            let is_over = is_end || now < story.since || now - story.since >= repeat_after_s;
            if !is_over {
                return true;
            }
            let Some(last) = story.last_held.take() else { return false };
            let held = std::mem::take(&mut story.held);
            due.push(summary(last, &held, now - story.since));
            // The next while begins with what was just told.
            *story = Story { since: now, told: held.into_keys().collect(), held: BTreeMap::new(), last_held: None };
            true
        });
        due
    }

    /// When something may be due next, in Unix seconds.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.stories.values().map(|story| story.since + self.repeat_after_s).min()
    }
}

fn summary(mut last: Alert, held: &BTreeMap<Occasion, u32>, seconds: i64) -> Alert {
    let times = |count: u32| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let counts: Vec<String> = held.iter().map(|(occasion, count)| format!("{occasion} {}", times(*count))).collect();
    for (occasion, count) in held {
        last.details.insert(format!("{occasion}_again"), count.to_string());
    }
    last.text = format!("again within {seconds} s: {}; last: {}", counts.join(", "), last.text);
    last
}

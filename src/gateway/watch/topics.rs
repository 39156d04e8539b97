//! What somebody wants to hear of.

use std::collections::BTreeSet;

use crate::domain::{Scope, ServerName};
use crate::monitor::{Topic, TopicSet};

/// Logs that one reader follows at once. A guess: a wall of them.
const LOGS_MAX: usize = 16;
/// What a word for a server's log begins with.
const LOG: &str = "log:";

/// Topics, and the servers whose logs are followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::gateway) struct Topics {
    pub(super) plain: TopicSet,
    pub(super) logs: BTreeSet<ServerName>,
}

impl Topics {
    /// All but logs, as far as somebody of that scope may hear of it.
    pub(in crate::gateway) fn all(scope: Scope) -> Self {
        let plain = Topic::ALL.into_iter().filter(|topic| scope.covers(needed(*topic))).collect();
        Self { plain, logs: BTreeSet::new() }
    }

    /// The topics of these words. `is_server` knows which servers there are.
    ///
    /// # Errors
    /// What is wrong with the first word that is none, or that needs more than this scope.
    pub(in crate::gateway) fn parse<'w>(
        words: impl Iterator<Item = &'w str>,
        scope: Scope,
        is_server: impl Fn(&ServerName) -> bool,
    ) -> Result<Self, Unknown> {
        let mut topics = Self::default();
        for word in words {
            if let Some(topic) = Topic::of(word) {
                let needed = needed(topic);
                if !scope.covers(needed) {
                    return Err(Unknown::Scope { word: word.to_owned(), needed, has: scope });
                }
                topics.plain = topics.plain.with(topic);
            } else if let Some(name) = word.strip_prefix(LOG) {
                let server = ServerName::parse(name).ok().filter(&is_server);
                topics.logs.insert(server.ok_or_else(|| Unknown::Server(shown(name)))?);
                if topics.logs.len() > LOGS_MAX {
                    return Err(Unknown::TooMany);
                }
            } else {
                return Err(Unknown::Topic(shown(word)));
            }
        }
        Ok(topics)
    }

    /// Whether it is among them.
    pub(in crate::gateway) fn has(&self, topic: Topic) -> bool {
        self.plain.has(topic)
    }

    /// Whether there are none.
    pub(in crate::gateway) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.logs.is_empty()
    }

    /// These and those.
    ///
    /// # Errors
    /// [`Unknown::TooMany`].
    pub(in crate::gateway) fn and(&self, more: &Self) -> Result<Self, Unknown> {
        let mut all = self.clone();
        all.plain = all.plain.and(more.plain);
        all.logs.extend(more.logs.iter().cloned());
        if all.logs.len() > LOGS_MAX { Err(Unknown::TooMany) } else { Ok(all) }
    }

    /// These without those.
    pub(in crate::gateway) fn without(&self, less: &Self) -> Self {
        let mut left = self.clone();
        left.plain = left.plain.without(less.plain);
        left.logs.retain(|server| !less.logs.contains(server));
        left
    }

    /// Their words.
    pub(in crate::gateway) fn words(&self) -> Vec<String> {
        let plain = self.plain.iter().map(|topic| topic.word().to_owned());
        plain.chain(self.logs.iter().map(|server| format!("{LOG}{server}"))).collect()
    }
}

/// Why a word is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum Unknown {
    /// There is no such topic.
    #[error("there is no topic {0:?}; there are tick, servers, server, call, audit, catalog and log:SERVER")]
    Topic(String),
    /// There is no such server.
    #[error("there is no server {0:?} whose log could be followed")]
    Server(String),
    /// It is not for everybody.
    #[error("`{word}` needs the scope {needed}, and this key has {has}")]
    Scope {
        /// Which topic.
        word: String,
        /// What it needs.
        needed: Scope,
        /// What he has.
        has: Scope,
    },
    /// So many logs are not followed at once.
    #[error("one reader follows {LOGS_MAX} logs at most")]
    TooMany,
}

/// The scope that looking at the same without following needs.
fn needed(topic: Topic) -> Scope {
    match topic {
        Topic::Audit => Scope::Operator,
        Topic::Tick | Topic::Servers | Topic::Server | Topic::Call | Topic::Catalog => Scope::Viewer,
    }
}

/// What somebody wrote, as far as it is worth repeating.
fn shown(word: &str) -> String {
    word.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::Scope;

    use super::{LOGS_MAX, Topics};

    fn check(words: &[&str], scope: Scope, expected: Result<&[&str], &str>) {
        let parsed = Topics::parse(words.iter().copied(), scope, |server| server.as_str() != "gone");
        match (parsed, expected) {
            (Ok(topics), Ok(expected)) => assert_eq!(topics.words(), expected),
            (Err(fault), Err(part)) => assert!(fault.to_string().contains(part), "{fault}"),
            (parsed, _) => panic!("{words:?}: {parsed:?}"),
        }
    }

    #[test]
    fn words_become_topics() {
        check(&["call", "log:git", "tick", "call"], Scope::Viewer, Ok(&["tick", "call", "log:git"]));
        check(&["audit"], Scope::Operator, Ok(&["audit"]));
        check(&["audit"], Scope::Caller, Err("needs the scope operator"));
        check(&["calls"], Scope::Admin, Err("no topic \"calls\""));
        check(&["log:gone"], Scope::Admin, Err("no server \"gone\""));
        check(&["log:"], Scope::Admin, Err("no server"));
        check(&[], Scope::Viewer, Ok(&[]));
        let many: Vec<String> = (0..=LOGS_MAX).map(|n| format!("log:s{n}")).collect();
        check(&many.iter().map(String::as_str).collect::<Vec<_>>(), Scope::Admin, Err("at most"));
    }

    #[test]
    fn all_is_what_one_may_hear() {
        assert!(!Topics::all(Scope::Viewer).words().contains(&"audit".to_owned()));
        assert_eq!(Topics::all(Scope::Operator).words().len(), 6);
    }

    #[test]
    fn topics_are_added_and_taken_away() {
        let parse = |words: &[&str]| Topics::parse(words.iter().copied(), Scope::Admin, |_| true).unwrap();
        let both = parse(&["tick", "log:a"]).and(&parse(&["call", "log:b"])).unwrap();
        assert_eq!(both.words(), ["tick", "call", "log:a", "log:b"]);
        assert_eq!(both.without(&parse(&["log:a", "tick", "audit"])).words(), ["call", "log:b"]);
        assert!(both.without(&both).is_empty());
    }
}

//! Which servers have answered in this process, and in which order with the routes that were made: whoever has read what a
//! server wrote may have been talked into praising it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ServerName;
use crate::history::RouteId;

/// Routes whose place in the order is remembered. A guess: more than a client speaks of in one session. For one that is
/// forgotten, or of another process, every answer of this process counts as later.
const ROUTES_MAX: usize = 1024;

/// A place in the order of answers and routes: how many answers came before it.
pub(super) type Heard = u64;

/// Has one entry for each server that was ever called, and a bounded number of routes.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<Order>);

#[derive(Debug, Default)]
struct Order {
    answers: Heard,
    /// The number of each server's last answer.
    last: BTreeMap<ServerName, Heard>,
    /// Oldest first.
    routes: VecDeque<(RouteId, Heard)>,
}

impl Answered {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call to this server has ended, be it in a fault: that may quote the server too.
    pub(super) fn note(&self, server: &ServerName) {
        let mut order = self.lock();
        order.answers += 1;
        let now = order.answers;
        match order.last.get_mut(server) {
            Some(last) => *last = now,
            None => {
                order.last.insert(server.clone(), now);
            }
        }
    }

    /// This moment.
    pub(super) fn now(&self) -> Heard {
        self.lock().answers
    }

    /// The moment of this server's last answer; 0 when it has given none.
    pub(super) fn last_of(&self, server: &ServerName) -> Heard {
        self.lock().last.get(server).copied().unwrap_or(0)
    }

    /// A route was made at that moment.
    pub(super) fn note_route(&self, route: RouteId, made: Heard) {
        let mut order = self.lock();
        if order.routes.len() >= ROUTES_MAX {
            order.routes.pop_front();
        }
        order.routes.push_back((route, made));
    }

    /// The servers that have answered since this route was made.
    pub(super) fn since_route(&self, route: &RouteId) -> Vec<ServerName> {
        let order = self.lock();
        let made = order.routes.iter().rev().find(|(id, _)| id == route).map_or(0, |(_, made)| *made);
        order.last.iter().filter(|(_, last)| **last > made).map(|(server, _)| server.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Answered, ROUTES_MAX};
    use crate::domain::ServerName;
    use crate::history::RouteId;

    #[test]
    fn only_later_answers_count_and_a_forgotten_route_hears_all() {
        let [a, b] = ["a", "b"].map(|name| ServerName::parse(name).unwrap());
        let (answered, route) = (Answered::default(), RouteId::random());
        answered.note(&a);
        let made = answered.now();
        answered.note_route(route.clone(), made);
        assert!(answered.since_route(&route).is_empty());
        answered.note(&b);
        assert!(answered.last_of(&b) > made && answered.last_of(&a) == made);
        assert_eq!(answered.since_route(&route), std::slice::from_ref(&b));
        assert_eq!(answered.since_route(&RouteId::random()), [a.clone(), b.clone()]);
        for _ in 0..ROUTES_MAX {
            answered.note_route(RouteId::random(), answered.now());
        }
        assert_eq!(answered.since_route(&route), [a, b]);
    }
}

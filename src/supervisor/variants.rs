//! Sessions of one server for clients that can be asked for something. What a client can be asked is told to a legacy server
//! once, when its session opens: clients that can do different things cannot share one, and those whom a server does ask
//! cannot share one at all. A modern server is told with each request, and has no variants.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::upstream::{Behind, Era, Offer};
use crate::wire::Members;

use super::machine::State;
use super::place::Place;
use super::settings::StartMode;

/// Variants of one server at most; clients beyond share the session in which nobody is asked. A guess.
const VARIANTS_MAX: usize = 32;
/// Processes for clients that cannot be told apart and are asked: each serves one call at a time.
const EXCLUSIVE_INSTANCES_MAX: usize = 8;

/// Which clients share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    capabilities: Arc<str>,
    /// Whose alone it is.
    client: Option<u64>,
    /// One call at a time, so that it is clear who is asked.
    is_exclusive: bool,
}

/// The variants of one server.
#[derive(Default)]
pub(super) struct Variants(Mutex<BTreeMap<Key, Arc<Place>>>);

impl Variants {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Place>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at each.
    pub(super) fn each(&self, mut look: impl FnMut(&Place)) {
        self.lock().values().for_each(|variant| look(variant));
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<Place>> {
        self.lock().values().cloned().collect()
    }

    /// Takes out those that are this client's alone.
    pub(super) fn of_client(&self, client: u64) -> Vec<Arc<Place>> {
        let mut variants = self.lock();
        let own: Vec<Key> = variants.keys().filter(|key| key.client == Some(client)).cloned().collect();
        own.iter().filter_map(|key| variants.remove(key)).collect()
    }

    /// Ends all, and waits for that.
    pub(super) async fn dissolve(&self) {
        let all = std::mem::take(&mut *self.lock());
        for variant in all.into_values() {
            Box::pin(super::pool::end(&variant)).await;
        }
    }
}

/// The place that serves a request: the server's own, or the one for clients of this kind. `client` is the one who asks, if he
/// can be told apart from others.
pub(super) fn for_request<'a>(
    place: &Arc<Place>,
    behind: &Behind,
    client: Option<u64>,
    tasks: impl Fn() -> Option<TasksOf<'a>>,
) -> Arc<Place> {
    let Some(capabilities) = behind.capabilities.as_deref().and_then(offered) else { return place.clone() };
    let learned = &place.server.learned;
    let is_modern = *learned.era.lock().unwrap_or_else(PoisonError::into_inner) == Some(Era::Modern);
    if is_modern || !place.server.passes_asks {
        return place.clone();
    }
    // What the operator has stopped or taken out of use is so for everybody; its own keeper says why.
    if matches!(place.first().view.borrow().state, State::Stopped | State::Quarantined) {
        return place.clone();
    }
    let is_asking = learned.asks.load(Ordering::Relaxed);
    let key = Key {
        capabilities: capabilities.clone(),
        client: client.filter(|_| is_asking),
        is_exclusive: is_asking && client.is_none(),
    };
    let mut variants = place.variants.lock();
    if let Some(variant) = variants.get(&key) {
        return variant.clone();
    }
    if variants.len() >= VARIANTS_MAX {
        // The one that nobody has used for longest makes room.
        let is_unused = |variant: &Arc<Place>| {
            let followed = variant.server.learned.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
            variant.in_flight() + variant.waiting() == 0 && followed.is_empty()
        };
        let unused = variants.iter().filter(|(_, variant)| is_unused(variant));
        let oldest = unused.min_by_key(|(_, variant)| variant.first().usage.last_used()).map(|(key, _)| key.clone());
        if let Some(variant) = oldest.and_then(|key| variants.remove(&key))
            && let Some(mut tasks) = tasks()
        {
            tasks.spawn(async move { super::pool::end(&variant).await });
        }
    }
    if variants.len() >= VARIANTS_MAX {
        tracing::warn!(server.name = %place.server.spec.server, "too many kinds of clients; this one is not asked for anything");
        return place.clone();
    }
    let Some(mut tasks) = tasks() else { return place.clone() };
    let mut server = (*place.server).clone();
    let peer = behind.peer.as_ref().filter(|_| key.client.is_some()).and_then(|peer| peer.outside());
    server.spec.offer = Offer { capabilities: Some(capabilities), client: key.client, peer };
    server.start = StartMode::Lazy;
    server.learned.subscriptions = Arc::default();
    if key.is_exclusive {
        server.calls_in_flight_max = 1;
        server.instances_max = EXCLUSIVE_INSTANCES_MAX;
        server.scale_up_calls = 1;
        server.is_stateful = Some(false);
    } else {
        server.instances_max = 1;
    }
    let variant = Arc::new(place.as_variant(server, &mut tasks));
    variants.insert(key, variant.clone());
    variant
}

/// What a server is told of a client's capabilities, always written in the same way: what it could ask for, and extensions.
/// `None`: nothing.
fn offered(capabilities: &str) -> Option<Arc<str>> {
    const TOLD: [&str; 4] = ["elicitation", "extensions", "roots", "sampling"];
    let members = Members::parse(capabilities).ok()?;
    let mut told = serde_json::Map::new();
    for name in TOLD {
        let Some(value) = members.member(name).and_then(|raw| serde_json::from_str::<Value>(raw).ok()) else {
            continue;
        };
        told.insert(name.to_owned(), sorted(value));
    }
    (!told.is_empty()).then(|| Value::Object(told).to_string().into())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

/// Where the keepers of new variants run.
pub(super) type TasksOf<'a> = MutexGuard<'a, JoinSet<()>>;

//! The alerts as the rest of mcporch sees them: a queue, and behind it one thread that sends.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::mail::Mail;
use super::repetition::Repetition;
use super::webhook::Webhook;
use super::{Alert, Error, Occasion, Settings};

/// Longest text of an alert, in characters. A guess: chat programs cut there too.
const TEXT_CHARS_MAX: usize = 2000;
/// Longest sleep of the thread, so that a clock that was set back is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long the end of the process waits for what is still to be sent. A guess: one slow target.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Why an attempt failed.
pub(super) struct Failure {
    /// For people; holds no address.
    pub(super) told: String,
    /// Is there no sense in another attempt?
    pub(super) is_final: bool,
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which target, for people.
    pub target: String,
    /// Why it failed; `None` when it was taken.
    pub fault: Option<String>,
}

/// Where alerts go. No thread runs before the first alert. [`Alerts::stop`] sends what waits.
pub struct Alerts {
    shared: Arc<Shared>,
    faults: Vec<Error>,
    sender: OnceLock<Option<SyncSender<Message>>>,
    dropped: AtomicU64,
}

struct Shared {
    targets: Vec<Target>,
    settings: Settings,
}

enum Target {
    Webhook(Webhook),
    Mail(Mail),
}

enum Message {
    Alert(Alert),
    Stop { deadline: Instant, done: oneshot::Sender<()> },
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts").field("targets", &self.shared.targets.len()).finish_non_exhaustive()
    }
}

impl Alerts {
    /// Checks the targets; `lookup` gives variables of the environment. A target that cannot be used is left out and told by
    /// [`Alerts::faults`].
    #[must_use]
    pub fn new(settings: Settings, lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut targets = Vec::new();
        let mut faults = Vec::new();
        let hooks = settings.webhooks.iter().map(|hook| Webhook::new(hook, lookup).map(Target::Webhook));
        let mails = settings.mail.iter().map(|mail| Mail::new(mail, settings.timeout, lookup).map(Target::Mail));
        for target in hooks.chain(mails) {
            match target {
                Ok(target) => targets.push(target),
                Err(fault) => faults.push(fault),
            }
        }
        let shared = Arc::new(Shared { targets, settings });
        Self { shared, faults, sender: OnceLock::new(), dropped: AtomicU64::new(0) }
    }

    /// What is wrong with the targets that are left out.
    #[must_use]
    pub fn faults(&self) -> &[Error] {
        &self.faults
    }

    /// Sends the alert to every target, in time. Returns at once; when too much waits already it is dropped, and counted.
    pub fn raise(&self, mut alert: Alert) {
        let is_wanted = alert.occasion == Occasion::Test || self.shared.settings.occasions.contains(&alert.occasion);
        if self.shared.targets.is_empty() || !is_wanted {
            return;
        }
        alert.text = alert.text.chars().take(TEXT_CHARS_MAX).collect();
        let sender = self.sender.get_or_init(|| start(self.shared.clone()));
        let is_sent = sender.as_ref().is_some_and(|sender| sender.try_send(Message::Alert(alert)).is_ok());
        if !is_sent && self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("alerts come faster than they can be sent; some are dropped (alerts.queue_len)");
        }
    }

    /// Alerts that were dropped since too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Tries every target once with this alert, whatever was sent of late. Blocking, for the time-out of each target.
    #[must_use]
    pub fn test(&self, alert: &Alert) -> Vec<Attempt> {
        let settings = &self.shared.settings;
        let attempt = |target: &Target| Attempt {
            target: target.name(),
            fault: target.deliver(alert, (settings.now)(), settings.timeout).err().map(|failure| failure.told),
        };
        self.shared.targets.iter().map(attempt).collect()
    }

    /// Tries once more to send what waits, for a few seconds at most. Alerts that come later are lost.
    ///
    /// Cancel safe.
    pub async fn stop(&self) {
        let Some(Some(sender)) = self.sender.get() else { return };
        let deadline = Instant::now() + STOP_WITHIN;
        let (done, sent) = oneshot::channel();
        let mut message = Message::Stop { deadline, done };
        // The queue has no waiting for room that could be given up, so it is asked again.
        while let Err(back) = sender.try_send(message) {
            message = match back {
                TrySendError::Full(message) => message,
                TrySendError::Disconnected(_) => return,
            };
            if Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if tokio::time::timeout_at(deadline, sent).await.is_err() {
            tracing::warn!("some alerts could not be sent before the end");
        }
    }
}

impl Target {
    fn name(&self) -> String {
        match self {
            Self::Webhook(hook) => hook.name(),
            Self::Mail(mail) => mail.name(),
        }
    }

    fn deliver(&self, alert: &Alert, now: i64, timeout: Duration) -> Result<(), Failure> {
        match self {
            Self::Webhook(hook) => hook.deliver(alert, now, timeout),
            Self::Mail(mail) => mail.deliver(alert),
        }
    }
}

/// Starts the thread; `None` when the system gives none, which costs the alerts and nothing else.
fn start(shared: Arc<Shared>) -> Option<SyncSender<Message>> {
    let (sender, inbox) = sync_channel(shared.settings.queue_len.max(1));
    let repeat_after_s = i64::try_from(shared.settings.repeat_after.as_secs()).unwrap_or(i64::MAX / 2);
    let spawned = std::thread::Builder::new().name("alerts".to_owned()).spawn(move || {
        Post { shared, repetition: Repetition::new(repeat_after_s), deliveries: Vec::new() }.run(&inbox);
    });
    match spawned {
        Ok(_ends_with_its_queue) => Some(sender),
        Err(fault) => {
            tracing::warn!(error = %fault, "alerts are not sent: no thread could be started for them");
            None
        }
    }
}

/// What the thread owns.
struct Post {
    shared: Arc<Shared>,
    repetition: Repetition,
    /// Oldest first.
    deliveries: Vec<Delivery>,
}

/// One alert on its way to one target.
struct Delivery {
    target: usize,
    alert: Arc<Alert>,
    attempts: u32,
    due: Instant,
}

impl Post {
    fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            match inbox.recv_timeout(self.until_next()) {
                Ok(Message::Alert(alert)) => {
                    let now = (self.shared.settings.now)();
                    self.tell_held(now, false);
                    if let Some(alert) = self.repetition.admit(alert, now) {
                        self.accept(alert);
                    }
                }
                Ok(Message::Stop { deadline, done }) => {
                    self.tell_held((self.shared.settings.now)(), true);
                    self.send_last(deadline);
                    let _gone = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.tell_held((self.shared.settings.now)(), false),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.send_one_due();
        }
    }

    fn until_next(&self) -> Duration {
        let now = Instant::now();
        let delivery = self.deliveries.iter().map(|delivery| delivery.due.saturating_duration_since(now)).min();
        let held = self.repetition.next_due().map(|at| {
            let seconds = at.saturating_sub((self.shared.settings.now)()).max(0);
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        });
        [delivery, held].into_iter().flatten().min().unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
    }

    fn tell_held(&mut self, now: i64, is_end: bool) {
        for alert in self.repetition.due(now, is_end) {
            self.accept(alert);
        }
    }

    fn accept(&mut self, alert: Alert) {
        let alert = Arc::new(alert);
        for target in 0..self.shared.targets.len() {
            let of_target = |delivery: &Delivery| delivery.target == target;
            if self.deliveries.iter().filter(|delivery| of_target(delivery)).count() >= self.shared.settings.queue_len
                && let Some(oldest) = self.deliveries.iter().position(of_target)
            {
                let dropped = self.deliveries.remove(oldest);
                self.give_up(&dropped, "too many others wait for it");
            }
            self.deliveries.push(Delivery { target, alert: alert.clone(), attempts: 0, due: Instant::now() });
        }
    }

    /// One, and then the queue is looked at again: a target that does not answer must not fill it.
    fn send_one_due(&mut self) {
        let now = Instant::now();
        let Some(at) = self.deliveries.iter().position(|delivery| delivery.due <= now) else { return };
        let mut delivery = self.deliveries.remove(at);
        let settings = &self.shared.settings;
        let Err(failure) =
            self.shared.targets[delivery.target].deliver(&delivery.alert, (settings.now)(), settings.timeout)
        else {
            return;
        };
        delivery.attempts += 1;
        if failure.is_final || delivery.attempts >= settings.attempts_max {
            return self.give_up(&delivery, &failure.told);
        }
        let doubled = settings.retry_first.saturating_mul(1 << (delivery.attempts - 1).min(20)).min(settings.retry_max);
        // Between a half and the whole, so that many that failed together do not come back together.
        delivery.due = Instant::now() + doubled.div_f64(2.0) + doubled.mul_f64(chance() / 2.0);
        self.deliveries.push(delivery);
    }

    fn send_last(&mut self, deadline: Instant) {
        let settings = &self.shared.settings;
        for delivery in std::mem::take(&mut self.deliveries) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.give_up(&delivery, "mcporch ends");
                continue;
            }
            let target = &self.shared.targets[delivery.target];
            if let Err(failure) = target.deliver(&delivery.alert, (settings.now)(), settings.timeout.min(left)) {
                self.give_up(&delivery, &failure.told);
            }
        }
    }

    fn give_up(&self, delivery: &Delivery, fault: &str) {
        let target = self.shared.targets[delivery.target].name();
        let (server, occasion) = (&delivery.alert.server, delivery.alert.occasion);
        tracing::warn!(
            server.name = %server, attempts = delivery.attempts,
            "the alert that `{server}` {occasion} was not delivered to the {target}: {fault}"
        );
    }
}

/// From 0 to 1. The standard library's hasher is seeded by the system, which is chance enough for a pause.
fn chance() -> f64 {
    let drawn = std::hash::RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(drawn >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

//! Progress on stderr: bars on a terminal, plain lines for faults elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::reconcile::{Progress, ProgressSink};

/// How often a waiting bar moves.
const TICK: Duration = Duration::from_millis(120);

/// What is drawn while servers are listed and texts embedded. indicatif draws nothing where stderr is no terminal.
#[derive(Clone)]
pub(super) struct Bars {
    drawn: Arc<Mutex<Drawn>>,
}

struct Drawn {
    all: MultiProgress,
    servers: Option<ProgressBar>,
    texts: Option<ProgressBar>,
    waiting: Vec<String>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { drawn: Arc::new(Mutex::new(Drawn { all, servers: None, texts: None, waiting: Vec::new() })) }
    }

    /// Takes the progress of the write path.
    pub(super) fn sink(&self) -> ProgressSink {
        let drawn = self.drawn.clone();
        Arc::new(move |progress| drawn.lock().unwrap_or_else(PoisonError::into_inner).show(&progress))
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        for bar in drawn.servers.iter().chain(&drawn.texts) {
            bar.finish_and_clear();
        }
    }
}

impl Drawn {
    fn show(&mut self, progress: &Progress) {
        match progress {
            Progress::Listing(server) => {
                self.waiting.push(server.to_string());
                self.servers().inc_length(1);
                self.name_waiting();
            }
            Progress::Listed { server, .. } | Progress::Failed { server, .. } => {
                self.waiting.retain(|name| name != server.as_str());
                self.servers().inc(1);
                self.name_waiting();
            }
            Progress::Embedding { done, total } => {
                let bar = self.texts();
                bar.set_length(u64::try_from(*total).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(*done).unwrap_or(u64::MAX));
            }
        }
    }

    fn servers(&mut self) -> &ProgressBar {
        let all = &self.all;
        self.servers.get_or_insert_with(|| {
            let bar = all.add(ProgressBar::new(0));
            bar.set_style(style("{spinner} asking servers {bar:24} {pos}/{len} {wide_msg}"));
            bar.enable_steady_tick(TICK);
            bar
        })
    }

    fn texts(&mut self) -> &ProgressBar {
        let all = &self.all;
        self.texts.get_or_insert_with(|| {
            let bar = all.add(ProgressBar::new(0));
            bar.set_style(style("{spinner} embedding texts {bar:24} {pos}/{len} {eta} left"));
            bar.enable_steady_tick(TICK);
            bar
        })
    }

    fn name_waiting(&mut self) {
        let text = self.waiting.join(", ");
        self.servers().set_message(text);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

//! What was learned moves tools within its bound, and makes us surer of none that changes something.

use std::sync::Arc;

use crate::domain::{Effect, Hints, InputSchema, ServerName, Tool, ToolKey};
use crate::index::{Entry, Options, Snapshot};

use super::{Bars, Decision, LEARNED_SHIFT_MAX, Learned, RankOptions, Ranking, Reason, decide, rank};

/// Tools as `server.tool: description`, all of this effect.
fn catalogue(tools: &[&str], effect: Effect) -> Snapshot {
    let entry = |text: &&str| {
        let (key, description) = text.split_once(": ").unwrap();
        let (server, tool) = key.split_once('.').unwrap();
        Entry {
            tool: Arc::new(Tool {
                key: ToolKey { server: ServerName::parse(server).unwrap(), tool: tool.to_owned() },
                title: String::new(),
                description: description.to_owned(),
                input_schema: InputSchema::any_object(),
                effect,
                effect_source: crate::domain::EffectSource::Announced,
                is_idempotent: false,
                raw: "{}".into(),
            }),
            server_hints: Arc::new(Hints::default()),
            tool_hints: Arc::new(Hints::default()),
            vectors: Vec::new(),
            examples: Vec::new(),
        }
    };
    Snapshot::build(1, String::new(), 8, tools.iter().map(entry).collect(), &Options::default()).unwrap()
}

/// Two that are alike, and something else.
const ALIKE: &[&str] = &["a.get_page: Get the page", "b.get_page: Get the page", "c.send_mail: Send a mail"];

fn learned(entry: usize, shift: f32) -> Learned {
    Learned { entry, shift, lessons: 2 }
}

fn ranked(snapshot: &Snapshot, request: &str, learned: &[Learned]) -> Ranking {
    rank(snapshot, request, &[], &RankOptions { learned, ..RankOptions::default() })
}

fn places(ranking: &Ranking) -> Vec<usize> {
    ranking.candidates.iter().map(|candidate| candidate.entry).collect()
}

#[test]
fn a_lesson_turns_a_near_decision_and_says_so() {
    let snapshot = catalogue(ALIKE, Effect::Read);
    let before = ranked(&snapshot, "get me that page", &[]);
    assert_eq!((before.candidates[0].entry, before.without_learning), (0, None));
    let after = ranked(&snapshot, "get me that page", &[learned(1, 0.03)]);
    assert_eq!(after.candidates[0].entry, 1);
    assert!(after.candidates[0].reasons.contains(&Reason::Learned { shift: 0.03, lessons: 2 }));
    assert!(after.is_right > before.candidates[1].confidence);
}

#[test]
fn without_lessons_every_number_is_what_it_was() {
    let snapshot = catalogue(ALIKE, Effect::Write);
    let bits = |ranking: &Ranking| -> Vec<u32> {
        let of_candidates =
            ranking.candidates.iter().flat_map(|one| [one.score.to_bits(), one.confidence.value().to_bits()]);
        of_candidates.chain([ranking.is_right.value().to_bits(), ranking.is_any.value().to_bits()]).collect()
    };
    let plain = rank(&snapshot, "get me that page", &[], &RankOptions::default());
    assert_eq!(bits(&ranked(&snapshot, "get me that page", &[])), bits(&plain));
    assert_ne!(bits(&ranked(&snapshot, "get me that page", &[learned(1, 0.001)])), bits(&plain));
}

#[test]
fn no_shift_goes_beyond_the_bound() {
    let snapshot = catalogue(ALIKE, Effect::Read);
    let score = |shift: f32| {
        let ranking = ranked(&snapshot, "get me that page", &[learned(1, shift)]);
        ranking.candidates.iter().find(|one| one.entry == 1).unwrap().score
    };
    assert_eq!(score(1_000.0).to_bits(), score(LEARNED_SHIFT_MAX).to_bits());
    assert_eq!(score(-1_000.0).to_bits(), score(-LEARNED_SHIFT_MAX).to_bits());
    assert_eq!(score(f32::NAN).to_bits(), score(0.0).to_bits());
    assert!((score(LEARNED_SHIFT_MAX) - score(0.0) - LEARNED_SHIFT_MAX).abs() < 1e-5);
    // A clear decision stays.
    assert_eq!(ranked(&snapshot, "send a mail", &[learned(0, 1.0)]).candidates[0].entry, 2);
}

#[test]
fn lessons_make_reads_surer_and_nothing_else() {
    let request = "get me that page";
    let confidence_of_second = |effect: Effect, lessons: &[Learned]| {
        let snapshot = catalogue(ALIKE, effect);
        let ranking = ranked(&snapshot, request, lessons);
        let second = ranking.candidates.iter().find(|one| one.entry == 1).unwrap().confidence;
        (second, ranking)
    };
    for effect in [Effect::Read, Effect::Write, Effect::Destructive] {
        let (before, plain) = confidence_of_second(effect, &[]);
        let (after, ranking) = confidence_of_second(effect, &[learned(1, 1.0)]);
        assert_eq!(ranking.candidates[0].entry, 1, "{effect:?}");
        assert_eq!(after > before, effect == Effect::Read, "{effect:?}: {before:?} {after:?}");
        assert_eq!(ranking.is_any, plain.is_any);
        assert!(ranking.candidates.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence));
        // Also where the caller knows better than the ranking what the tool does.
        for known in [Effect::Write, Effect::Destructive] {
            let barely = Bars { write: before.value() + 0.001, destructive: before.value() + 0.001, ..Bars::default() };
            assert_ne!(decide(&ranking, known, &barely), Decision::Run, "{effect:?}");
        }
    }
}

#[test]
fn a_write_never_crosses_its_bar_by_lessons_however_many() {
    let requests = ["get me that page", "page", "mail", "send", "get page mail", "the", ""];
    for effect in [Effect::Write, Effect::Destructive] {
        let snapshot = catalogue(ALIKE, effect);
        for request in requests {
            let plain = ranked(&snapshot, request, &[]);
            for entry in 0..3 {
                let before = plain.candidates.iter().find(|one| one.entry == entry).unwrap().confidence;
                for shift in [0.01, 0.03, LEARNED_SHIFT_MAX] {
                    let ranking = ranked(&snapshot, request, &[learned(entry, shift)]);
                    let first = &ranking.candidates[0];
                    if first.entry == entry {
                        assert!(ranking.is_right <= before, "{request}: {:?} {before:?}", ranking.is_right);
                    }
                }
            }
        }
    }
}

#[test]
fn lessons_against_a_tool_lower_its_confidence_whatever_it_does() {
    for effect in [Effect::Read, Effect::Write] {
        let snapshot = catalogue(&["a.get_page: Get the page", "c.send_mail: Send a mail"], effect);
        let before = ranked(&snapshot, "get the page", &[]);
        let after = ranked(&snapshot, "get the page", &[learned(0, -LEARNED_SHIFT_MAX)]);
        assert_eq!(places(&after), places(&before));
        assert!(after.is_right < before.is_right, "{effect:?}");
    }
}

#[test]
fn what_is_not_allowed_is_not_brought_back_by_a_lesson() {
    let snapshot = catalogue(ALIKE, Effect::Read);
    let allowed = |key: &ToolKey| key.server.as_str() != "b";
    let lessons = [learned(1, 1.0)];
    let options = RankOptions { allowed: Some(&allowed), learned: &lessons, ..RankOptions::default() };
    assert_eq!(places(&rank(&snapshot, "get me that page", &[], &options)), [0, 2]);
}

#[test]
fn a_tool_far_behind_is_still_moved_by_its_lesson() {
    let tools: Vec<String> = (0..300).map(|number| format!("s{number}.get_page: Get the page")).collect();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let snapshot = catalogue(&tools, Effect::Read);
    assert!(!places(&ranked(&snapshot, "get the page", &[])).contains(&250));
    assert_eq!(places(&ranked(&snapshot, "get the page", &[learned(250, 0.02)]))[0], 250);
}

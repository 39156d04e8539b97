//! What the index promises, on vectors and tools made here.

use std::sync::Arc;

use serde_json::json;

use super::kernel::Path;
use super::*;
use crate::domain::{Effect, EffectSource, InputSchema, ServerName, ToolKey};

const DIMENSIONS: usize = 48;

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    }

    fn unit(&mut self, dimensions: usize) -> Vec<f32> {
        let numbers = (0..dimensions).map(|_| self.next()).collect();
        to_unit(numbers)
    }
}

fn to_unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|number| *number /= length);
    vector
}

fn key(server: &str, name: &str) -> ToolKey {
    ToolKey { server: ServerName::parse(server).unwrap(), tool: name.to_owned() }
}

fn entry(server: &str, name: &str, description: &str, vectors: &[Vec<f32>]) -> Entry {
    Entry {
        tool: Arc::new(Tool {
            key: key(server, name),
            title: String::new(),
            description: description.to_owned(),
            input_schema: InputSchema::of(
                &json!({"type": "object", "properties": {"city": {"description": "Where it is"}}}),
            ),
            effect: Effect::Read,
            effect_source: EffectSource::Announced,
            is_idempotent: true,
            raw: Arc::from("{}"),
        }),
        server_hints: Arc::default(),
        tool_hints: Arc::default(),
        vectors: vectors.iter().map(|vector| Arc::from(vector.as_slice())).collect(),
        examples: Vec::new(),
    }
}

fn build(entries: Vec<Entry>, kind: Kind) -> Result<Snapshot, Error> {
    Snapshot::build(7, "test".to_owned(), DIMENSIONS, entries, &Options { kind, ..Options::default() })
}

/// Tools around a few centres, as real catalogues are; evenly random vectors are the one case a graph is bad at.
fn clustered(count: usize, random: &mut Random) -> Vec<Vec<f32>> {
    let centres: Vec<Vec<f32>> = (0..24).map(|_| random.unit(DIMENSIONS)).collect();
    let near = |at: usize, random: &mut Random| {
        let centre = &centres[at % centres.len()];
        to_unit(centre.iter().map(|number| number + 0.35 * random.next()).collect())
    };
    (0..count).map(|at| near(at, random)).collect()
}

fn nearest(snapshot: &Snapshot, vector: &[f32], count: usize) -> Vec<u32> {
    let scores = snapshot.score("", vector, None);
    let mut order: Vec<usize> = (0..scores.rows.len()).collect();
    order.sort_by(|a, b| scores.meaning[*b].total_cmp(&scores.meaning[*a]));
    order.iter().take(count).map(|at| scores.rows[*at]).collect()
}

#[test]
fn all_kernel_paths_agree() {
    let mut random = Random(1);
    for dimensions in [1, 7, 16, 33, 384, 1000] {
        let codes =
            |random: &mut Random| -> Vec<i8> { (0..dimensions).map(|_| (random.next() * 254.0) as i8).collect() };
        let (a, rows) = (codes(&mut random), [codes(&mut random), codes(&mut random), vec![-127; dimensions]].concat());
        let floats: (Vec<f32>, Vec<f32>) = (random.unit(dimensions), random.unit(dimensions));
        let exact: Vec<i32> = rows
            .chunks(dimensions)
            .map(|row| row.iter().zip(&a).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum())
            .collect();
        let exact_float: f64 = floats.0.iter().zip(&floats.1).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        for path in Path::every() {
            let mut out = vec![0; 3];
            path.scan_codes(&a, &rows, &mut out);
            assert_eq!(out, exact, "{path:?}, {dimensions} dimensions");
            assert_eq!(path.dot_codes(&a, &rows[..dimensions]), exact[0], "{path:?}");
            let float = f64::from(path.dot_floats(&floats.0, &floats.1));
            assert!((float - exact_float).abs() < 1e-5, "{path:?}: {float} is not {exact_float}");
        }
    }
}

#[test]
fn scanned_cosines_are_close_and_scored_ones_exact() {
    let mut random = Random(2);
    let vectors = clustered(300, &mut random);
    let snapshot = build(numbered(&vectors), Kind::Exact).unwrap();
    let request = random.unit(DIMENSIONS);
    let scores = snapshot.score("", &request, None);
    for (row, vector) in vectors.iter().enumerate() {
        let exact: f32 = vector.iter().zip(&request).map(|(a, b)| a * b).sum();
        assert!((scores.meaning[row] - exact).abs() < 0.01, "row {row}");
        assert!((snapshot.meanings(&request, &[row])[0] - exact).abs() < 1e-5, "row {row}");
    }
}

fn numbered(vectors: &[Vec<f32>]) -> Vec<Entry> {
    let one = |(at, vector): (usize, &Vec<f32>)| entry("s", &format!("tool{at}"), "", std::slice::from_ref(vector));
    vectors.iter().enumerate().map(one).collect()
}

#[test]
fn the_graph_finds_what_the_scan_finds() {
    let mut random = Random(3);
    let vectors = clustered(3_000, &mut random);
    let (exact, graph) =
        (build(numbered(&vectors), Kind::Exact).unwrap(), build(numbered(&vectors), Kind::Hnsw).unwrap());
    assert_eq!((exact.kind(), graph.kind()), (Kind::Exact, Kind::Hnsw));
    let requests = clustered(60, &mut random);
    let mut found = 0;
    for request in &requests {
        let wanted = nearest(&exact, request, 10);
        let got = nearest(&graph, request, 10);
        found += wanted.iter().filter(|row| got.contains(row)).count();
    }
    let recall = found as f64 / (10 * requests.len()) as f64;
    assert!(recall > 0.95, "recall {recall}");
    let again = build(numbered(&vectors), Kind::Hnsw).unwrap();
    assert!(requests.iter().all(|request| nearest(&again, request, 10) == nearest(&graph, request, 10)));
}

#[test]
fn the_graph_serves_tools_without_vectors_by_their_words() {
    let mut random = Random(4);
    let mut entries = numbered(&clustered(200, &mut random));
    entries.push(entry("s", "make_coffee", "Brews", &[]));
    let snapshot = build(entries, Kind::Hnsw).unwrap();
    let scores = snapshot.score("brew coffee", &random.unit(DIMENSIONS), None);
    let at = scores.rows.iter().position(|row| *row == 200).expect("found by words");
    assert!(scores.words[at] > 0.0);
    assert_eq!(scores.meaning[at], 0.0);
}

#[test]
fn auto_takes_the_graph_above_the_threshold() {
    let vectors = clustered(12, &mut Random(5));
    let with_max = |exact_tools_max| {
        let options = Options { kind: Kind::Auto, exact_tools_max };
        Snapshot::build(1, String::new(), DIMENSIONS, numbered(&vectors), &options).unwrap().kind()
    };
    assert_eq!(with_max(12), Kind::Exact);
    assert_eq!(with_max(11), Kind::Hnsw);
}

#[test]
fn bad_vectors_are_refused_by_name() {
    let good = Random(6).unit(DIMENSIONS);
    let check = |vector: Vec<f32>, expected: &str| {
        for kind in [Kind::Exact, Kind::Hnsw] {
            let entries = vec![
                entry("s", "fine", "", std::slice::from_ref(&good)),
                entry("s", "bad", "", std::slice::from_ref(&vector)),
            ];
            let message = build(entries, kind).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("s.bad"), "{message}");
        }
    };
    check(vec![0.1; 3], "has 3 dimensions");
    check(vec![0.0; DIMENSIONS], "length 1");
    check(good.iter().map(|number| number * 2.0).collect(), "length 1");
    check(vec![f32::NAN; DIMENSIONS], "length 1");
    let twice = vec![entry("s", "same", "", &[]), entry("s", "same", "", &[])];
    assert!(build(twice, Kind::Exact).unwrap_err().to_string().contains("s.same is in the list twice"));
}

#[test]
fn a_request_vector_that_does_not_fit_leaves_it_to_the_words() {
    let snapshot = build(vec![entry("s", "make_coffee", "", &[Random(7).unit(DIMENSIONS)])], Kind::Exact).unwrap();
    for vector in
        [vec![], vec![1.0; 3], vec![f32::NAN; DIMENSIONS], vec![f32::INFINITY; DIMENSIONS], vec![0.0; DIMENSIONS]]
    {
        let scores = snapshot.score("coffee", &vector, None);
        assert_eq!(scores.meaning, [0.0]);
        assert!(scores.words[0] > 0.0);
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    for snapshot in [Snapshot::empty(), build(vec![], Kind::Exact).unwrap(), build(vec![], Kind::Hnsw).unwrap()] {
        assert!(snapshot.score("anything", &[1.0; DIMENSIONS], None).rows.is_empty());
        assert!(snapshot.find_named("anything.at_all").is_empty());
        assert_eq!(snapshot.find(&key("s", "t")), None);
    }
}

#[test]
fn texts_become_words() {
    let check = |text: &str, expected: &[&str]| assert_eq!(words(text), expected, "{text}");
    check("listOpenPRs", &["list", "open", "prs"]);
    check("HTTPServer2Go", &["http", "server2", "go"]);
    check("git_commit-all.now/soon:later", &["git", "commit", "now", "soon", "later"]);
    check("Crème BRÛLÉE, naïve Straße", &["creme", "brulee", "naive", "strasse"]);
    check("cre\u{300}me", &["creme"]);
    check("please show me the S3 buckets", &["show", "s3", "bucket"]);
    check("天气 Tokyo の予報", &["天", "气", "tokyo", "の", "予", "報"]);
    check("Привет, мир", &["привет", "мир"]);
    check("queries classes status buses is", &["query", "classe", "status", "buse"]);
    check("", &[]);
    check("🎉 ... !!!", &[]);
}

#[test]
fn one_long_word_is_cut() {
    assert_eq!(words(&"x".repeat(1_000_000))[0].len(), 40);
}

#[test]
fn stop_words_are_sorted() {
    assert!(text::STOP_WORDS.is_sorted());
}

#[test]
fn tools_become_texts() {
    let check = |tool: &Entry, expected: &[&str]| {
        assert_eq!(texts_to_embed(&tool.tool, &tool.server_hints, &tool.tool_hints), expected);
    };
    let mut tool = entry("github-mcp-server", "listIssues", "Lists issues. Of one repository.", &[]);
    check(&tool, &["list Issues: Lists issues. Of one repository.", "github list Issues: Lists issues."]);
    tool.tool_hints =
        Arc::new(Hints { keywords: vec!["bugs".into()], examples: vec!["my bugs".into()], ..Hints::default() });
    let texts = texts_to_embed(&tool.tool, &tool.server_hints, &tool.tool_hints);
    assert_eq!(texts[2..], ["list Issues: bugs"]);
    assert_eq!(examples_to_embed(&tool.tool_hints), ["my bugs"]);
    let mut ping = entry("s", "ping", "", &[]);
    check(&ping, &["ping", "s ping"]);
    ping.server_hints = Arc::new(Hints { description: "Checks hosts".into(), ..Hints::default() });
    check(&ping, &["ping", "s ping: Checks hosts"]);
    ping.server_hints = Arc::new(Hints { keywords: vec!["alive".into()], ..Hints::default() });
    check(&ping, &["ping", "s ping", "s: alive"]);
    let long = entry("s", "long", &"ä".repeat(10_000_000), &[]);
    assert!(texts_to_embed(&long.tool, &long.server_hints, &long.tool_hints).iter().all(|text| text.len() <= 2_000));
}

#[test]
fn a_request_like_an_example_lifts_its_tool_and_no_other() {
    let check = |kind: Kind| {
        let at = |angle: f32| {
            let mut vector = vec![0.0; DIMENSIONS];
            (vector[0], vector[1]) = (angle.cos(), angle.sin());
            vector
        };
        // Both tools are equally far from the request; the second has two examples that are like it, and one that is not.
        let mut with = entry("s", "b", "", &[at(1.0)]);
        with.examples = [at(0.4), at(0.6), at(1.5)].map(|vector| Arc::from(vector.as_slice())).to_vec();
        let snapshot = build(vec![entry("s", "a", "", &[at(-1.0)]), with], kind).unwrap();
        let scores = snapshot.score("request", &at(0.0), None);
        let exact = snapshot.meanings(&at(0.0), &[0, 1]);
        let expected =
            [1.0_f32.cos(), 1.0_f32.cos() + 0.7 * (f32::midpoint(0.4_f32.cos(), 0.6_f32.cos()) - 1.0_f32.cos())];
        for row in 0..2 {
            assert!((scores.meaning[row] - expected[row]).abs() < 0.01, "{row}: {:?}", scores.meaning);
            assert!((scores.lifted(row, exact[row]) - expected[row]).abs() < 0.01);
        }
    };
    check(Kind::Exact);
    check(Kind::Hnsw);
}

#[test]
fn rare_words_and_names_weigh_more() {
    let mut entries: Vec<Entry> =
        (0..20).map(|at| entry("s", &format!("t{at}"), "does things with files", &[])).collect();
    entries.push(entry("s", "zip", "does things with archives", &[]));
    entries.push(entry("s", "other", "zip and unzip", &[]));
    let snapshot = build(entries, Kind::Exact).unwrap();
    let scores = snapshot.score("zip files", &[], None);
    assert!(scores.words[20] > scores.words[21], "in the name against in the description");
    assert!(scores.words[21] > scores.words[0], "rare against common");
    assert!(scores.words.iter().all(|score| *score <= scores.words_highest));
}

#[test]
fn named_tools_are_found_however_they_are_written() {
    let names = [("git-hub", "get_foo"), ("other", "getFoo"), ("other", "search"), ("s", "GET /movie/{id}")];
    let entries = names.iter().map(|(server, name)| entry(server, name, "", &[])).collect();
    let snapshot = build(entries, Kind::Exact).unwrap();
    let check = |request: &str, expected: &[(usize, NamedBy)]| {
        assert_eq!(snapshot.find_named(request), expected, "{request}");
    };
    use NamedBy::{Mention, Whole, Word};
    check("get_foo", &[(0, Whole), (1, Whole)]);
    check("Please run `getFoo`.", &[(0, Mention), (1, Mention)]);
    check("git-hub.get_foo", &[(0, Whole)]);
    check("call git-hub__get_foo, then stop", &[(0, Mention)]);
    check("use other/getFoo now", &[(1, Mention)]);
    check("search", &[(2, Word)]);
    check("get foo", &[]);
    check("search for cats", &[]);
    check("use other.search for cats", &[(2, Mention)]);
    check("GET /movie/{id}", &[(3, Whole)]);
    check("get a foo", &[]);
    check("", &[]);
    check("...", &[]);
    check(&"get_foo ".repeat(100_000), &[(0, Mention), (1, Mention)]);
}

#[test]
fn verbs_agree_or_not() {
    use super::actions::Actions;
    let check = |request: &str, name: &str, expected: f32| {
        let agreement = Actions::of_request(request).agreement(Actions::of_tool(name, ""));
        assert_eq!(agreement, expected, "{request} / {name}");
    };
    check("delete the folder", "create_directory", -1.0);
    check("delete the folder", "remove_directory", 1.0);
    check("deleting old branches", "git_delete_branch", 1.0);
    check("what are my open issues?", "list_issues", 1.0);
    check("what are my open issues?", "create_issue", -1.0);
    check("what is 12 times 7", "calculate", 0.0);
    check("the folder", "create_directory", 0.0);
    check("delete the folder", "directory", 0.0);
}

#[test]
fn a_tool_is_found_by_its_aliases_too() {
    let mut search = entry("mail", "search_v2", "looks through messages", &[]);
    search.tool_hints = Arc::new(Hints { aliases: vec!["findMail".into()], ..Hints::default() });
    let snapshot = build(vec![entry("s", "other", "something else", &[]), search], Kind::Exact).unwrap();
    assert_eq!(snapshot.find(&key("mail", "findMail")), Some(1));
    assert_eq!(snapshot.find(&key("s", "findMail")), None);
    assert_eq!(snapshot.find_by_name("find_mail"), [1]);
    assert_eq!(snapshot.find_by_name("search_v2"), [1]);
    assert_eq!(snapshot.find_named("call mail.find_mail now"), [(1, NamedBy::Mention)]);
    assert!(snapshot.score("find", &[], None).words[1] > 0.0);
    let texts = texts_to_embed(&snapshot.entries()[1].tool, &Hints::default(), &snapshot.entries()[1].tool_hints);
    assert_eq!(texts[2..], ["search v2: find Mail"]);
}

#[test]
fn no_server_takes_an_alias_over() {
    let mut search = entry("mail", "search", "looks through messages", &[]);
    search.tool_hints = Arc::new(Hints { aliases: vec!["find_mail".into()], ..Hints::default() });
    let hostile = ["find_mail", "findMail"].map(|name| entry("h", name, "looks through messages", &[]));
    let sibling = entry("mail", "find-mail", "looks elsewhere", &[]);
    let [first, second] = hostile;
    let snapshot = build(vec![first, second, search, sibling], Kind::Exact).unwrap();
    let check = |request: &str, expected: &[usize]| {
        let found: Vec<usize> = snapshot.find_named(request).into_iter().map(|(row, _)| row).collect();
        assert_eq!(found, expected, "{request}");
    };
    assert_eq!(snapshot.find_by_name("find_mail"), [2]);
    assert_eq!(snapshot.find_by_name("findMail"), [2]);
    check("find_mail", &[2]);
    check("please call findMail now", &[2]);
    // Each stays in reach by its server.
    check("h.find_mail", &[0, 1]);
    check("mail.find-mail", &[3]);
    assert_eq!(snapshot.find(&key("h", "find_mail")), Some(0));
    assert_eq!(snapshot.find(&key("h", "findMail")), Some(1));
    assert_eq!(snapshot.find(&key("mail", "find_mail")), Some(2));
    assert_eq!(snapshot.find(&key("mail", "find-mail")), Some(3));
}

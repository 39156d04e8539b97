//! Results through the room's door: what goes in comes out whole, in parts, and only to whom it belongs.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Error, Grep, Kept, Limits, Provenance, Results, reading};

const OWNER: u64 = 7;

/// A store with room for `entries_max` results; what has more than `file_from_bytes` lies in a file.
fn store(folder: &tempfile::TempDir, entries_max: usize, file_from_bytes: usize, now: fn() -> i64) -> Results {
    Results::new(limits(folder, entries_max, file_from_bytes, now))
}

fn limits(folder: &tempfile::TempDir, entries_max: usize, file_from_bytes: usize, now: fn() -> i64) -> Limits {
    Limits {
        bytes_max: 64_000_000,
        entries_max,
        time_to_live: Duration::from_secs(60),
        file_from_bytes,
        folder: folder.path().join("results"),
        block_bytes_max: 1_000,
        now,
    }
}

fn from() -> Provenance {
    Provenance { server: "files".to_owned(), tool: "read".to_owned() }
}

fn text_result(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

/// The result once in memory and once in a file.
fn both_ways(result: &Value, check: impl Fn(&Results, &Kept)) {
    for file_from_bytes in [usize::MAX, 0] {
        let folder = tempfile::tempdir().unwrap();
        let results = store(&folder, 4, file_from_bytes, || 0);
        let kept = results.keep(OWNER, from(), &result.to_string()).unwrap();
        check(&results, &kept);
    }
}

/// All of the text, page by page.
fn paged(results: &Results, kept: &Kept, chars: usize) -> String {
    let mut whole = String::new();
    let mut offset = 0;
    while offset < kept.chars {
        let page = results.page(kept, offset, chars, usize::MAX).unwrap();
        assert_eq!((page.from, page.text.chars().count()), (offset, page.to - page.from));
        whole.push_str(&page.text);
        offset = page.to;
    }
    whole
}

fn grep<'a>(pattern: &'a str) -> Grep<'a> {
    Grep { pattern, context: 0, skip: 0, matches_max: 10, lines: None, bytes_max: 10_000 }
}

#[test]
fn a_text_comes_out_of_its_pages_as_it_went_in() {
    let check = |text: &str| {
        both_ways(&text_result(text), |results, kept| {
            assert_eq!((kept.chars, kept.lines), (text.chars().count(), text.lines().count()));
            for chars in [1, 7, 1_000_000] {
                if kept.chars < 1_000 || chars > 7 {
                    assert_eq!(paged(results, kept, chars), text);
                }
            }
        });
    };
    check("one\ntwo\n");
    check("no break at the end\nlast");
    check("quotes \" and \\ and / \u{1} \t tabs, umlauts äöü, 漢字, 🦀 and \u{1F468}\u{200D}\u{1F469}");
    check(&"a line with ä in it\n".repeat(40_000));
    check(&"🦀 no breaks ".repeat(60_000));
}

#[test]
fn escapes_that_serde_does_not_write_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let results = store(&folder, 4, usize::MAX, || 0);
    let raw = r#"{"content":[{"type":"text","text":"\u00e4\ud83e\udd80\/ \ud83e! \b\f"}]}"#;
    let kept = results.keep(OWNER, from(), raw).unwrap();
    assert_eq!(paged(&results, &kept, 100), "ä🦀/ \u{fffd}! \u{8}\u{c}");
}

#[test]
fn pages_by_lines_are_whole_lines_and_say_where_they_are() {
    let text: String = (1..=1000).map(|number| format!("line {number}\n")).collect();
    both_ways(&text_result(&text), |results, kept| {
        let page = results.page_of_lines(kept, &(10..=12), 1_000).unwrap();
        assert_eq!(page.text, "line 10\nline 11\nline 12\n");
        assert_eq!(page.lines, (10, 12));
        let next = results.page(kept, page.to, 8, 100).unwrap();
        assert_eq!((next.text.as_str(), next.lines), ("line 13\n", (13, 13)));
        let short = results.page_of_lines(kept, &(999..=5000), 12).unwrap();
        assert_eq!((short.text.as_str(), short.lines), ("line 999\nlin", (999, 1000)));
        assert!(matches!(results.page_of_lines(kept, &(1001..=1002), 9), Err(Error::BehindEnd { lines: 1000, .. })));
        assert!(matches!(results.page(kept, kept.chars, 9, 9), Err(Error::BehindEnd { .. })));
    });
}

#[test]
fn a_handle_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let results = store(&folder, 4, usize::MAX, || 0);
    let handle = results.keep(OWNER, from(), &text_result("x").to_string()).unwrap().handle.clone();
    assert!(handle.starts_with("r_") && handle.len() == 22, "{handle}");
    assert_eq!(results.find(OWNER, &format!(" {handle} ")).unwrap().handle, handle);
    let others = results.find(OWNER + 1, &handle).unwrap_err().to_string();
    let unknown = results.find(OWNER, "r_aaaaaaaaaaaaaaaaaaaa").unwrap_err().to_string();
    assert_eq!(others.replace(&handle, "H"), unknown.replace("r_aaaaaaaaaaaaaaaaaaaa", "H"));
}

#[test]
fn what_went_says_why_and_what_to_do() {
    static NOW: AtomicI64 = AtomicI64::new(1_000);
    let folder = tempfile::tempdir().unwrap();
    let results = store(&folder, 2, usize::MAX, || NOW.load(Ordering::Relaxed));
    let keep = || results.keep(OWNER, from(), &text_result("x").to_string()).unwrap().handle.clone();
    let fault = |handle: &str| results.find(OWNER, handle).unwrap_err().to_string();
    let (first, second, third) = (keep(), keep(), keep());
    assert!(fault(&first).contains("results.entries_max") && fault(&first).contains("call the tool again"));
    assert!(fault(&first).contains("files.read"));
    NOW.fetch_add(59, Ordering::Relaxed);
    assert!(results.find(OWNER, &second).is_ok());
    NOW.fetch_add(2, Ordering::Relaxed);
    assert!(results.find(OWNER, &second).is_ok(), "asking for it keeps it for the whole time again");
    assert!(fault(&third).contains("results.keep_s"));
    results.clear();
    assert_eq!(results.size(), (0, 0));
}

#[test]
fn the_oldest_make_room_and_too_large_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::new(Limits { bytes_max: 1_000, ..limits(&folder, 10, 0, || 0) });
    let keep = |len: usize| results.keep(OWNER, from(), &text_result(&"x".repeat(len)).to_string());
    let first = keep(600).unwrap().handle.clone();
    assert!(results.find(OWNER, &first).is_ok());
    keep(600).unwrap();
    assert!(results.find(OWNER, &first).unwrap_err().to_string().contains("results.keep_bytes_max"));
    assert_eq!(results.size(), (1, 600));
    assert!(matches!(keep(1_000), Err(Error::TooLarge { bytes_max: 1_000, .. })));
}

#[test]
fn files_leave_no_name_behind() {
    let folder = tempfile::tempdir().unwrap();
    let results = store(&folder, 4, 0, || 0);
    let left = || std::fs::read_dir(folder.path().join("results")).map_or(0, Iterator::count);
    let kept = results.keep(OWNER, from(), &text_result("x").to_string()).unwrap();
    if cfg!(unix) {
        assert_eq!(left(), 0);
    }
    std::fs::write(folder.path().join("results/result-old"), "x").unwrap();
    let _later = store(&folder, 4, 0, || 0);
    assert_eq!(left(), 0, "what an earlier process left is removed");
    assert_eq!(paged(&results, &kept, 10), "x");
}

#[test]
fn everything_of_a_result_is_in_its_text_or_its_blocks() {
    let picture = json!({"type": "image", "mimeType": "image/png", "data": "AAAA"});
    let result = json!({
        "content": [
            {"type": "text", "text": "first"},
            picture,
            {"type": "resource", "resource": {"uri": "file:///a.txt", "mimeType": "text/plain", "text": "second\n"}},
            {"type": "resource_link", "uri": "file:///b", "name": "b"},
            "no block",
        ],
        "structuredContent": {"n": 1}, "isError": true, "_meta": {"a": 1},
    });
    both_ways(&result, |results, kept| {
        let expected = "first\n[mcporch: block 2: image, image/png, 6 bytes as base64; fetch_result with \"block\": 2 gives it]\n\
                        [mcporch: block 3: resource, file:///a.txt, text/plain]\nsecond\n\
                        [mcporch: block 4: resource_link]\n{\"type\":\"resource_link\",\"uri\":\"file:///b\",\"name\":\"b\"}\n\
                        [mcporch: block 5: unknown]\n\"no block\"\n[mcporch: structured content]\n{\"n\":1}";
        assert_eq!(paged(results, kept, 1_000), expected);
        assert!(kept.is_error);
        assert_eq!(kept.meta.as_deref(), Some("{\"a\":1}"));
        assert_eq!(results.block(kept, 2).unwrap(), picture.to_string());
        assert!(matches!(results.block(kept, 1), Err(Error::NoSuchBlock { blocks: 5, .. })));
        assert_eq!(results.follow_path(kept, "$.n", 0, 9, 9).unwrap().text, "1");
        assert_eq!(kept.preview(3).unwrap().blocks.len(), 5);
    });
    let large = json!({"content": [{"type": "audio", "mimeType": "audio/wav", "data": "A".repeat(2_000)}]});
    both_ways(&large, |results, kept| {
        assert!(matches!(results.block(kept, 1), Err(Error::BlockTooLarge { .. })));
    });
    // No result of a tool as the protocol knows it.
    for odd in [json!([1, 2]), json!({"other": 1}), json!("text")] {
        both_ways(&odd, |results, kept| assert_eq!(paged(results, kept, 100), odd.to_string()));
    }
    both_ways(&json!({"content": 7}), |results, kept| assert_eq!(paged(results, kept, 100), "7"));
}

#[test]
fn structured_content_that_the_text_repeats_is_kept_once() {
    let check = |text: &str, expected_len: usize| {
        let result = json!({"content": [{"type": "text", "text": text}], "structuredContent": {"a": ["x", 1]}});
        both_ways(&result, |results, kept| {
            assert_eq!(kept.chars, expected_len, "{text}");
            assert_eq!(results.follow_path(kept, "a[0]", 0, 9, 9).unwrap().text, "\"x\"");
        });
    };
    check("{\n  \"a\": [\"x\", 1]\n}", 19);
    check("{\"a\": [\"x\", 2]}", 15 + "\n[mcporch: structured content]\n".len() + 13);
    check("{\"a\": [\"x\"", 10 + "\n[mcporch: structured content]\n".len() + 13);
}

#[test]
fn a_preview_says_how_much_there_is_in_all() {
    let text: String = (1..=100).map(|number| format!("line {number}\n")).collect();
    both_ways(&text_result(&text), |_, kept| {
        let preview = kept.preview(20).unwrap();
        assert_eq!((preview.text.as_str(), preview.chars), ("line 1\nline 2\n", 14));
        assert_eq!((preview.chars_total, preview.lines_total, preview.blocks_total), (text.len(), 100, 1));
        assert!(preview.blocks.is_empty() && preview.shape.is_none());
    });
    let items: Vec<Value> =
        (0..50).map(|id| json!({"id": id, "name": "x", "tags": ["a", "b"], "deep": {"a": {"b": {}}}})).collect();
    let data = json!({"items": items, "note": "y".repeat(300), "rate": 0.5, "none": null});
    let shape = "{\"items\": [50 × {\"id\": integer, \"name\": text, \"tags\": [2 × text], \"deep\": {\"a\": {1 keys}}}], \
                 \"note\": text of 300 characters, \"rate\": number, \"none\": null}";
    both_ways(&json!({"content": [], "structuredContent": data}), |_, kept| {
        assert_eq!(kept.preview(5).unwrap().shape.as_deref(), Some(shape));
        assert_eq!(kept.preview(5).unwrap().text, "{\"ite");
    });
    both_ways(&text_result(&data.to_string()), |_, kept| assert_eq!(kept.shape.as_deref(), Some(shape)));
}

#[test]
fn patterns_find_lines_with_what_is_around_them() {
    let text: String =
        (1..=200).map(|number| format!("entry {number}{}\n", if number % 50 == 0 { " ERROR" } else { "" })).collect();
    both_ways(&text_result(&text), |results, kept| {
        let check = |grep: Grep<'_>, total: usize, expected: &str| {
            let found = results.grep(kept, &grep).unwrap();
            assert_eq!((found.total, found.text.as_str()), (total, expected));
        };
        check(grep("ERR"), 4, "50: entry 50 ERROR\n100: entry 100 ERROR\n150: entry 150 ERROR\n200: entry 200 ERROR\n");
        check(
            Grep { context: 1, matches_max: 2, ..grep("(?i)error$") },
            4,
            "49- entry 49\n50: entry 50 ERROR\n51- entry 51\n--\n99- entry 99\n100: entry 100 ERROR\n101- entry 101\n",
        );
        check(Grep { skip: 3, ..grep("ERR") }, 4, "200: entry 200 ERROR\n");
        check(Grep { lines: Some(60..=120), ..grep("ERR") }, 1, "100: entry 100 ERROR\n");
        check(
            Grep { context: 2, matches_max: 9, lines: Some(1..=3), ..grep("entry [12]$") },
            2,
            "1: entry 1\n2: entry 2\n3- entry 3\n",
        );
        check(grep("nothing like it"), 0, "");
        let few = results.grep(kept, &Grep { bytes_max: 40, ..grep("ERR") }).unwrap();
        assert_eq!((few.total, few.shown), (4, 2));
    });
    let folder = tempfile::tempdir().unwrap();
    let results = store(&folder, 4, usize::MAX, || 0);
    let kept = results.keep(OWNER, from(), &text_result("x").to_string()).unwrap();
    for pattern in ["(", "(?=x)", "\\1", "a{1000}{1000}{1000}", &"x".repeat(1_001)] {
        assert!(matches!(results.grep(&kept, &grep(pattern)), Err(Error::Pattern { .. })), "{pattern}");
    }
}

#[test]
fn each_match_within_a_long_line_is_shown_and_counted_once() {
    // 300,000 bytes in one line, matches at borders of every kind.
    let text: String = (0..20_000)
        .map(|number| if number % 1000 == 0 { format!("{{needle:{number:06}}}") } else { "{hay:123456}ä,".to_owned() })
        .collect();
    both_ways(&text_result(&text), |results, kept| {
        let found = results.grep(kept, &Grep { matches_max: 100, bytes_max: 100_000, ..grep("needle:\\d+") }).unwrap();
        assert_eq!((found.total, found.shown, found.text.lines().count()), (20, 20, 20));
        for (number, line) in found.text.lines().enumerate() {
            assert!(line.contains(&format!("needle:{:06}", number * 1000)), "{line}");
            let char: usize = line.split("character ").nth(1).unwrap().split(')').next().unwrap().parse().unwrap();
            assert!(
                results.page(kept, char, 20, 100).unwrap().text.starts_with(&format!("needle:{:06}", number * 1000))
            );
        }
    });
}

#[test]
fn paths_lead_into_structured_content() {
    let items: Vec<Value> = (0..100).map(|id| json!({"id": id, "price": id * 2})).collect();
    let result = json!({"content": [{"type": "text", "text": "100 items"}], "structuredContent": {"items": items, "big": 12345678901234567890_u64}});
    both_ways(&result, |results, kept| {
        let check = |path: &str, nodes: usize, expected: &str| {
            let found = results.follow_path(kept, path, 0, 10_000, 10_000).unwrap();
            assert_eq!((found.nodes, found.text.as_str(), found.is_more), (nodes, expected, false), "{path}");
        };
        check("$.items[5]", 1, "{\"id\":5,\"price\":10}");
        check("items[0:2].id", 2, "$['items'][0]['id']: 0\n$['items'][1]['id']: 1\n");
        check("$.items[?@.price > 196].id", 1, "99");
        check("$.big", 1, "12345678901234567890");
        check("$.none", 0, "");
        let first = results.follow_path(kept, "$.items", 0, 50, 10_000).unwrap();
        let second = results.follow_path(kept, "$.items", 50, 1_000_000, 1_000_000).unwrap();
        assert!(first.is_more && !second.is_more);
        assert_eq!(serde_json::from_str::<Value>(&(first.text + &second.text)).unwrap().as_array().unwrap().len(), 100);
        for path in ["$.items[", "$..a..b..c", "$[?@.a == $.b]", &"a".repeat(1_001)] {
            assert!(matches!(results.follow_path(kept, path, 0, 9, 9), Err(Error::Path { .. })), "{path}");
        }
    });
    both_ways(&text_result("no json"), |results, kept| {
        assert!(matches!(results.follow_path(kept, "$.a", 0, 9, 9), Err(Error::NoJson)));
    });
    both_ways(&text_result("{\"a\": {\"b\": 1}}"), |results, kept| {
        assert_eq!(results.follow_path(kept, ".a.b", 0, 9, 9).unwrap().text, "1");
    });
}

#[test]
fn paths_that_multiply_are_refused_and_others_are_not() {
    let nested = (0..60).fold(json!(1), |inner, _| json!([inner]));
    both_ways(
        &json!({"content": [], "structuredContent": {"n": nested, "it's": {"a,b": [1, 2], "c": 3}}}),
        |results, kept| {
            let follow = |path: &str| results.follow_path(kept, path, 0, 10_000, 10_000);
            let listed = "$['it\\'s']['a,b'][0]: 1\n$['it\\'s']['a,b'][1]: 2\n$['it\\'s']['c']: 3\n";
            assert_eq!(follow("$[\"it's\"]['a,b', 'c']").unwrap().nodes, 2);
            let found = follow("$[\"it's\"]..[?@ < 9]").unwrap();
            let (mut found, mut listed): (Vec<&str>, Vec<&str>) =
                (found.text.lines().collect(), listed.lines().collect());
            found.sort_unstable();
            listed.sort_unstable();
            assert_eq!(found, listed);
            assert_eq!(
                follow("$.n[0,0]").unwrap().text.lines().count(),
                2,
                "a node that is meant twice is shown twice"
            );
            assert_eq!(follow("$[?@ == 'a,,,,,,,,,,,,b']").unwrap().nodes, 0);
            let many: Vec<String> = (0..100).map(|number| format!("'a{number}'")).collect();
            assert_eq!(follow(&format!("$[{}]", many.join(","))).unwrap().nodes, 0);
            for path in [
                &format!("$.n{}", "[0,0]".repeat(30)),
                &format!("$.n{}", "[0,-1]".repeat(30)),
                &format!("$.n{}", "[*,0:9]".repeat(30)),
                &format!("$['n',\"n\"]{}", "[*,?@]".repeat(3)),
                &format!("$[?@{}]", "[0,0]".repeat(30)),
                "$..[*,*]..*",
            ] {
                assert!(matches!(follow(path), Err(Error::Path { .. })), "{path}");
            }
            let far = results.follow_path(kept, "$.n[*,*]", usize::MAX, 9, 9);
            assert!(matches!(far, Err(Error::Path { .. })));
        },
    );
    let wide = vec![1; 200_000];
    both_ways(&json!({"content": [], "structuredContent": {"wide": wide}}), |results, kept| {
        assert_eq!(results.follow_path(kept, "$..*", 0, 100, 100).unwrap().nodes, 200_001);
        let twice = results.follow_path(kept, "$..wide..*", 0, 9, 9);
        assert!(matches!(twice, Err(Error::Path { fault, .. }) if fault.contains("name the members")));
    });
}

#[test]
fn passages_are_found_by_words_and_ordered_by_meaning() {
    let mut text: String = (0..2_000)
        .map(|number| format!("Paragraph {number} speaks of the weather in town, of rain and of sun.\n"))
        .collect();
    text.insert_str(70_000 - 70_000 % 67, "\nThe invoices of the harbour are paid in October.\n");
    both_ways(&text_result(&text), |results, kept| {
        let by_words = results.search(kept, "Which invoice was paid?", 3, 5_000, &mut |_| None).unwrap();
        assert_eq!((by_words.compared, by_words.best.len()), (0, 1));
        assert!(by_words.best[0].text.contains("harbour"));
        let page = results.page(kept, by_words.best[0].from, 1_000, 10_000).unwrap();
        assert!(page.text.starts_with(&by_words.best[0].text[..40]) && page.lines.0 == by_words.best[0].line);
        let mut seen = 0;
        let mut meaning = |passages: &[&str]| {
            seen = passages.len();
            Some(passages.iter().map(|text| if text.contains("Paragraph 3 ") { 0.9 } else { 0.1 }).collect())
        };
        let by_meaning = results.search(kept, "zzz", 2, 5_000, &mut meaning).unwrap();
        assert!(by_meaning.total > 150 && by_meaning.compared == seen && seen <= 128, "{seen}");
        assert!(by_meaning.best[0].text.contains("Paragraph 3 "));
        assert_eq!(results.search(kept, "invoice", 9, 10, &mut |_| None).unwrap().best.len(), 0, "bounded in bytes");
    });
}

#[test]
fn pictures_do_not_count_as_text_and_questions_back_are_no_end() {
    let check = |raw: Value, expected: (bool, usize)| {
        let seen = reading(&raw.to_string());
        assert_eq!((seen.is_final, seen.media_bytes), expected, "{raw}");
        assert_eq!(seen.text_bytes + seen.media_bytes, raw.to_string().len());
    };
    check(text_result("x"), (true, 0));
    check(
        json!({"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}, {"type": "text", "text": "y"}]}),
        (true, 6),
    );
    check(json!({"content": [{"type": "resource", "resource": {"uri": "a", "blob": "AAAA"}}]}), (true, 6));
    check(json!({"content": [], "resultType": "complete"}), (true, 0));
    check(json!({"resultType": "input_required", "inputRequests": {}}), (false, 0));
    check(json!({"task": {"taskId": "1"}}), (false, 0));
    check(json!([1]), (true, 0));
}

#[test]
fn eight_megabytes_pass_through_a_file_in_pages() {
    let text: String = (0..250_000).map(|number| format!("{number:07} a line of text, ünïcode\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let results = store(&folder, 4, 0, || 0);
    let raw = text_result(&text).to_string();
    let kept = results.keep(OWNER, from(), &raw).unwrap();
    drop(raw);
    assert_eq!(kept.lines, 250_000);
    assert_eq!(
        results.page_of_lines(&kept, &(200_001..=200_001), 100).unwrap().text,
        "0200000 a line of text, ünïcode\n"
    );
    assert_eq!(results.grep(&kept, &grep("^0249999")).unwrap().total, 1);
    assert!(paged(&results, &kept, 1_000_000) == text);
}

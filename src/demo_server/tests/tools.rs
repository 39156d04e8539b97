//! Each tool that needs no folder does what it says.

use serde_json::{Value, json};

use super::{check, run};

#[test]
fn unit_tools_convert() {
    let ask = |value: f64, from: &str, to: &str| json!({"value": value, "from": from, "to": to});
    check("convert_length", &ask(26.2, "miles", "KM"), "26.2 mi = 42.1648128 km");
    check("convert_length", &ask(6.0, "feet", "cm"), "6 ft = 182.88 cm");
    check(
        "convert_length",
        &ask(1.0, "parsec", "m"),
        "fault: argument \"from\" is \"parsec\", but must be one of: m, km",
    );
    check("convert_weight", &ask(150.0, "lbs", "kg"), "150 lb = 68.0388555 kg");
    check("convert_area", &ask(10.0, "acres", "hectares"), "10 acre = 4.046856422 ha");
    check("convert_volume", &ask(2.0, "cups", "ml"), "2 cup = 473.176473 ml");
    check("convert_speed", &ask(100.0, "km/h", "mph"), "100 km/h = 62.13711922 mph");
    check("convert_data_size", &ask(1.0, "GiB", "MB"), "1 GiB = 1073.741824 MB");
    check("convert_temperature", &ask(100.0, "celsius", "fahrenheit"), "100 °C = 212 °F");
    check("convert_temperature", &ask(-40.0, "F", "C"), "-40 °F = -40 °C");
    check(
        "convert_temperature",
        &ask(-300.0, "C", "K"),
        "fault: argument \"value\" cannot be used: it is below absolute zero",
    );
    check("convert_roman_numeral", &json!({"value": 2026}), "2026 = MMXXVI");
    check("convert_roman_numeral", &json!({"value": "mcmxciv"}), "MCMXCIV = 1994");
    check("convert_roman_numeral", &json!({"value": "IIII"}), "fault: ");
    check("convert_roman_numeral", &json!({"value": 4000}), "fault: ");
}

#[test]
fn every_roman_numeral_comes_back() {
    for number in (1..4000).step_by(7) {
        let (text, _) = run(None, "convert_roman_numeral", &json!({"value": number})).unwrap();
        let numeral = text.split(" = ").nth(1).unwrap();
        check("convert_roman_numeral", &json!({"value": numeral}), &format!("= {number}"));
    }
}

#[test]
fn text_tools_change_texts() {
    let case = |text: &str, to: &str| json!({"text": text, "to": to});
    check(
        "count_words",
        &json!({"text": "One two. Three!\n\nFour — five?"}),
        "5 words, 29 characters, 3 lines, 3 sentences, 2 paragraphs",
    );
    check("change_case", &case("hello wORLD", "title"), "Hello World");
    check("change_case", &case("straße", "upper"), "STRASSE");
    check("change_case", &case("Some Text-here", "camel"), "someTextHere");
    check("change_case", &case("someTextHere 2", "snake"), "some_text_here_2");
    check("change_case", &case("x", "loud"), "fault: argument \"to\" is \"loud\", but must be one of: upper, lower");
    check(
        "find_and_replace",
        &json!({"text": "tea and Tea", "find": "tea", "replace": "coffee"}),
        "1 replaced:\ncoffee and Tea",
    );
    check(
        "find_and_replace",
        &json!({"text": "tea and Tea", "find": "TEA", "replace": "x", "ignore_case": true}),
        "2 replaced:\nx and x",
    );
    check(
        "compare_texts",
        &json!({"old": "a\nb\nc", "new": "a\nc\nd"}),
        "1 lines removed, 1 added:\n  a\n- b\n  c\n+ d\n",
    );
    check("compare_texts", &json!({"old": "same", "new": "same"}), "equal");
    check("make_slug", &json!({"text": "Crème brûlée: how to — Größe?"}), "creme-brulee-how-to-groesse");
    check(
        "extract_emails",
        &json!({"text": "Write to <a.b+c@mail.example.org>, a.b+c@mail.example.org or see https://example.org/x. Not @me, x@y or a@b..c"}),
        "a.b+c@mail.example.org\nhttps://example.org/x",
    );
    check("extract_emails", &json!({"text": "nobody@home"}), "Nothing was found.");
}

#[test]
fn codes_agree_with_known_values() {
    check("hash_text", &json!({"text": "abc"}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("hash_text", &json!({"text": "123456789", "algorithm": "crc32"}), "cbf43926");
    check("hash_text", &json!({"text": "", "algorithm": "sha512"}), "cf83e1357eefb8bdf1542850d66d8007");
    for (plain, coded) in
        [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("¿ü?", "wr/DvD8=")]
    {
        let encoded = run(None, "convert_base64", &json!({"text": plain})).unwrap().0;
        assert_eq!(encoded, coded);
        let decoded = run(None, "convert_base64", &json!({"text": coded, "direction": "decode"})).unwrap().0;
        assert_eq!(decoded, plain);
    }
    check("convert_base64", &json!({"text": "wr_DvD8", "direction": "decode"}), "¿ü?");
    check(
        "convert_base64",
        &json!({"text": "Zg=!", "direction": "decode"}),
        "fault: argument \"text\" cannot be used: it is no Base64",
    );
    check("convert_base64", &json!({"text": "/w==", "direction": "decode"}), "fault: ");
}

const SALES: &str = "city,amount,note\nBern,10,\"a, \"\"b\"\"\"\nRome,9.5,\nBern,200,x\n";

#[test]
fn table_tools_work_on_csv() {
    let of = |more: Value| {
        let mut all = json!({"csv": SALES});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let (_, rows) = run(None, "csv_to_json", &of(json!({}))).unwrap();
    assert_eq!(rows.unwrap()["rows"][0], json!({"city": "Bern", "amount": 10, "note": "a, \"b\""}));
    let (_, rows) = run(None, "csv_to_json", &json!({"csv": "id;ok;x\r\n007;true;-0.5\r\n"})).unwrap();
    assert_eq!(rows.unwrap()["rows"], json!([{"id": "007", "ok": true, "x": -0.5}]));
    check("sort_csv", &of(json!({"column": "amount"})), "note\nRome,9.5,\nBern,10,\"a, \"\"b\"\"\"\nBern,200,x\n");
    check("sort_csv", &of(json!({"column": "amount", "order": "descending"})), "note\nBern,200");
    check(
        "filter_csv",
        &of(json!({"column": "amount", "condition": "greater", "value": 9.9})),
        "note\nBern,10,\"a, \"\"b\"\"\"\nBern,200,x\n",
    );
    check("filter_csv", &of(json!({"column": "City", "value": "rome"})), "city,amount,note\nRome,9.5,\n");
    check("filter_csv", &of(json!({"column": "note", "condition": "empty"})), "city,amount,note\nRome,9.5,\n");
    check("filter_csv", &of(json!({"column": "note"})), "fault: argument \"value\" is missing");
    check(
        "sum_column",
        &of(json!({"column": "amount"})),
        "Sum of amount: 219.5 (3 numbers, average 73.16666667, minimum 9.5, maximum 200, 0 cells",
    );
    check(
        "sum_column",
        &of(json!({"column": "price"})),
        "fault: argument \"column\" is \"price\", but must be one of: city, amount, note",
    );
    check(
        "group_csv",
        &of(json!({"by": "city", "sum": "amount"})),
        "city,count,sum of amount\nBern,2,210\nRome,1,9.5\n",
    );
    let join = |keep: &str| json!({"left": "id,name\n1,Ann\n2,Bob", "right": "id,pet\n1,cat\n1,dog", "on": "id", "keep": keep});
    check("join_csv", &join("matching"), "id,name,pet\n1,Ann,cat\n1,Ann,dog\n");
    check("join_csv", &join("left"), "1,Ann,dog\n2,Bob,\n");
    check(
        "csv_to_json",
        &json!({"csv": "a,b\n1,2,3"}),
        "fault: argument \"csv\" cannot be used: row 1 has 3 cells, but there are 2 columns",
    );
    check(
        "csv_to_json",
        &json!({"csv": "a\n\"x"}),
        "fault: argument \"csv\" cannot be used: a quotation mark is never closed",
    );
    check("csv_to_json", &json!({"csv": "  "}), "fault: ");
}

#[test]
fn expressions_are_evaluated() {
    for (text, expected) in [
        ("12 times 7", "84"),
        ("(3 + 4) * 2^5", "224"),
        ("2 + 3 * 4 - 6 / 2", "11"),
        ("-2^2", "-4"),
        ("2^3^2", "512"),
        ("2**10", "1024"),
        ("0.1 + 0.2", "0.3"),
        ("sqrt(2) ^ 2", "2"),
        ("√16 + 5!", "124"),
        ("2(3+4)pi", "43.98229715"),
        ("17 mod 5", "2"),
        ("17 % 5", "2"),
        ("15% of 80", "12"),
        ("20% * 50", "10"),
        ("max(1, 7, 3) - min(4; 2)", "5"),
        ("log(8, 2) + ln(e)", "4"),
        ("1.5e3 ÷ 3 × 2", "1000"),
    ] {
        check("evaluate_expression", &json!({"expression": text}), &format!("= {expected}"));
    }
}

#[test]
fn expressions_that_are_none_say_where() {
    let deep = "(".repeat(100_000);
    for (text, expected) in [
        ("", "it is empty"),
        ("1 +", "is expected at the end"),
        ("(1", "\")\" is expected at the end"),
        ("1 $ 2", "an operator is expected at character 3, not '$'"),
        ("1/0", "division by zero"),
        ("sqrt(-1)", "sqrt has no real value there"),
        ("nosuch(1)", "there is no function nosuch of 1 numbers"),
        ("9^9^9^9", "too large"),
        ("1..2", "is no number"),
        ("(-1)!", "only whole numbers"),
        (deep.as_str(), "nested deeper than 200"),
    ] {
        check("evaluate_expression", &json!({"expression": text}), "fault: ");
        let fault = run(None, "evaluate_expression", &json!({"expression": text})).unwrap_err();
        assert!(fault.contains(expected), "{text}: {fault}");
    }
}

#[test]
fn maths_tools_calculate() {
    check(
        "describe_numbers",
        &json!({"numbers": [2, 4, 4, 4, 5, 5, 7, 9]}),
        "count 8, sum 40, mean 5, median 4.5, mode 4, standard deviation 2.138089935 (sample), variance 4.571428571, minimum 2, lower quartile 4, upper quartile 5.5, maximum 9",
    );
    check("describe_numbers", &json!({"numbers": []}), "fault: ");
    check("prime_factors", &json!({"number": 360}), "360 = 2 × 2 × 2 × 3 × 3 × 5");
    check("prime_factors", &json!({"number": 1_000_003}), "1000003 is a prime number");
    check("prime_factors", &json!({"number": 1}), "fault: argument \"number\" is 1, but must be from 2 to");
    let solve = |a: f64, b: f64, c: f64| json!({"a": a, "b": b, "c": c});
    check("solve_quadratic", &solve(1.0, -3.0, 2.0), "x = 1 or x = 2");
    check("solve_quadratic", &solve(1.0, 2.0, 1.0), "x = -1 (one solution)");
    check("solve_quadratic", &solve(1.0, 0.0, -4.0), "x = -2 or x = 2");
    check("solve_quadratic", &solve(1.0, 2.0, 5.0), "x = -1 ± 2i");
    check("solve_quadratic", &solve(0.0, 2.0, -5.0), "x = 2.5");
    let dice = json!({"min": 1, "max": 6, "count": 1000, "seed": 7});
    let (text, _) = run(None, "random_numbers", &dice).unwrap();
    assert_eq!(run(None, "random_numbers", &dice).unwrap().0, text);
    let numbers: Vec<u32> = text.split(" (").next().unwrap().split(", ").map(|n| n.parse().unwrap()).collect();
    assert!((1..=6).all(|face| (120..220).contains(&numbers.iter().filter(|n| **n == face).count())), "{text}");
    check("random_numbers", &json!({"min": 5, "max": 4}), "fault: ");
}

#[test]
fn colour_tools_convert() {
    check("convert_colour", &json!({"colour": "#ff8800"}), "#ff8800 = rgb(255, 136, 0) = hsl(32, 100%, 50%)");
    check("convert_colour", &json!({"colour": "rgb(30, 136, 229)"}), "#1e88e5 ");
    check("convert_colour", &json!({"colour": "hsl(120, 100%, 25%)"}), "#008000 ");
    check("convert_colour", &json!({"colour": "Sky Blue"}), "#87ceeb ");
    check("convert_colour", &json!({"colour": "#f0f"}), "#ff00ff ");
    check("convert_colour", &json!({"colour": "no colour"}), "fault: ");
    check("convert_colour", &json!({"colour": "ééé"}), "fault: ");
    check("make_palette", &json!({"colour": "#ff0000", "scheme": "triadic", "count": 3}), "#ff0000, #00ff00, #0000ff");
    check("make_palette", &json!({"colour": "#ff0000", "scheme": "complementary", "count": 2}), "#ff0000, #00ffff");
    check(
        "make_palette",
        &json!({"colour": "teal", "scheme": "shades", "count": 1}),
        "fault: argument \"count\" is 1, but must be from 2 to 12",
    );
    check("check_contrast", &json!({"text": "#000000"}), "contrast 21.00:1, passes AAA");
    check(
        "check_contrast",
        &json!({"text": "#777777", "background": "#ffffff"}),
        "contrast 4.48:1, passes AA for large",
    );
}

//! The tokenizer against the `tokenizers` crate, which is given the vocabulary that is compiled in here.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::{tokenizer, weights};

/// The reference, put together as the model's own tokenizer.json does it.
fn oracle() -> Tokenizer {
    let piece = |id| String::from_utf8(weights::piece(id).to_vec()).unwrap();
    let vocabulary: BTreeMap<String, u16> = (0..weights::VOCABULARY as u16).map(|id| (piece(id), id)).collect();
    let marks = [0u16, 100, 101, 102, 103].map(|id| {
        json!({"id": id, "special": true, "content": piece(id), "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false})
    });
    let mark = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
    let special = |name: &str, id: u16| json!({"id": name, "ids": [id], "tokens": [name]});
    let description = json!({
        "version": "1.0",
        "truncation": {"max_length": weights::TOKENS_MAX, "strategy": "LongestFirst", "stride": 0},
        "added_tokens": marks,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [mark("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, mark("[SEP]")],
            "pair": [mark("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"[CLS]": special("[CLS]", 101), "[SEP]": special("[SEP]", 102)}},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary},
    });
    Tokenizer::from_bytes(description.to_string()).unwrap()
}

fn check(oracle: &Tokenizer, text: &str) {
    let expected: Vec<u32> = oracle.encode(text, true).unwrap().get_ids().to_vec();
    let mut found = Vec::new();
    tokenizer::encode(text, &mut found);
    let found: Vec<u32> = found.into_iter().map(u32::from).collect();
    assert_eq!(found, expected, "{text:?}");
}

/// Knuth's MMIX generator: enough chance for strings, and the same strings every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// A stretch of one kind of text.
    fn stretch(&mut self, to: &mut String) {
        const RANGES: [(u32, u32); 14] = [
            (0x20, 0x7E),       // ASCII
            (0x00, 0x1F),       // controls
            (0x7F, 0xA0),       // more controls
            (0xC0, 0x24F),      // accents
            (0x300, 0x36F),     // accents that are characters
            (0x370, 0x5FF),     // Greek to Hebrew
            (0x900, 0xDFF),     // Indian scripts
            (0x1E00, 0x2BFF),   // more accents, spaces, punctuation, symbols
            (0x3000, 0x30FF),   // Japanese
            (0x4E00, 0x9FFF),   // Chinese
            (0xAC00, 0xD7A3),   // Korean
            (0xE000, 0xFFFF),   // private use, compatibility, specials
            (0x1F300, 0x1FAFF), // emoji
            (0x1D000, 0x2FA1F), // and beyond
        ];
        const WORDS: [&str; 10] =
            ["create", "unbelievably", "[SEP]", "[MASK]", "[cls]", " ", "\u{200d}", "ﬁx", "İstanbul", "Straße-ΟΔΟΣ"];
        if self.below(3) == 0 {
            to.push_str(WORDS[self.below(WORDS.len())]);
            return;
        }
        let (first, last) = RANGES[self.below(RANGES.len())];
        for _ in 0..=self.below(8) {
            to.extend(char::from_u32(first + self.below((last - first + 1) as usize) as u32));
        }
    }
}

#[test]
fn known_difficulties_are_cut_as_the_reference_cuts_them() {
    let oracle = oracle();
    let texts = [
        "",
        " ",
        "Hello, world!",
        "Crème brûlée à l'Élysée, Ångström, naïve, Đorđe, ﬁancé",
        "e\u{301}te\u{301} a\u{328}\u{301} \u{301}alone",
        "你好，世界。カタカナ ひらがな 한국어 全角ＡＢＣ",
        "🙂👨‍👩‍👧‍👦🏳️‍🌈 1️⃣ ok",
        "a\u{0}b\u{7}c\td\ne\r\nf\u{200b}g\u{feff}h\u{fffd}i\u{85}j\u{2028}k\u{a0}l",
        "camelCase snake_case kebab-case a.b.c x/y/z #tag @me $5.00 100%",
        "[CLS] is [SEP] a [MASK]ed [PAD] [UNK] [unk] [[SEP]]",
        "İSTANBUL Straße ΟΔΟΣ ǅ ŉ ẞ",
        "ctrl\u{1}\u{2}\u{3}chars \u{ad}soft\u{ad}hyphen",
        "２０２６年１１月",
    ];
    for text in texts {
        check(&oracle, text);
    }
    for len in [99, 100, 101, 1000] {
        check(&oracle, &"x".repeat(len));
        check(&oracle, &"é".repeat(len));
        check(&oracle, &format!("{} tail", "ab ".repeat(len)));
    }
}

#[test]
fn ten_thousand_random_strings_are_cut_as_the_reference_cuts_them() {
    let oracle = oracle();
    let mut dice = Dice(7);
    for _ in 0..10_000 {
        let mut text = String::new();
        for _ in 0..dice.below(12) {
            dice.stretch(&mut text);
        }
        check(&oracle, &text);
    }
}

#[test]
fn every_character_is_read_as_the_reference_reads_it() {
    let oracle = oracle();
    let all: Vec<char> =
        ('\u{0}'..=char::MAX).filter(|c| !matches!(*c as u32, 0x30000..=0xDFFFF | 0xE1000..)).collect();
    for some in all.chunks(60) {
        check(&oracle, &some.iter().flat_map(|c| ['a', *c, 'b', ' ']).collect::<String>());
    }
}

#[test]
fn the_weights_are_those_of_the_manifests() {
    let models: [(&str, &[u8]); 2] = [
        (include_str!("../../../models/all-minilm-l6-v2.toml"), include_bytes!("../../../models/all-minilm-l6-v2.bin")),
        (include_str!("../../../models/router-v1.toml"), include_bytes!("../../../models/router-v1.bin")),
    ];
    let hex = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let contents = models.map(|(manifest, file)| {
        let manifest: toml::Table = toml::from_str(manifest).unwrap();
        assert_eq!(hex(file), manifest["file"]["sha256"].as_str().unwrap());
        let content = manifest["file"]["content_sha256"].as_str().unwrap().to_owned();
        assert_eq!(hex(&file[weights::HEADER_LEN..]), content);
        assert_eq!(i64::try_from(file.len()).unwrap(), manifest["file"]["bytes"].as_integer().unwrap());
        (manifest, content)
    });
    let [(_, base), (taught, _)] = contents;
    assert_eq!(taught["base"]["content_sha256"].as_str().unwrap(), base);
}

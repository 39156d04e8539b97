//! Hashes and Base64, for the tools of kind `text`.

use std::fmt::Write as _;

use sha2::{Digest, Sha256, Sha512};

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::world::World;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Runs the tool `hash_text`.
pub(super) fn hash_text(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let text = arguments.text("text")?.as_bytes();
    Ok(Answer::text(match arguments.word("algorithm", &["sha256", "sha512", "crc32"])? {
        "sha512" => hex(&Sha512::digest(text)),
        "crc32" => hex(&crc32(text).to_be_bytes()),
        _ => hex(&Sha256::digest(text)),
    }))
}

/// Runs the tool `convert_base64`.
pub(super) fn recode_base64(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let text = arguments.text("text")?;
    if arguments.word("direction", &["encode", "decode"])? == "encode" {
        return Ok(Answer::text(encode(text.as_bytes())));
    }
    let bad = |why: &str| Fault::Unusable { name: "text", why: why.to_owned() };
    let bytes = decode(text).ok_or_else(|| bad("it is no Base64"))?;
    let decoded = String::from_utf8(bytes).map_err(|_| bad("what it holds is not a text"))?;
    Ok(Answer::text(decoded))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// The checksum of zip and PNG files, bit by bit: texts are short.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// Base64 of bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// The bytes of a Base64 text, in either alphabet; none when it is no such text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let letters: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let letters = letters.trim_end_matches('=');
    if letters.len() % 4 == 1 {
        return None;
    }
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in letters.bytes() {
        let plain = match letter {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        let value = ALPHABET.iter().position(|known| *known == plain)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 255).ok()?);
        }
    }
    Some(bytes)
}

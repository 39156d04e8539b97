//! The id that a request has in answers and logs.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::HeaderMap;
use hyper::header::HeaderName;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over, in bytes.
const ID_BYTES_MAX: usize = 128;

/// The client's own id where it is one, else a new one. What stands in it is printed in logs and answers: letters, digits and a few
/// marks.
pub(super) fn of(headers: &HeaderMap) -> Cow<'_, str> {
    let own = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
    match own.filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)) {
        Some(id) => Cow::Borrowed(id),
        None => Cow::Owned(fresh()),
    }
}

/// Different in this process by its number, and from other processes by their beginning.
fn fresh() -> String {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| {
        let mut bytes = [0; 4];
        // Without randomness the ids of two processes may be the same, which harms nobody.
        let _no_randomness = getrandom::fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    });
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{:08x}-{:x}", *PROCESS, LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::{REQUEST_ID, of};

    #[test]
    fn only_plain_ids_are_taken_over() {
        let check = |id: &str, is_taken: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, id.parse().unwrap());
            assert_eq!(of(&headers) == id, is_taken, "{id}");
        };
        check("0af7651916cd43dd8448eb211c80319c", true);
        check("trace:1/2", true);
        check("", false);
        check("a b", false);
        check("<script>", false);
        check(&"a".repeat(129), false);
        assert_ne!(of(&HeaderMap::new()), of(&HeaderMap::new()));
    }
}

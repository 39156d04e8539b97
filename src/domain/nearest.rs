//! The known word that a person probably meant. One distance for settings, servers and tools.

/// The nearest known word, when it is near enough that it was probably meant: a third of the letters may differ.
/// Letter case and the signs `_` and `-` do not count.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = Misspelt::new(word);
    let near = known.into_iter().filter_map(|candidate| Some((word.edits_to(candidate, word.allowed())?, candidate)));
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// A word that is compared with many.
#[derive(Debug)]
pub struct Misspelt {
    plain: Vec<char>,
}

impl Misspelt {
    /// Letter case and the signs `_` and `-` do not count, nor what stands behind 64 letters.
    #[must_use]
    pub fn new(word: &str) -> Self {
        Self { plain: plain(word).collect() }
    }

    /// How many letters may differ in a word that was probably meant: a third, 1 to 3.
    #[must_use]
    pub fn allowed(&self) -> usize {
        (self.plain.len() / 3).clamp(1, 3)
    }

    /// How many letters to insert, remove, replace or swap with their neighbour to get `candidate`; `None` where it is more
    /// than `most`. Most candidates cost no more than the count of their letters.
    #[must_use]
    pub fn edits_to(&self, candidate: &str, most: usize) -> Option<usize> {
        if plain(candidate).count().abs_diff(self.plain.len()) > most {
            return None;
        }
        distance(&self.plain, &plain(candidate).collect::<Vec<char>>(), most)
    }
}

/// `did you mean X?`, or nothing.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

fn plain(word: &str) -> impl Iterator<Item = char> {
    // 64 letters are more than any known word has, and keep a hostile key from costing time.
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).take(64)
}

/// Optimal string alignment; `None` as soon as it is sure to be more than `most`.
fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        // No later row has less than the least of this one.
        if row.iter().min().is_some_and(|least| *least > most) {
            return None;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_up_to_the_most_that_is_of_use() {
        let check = |word: &str, candidate: &str, most: usize, expected: Option<usize>| {
            assert_eq!(Misspelt::new(word).edits_to(candidate, most), expected, "{word} {candidate} {most}");
        };
        check("read_file", "readFile", 0, Some(0));
        check("read_flie", "read_file", 1, Some(1));
        check("red_fille", "read_file", 2, Some(2));
        check("red_fille", "read_file", 1, None);
        check("a", "abcde", 3, None);
        check("abcdef", "ghijkl", 3, None);
        check("abcdef", "ghijkl", usize::MAX, Some(6));
        // The swap is found behind a row that has reached the most already.
        check("xab", "ba", 2, Some(2));
        check("", "", 0, Some(0));
    }

    #[test]
    fn only_a_near_word_was_meant() {
        let known = ["timeout_ms", "tools_max", "folder"];
        let check = |word: &str, expected: Option<&str>| assert_eq!(nearest(word, known), expected, "{word}");
        check("timeuot_ms", Some("timeout_ms"));
        check("toolsMax", Some("tools_max"));
        check("older", Some("folder"));
        check("frequency", None);
    }
}

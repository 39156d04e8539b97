//! JSON paths (RFC 9535) into structured content, or into a text that is JSON. Who writes the path and who wrote the JSON may
//! both mean harm: what a path can lead to is bounded before it is followed.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};

use super::digest::JSON_BYTES_MAX;
use super::{Error, Kept, Results};

/// Longest path, in bytes. A guess.
const PATH_BYTES_MAX: usize = 1_000;
/// `..` in one path: each may visit all below all.
const DESCENTS_MAX: usize = 2;
/// Longest JSON, in bytes, for a path with `..`, and for one with two of them: so many values in so many levels are listed in
/// about a hundred megabytes.
const DESCENT_BYTES_MAX: usize = 1 << 20;
const DESCENTS_BYTES_MAX: usize = 256 << 10;
/// How often a path may lead to one node, counted from its brackets alone: the standard keeps duplicates, and they multiply.
const REPEATS_MAX: usize = 8;
/// Farthest that a window may start, in characters: beyond twice the largest JSON all was given before.
const OFFSET_MAX: usize = 2 * JSON_BYTES_MAX;
/// Shortest line of a listing: `$[0]: 1` and its end.
const LINE_CHARS_MIN: usize = 8;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundNodes {
    /// How many nodes there are.
    pub nodes: usize,
    /// The window of their text that was asked for: one node as it is, several one to a line with their paths before them.
    pub text: String,
    /// The number of the window's first character.
    pub from: usize,
    /// Whether there is more behind the window.
    pub is_more: bool,
}

impl Results {
    /// Follows a path; gives at most `chars_max` characters and `bytes_max` bytes of what it leads to, from character `offset`
    /// on. Blocks: up to a second for the largest JSON that is allowed.
    ///
    /// # Errors
    /// [`Error::Path`], [`Error::NoJson`], [`Error::JsonTooLarge`], [`Error::File`].
    pub fn follow_path(
        &self,
        kept: &Kept,
        path: &str,
        offset: usize,
        chars_max: usize,
        bytes_max: usize,
    ) -> Result<FoundNodes, Error> {
        let Parsed { path: parsed, descents } = parse(path)?;
        if offset > OFFSET_MAX {
            return Err(fault(path, format!("nothing is given beyond character {OFFSET_MAX} of what it leads to")));
        }
        let at = kept.json.clone().unwrap_or(0..kept.view.end.byte);
        let bytes_of_json_max = [JSON_BYTES_MAX, DESCENT_BYTES_MAX, DESCENTS_BYTES_MAX][descents.min(DESCENTS_MAX)];
        if at.len() > JSON_BYTES_MAX {
            return Err(Error::JsonTooLarge { bytes: at.len(), bytes_max: JSON_BYTES_MAX });
        }
        if at.len() > bytes_of_json_max {
            let what = format!(
                "it has {descents} times `..`, which is followed in JSON of {bytes_of_json_max} bytes and not of {}; name \
                 the members on the way",
                at.len()
            );
            return Err(fault(path, what));
        }
        let text = kept.view.read(at).map_err(|fault| self.file("reading", fault))?;
        let json: Value = serde_json::from_str(&text).map_err(|_| Error::NoJson)?;
        drop(text);
        let found = parsed.query(&json).all();
        let nodes = found.len();
        let mut window =
            Window { skip: offset, chars: chars_max, bytes: bytes_max, text: String::new(), is_more: false };
        if let [only] = found[..] {
            window.push(&only.to_string());
        } else {
            // No more lines than these can come into the window.
            let lines_max = offset.saturating_add(chars_max.min(bytes_max)) / LINE_CHARS_MIN + 2;
            let shown = &found[..nodes.min(lines_max)];
            let places = Places::of(&json, shown);
            for node in shown {
                if !window.push(&format!("{}: {node}\n", places.name(node))) {
                    break;
                }
            }
        }
        Ok(FoundNodes { nodes, text: window.text, from: offset, is_more: window.is_more })
    }
}

fn fault(path: &str, fault: String) -> Error {
    Error::Path { path: path.chars().take(100).collect(), fault }
}

struct Parsed {
    path: JsonPath,
    /// How many `..` it has.
    descents: usize,
}

fn parse(path: &str) -> Result<Parsed, Error> {
    let fault = |what: String| fault(path, what);
    let trimmed = path.trim();
    if trimmed.len() > PATH_BYTES_MAX {
        return Err(fault(format!("it has more than {PATH_BYTES_MAX} bytes")));
    }
    // Models leave the root out.
    let whole = match trimmed {
        whole if whole.starts_with('$') => whole.to_owned(),
        rest if rest.starts_with(['.', '[']) => format!("${rest}"),
        rest => format!("$.{rest}"),
    };
    let descents = whole.matches("..").count();
    if descents > DESCENTS_MAX {
        return Err(fault(format!("it has more than {DESCENTS_MAX} times `..`")));
    }
    // A filter that looks from the root for each node takes the square of the time.
    if whole.matches('$').count() > 1 && whole.contains('?') {
        return Err(fault("a filter here may look at its own node (`@`) only, not at the root (`$`)".to_owned()));
    }
    let parsed = JsonPath::parse(&whole).map_err(|error| fault(error.to_string()))?;
    let repeats_max = if descents == DESCENTS_MAX { 1 } else { REPEATS_MAX };
    if repeats(&whole) > repeats_max {
        return Err(fault("its brackets lead to the same node again and again; name each node once".to_owned()));
    }
    Ok(Parsed { path: parsed, descents })
}

/// How often the path, which parses, can lead to one node at most, as far as its brackets say.
fn repeats(path: &str) -> usize {
    /// A pair of brackets, or of parentheses, whose commas part arguments.
    struct Open<'p> {
        is_bracket: bool,
        from: usize,
        selectors: Vec<&'p str>,
    }
    let mut all: usize = 1;
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut quote: Option<char> = None;
    let mut is_escaped = false;
    for (at, letter) in path.char_indices() {
        if let Some(mark) = quote {
            match letter {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if letter == mark => quote = None,
                _ => {}
            }
            continue;
        }
        match letter {
            '\'' | '"' => quote = Some(letter),
            '[' | '(' => open.push(Open { is_bracket: letter == '[', from: at + 1, selectors: Vec::new() }),
            ',' => {
                if let Some(open) = open.last_mut() {
                    open.selectors.push(&path[open.from..at]);
                    open.from = at + 1;
                }
            }
            ']' | ')' => {
                if let Some(mut closed) = open.pop().filter(|closed| closed.is_bracket) {
                    closed.selectors.push(&path[closed.from..at]);
                    all = all.saturating_mul(repeats_of(&closed.selectors));
                }
            }
            _ => {}
        }
    }
    all
}

/// How often one child can be meant by the selectors of one pair of brackets. Names and numbers mean different children unless
/// they are the same; everything else may mean any.
fn repeats_of(selectors: &[&str]) -> usize {
    let mut plain: HashMap<&str, usize> = HashMap::new();
    let mut others = 0;
    for selector in selectors {
        let selector = selector.trim();
        let is_number = !selector.is_empty() && selector.bytes().all(|byte| byte.is_ascii_digit());
        let name = selector.strip_prefix(['\'', '"']).filter(|name| !name.contains('\\'));
        match name {
            // Without its quotes, which may be of either kind.
            Some(name) => *plain.entry(&name[..name.len().saturating_sub(1)]).or_default() += 1,
            None if is_number => *plain.entry(selector).or_default() += 1,
            None => others += 1,
        }
    }
    others + plain.into_values().max().unwrap_or(0)
}

/// Where nodes are, found by one walk over the JSON: what the library gives for it takes memory for each node on the way,
/// times its depth.
struct Places<'j> {
    /// By the address of the node.
    by_node: HashMap<*const Value, usize>,
    /// The way to each node and to those above it: the entry above and the step from there.
    steps: Vec<(usize, Step<'j>)>,
}

#[derive(Clone, Copy)]
enum Step<'j> {
    Root,
    Name(&'j str),
    Index(usize),
}

impl<'j> Places<'j> {
    fn of(json: &'j Value, nodes: &[&Value]) -> Self {
        let wanted = nodes.iter().map(|node| (std::ptr::from_ref::<Value>(node), usize::MAX)).collect();
        let mut places = Self { by_node: wanted, steps: Vec::new() };
        places.walk(json, &mut vec![(Step::Root, None)]);
        places
    }

    /// `way` leads to `value`; beside each step its entry, if it has one. No deeper than the parser lets JSON be.
    fn walk(&mut self, value: &'j Value, way: &mut Vec<(Step<'j>, Option<usize>)>) {
        if self.by_node.contains_key(&std::ptr::from_ref(value)) {
            let entry = self.entry(way);
            self.by_node.insert(std::ptr::from_ref(value), entry);
        }
        let mut go = |step: Step<'j>, child: &'j Value| {
            way.push((step, None));
            self.walk(child, way);
            way.pop();
        };
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| go(Step::Index(index), item)),
            Value::Object(members) => members.iter().for_each(|(name, member)| go(Step::Name(name), member)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The entry of the last step, made with those above it where they are missing.
    fn entry(&mut self, way: &mut [(Step<'j>, Option<usize>)]) -> usize {
        let mut above = 0;
        for (step, entry) in way {
            above = *entry.get_or_insert_with(|| {
                self.steps.push((above, *step));
                self.steps.len() - 1
            });
        }
        above
    }

    /// The normalized path of the node, as the standard writes it.
    fn name(&self, node: &Value) -> String {
        let mut at = self.by_node.get(&std::ptr::from_ref(node)).copied().unwrap_or(usize::MAX);
        let mut steps = Vec::new();
        while let Some((above, step)) = self.steps.get(at) {
            steps.push(*step);
            if let Step::Root = step {
                break;
            }
            at = *above;
        }
        let mut name = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => name.push('$'),
                Step::Index(index) => {
                    let _infallible = write!(name, "[{index}]");
                }
                Step::Name(member) => {
                    let _infallible = write!(name, "['{}']", PathElement::Name(member));
                }
            }
        }
        name
    }
}

struct Window {
    skip: usize,
    chars: usize,
    bytes: usize,
    text: String,
    is_more: bool,
}

impl Window {
    /// False once it is full.
    fn push(&mut self, text: &str) -> bool {
        for letter in text.chars() {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            if self.chars == 0 || self.bytes < letter.len_utf8() {
                self.is_more = true;
                return false;
            }
            self.chars -= 1;
            self.bytes -= letter.len_utf8();
            self.text.push(letter);
        }
        true
    }
}

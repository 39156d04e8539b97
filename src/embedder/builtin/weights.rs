//! A view of the compiled-in weights files. models/pack.py writes them; models/README.md describes the layouts.
//! Offsets are computed and the shapes of the files are checked while this is compiled, so nothing can go wrong at run time.
//!
//! The base model has a file of its own. What was taught to route is its layers alone: word pieces were left as they are, so
//! a second copy of them (half of a file) would say the same.

use super::kernels::bytes;

/// Width of a token's vector, and of the result.
pub(super) const HIDDEN: usize = 384;
/// Transformer layers.
pub(super) const LAYERS: usize = 6;
/// Attention heads per layer.
pub(super) const HEADS: usize = 12;
/// Width inside the feed-forward half of a layer.
pub(super) const FEED: usize = 4 * HIDDEN;
/// Word pieces.
pub(super) const VOCABULARY: usize = 30522;
/// Tokens that the model reads of a text, its two marks included (its authors trained it on 256).
pub(super) const TOKENS_MAX: usize = 256;
/// Slots of the vocabulary's hash table.
pub(super) const SLOTS: usize = 1 << 16;

const MAGIC: &[u8; 8] = b"mcporchE";
const LAYOUT_WHOLE: u32 = 1;
const LAYOUT_LAYERS: u32 = 2;
/// Bytes before the first section.
pub(super) const HEADER_LEN: usize = 128;
const HASH_AT: usize = 40;
const HASH_LEN: usize = 32;
/// In a file of layers: the hash of the base's content, whose word pieces it belongs to.
const HASH_OF_BASE_AT: usize = HASH_AT + HASH_LEN;
const ALIGN: usize = 64;

#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);
static BASE_FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../models/all-minilm-l6-v2.bin"));
static ROUTER_FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../models/router-v1.bin"));

/// One linear layer. `panels` holds the weights in groups of 16 outputs; in a group, 4 inputs of each of the 16 outputs
/// lie side by side, then the next 4 inputs.
pub(super) struct Linear {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Activations are multiplied by this before they are made integers; the weights are divided by it.
    pub(super) smooth: &'static [f32],
    /// Size of one integer step of each output's weights.
    pub(super) scales: &'static [f32],
    pub(super) bias: &'static [f32],
    /// Sum of each output's integer weights.
    pub(super) sums: &'static [i32],
    pub(super) panels: &'static [i8],
}

/// Gain and bias of a layer normalisation.
pub(super) struct Norm {
    pub(super) gain: &'static [f32],
    pub(super) bias: &'static [f32],
}

/// One transformer layer.
pub(super) struct Layer {
    /// Query, key and value in one: 3 × `HIDDEN` outputs.
    pub(super) attend: Linear,
    pub(super) attended: Linear,
    pub(super) attended_norm: Norm,
    pub(super) widen: Linear,
    pub(super) narrow: Linear,
    pub(super) narrow_norm: Norm,
}

/// Where one linear layer lies.
struct LinearAt {
    inputs: usize,
    outputs: usize,
    smooth: usize,
    scales: usize,
    bias: usize,
    sums: usize,
    panels: usize,
}

struct LayerAt {
    attend: LinearAt,
    attended: LinearAt,
    attended_norm: usize,
    widen: LinearAt,
    narrow: LinearAt,
    narrow_norm: usize,
}

/// Where the parts of the network lie that can be taught.
struct NetworkAt {
    positions: usize,
    norm: usize,
    layers: [LayerAt; LAYERS],
}

/// Where the word pieces lie in the base's file, around its network, and where its letters begin.
struct WordsAt {
    scales: usize,
    tokens: usize,
    slots: usize,
    ends: usize,
    letters: usize,
}

/// The network of one model.
pub(super) struct Weights {
    file: &'static [u8],
    at: NetworkAt,
}

/// sentence-transformers/all-MiniLM-L6-v2 as it is.
pub(super) static BASE: Weights = Weights { file: &BASE_FILE.0, at: base_map().0 };
/// The same, taught what a tool is.
pub(super) static ROUTER: Weights = Weights { file: &ROUTER_FILE.0, at: Walk(HEADER_LEN).network() };
static WORDS: WordsAt = base_map().1;

const _: () = {
    let file = &BASE_FILE.0;
    assert!(is_ours(file, LAYOUT_WHOLE), "models/all-minilm-l6-v2.bin has another layout; run models/pack.py");
    let words = base_map().1;
    let letters_len = number(file, words.ends + VOCABULARY * 4) as usize;
    assert!(file.len() == words.letters + letters_len, "models/all-minilm-l6-v2.bin is cut");
};

const _: () = {
    let file = &ROUTER_FILE.0;
    assert!(is_ours(file, LAYOUT_LAYERS), "models/router-v1.bin has another layout; run models/pack.py");
    let mut walk = Walk(HEADER_LEN);
    walk.network();
    assert!(file.len() == walk.0, "models/router-v1.bin is cut");
    let mut at = 0;
    while at < HASH_LEN {
        assert!(
            file[HASH_OF_BASE_AT + at] == BASE_FILE.0[HASH_AT + at],
            "models/router-v1.bin belongs to another models/all-minilm-l6-v2.bin; run models/pack.py"
        );
        at += 1;
    }
};

/// Whether a file begins as ours do.
const fn is_ours(file: &[u8], layout: u32) -> bool {
    let mut at = 0;
    while at < MAGIC.len() {
        if file[at] != MAGIC[at] {
            return false;
        }
        at += 1;
    }
    let want = [
        layout,
        HIDDEN as u32,
        LAYERS as u32,
        HEADS as u32,
        FEED as u32,
        VOCABULARY as u32,
        TOKENS_MAX as u32,
        SLOTS as u32,
    ];
    let mut field = 0;
    while field < want.len() {
        if number(file, MAGIC.len() + field * 4) != want[field] {
            return false;
        }
        field += 1;
    }
    true
}

const fn number(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]])
}

const fn base_map() -> (NetworkAt, WordsAt) {
    let mut walk = Walk(HEADER_LEN);
    let scales = walk.floats(VOCABULARY);
    let network = walk.network();
    let words = WordsAt {
        scales,
        tokens: walk.section(VOCABULARY * HIDDEN),
        slots: walk.section(SLOTS * 2),
        ends: walk.section((VOCABULARY + 1) * 4),
        letters: walk.section(0),
    };
    (network, words)
}

/// Walks through the file, section by section.
struct Walk(usize);

impl Walk {
    /// Start of a section of `len` bytes.
    const fn section(&mut self, len: usize) -> usize {
        let start = self.0.next_multiple_of(ALIGN);
        self.0 = start + len;
        start
    }

    const fn floats(&mut self, count: usize) -> usize {
        self.section(count * 4)
    }

    const fn norm(&mut self) -> usize {
        let gain = self.floats(HIDDEN);
        let bias = self.floats(HIDDEN);
        assert!(bias == gain + HIDDEN * 4);
        gain
    }

    const fn linear(&mut self, inputs: usize, outputs: usize) -> LinearAt {
        LinearAt {
            inputs,
            outputs,
            smooth: self.floats(inputs),
            scales: self.floats(outputs),
            bias: self.floats(outputs),
            sums: self.floats(outputs),
            panels: self.section(inputs * outputs),
        }
    }

    const fn layer(&mut self) -> LayerAt {
        LayerAt {
            attend: self.linear(HIDDEN, 3 * HIDDEN),
            attended: self.linear(HIDDEN, HIDDEN),
            attended_norm: self.norm(),
            widen: self.linear(HIDDEN, FEED),
            narrow: self.linear(FEED, HIDDEN),
            narrow_norm: self.norm(),
        }
    }

    const fn network(&mut self) -> NetworkAt {
        NetworkAt {
            positions: self.floats(TOKENS_MAX * HIDDEN),
            norm: self.norm(),
            layers: [self.layer(), self.layer(), self.layer(), self.layer(), self.layer(), self.layer()],
        }
    }
}

impl Weights {
    /// First 16 hex digits of the SHA-256 of everything behind the header, as pack.py wrote it there.
    pub(super) fn content_hash(&self) -> String {
        self.file[HASH_AT..HASH_AT + 8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What is added to the token at `position`.
    pub(super) fn position(&self, position: usize) -> &'static [f32] {
        &self.floats(self.at.positions, TOKENS_MAX * HIDDEN)[position * HIDDEN..][..HIDDEN]
    }

    /// Normalises the sum of token and position.
    pub(super) fn first_norm(&self) -> Norm {
        self.norm(self.at.norm)
    }

    /// Layer `number`, counted from 0.
    pub(super) fn layer(&self, number: usize) -> Layer {
        let at = &self.at.layers[number];
        Layer {
            attend: self.linear(&at.attend),
            attended: self.linear(&at.attended),
            attended_norm: self.norm(at.attended_norm),
            widen: self.linear(&at.widen),
            narrow: self.linear(&at.narrow),
            narrow_norm: self.norm(at.narrow_norm),
        }
    }

    fn floats(&self, at: usize, count: usize) -> &'static [f32] {
        bytes::floats(&self.file[at..][..count * 4])
    }

    fn norm(&self, at: usize) -> Norm {
        Norm { gain: self.floats(at, HIDDEN), bias: self.floats(at + HIDDEN * 4, HIDDEN) }
    }

    fn linear(&self, at: &LinearAt) -> Linear {
        Linear {
            inputs: at.inputs,
            outputs: at.outputs,
            smooth: self.floats(at.smooth, at.inputs),
            scales: self.floats(at.scales, at.outputs),
            bias: self.floats(at.bias, at.outputs),
            sums: bytes::sums(&self.file[at.sums..][..at.outputs * 4]),
            panels: bytes::integers(&self.file[at.panels..][..at.inputs * at.outputs]),
        }
    }
}

/// The integers of one word piece, and the size of one step.
pub(super) fn token(id: u16) -> (&'static [i8], f32) {
    let row = usize::from(id);
    let scales = bytes::floats(&BASE_FILE.0[WORDS.scales..][..VOCABULARY * 4]);
    (bytes::integers(&BASE_FILE.0[WORDS.tokens + row * HIDDEN..][..HIDDEN]), scales[row])
}

/// The vocabulary's hash table: word piece numbers, `u16::MAX` where empty.
pub(super) fn slots() -> &'static [u16] {
    bytes::shorts(&BASE_FILE.0[WORDS.slots..][..SLOTS * 2])
}

/// The letters of a word piece; those that continue a word begin with `##`.
pub(super) fn piece(id: u16) -> &'static [u8] {
    let ends = bytes::words(&BASE_FILE.0[WORDS.ends..][..(VOCABULARY + 1) * 4]);
    let row = usize::from(id);
    &BASE_FILE.0[WORDS.letters..][ends[row] as usize..ends[row + 1] as usize]
}

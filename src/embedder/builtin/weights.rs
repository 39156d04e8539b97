//! A view of the compiled-in weights file. models/pack.py writes it; models/README.md describes the layout.
//! Offsets are computed and the file's shape is checked while this is compiled, so nothing can go wrong at run time.

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
const LAYOUT: u32 = 1;
/// Bytes before the first section.
pub(super) const HEADER_LEN: usize = 128;
const HASH_AT: usize = 40;
const ALIGN: usize = 64;

#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);
static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../models/all-minilm-l6-v2.bin"));

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

/// Where everything outside the layers lies, and the length of the file.
struct Map {
    token_scales: usize,
    positions: usize,
    norm: usize,
    layers: [LayerAt; LAYERS],
    tokens: usize,
    slots: usize,
    ends: usize,
    letters: usize,
}

static MAP: Map = Map::new();

const _: () = {
    let file = &FILE.0;
    let mut at = 0;
    while at < MAGIC.len() {
        assert!(file[at] == MAGIC[at], "models/all-minilm-l6-v2.bin is not a weights file; run models/pack.py");
        at += 1;
    }
    let want = [
        LAYOUT,
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
        assert!(
            number(MAGIC.len() + field * 4) == want[field],
            "models/all-minilm-l6-v2.bin has another layout; run models/pack.py"
        );
        field += 1;
    }
    let map = Map::new();
    assert!(
        file.len() == map.letters + number(map.ends + VOCABULARY * 4) as usize,
        "models/all-minilm-l6-v2.bin is cut"
    );
};

const fn number(at: usize) -> u32 {
    let file = &FILE.0;
    u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]])
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
}

impl Map {
    const fn new() -> Self {
        let mut walk = Walk(HEADER_LEN);
        Self {
            token_scales: walk.floats(VOCABULARY),
            positions: walk.floats(TOKENS_MAX * HIDDEN),
            norm: walk.norm(),
            layers: [walk.layer(), walk.layer(), walk.layer(), walk.layer(), walk.layer(), walk.layer()],
            tokens: walk.section(VOCABULARY * HIDDEN),
            slots: walk.section(SLOTS * 2),
            ends: walk.section((VOCABULARY + 1) * 4),
            letters: walk.section(0),
        }
    }
}

/// First 16 hex digits of the SHA-256 of everything behind the header, as pack.py wrote it there.
pub(super) fn content_hash() -> String {
    FILE.0[HASH_AT..HASH_AT + 8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The integers of one word piece, and the size of one step.
pub(super) fn token(id: u16) -> (&'static [i8], f32) {
    let row = usize::from(id);
    (bytes::integers(&FILE.0[MAP.tokens + row * HIDDEN..][..HIDDEN]), floats(MAP.token_scales, VOCABULARY)[row])
}

/// What is added to the token at `position`.
pub(super) fn position(position: usize) -> &'static [f32] {
    &floats(MAP.positions, TOKENS_MAX * HIDDEN)[position * HIDDEN..][..HIDDEN]
}

/// Normalises the sum of token and position.
pub(super) fn first_norm() -> Norm {
    norm(MAP.norm)
}

/// Layer `number`, counted from 0.
pub(super) fn layer(number: usize) -> Layer {
    let at = &MAP.layers[number];
    Layer {
        attend: linear(&at.attend),
        attended: linear(&at.attended),
        attended_norm: norm(at.attended_norm),
        widen: linear(&at.widen),
        narrow: linear(&at.narrow),
        narrow_norm: norm(at.narrow_norm),
    }
}

/// The vocabulary's hash table: word piece numbers, `u16::MAX` where empty.
pub(super) fn slots() -> &'static [u16] {
    bytes::shorts(&FILE.0[MAP.slots..][..SLOTS * 2])
}

/// The letters of a word piece; those that continue a word begin with `##`.
pub(super) fn piece(id: u16) -> &'static [u8] {
    let ends = bytes::words(&FILE.0[MAP.ends..][..(VOCABULARY + 1) * 4]);
    let row = usize::from(id);
    &FILE.0[MAP.letters..][ends[row] as usize..ends[row + 1] as usize]
}

fn floats(at: usize, count: usize) -> &'static [f32] {
    bytes::floats(&FILE.0[at..][..count * 4])
}

fn norm(at: usize) -> Norm {
    Norm { gain: floats(at, HIDDEN), bias: floats(at + HIDDEN * 4, HIDDEN) }
}

fn linear(at: &LinearAt) -> Linear {
    Linear {
        inputs: at.inputs,
        outputs: at.outputs,
        smooth: floats(at.smooth, at.inputs),
        scales: floats(at.scales, at.outputs),
        bias: floats(at.bias, at.outputs),
        sums: bytes::sums(&FILE.0[at.sums..][..at.outputs * 4]),
        panels: bytes::integers(&FILE.0[at.panels..][..at.inputs * at.outputs]),
    }
}

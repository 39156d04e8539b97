//! Colours: reading the forms that people write, and changing between them.

use std::fmt;

/// A colour of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    pub(super) red: u8,
    pub(super) green: u8,
    pub(super) blue: u8,
}

/// Hue in degrees, saturation and lightness in 0..=1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hsl {
    pub(super) hue: f64,
    pub(super) saturation: f64,
    pub(super) lightness: f64,
}

const NAMES: [(&str, u32); 32] = [
    ("black", 0x00_0000),
    ("white", 0xFF_FFFF),
    ("grey", 0x80_8080),
    ("gray", 0x80_8080),
    ("silver", 0xC0_C0C0),
    ("red", 0xE5_3935),
    ("crimson", 0xDC_143C),
    ("maroon", 0x80_0000),
    ("orange", 0xFB_8C00),
    ("coral", 0xFF_7F50),
    ("yellow", 0xFD_D835),
    ("gold", 0xFF_D700),
    ("green", 0x43_A047),
    ("lime", 0x7C_B342),
    ("olive", 0x80_8000),
    ("mint", 0x98_FF98),
    ("teal", 0x00_897B),
    ("turquoise", 0x40_E0D0),
    ("cyan", 0x00_ACC1),
    ("blue", 0x1E_88E5),
    ("sky blue", 0x87_CEEB),
    ("navy", 0x00_1F5B),
    ("indigo", 0x39_49AB),
    ("purple", 0x8E_24AA),
    ("violet", 0x8F_5BD6),
    ("magenta", 0xD8_1B9A),
    ("pink", 0xEC_407A),
    ("brown", 0x6D_4C41),
    ("beige", 0xF5_F5DC),
    ("salmon", 0xFA_8072),
    ("lavender", 0xE6_E6FA),
    ("slate", 0x54_6E7A),
];

impl Colour {
    pub(super) const WHITE: Self = Self { red: 255, green: 255, blue: 255 };
    pub(super) const BLACK: Self = Self { red: 17, green: 17, blue: 17 };

    /// Reads a name, `#rgb`, `#rrggbb`, `rgb(r, g, b)` or `hsl(h, s%, l%)`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if let Some((_, value)) = NAMES.iter().find(|(name, _)| *name == text || name.replace(' ', "") == text) {
            return Some(Self::from_u32(*value));
        }
        if let Some(inner) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) {
            let [red, green, blue] = three(inner)?;
            return Some(Self { red: byte(red)?, green: byte(green)?, blue: byte(blue)? });
        }
        if let Some(inner) = text.strip_prefix("hsl(").and_then(|rest| rest.strip_suffix(')')) {
            let [hue, saturation, lightness] = three(inner)?;
            let fits = (0.0..=100.0).contains(&saturation) && (0.0..=100.0).contains(&lightness);
            let hsl = Hsl { hue: hue.rem_euclid(360.0), saturation: saturation / 100.0, lightness: lightness / 100.0 };
            return fits.then(|| Self::from_hsl(hsl));
        }
        let digits = text.strip_prefix('#').unwrap_or(&text);
        let whole = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => digits.to_owned(),
            _ => return None,
        };
        whole
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(&whole, 16).ok().map(Self::from_u32))?
    }

    fn from_u32(value: u32) -> Self {
        let [_, red, green, blue] = value.to_be_bytes();
        Self { red, green, blue }
    }

    pub(super) fn to_hsl(self) -> Hsl {
        let [red, green, blue] = [self.red, self.green, self.blue].map(|part| f64::from(part) / 255.0);
        let (max, min) = (red.max(green).max(blue), red.min(green).min(blue));
        let lightness = f64::midpoint(max, min);
        let range = max - min;
        if range == 0.0 {
            return Hsl { hue: 0.0, saturation: 0.0, lightness };
        }
        let saturation = range / (1.0 - (2.0 * lightness - 1.0).abs());
        let sixth = if max.total_cmp(&red).is_eq() {
            ((green - blue) / range).rem_euclid(6.0)
        } else if max.total_cmp(&green).is_eq() {
            (blue - red) / range + 2.0
        } else {
            (red - green) / range + 4.0
        };
        Hsl { hue: sixth * 60.0, saturation, lightness }
    }

    pub(super) fn from_hsl(hsl: Hsl) -> Self {
        let chroma = (1.0 - (2.0 * hsl.lightness - 1.0).abs()) * hsl.saturation;
        let part = |shift: f64| {
            let place = (shift + hsl.hue / 30.0).rem_euclid(12.0);
            to_byte(255.0 * (hsl.lightness - chroma / 2.0 * (place - 3.0).min(9.0 - place).clamp(-1.0, 1.0)))
        };
        Self { red: part(0.0), green: part(8.0), blue: part(4.0) }
    }

    /// The same colour, lighter (or darker, below 0); by lightness, in 0..=1.
    pub(super) fn lighter(self, by: f64) -> Self {
        let hsl = self.to_hsl();
        Self::from_hsl(Hsl { lightness: (hsl.lightness + by).clamp(0.0, 1.0), ..hsl })
    }

    /// The contrast ratio of two colours, 1 to 21, as WCAG 2 defines it.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever is easier to read on this.
    pub(super) fn ink(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

fn three(inner: &str) -> Option<[f64; 3]> {
    let parts = inner.split([',', ' ']).filter(|part| !part.is_empty());
    let numbers: Vec<f64> = parts.map(|part| part.trim_end_matches(['%', '°']).parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn byte(number: f64) -> Option<u8> {
    (0.0..=255.0).contains(&number).then(|| to_byte(number))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the byte's range before")]
fn to_byte(number: f64) -> u8 {
    number.round().clamp(0.0, 255.0) as u8
}

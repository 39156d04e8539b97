//! A text with references in it that are resolved later.

use std::fmt;
use std::path::PathBuf;

/// A part of a [`Template`].
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Plain text; it may hold values of variables.
    Text(String),
    /// `${file:PATH}`; the path is absolute, or relative to the working folder.
    File(PathBuf),
    /// `${keyring:SERVICE/NAME}`.
    Keyring {
        /// The keyring's service.
        service: String,
        /// The entry of that service, which the keyring calls the user.
        name: String,
    },
}

impl Piece {
    /// The reference as written; of plain text the mask.
    #[must_use]
    pub fn reference(&self) -> String {
        match self {
            Self::Text(_) => super::MASK.to_owned(),
            Self::File(path) => format!("${{file:{}}}", path.display()),
            Self::Keyring { service, name } => format!("${{keyring:{service}/{name}}}"),
        }
    }
}

/// Text and references in turn. `Debug` shows the references alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// The parts, in their order; no two texts stand side by side.
    pieces: Vec<Piece>,
}

impl Template {
    /// Adds text at the end.
    pub fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.push_str(text);
        } else {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    /// Adds a part at the end.
    pub fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.push_text(&text),
            reference @ (Piece::File(_) | Piece::Keyring { .. }) => self.pieces.push(reference),
        }
    }

    /// Adds another template's parts at the end.
    pub fn append(&mut self, other: Self) {
        for piece in other.pieces {
            self.push(piece);
        }
    }

    /// The text, when there is no reference in it.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// All parts, in their order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The references alone.
    pub fn references(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_)))
    }

    /// The parts as written, for a fingerprint: references by their text, so that no secret takes part.
    #[must_use]
    pub fn written(&self) -> String {
        let one = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::File(_) | Piece::Keyring { .. } => piece.reference(),
        };
        self.pieces.iter().map(one).collect()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pieces.iter().map(Piece::reference)).finish()
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference())
    }
}

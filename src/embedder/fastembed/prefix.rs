//! What some families of models want before a text. Taken from their model cards.

use crate::embedder::TextKind;

/// Prefixes of one model; empty for most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefixes {
    query: &'static str,
    document: &'static str,
}

/// A part of the model's name, and the prefixes of that family.
const FAMILIES: [(&str, Prefixes); 5] = [
    ("e5", Prefixes { query: "query: ", document: "passage: " }),
    ("nomic", Prefixes { query: "search_query: ", document: "search_document: " }),
    ("arctic", Prefixes { query: "Represent this sentence for searching relevant passages: ", document: "" }),
    ("mxbai", Prefixes { query: "Represent this sentence for searching relevant passages: ", document: "" }),
    ("embeddinggemma", Prefixes { query: "task: search result | query: ", document: "title: none | text: " }),
];

impl Prefixes {
    /// Those of the family that the name tells.
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let parts = || name.split(|c: char| !c.is_alphanumeric());
        let family = FAMILIES.iter().find(|(family, _)| parts().any(|part| part == *family));
        family.map_or(Self { query: "", document: "" }, |(_, prefixes)| *prefixes)
    }

    /// What goes before a text of this kind.
    pub(super) fn before(self, kind: TextKind) -> &'static str {
        match kind {
            TextKind::Query => self.query,
            TextKind::Document => self.document,
        }
    }
}

//! In which order servers start and stop: those that are needed first, and last.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ServerName;

/// The servers in layers: each needs only servers of layers before its own. What lies on a circle comes last, together.
pub(super) fn layers(needs: &BTreeMap<ServerName, Vec<ServerName>>) -> Vec<Vec<ServerName>> {
    let mut left: BTreeSet<&ServerName> = needs.keys().collect();
    let mut layers = Vec::new();
    while !left.is_empty() {
        let is_free = |name: &&ServerName| {
            needs.get(*name).is_none_or(|needs| needs.iter().all(|need| need == *name || !left.contains(need)))
        };
        let mut layer: Vec<ServerName> = left.iter().copied().filter(is_free).cloned().collect();
        if layer.is_empty() {
            layer = left.iter().copied().cloned().collect();
        }
        left.retain(|name| !layer.contains(name));
        layers.push(layer);
    }
    layers
}

//! Aliases of series whose sender does not encode labels canonically.
//!
//! The hash of such a sender's raw label bytes is nobody's series id. When the labels have been
//! parsed once, the pair (raw hash, real id) is kept here, so that the next request needs no
//! parsing. The map is bounded; when it is full it starts anew.

use parking_lot::RwLock;
use proto::{FixedMap, SeriesId};

/// Most aliases that are remembered.
pub const ALIASES_MAX: usize = 1 << 20;

/// Bounded map from the hash of raw label bytes to the series id. Both are seeded per tenant, so
/// tenants cannot meet in it.
#[derive(Debug, Default)]
pub struct Aliases {
    map: RwLock<FixedMap<SeriesId, SeriesId>>,
}

impl Aliases {
    /// The real id of a raw hash; the hash itself when there is no alias.
    pub fn resolve_all(&self, ids: &mut [SeriesId]) {
        let map = self.map.read();
        if map.is_empty() {
            return;
        }
        for id in ids {
            if let Some(real) = map.get(id) {
                *id = *real;
            }
        }
    }

    /// Remembers an alias.
    pub fn insert(&self, raw: SeriesId, real: SeriesId) {
        let mut map = self.map.write();
        if map.len() >= ALIASES_MAX {
            map.clear();
        }
        map.insert(raw, real);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_aliases_are_resolved_and_others_left_alone() {
        let aliases = Aliases::default();
        aliases.insert(SeriesId(1), SeriesId(2));
        let mut ids = [SeriesId(1), SeriesId(3)];
        aliases.resolve_all(&mut ids);
        assert_eq!(ids, [SeriesId(2), SeriesId(3)]);
    }
}

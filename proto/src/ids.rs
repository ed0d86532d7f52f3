//! Identifiers that nodes exchange.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use crate::TenantName;

/// A node of a cluster: drawn at random once, persisted in its data directory, never reused.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for NodeId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<NodeId, Self::Err> {
        u64::from_str_radix(text, 16).map(NodeId)
    }
}

/// A cluster: drawn at random by the candidate that bootstraps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ClusterId(pub u128);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Version of one hashring's shard table. 0 means "before any table".
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// Life number of a node: advanced and fsynced at each start, so that an old disk is recognised.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Life(pub u64);

/// Identity of a series of one tenant in one cluster: xxh3-128 over the labels in canonical
/// remote-write-1 encoding, seeded per tenant. It is a wire and disk contract with test vectors
/// in `docs/formats/series-id.md`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SeriesId(pub u128);

impl SeriesId {
    /// Id of the series whose canonical label encoding is `labels` (see [`crate::Labels`]), under
    /// the seed that [`tenant_seed`] gave.
    #[inline]
    pub fn of(labels: &[u8], tenant_seed: u64) -> SeriesId {
        SeriesId(xxh3_128_with_seed(labels, tenant_seed))
    }

    /// Number of the shard, of `shards`, that holds this series: `start + top 32 bits of the id
    /// mod width`, mod `shards`. Width 0 stands for all shards.
    #[inline]
    pub fn shard(self, start: u32, width: u32, shards: u32) -> u32 {
        let width = if width == 0 { shards } else { width.min(shards) };
        let top = (self.0 >> 96) as u32;
        (start % shards + top % width) % shards
    }

    /// Number of the head partition, of `partitions`, that holds this series (low bits).
    #[inline]
    pub fn partition(self, partitions: usize) -> usize {
        debug_assert!(partitions.is_power_of_two());
        self.0 as usize & (partitions - 1)
    }

    /// Little-endian bytes, as written in records.
    #[inline]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// Reverse of [`SeriesId::to_bytes`].
    #[inline]
    pub fn from_bytes(bytes: [u8; 16]) -> SeriesId {
        SeriesId(u128::from_le_bytes(bytes))
    }
}

/// Seed of a tenant's series ids: xxh3-64 of its name under the cluster's secret seed.
pub fn tenant_seed(tenant: &TenantName, cluster_seed: u64) -> u64 {
    xxh3_64_with_seed(tenant.as_str().as_bytes(), cluster_seed)
}

/// First shard of a tenant (`start` of [`SeriesId::shard`]): the top half of its seed.
pub fn tenant_start(tenant_seed: u64) -> u32 {
    (tenant_seed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_stay_inside_the_width_of_the_tenant() {
        for top in [0u32, 1, 77, u32::MAX] {
            let id = SeriesId(u128::from(top) << 96);
            let shard = id.shard(250, 16, 256);
            let offset = (shard + 256 - 250) % 256;
            assert!(offset < 16, "shard {shard} lies outside of the tenant's 16 shards");
            assert!(id.shard(250, 0, 256) < 256);
        }
    }

    #[test]
    fn ids_survive_their_bytes() {
        let id = SeriesId(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(SeriesId::from_bytes(id.to_bytes()), id);
    }
}

//! Numbers for metrics and for `granary tenant ls`.

use std::collections::BTreeMap;

use proto::TenantName;

use super::Head;

/// What the head holds of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantStats {
    /// The tenant.
    pub tenant: TenantName,
    /// Series in memory.
    pub series: u64,
    /// Samples in memory.
    pub samples: u64,
}

/// What one partition holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionStats {
    /// Series in memory.
    pub series: u64,
    /// Closed chunks in memory.
    pub closed_chunks: u64,
    /// Out-of-order samples kept as single samples.
    pub side_samples: u64,
    /// Bytes of chunks and label lists in use.
    pub live_bytes: u64,
    /// Bytes of memory held, without symbols and postings.
    pub held_bytes: u64,
    /// Samples stored since the start.
    pub appended: u64,
    /// Samples since the start that were there already.
    pub duplicates: u64,
    /// Samples since the start that differed from what was there.
    pub conflicts: u64,
    /// Samples since the start stored behind a newer one of their series.
    pub out_of_order: u64,
}

/// The head in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadStats {
    /// By partition number.
    pub partitions: Vec<PartitionStats>,
    /// Label pairs in the symbol table.
    pub symbols: u64,
    /// Bytes of memory held by the symbol table.
    pub symbol_bytes: u64,
}

impl HeadStats {
    /// Series in memory.
    pub fn series(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.series).sum()
    }

    /// Samples stored since the start.
    pub fn appended(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.appended).sum()
    }
}

impl Head {
    /// Tenants with series in memory.
    pub fn tenant_stats(&self) -> Vec<TenantStats> {
        let mut tenants: BTreeMap<TenantName, (u64, u64)> = BTreeMap::new();
        for number in 0..self.partitions() {
            let partition = self.partition(number).lock();
            for (name, index) in &partition.tenants_by_name {
                let tenant = partition.tenant(*index);
                let (series, samples) = tenants.entry(name.clone()).or_default();
                *series += tenant.index.series() as u64;
                *samples += tenant.samples;
            }
        }
        let stats = |(tenant, (series, samples))| TenantStats { tenant, series, samples };
        tenants.into_iter().map(stats).collect()
    }

    /// All numbers.
    pub fn stats(&self) -> HeadStats {
        let partitions = (0..self.partitions()).map(|n| self.partition_stats(n)).collect();
        let symbols = self.shared().symbols.read();
        HeadStats { partitions, symbols: symbols.len() as u64, symbol_bytes: symbols.held_bytes() }
    }

    fn partition_stats(&self, number: usize) -> PartitionStats {
        let partition = self.partition(number).lock();
        PartitionStats {
            series: u64::from(partition.series),
            closed_chunks: partition.closed_chunks,
            side_samples: partition.side.len() as u64,
            live_bytes: partition.slab.live_bytes(),
            held_bytes: partition.held_bytes(),
            appended: partition.counters.appended,
            duplicates: partition.counters.duplicates,
            conflicts: partition.counters.conflicts,
            out_of_order: partition.counters.out_of_order,
        }
    }
}

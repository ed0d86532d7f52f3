//! What a life says about itself.

use std::collections::BTreeMap;
use std::fmt;

use crate::engine::disk::CrashKind;

/// What happened in a life, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The seed.
    pub seed: u64,
    /// Operations of the life.
    pub operations: u64,
    /// File operations of all kinds.
    pub file_operations: u64,
    /// Samples sent, those sent again included, those of refused series not.
    pub samples_attempted: u64,
    /// Samples reported durable.
    pub samples_acked: u64,
    /// Crashes, those during recoveries included.
    pub crashes: BTreeMap<CrashKind, u64>,
    /// Crashes at a file operation (the rest came between two operations of the life).
    pub crashes_at_file_operations: u64,
    /// Crashes during recoveries.
    pub recovery_crashes: u64,
    /// Times the node was opened on what a crash had left.
    pub reopens: u64,
    /// Checks of everything, after each reopening and at the end.
    pub checks: u64,
    /// Answers to random queries that were compared.
    pub queries: u64,
    /// Samples compared, in all of these.
    pub samples_checked: u64,
    /// Parts that were cut into blocks, repeated cuts included.
    pub cuts: u64,
    /// Parts that were dropped from the head.
    pub drops: u64,
    /// Checkpoints that were finished.
    pub checkpoints: u64,
    /// Hash over everything that happened.
    pub trace_hash: u64,
}

impl Summary {
    /// Crashes of all kinds.
    pub fn crashes(&self) -> u64 {
        self.crashes.values().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed: {}", self.seed)?;
        writeln!(f, "operations: {} ({} on files)", self.operations, self.file_operations)?;
        let (attempted, acked) = (self.samples_attempted, self.samples_acked);
        writeln!(f, "samples: {attempted} attempted, {acked} acked")?;
        let kinds = [CrashKind::PowerCut, CrashKind::TornPowerCut, CrashKind::ProcessKill];
        let counted = kinds.map(|kind| {
            let count = self.crashes.get(&kind).copied().unwrap_or(0);
            format!("{kind} {count}")
        });
        let at_files = self.crashes_at_file_operations;
        let within = self.recovery_crashes;
        writeln!(
            f,
            "crashes: {}; {at_files} at file operations, {within} in recoveries",
            counted.join(", ")
        )?;
        writeln!(f, "reopened: {}", self.reopens)?;
        let (cuts, drops, checkpoints) = (self.cuts, self.drops, self.checkpoints);
        writeln!(f, "parts: {cuts} cut, {drops} dropped; checkpoints: {checkpoints}")?;
        let (checks, queries, checked) = (self.checks, self.queries, self.samples_checked);
        writeln!(f, "checked: {checks} times everything, {queries} queries, {checked} samples")?;
        write!(f, "trace hash: {:016x}", self.trace_hash)
    }
}

//! Clients send batches, and the answers must add up.

use proto::{Labels, SampleBatch};
use storage::head::Appended;

use super::{Life, Result};
use crate::error::SimulationError;

impl Life {
    /// A client sends a batch, some without labels, and sends unknown series again with them.
    pub(super) fn append(&mut self) -> Result<()> {
        let mut whole = self.workload.batch(self.now_ms, &mut self.random);
        let labels: Vec<Labels> = whole.labels.iter().map(|(_, labels)| labels.clone()).collect();
        let with_labels = self.random.percent(60);
        let labelled = whole.labels.clone();
        if !with_labels {
            whole.labels.clear();
        }
        let unknown = self.send(&whole, &labels)?;
        if unknown.is_empty() {
            return Ok(());
        }
        if with_labels {
            return Err(unknown_with_labels(&whole, &unknown));
        }
        whole.labels = labelled;
        let (again, labels) = only(&whole, &unknown);
        let unknown = self.send(&again, &labels)?;
        if unknown.is_empty() {
            return Ok(());
        }
        Err(unknown_with_labels(&whole, &unknown))
    }

    /// Sends a batch to its partitions; answers the series (indexes of the batch) that are unknown.
    fn send(&mut self, whole: &SampleBatch, labels: &[Labels]) -> Result<Vec<u32>> {
        let mut unknown = Vec::new();
        for (partition, piece, origins) in self.node.head.scatter(whole) {
            let appended = self.node.head.append(partition, &piece);
            let answer = self.answer("appending", appended)?;
            let of_piece = |origin: &u32| labels[*origin as usize].clone();
            let piece_labels: Vec<Labels> = origins.iter().map(of_piece).collect();
            self.oracle.sent(&piece, &piece_labels, answer.as_ref());
            let Some(answer) = answer else { continue };
            check_sums(&piece, &answer)?;
            self.trace.event(describe(partition, &piece, &answer));
            unknown.extend(answer.unknown.iter().map(|index| origins[*index as usize]));
        }
        Ok(unknown)
    }
}

fn unknown_with_labels(batch: &SampleBatch, unknown: &[u32]) -> SimulationError {
    let evidence = format!("series {unknown:?} of a batch of {}", batch.tenant);
    SimulationError::violation("a series that comes with labels is known", evidence)
}

/// Every sample of known series is stored, a duplicate or a conflict; a conflict's winner is
/// stored too.
fn check_sums(batch: &SampleBatch, answer: &Appended) -> Result<()> {
    let refused = [&answer.unknown, &answer.over_limit];
    let refused: u64 =
        refused.into_iter().flatten().map(|index| u64::from(batch.counts[*index as usize])).sum();
    let sent = batch.samples() as u64 - refused;
    let named = answer.stored + answer.duplicates;
    let conflicts = answer.conflicts.len() as u64;
    if (named..=named + conflicts).contains(&sent) {
        return Ok(());
    }
    let evidence = format!("{sent} samples sent, answer {answer:?}");
    Err(SimulationError::violation("an answer accounts for every sample", evidence))
}

fn describe(partition: usize, batch: &SampleBatch, answer: &Appended) -> String {
    format!(
        "{} sent {} samples to partition {partition}: {} stored, {} duplicates, {} conflicts, \
         unknown {:?}, over limit {:?}, position {}",
        batch.tenant,
        batch.samples(),
        answer.stored,
        answer.duplicates,
        answer.conflicts.len(),
        answer.unknown,
        answer.over_limit,
        answer.position.0
    )
}

/// The named series of a batch in which every series has its labels.
fn only(whole: &SampleBatch, indexes: &[u32]) -> (SampleBatch, Vec<Labels>) {
    let mut batch = SampleBatch::new(whole.tenant.clone(), whole.epoch);
    let mut all = Vec::new();
    let labels = whole.labels.iter().map(|(_, labels)| labels);
    for ((index, id, timestamps, values), labels) in whole.iter().zip(labels) {
        if !indexes.contains(&(index as u32)) {
            continue;
        }
        batch.labels.push((batch.ids.len() as u32, labels.clone()));
        all.push(labels.clone());
        batch.push_series(id);
        timestamps.iter().zip(values).for_each(|(t, v)| batch.push_sample(*t, *v));
    }
    (batch, all)
}

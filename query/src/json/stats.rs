//! Statistics of a query in JSON.

use serde_json::json;

use crate::result::{SampleCounts, Timings};

/// Writes `,"stats":{…}`.
pub(super) fn write_stats(timings: &Timings, samples: &SampleCounts, out: &mut Vec<u8>) {
    let Timings { queue, preparation, evaluation } = *timings;
    let stats = json!({
        "timings": {
            "evalTotalTime": preparation + evaluation,
            "resultSortTime": 0.0,
            "queryPreparationTime": preparation,
            "innerEvalTime": evaluation,
            "execQueueTime": queue,
            "execTotalTime": queue + preparation + evaluation,
        },
        "samples": {
            "totalQueryableSamples": samples.total,
            "samplesRead": samples.read,
            "peakSamples": samples.peak,
        },
    });
    out.extend_from_slice(b",\"stats\":");
    out.extend_from_slice(stats.to_string().as_bytes());
}

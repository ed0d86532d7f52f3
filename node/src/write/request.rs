//! One walk over the body of a remote write request: ids, samples, and what can never be taken.

use bytes::Bytes;
use proto::record::MetadataBatch;
use proto::remote_write::{Part, RawSeries, Value, WalkError, parse_labels, walk};
use proto::{Epoch, Labels, LabelsError, MetadataEntry, SampleBatch, SeriesId, TenantName};

use super::alias::Aliases;
use super::verdict::Rejections;

/// Most series in one request: what peers take in one record, with room.
pub const REQUEST_SERIES_MAX: usize = 1 << 19;
/// Most metric families with metadata in one request.
pub const METADATA_ENTRIES_MAX: usize = 10_000;
/// Most bytes of one family's metadata.
pub const METADATA_ENTRY_BYTES_MAX: usize = 4 << 10;
/// Most bytes of one series' labels, encoded.
pub const LABELS_BYTES_MAX: usize = 512 << 10;

/// Samples outside of this time are refused: the one verdict on age, given by the node that took
/// the request, against cluster time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedTime {
    /// Oldest timestamp, inclusive.
    pub from_ms: i64,
    /// Newest timestamp, inclusive.
    pub to_ms: i64,
}

/// The series of a request as columns, with their labels still in the body.
#[derive(Debug)]
pub struct Request {
    /// Whose request.
    pub tenant: TenantName,
    /// One id per series, aliases resolved.
    pub ids: Vec<SeriesId>,
    /// Hash of the raw label bytes; equals the id for conforming senders.
    raw_ids: Vec<SeriesId>,
    spans: Vec<Bytes>,
    /// First sample of each series, and one more entry at the end.
    first: Vec<u32>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    /// Metadata of the request.
    pub metadata: Vec<MetadataEntry>,
    /// What can never be accepted.
    pub rejections: Rejections,
}

/// What the labels of a series turned out to be.
#[derive(Debug, PartialEq)]
pub enum Resolved {
    /// Canonical: the id stands.
    Canonical(Labels),
    /// The sender encodes differently: this is the real id.
    Aliased(SeriesId, Labels),
    /// No valid labels; the text says why.
    Invalid(String),
}

impl Request {
    /// Walks an uncompressed body. Fails only when the body as a whole cannot be understood.
    pub fn parse(
        tenant: TenantName,
        seed: u64,
        body: &Bytes,
        accepted: AcceptedTime,
        aliases: &Aliases,
    ) -> Result<Request, WalkError> {
        let mut request = Request::empty(tenant);
        for part in walk(body) {
            match part? {
                Part::Series(series) => request.take_series(&series, seed, body, accepted)?,
                Part::Metadata(entry) => request.take_metadata(entry),
            }
        }
        request.ids.extend_from_slice(&request.raw_ids);
        aliases.resolve_all(&mut request.ids);
        Ok(request)
    }

    fn empty(tenant: TenantName) -> Request {
        Request {
            tenant,
            ids: Vec::new(),
            raw_ids: Vec::new(),
            spans: Vec::new(),
            first: vec![0],
            timestamps: Vec::new(),
            values: Vec::new(),
            metadata: Vec::new(),
            rejections: Rejections::default(),
        }
    }

    fn take_series(
        &mut self,
        series: &RawSeries<'_>,
        seed: u64,
        body: &Bytes,
        accepted: AcceptedTime,
    ) -> Result<(), WalkError> {
        let before = self.timestamps.len();
        for value in series.values() {
            match value? {
                Value::Sample(t, v) if t >= accepted.from_ms && t <= accepted.to_ms => {
                    self.timestamps.push(t);
                    self.values.push(v);
                }
                Value::Sample(t, _) => self.reject_age(series, t, accepted),
                Value::Exemplar => self.reject_kind(series, "exemplars"),
                Value::Histogram => self.reject_kind(series, "native histograms"),
            }
        }
        if self.raw_ids.len() >= REQUEST_SERIES_MAX {
            let what = "more series than one request may have (524288)";
            return Err(WalkError { what, offset: series.offset() });
        }
        if self.timestamps.len() > before {
            let span = match &series.labels {
                std::borrow::Cow::Borrowed(span) => body.slice_ref(span),
                std::borrow::Cow::Owned(span) => Bytes::copy_from_slice(span),
            };
            self.raw_ids.push(SeriesId::of(&span, seed));
            self.spans.push(span);
            self.first.push(self.timestamps.len() as u32);
        }
        Ok(())
    }

    /// Keeps an entry that is worth it; the others are counted and named.
    fn take_metadata(&mut self, entry: MetadataEntry) {
        let bytes = entry.family.len() + entry.help.len() + entry.unit.len();
        if self.metadata.len() >= METADATA_ENTRIES_MAX {
            let limit = METADATA_ENTRIES_MAX;
            let why = || format!("metadata: over {limit} families in one request");
            self.rejections.add(1, why);
        } else if entry.family.is_empty() || bytes > METADATA_ENTRY_BYTES_MAX {
            let limit = METADATA_ENTRY_BYTES_MAX;
            let why = || format!("metadata of {:?} is empty or over {limit} bytes", entry.family);
            self.rejections.add(1, why);
        } else {
            self.metadata.push(entry);
        }
    }

    fn reject_age(&mut self, series: &RawSeries<'_>, t: i64, accepted: AcceptedTime) {
        self.rejections.add(1, || {
            let name = name_of(&series.labels);
            if t < accepted.from_ms {
                let limit = accepted.from_ms;
                format!("{name}: timestamp {t} is too old; from {limit} on is accepted (--receive.accept-age)")
            } else {
                let limit = accepted.to_ms;
                format!("{name}: timestamp {t} is too far ahead; up to {limit} is accepted (--receive.accept-ahead)")
            }
        });
    }

    fn reject_kind(&mut self, series: &RawSeries<'_>, kind: &str) {
        self.rejections
            .add(1, || format!("{}: {kind} are not supported yet", name_of(&series.labels)));
    }

    /// Number of series with at least one sample that may be accepted.
    pub fn series(&self) -> usize {
        self.ids.len()
    }

    /// Number of samples of all series.
    pub fn samples(&self) -> usize {
        self.timestamps.len()
    }

    /// Timestamps and values of a series.
    pub fn samples_of(&self, series: usize) -> (&[i64], &[f64]) {
        let range = self.first[series] as usize..self.first[series + 1] as usize;
        (&self.timestamps[range.clone()], &self.values[range])
    }

    /// Parses the labels of a series; done only for series that an owner does not know.
    pub fn resolve(&self, series: usize, seed: u64) -> Resolved {
        if let Ok(labels) = Labels::from_canonical(self.spans[series].clone()) {
            let complaint = complaint(&labels);
            return complaint.map_or(Resolved::Canonical(labels), Resolved::Invalid);
        }
        match parse_labels(&self.spans[series]) {
            Ok(labels) => match complaint(&labels) {
                Some(text) => Resolved::Invalid(text),
                None => Resolved::Aliased(SeriesId::of(labels.as_bytes(), seed), labels),
            },
            Err(error) => Resolved::Invalid(invalid_text(&error)),
        }
    }

    /// Hash of the raw label bytes of a series.
    pub fn raw_id(&self, series: usize) -> SeriesId {
        self.raw_ids[series]
    }

    /// Some series as a batch without labels.
    pub fn batch(&self, series: &[u32], epoch: Epoch) -> SampleBatch {
        let mut batch = SampleBatch::new(self.tenant.clone(), epoch);
        batch.ids.reserve(series.len());
        for index in series {
            let index = *index as usize;
            let (timestamps, values) = self.samples_of(index);
            batch.ids.push(self.ids[index]);
            batch.counts.push(timestamps.len() as u32);
            batch.timestamps.extend_from_slice(timestamps);
            batch.values.extend_from_slice(values);
        }
        batch
    }

    /// The series whose real ids were found, as a request of its own.
    pub fn aliased(&self, found: &[(u32, SeriesId, Labels)]) -> Request {
        let mut request = Request::empty(self.tenant.clone());
        for (series, id, labels) in found {
            let (timestamps, values) = self.samples_of(*series as usize);
            request.ids.push(*id);
            request.raw_ids.push(*id);
            request.spans.push(labels.to_bytes());
            request.timestamps.extend_from_slice(timestamps);
            request.values.extend_from_slice(values);
            request.first.push(request.timestamps.len() as u32);
        }
        request
    }

    /// The same request once more, for a table that changed. Rejections were taken over before.
    pub fn again(&self) -> Request {
        Request {
            tenant: self.tenant.clone(),
            ids: self.ids.clone(),
            raw_ids: self.raw_ids.clone(),
            spans: self.spans.clone(),
            first: self.first.clone(),
            timestamps: self.timestamps.clone(),
            values: self.values.clone(),
            metadata: self.metadata.clone(),
            rejections: Rejections::default(),
        }
    }

    /// The metadata as a batch for the owners.
    pub fn metadata_batch(&self, epoch: Epoch) -> MetadataBatch {
        MetadataBatch { tenant: self.tenant.clone(), epoch, entries: self.metadata.clone() }
    }
}

fn complaint(labels: &Labels) -> Option<String> {
    if labels.is_empty() {
        return Some("a series has no labels".to_owned());
    }
    let (bytes, limit) = (labels.as_bytes().len(), LABELS_BYTES_MAX);
    if bytes > limit {
        return Some(format!("a series has {bytes} bytes of labels; at most {limit} are allowed"));
    }
    let named = labels.get(proto::labels::METRIC_NAME).is_some();
    (!named).then(|| format!("{labels}: the label __name__ is missing"))
}

fn invalid_text(error: &LabelsError) -> String {
    format!("invalid labels: {error}")
}

/// The series in words, for messages.
fn name_of(entries: &[u8]) -> String {
    parse_labels(entries).map_or_else(|e| invalid_text(&e), |labels| labels.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::remote_write::RequestWriter;

    const ALL: AcceptedTime = AcceptedTime { from_ms: 0, to_ms: 1_000 };

    fn parse(writer: &RequestWriter, aliases: &Aliases) -> Request {
        let body = Bytes::copy_from_slice(writer.as_bytes());
        Request::parse(TenantName::new("a").unwrap(), 7, &body, ALL, aliases).unwrap()
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn samples_outside_of_the_accepted_time_are_named_and_the_rest_kept() {
        let mut writer = RequestWriter::default();
        writer.series(&labels(&[("__name__", "up")]), &[(-1, 1.0), (500, 2.0), (1_001, 3.0)]);
        let request = parse(&writer, &Aliases::default());
        assert_eq!(request.samples_of(0), (&[500][..], &[2.0][..]));
        assert_eq!(request.rejections.count, 2);
        assert!(request.rejections.named[0].contains("--receive.accept-age"));
        assert!(request.rejections.named[1].contains("--receive.accept-ahead"));
    }

    #[test]
    fn unsorted_labels_become_an_alias() {
        let mut body = Vec::new();
        let mut series = labels(&[("b", "2")]).as_bytes().to_vec();
        series.extend_from_slice(labels(&[("__name__", "m")]).as_bytes());
        series.extend_from_slice(&[0x12, 0x02, 0x10, 0x05]);
        body.push(0x0a);
        body.push(series.len() as u8);
        body.extend_from_slice(&series);
        let tenant = TenantName::new("a").unwrap();
        let aliases = Aliases::default();
        let body = Bytes::from(body);
        let request = Request::parse(tenant.clone(), 7, &body, ALL, &aliases).unwrap();
        let sorted = labels(&[("__name__", "m"), ("b", "2")]);
        let real = SeriesId::of(sorted.as_bytes(), 7);
        assert_eq!(request.resolve(0, 7), Resolved::Aliased(real, sorted));
        aliases.insert(request.raw_id(0), real);
        let again = Request::parse(tenant, 7, &body, ALL, &aliases).unwrap();
        assert_eq!(again.ids, [real]);
    }

    #[test]
    fn a_series_without_a_name_is_invalid() {
        let mut writer = RequestWriter::default();
        writer.series(&labels(&[("job", "x")]), &[(1, 1.0)]);
        writer.series(&Labels::empty(), &[(1, 1.0)]);
        let request = parse(&writer, &Aliases::default());
        assert!(matches!(request.resolve(0, 7), Resolved::Invalid(_)));
        assert!(matches!(request.resolve(1, 7), Resolved::Invalid(_)));
    }
}

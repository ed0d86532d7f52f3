//! The server side answers what the asking side understands.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use parking_lot::Mutex;
use proto::rpc::{LabelMatcher, LabelsRequest, MetadataRequest, SelectRequest, TenantsRequest};
use storage::{PackedSeries, Selection};
use ulid::Ulid;

use super::convert::series_in;
use super::fakes::{self, FakeHolder};
use super::sources::{Authority, BucketHolder, LocalHolder};
use super::{ReadError, server};

fn holder() -> Arc<dyn LocalHolder> {
    Arc::new(fake_holder())
}

fn fake_holder() -> FakeHolder {
    let mut holder = FakeHolder::default();
    holder.add("a", &[("__name__", "up"), ("job", "x")], &[(1, 1.0), (2, 2.0)]);
    holder.add("b", &[("__name__", "up")], &[(1, 1.0)]);
    holder.partial = Some("replaying".to_owned());
    holder
}

#[tokio::test]
async fn a_select_travels_and_comes_back() {
    let request = SelectRequest {
        tenants: vec![LabelMatcher { op: 2, name: "t".into(), value: "a|c".into() }],
        end_ms: 9,
        ..SelectRequest::default()
    };
    let stream = server::select(holder(), request).await.unwrap();
    let messages: Vec<_> = stream.map(Result::unwrap).collect().await;
    let authority = messages[0].authority.clone().unwrap();
    assert_eq!((authority.complete, authority.reason.as_str()), (false, "replaying"));
    let series = series_in(messages[0].series[0].clone(), &mut None).unwrap();
    assert_eq!(series.labels.to_string(), "up{job=\"x\"}");
    assert_eq!((messages[0].series.len(), series.chunks.len()), (1, 1));
}

#[tokio::test]
async fn bad_questions_are_refused() {
    for (op, value) in [(4, "a"), (2, "(")] {
        let matchers = vec![matcher(op, value)];
        let request = SelectRequest { matchers, ..SelectRequest::default() };
        let status = server::select(holder(), request).await.err().unwrap();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
    }
}

fn matcher(op: u32, value: &str) -> LabelMatcher {
    LabelMatcher { op, name: "l".into(), value: value.into() }
}

#[tokio::test]
async fn regular_expressions_of_peers_have_a_budget() {
    let many: Vec<_> = (0..200).map(|n| matcher(2, &format!("a[0-9]{n}"))).collect();
    let large = vec![matcher(2, r"\pL{400}")];
    for (matchers, part) in [(many, "more than 128 different"), (large, "1048576 bytes")] {
        let request = SelectRequest { matchers, ..SelectRequest::default() };
        let status = server::select(holder(), request).await.err().unwrap();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert!(status.message().contains(part), "{status}");
    }
    let same = vec![matcher(2, "a[0-9]"); 1000];
    let request = SelectRequest { matchers: same, ..SelectRequest::default() };
    assert!(server::select(holder(), request).await.is_ok());
}

#[tokio::test]
async fn questions_are_understood_where_it_may_take_long() {
    // Nothing is done there, so nobody finds out that the matcher is wrong.
    let holder = || {
        let mut holder = FakeHolder::default();
        holder.blocking = Some(Arc::new(drop));
        Arc::new(holder)
    };
    let bad = || vec![matcher(2, "(")];
    let select = SelectRequest { matchers: bad(), ..SelectRequest::default() };
    let labels = LabelsRequest { matchers: bad(), ..LabelsRequest::default() };
    let metadata = MetadataRequest { tenants: bad(), ..MetadataRequest::default() };
    let answers = [
        server::select(holder(), select).await.err(),
        server::labels(holder(), labels).await.err(),
        server::metadata(holder(), metadata).await.err(),
    ];
    for status in answers {
        assert_eq!(status.unwrap().code(), tonic::Code::Internal);
    }
}

#[tokio::test]
async fn names_values_tenants_and_metadata_are_answered() {
    let request = |name: &str| LabelsRequest { name: name.into(), end_ms: 9, ..Default::default() };
    let names = server::labels(holder(), request("")).await.unwrap();
    assert_eq!(names.values, ["__name__", "job"]);
    assert_eq!(server::labels(holder(), request("job")).await.unwrap().values, ["x"]);
    let tenants = server::tenants(holder(), TenantsRequest::default()).await.unwrap().tenants;
    assert_eq!(tenants.iter().map(|t| t.tenant.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let metadata = server::metadata(holder(), MetadataRequest::default()).await.unwrap();
    assert_eq!(metadata.tenants.len(), 2);
}

#[test]
fn a_peer_that_sends_nonsense_is_found_out() {
    let good = proto::rpc::SeriesChunks {
        tenant: "a".into(),
        id: vec![0; 16].into(),
        ..Default::default()
    };
    assert!(series_in(good.clone(), &mut None).is_ok());
    let bad = [
        proto::rpc::SeriesChunks { tenant: "../x".into(), ..good.clone() },
        proto::rpc::SeriesChunks { id: vec![0; 15].into(), ..good.clone() },
        proto::rpc::SeriesChunks { labels: vec![1].into(), ..good },
    ];
    for series in bad {
        assert!(series_in(series, &mut None).is_err());
    }
}

/// A bucket with one block, in which nothing is; it notes what it is asked for.
#[derive(Default)]
struct FakeBucket {
    asked: Mutex<Vec<String>>,
}

impl FakeBucket {
    fn note(&self, what: &str, blocks: &BTreeSet<Ulid>) -> (Vec<PackedSeries>, Authority) {
        let blocks: Vec<String> = blocks.iter().map(Ulid::to_string).collect();
        self.asked.lock().push(format!("{what} {}", blocks.join(" ")));
        (Vec::new(), Authority::complete())
    }
}

#[async_trait::async_trait]
impl BucketHolder for FakeBucket {
    async fn select(
        &self,
        _selection: &Selection,
        except: &BTreeSet<Ulid>,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError> {
        Ok(self.note("except", except))
    }

    async fn select_only(
        &self,
        _selection: &Selection,
        blocks: &BTreeSet<Ulid>,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError> {
        Ok(self.note("only", blocks))
    }

    async fn labels(
        &self,
        _name: &str,
        _selection: &Selection,
    ) -> Result<(BTreeSet<String>, Authority), ReadError> {
        Ok((BTreeSet::new(), Authority::complete()))
    }
}

#[tokio::test]
async fn the_bucket_is_asked_for_blocks_that_this_node_has_and_cannot_read() {
    let (read, unread) = (Ulid::from(1u128), Ulid::from(2u128));
    let mut holder = FakeHolder::default();
    holder.blocks = vec![read, unread];
    holder.blocks_read = vec![read];
    let bucket = Arc::new(FakeBucket::default());
    let mut sources = fakes::sources(1, 1, vec![(1, holder)]);
    sources.bucket = Some(bucket.clone());
    let fanout = fakes::fanout(sources, 1 << 20);
    fanout.series(&fanout.selection(&[], (0, 9))).await.unwrap();
    let expected = [format!("except {read} {unread}"), format!("only {unread}")];
    assert_eq!(*bucket.asked.lock(), expected);
}

#[tokio::test]
async fn a_read_over_its_budget_is_refused_by_name() {
    let fanout = fakes::fanout(fakes::sources(1, 1, vec![(1, fake_holder())]), 10);
    let error = fanout.series(&fanout.selection(&[], (0, 9))).await.unwrap_err();
    let ReadError::Limit(text) = error else { panic!("{error}") };
    assert!(text.contains("more than 10 bytes") && text.contains("--query.max-bytes"), "{text}");
}

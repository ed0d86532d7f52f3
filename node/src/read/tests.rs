//! The server side answers what the asking side understands.

use std::sync::Arc;

use futures::StreamExt;
use proto::rpc::{LabelMatcher, LabelsRequest, MetadataRequest, SelectRequest, TenantsRequest};

use super::convert::series_in;
use super::fakes::FakeHolder;
use super::server;
use super::sources::LocalHolder;

fn holder() -> Arc<dyn LocalHolder> {
    let mut holder = FakeHolder::default();
    holder.add("a", &[("__name__", "up"), ("job", "x")], &[(1, 1.0), (2, 2.0)]);
    holder.add("b", &[("__name__", "up")], &[(1, 1.0)]);
    holder.partial = Some("replaying".to_owned());
    Arc::new(holder)
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

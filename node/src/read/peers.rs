//! The other nodes of the cluster over gRPC.

use std::collections::BTreeSet;

use async_trait::async_trait;
use cluster::Line;
use proto::rpc::peer_client::PeerClient;
use proto::rpc::{Header, LabelsRequest, MetadataRequest, SelectRequest, SelectResponse};
use proto::{Matcher, NodeId, TenantName};
use storage::{PackedSeries, Selection};

use super::convert::{authority_in, matchers_out, metadata_in, series_in};
use super::sources::{Authority, FamilyMetadata, RemoteHolders};
use super::{Budget, ReadError};

/// Largest message that is taken from a peer, or sent to one, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

type Client = Box<dyn Fn(NodeId) -> Option<PeerClient<Line>> + Send + Sync>;

/// [`RemoteHolders`] over gRPC.
pub struct PeerHolders {
    client: Client,
    header: Box<dyn Fn(NodeId) -> Header + Send + Sync>,
}

impl PeerHolders {
    /// `client` gives the client of a member, `header` what calls to it carry.
    pub fn new(
        client: impl Fn(NodeId) -> Option<PeerClient<Line>> + Send + Sync + 'static,
        header: impl Fn(NodeId) -> Header + Send + Sync + 'static,
    ) -> PeerHolders {
        PeerHolders { client: Box::new(client), header: Box::new(header) }
    }

    fn client(&self, node: NodeId) -> Result<PeerClient<Line>, ReadError> {
        let client = (self.client)(node)
            .ok_or_else(|| ReadError::Unavailable("it has no address".to_owned()))?;
        let client = client.max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(client.max_encoding_message_size(MESSAGE_BYTES_MAX))
    }
}

#[async_trait]
impl RemoteHolders for PeerHolders {
    async fn select(
        &self,
        node: NodeId,
        selection: &Selection,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError> {
        let budget = selection.budget.as_deref();
        let request = SelectRequest {
            header: Some((self.header)(node)),
            matchers: matchers_out(&selection.matchers),
            tenants: matchers_out(&selection.tenants),
            start_ms: selection.start_ms,
            end_ms: selection.end_ms,
            labels_only: selection.labels_only,
            latest_only: selection.latest_only,
            bytes_max: budget.map_or(0, |budget| budget.left().max(1)),
        };
        let over_budget = |status: tonic::Status| match status.code() {
            tonic::Code::ResourceExhausted => ReadError::Limit(status.message().to_owned()),
            _ => status.into(),
        };
        let mut answer =
            self.client(node)?.select(request).await.map_err(over_budget)?.into_inner();
        let mut taken = Taken::default();
        while let Some(message) = answer.message().await? {
            taken.take(message, budget)?;
        }
        Ok((taken.series, authority_in(taken.authority)))
    }

    async fn labels(
        &self,
        node: NodeId,
        name: &str,
        selection: &Selection,
        budget: &Budget,
    ) -> Result<(BTreeSet<String>, Authority), ReadError> {
        let request = LabelsRequest {
            header: Some((self.header)(node)),
            matchers: matchers_out(&selection.matchers),
            tenants: matchers_out(&selection.tenants),
            start_ms: selection.start_ms,
            end_ms: selection.end_ms,
            name: name.to_owned(),
        };
        let answer = self.client(node)?.labels(request).await?.into_inner();
        budget.take(answer.values.iter().map(|value| value.len() as u64).sum())?;
        Ok((answer.values.into_iter().collect(), authority_in(answer.authority)))
    }

    async fn metadata(
        &self,
        node: NodeId,
        tenants: &[Matcher],
    ) -> Result<(Vec<FamilyMetadata>, Authority), ReadError> {
        let request =
            MetadataRequest { header: Some((self.header)(node)), tenants: matchers_out(tenants) };
        let answer = self.client(node)?.metadata(request).await?.into_inner();
        let families = answer.tenants.into_iter().map(metadata_in).collect::<Result<_, _>>()?;
        Ok((families, authority_in(answer.authority)))
    }
}

/// What came in so far.
#[derive(Default)]
struct Taken {
    series: Vec<PackedSeries>,
    authority: Option<proto::rpc::Authority>,
    last_tenant: Option<TenantName>,
}

impl Taken {
    fn take(&mut self, message: SelectResponse, budget: Option<&Budget>) -> Result<(), ReadError> {
        let mut series = Vec::with_capacity(message.series.len());
        for one in message.series {
            series.push(series_in(one, &mut self.last_tenant)?);
        }
        self.authority = message.authority;
        if let Some(budget) = budget {
            budget.take_series(&series)?;
        }
        self.series.push(PackedSeries::pack(series));
        Ok(())
    }
}

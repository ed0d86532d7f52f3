//! One connection for each peer address, made anew when the address changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster::{Cluster, Dial, Line};
use parking_lot::Mutex;
use proto::NodeId;
use proto::rpc::Header;
use proto::rpc::peer_client::PeerClient;

/// Largest message between nodes in bytes, both ways.
pub const MESSAGE_BYTES_MAX: usize = 80 << 20;

/// Connections to the members of the cluster.
pub struct Pool {
    cluster: Cluster,
    dial: Arc<dyn Dial>,
    channels: Mutex<BTreeMap<NodeId, (String, Line)>>,
}

impl Pool {
    /// A pool without connections.
    pub fn new(cluster: Cluster, dial: Arc<dyn Dial>) -> Pool {
        Pool { cluster, dial, channels: Mutex::new(BTreeMap::new()) }
    }

    /// The channel to a member, or `None` if there is no such member.
    pub fn channel(&self, node: NodeId) -> Option<Line> {
        let state = self.cluster.state();
        let address = state.address_of(node)?;
        let mut channels = self.channels.lock();
        if let Some((known, channel)) = channels.get(&node)
            && known == address
        {
            return Some(channel.clone());
        }
        let channel = self.dial.channel(address).ok()?;
        channels.insert(node, (address.to_owned(), channel.clone()));
        Some(channel)
    }

    /// A client for a member.
    pub fn client(&self, node: NodeId) -> Option<PeerClient<Line>> {
        let client = PeerClient::new(self.channel(node)?);
        Some(
            client
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        )
    }

    /// The header of calls to a member: another node at its address refuses them, so that one
    /// node can never answer, or be counted, for two.
    pub fn header(&self, node: NodeId) -> Header {
        self.cluster.header_to(node)
    }
}

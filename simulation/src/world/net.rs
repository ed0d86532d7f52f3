//! The net seam over turmoil: gRPC listener and connector.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cluster::{ClusterError, Dial, Line};
use futures::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use node::env::{Connection, GrpcListener, Listen};
use node::http::serving::HttpListener;
use tonic::codegen::http::Uri;
use tonic::transport::Endpoint;
use turmoil::net::{TcpListener, TcpStream};

use super::duplication::Duplication;
use super::http::SimulatedHttp;
use super::socket::Traced;
use crate::trace::SharedTrace;

/// As in production.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// As in production.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The network as one host sees it.
#[derive(Debug, Clone)]
pub struct Network {
    /// Where deliveries are taken down.
    pub trace: SharedTrace,
    /// Whether calls are made twice.
    pub duplication: Duplication,
}

impl Dial for Network {
    fn channel(&self, address: &str) -> cluster::Result<Line> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| ClusterError::Options(format!("address {address:?}: {error}")))?;
        let trace = self.trace.clone();
        let dial = tower::service_fn(move |uri: Uri| connect(uri, trace.clone()));
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .connect_with_connector_lazy(dial);
        Ok(self.duplication.wrap(channel))
    }
}

async fn connect(uri: Uri, trace: SharedTrace) -> io::Result<TokioIo<Traced>> {
    let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    let port = uri.port_u16().ok_or(io::ErrorKind::InvalidInput)?;
    let stream = TcpStream::connect((host, port)).await?;
    Ok(TokioIo::new(Traced::new(stream, trace)))
}

/// Binds a port on all addresses of the host.
pub(super) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)).await
}

#[async_trait]
impl Listen for Network {
    async fn grpc(&self, address: SocketAddr) -> io::Result<GrpcListener> {
        let listener = bind(address.port()).await?;
        let address = listener.local_addr()?;
        let trace = self.trace.clone();
        let accept = |(listener, trace): (TcpListener, SharedTrace)| async move {
            let accepted = listener.accept().await;
            let traced = |(stream, _)| Connection::new(Traced::new(stream, trace.clone()));
            Some((accepted.map(traced), (listener, trace)))
        };
        Ok(GrpcListener { address, incoming: stream::unfold((listener, trace), accept).boxed() })
    }

    async fn http(&self, address: SocketAddr) -> io::Result<Arc<dyn HttpListener>> {
        let listener = bind(address.port()).await?;
        Ok(Arc::new(SimulatedHttp::new(listener, self.trace.clone())?))
    }
}

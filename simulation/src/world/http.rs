//! The node's HTTP apps, unchanged, over simulated sockets.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, map_config};
use actix_web::dev::AppConfig;
use futures::future::LocalBoxFuture;
use node::NodeError;
use node::http::serving::{HEAD_TIMEOUT, HttpApp, HttpListener, HttpServing};
use tokio::task::JoinHandle;
use turmoil::net::TcpListener;

use super::socket::Traced;
use crate::trace::SharedTrace;

/// As actix' own server keeps idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A port of the simulated network.
pub struct SimulatedHttp {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    trace: SharedTrace,
}

impl SimulatedHttp {
    /// Wraps a bound listener.
    pub fn new(listener: TcpListener, trace: SharedTrace) -> io::Result<SimulatedHttp> {
        let address = listener.local_addr()?;
        Ok(SimulatedHttp { listener: Arc::new(listener), address, trace })
    }
}

impl HttpListener for SimulatedHttp {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve(&self, app: HttpApp) -> Result<Box<dyn HttpServing>, NodeError> {
        let (listener, trace) = (self.listener.clone(), self.trace.clone());
        let task = tokio::task::spawn_local(accept(app, listener, trace));
        Ok(Box::new(Serving { task }))
    }
}

async fn accept(app: HttpApp, listener: Arc<TcpListener>, trace: SharedTrace) {
    let factory = map_config(app.build().into_factory(), |_| AppConfig::default());
    let service = HttpService::<Traced, _, _>::build()
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
        .client_request_timeout(HEAD_TIMEOUT)
        .finish(factory);
    let Ok(handler) = service.new_service(()).await else {
        tracing::error!("the HTTP service did not start");
        return;
    };
    let handler = Rc::new(handler);
    while let Ok((stream, peer)) = listener.accept().await {
        let stream = Traced::new(stream, trace.clone());
        let connection = handler.call((stream, Protocol::Http1, Some(peer)));
        tokio::task::spawn_local(async move {
            // A broken connection is its client's trouble.
            let _ = connection.await;
        });
    }
}

/// An app that runs. Connections that are open go on until their clients close them.
struct Serving {
    task: JoinHandle<()>,
}

impl HttpServing for Serving {
    fn stop(&self, _graceful: bool) -> LocalBoxFuture<'_, ()> {
        self.task.abort();
        Box::pin(std::future::ready(()))
    }
}

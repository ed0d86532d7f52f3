//! What serves the HTTP edges: an app is described once, and a listener runs it, on worker threads
//! in production, on the sockets of a simulated network in the simulator.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, Condition};
use actix_web::{App, Error, HttpServer, web};
use futures::future::LocalBoxFuture;

use crate::error::NodeError;

/// How long a client may take to send the head of a request. What is later gets 408, which makes
/// Prometheus drop the samples: its own timeout, 30 s by default, must be over before that.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Mounts routes and their data; called once for each worker.
pub type Configure = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// One HTTP edge.
#[derive(Clone)]
pub struct HttpApp {
    configure: Configure,
    workers: Option<usize>,
    compress: bool,
}

impl HttpApp {
    /// An app of these routes, with a worker for each core and plain answers.
    pub fn new(configure: impl Fn(&mut web::ServiceConfig) + Send + Sync + 'static) -> HttpApp {
        HttpApp { configure: Arc::new(configure), workers: None, compress: false }
    }

    /// The same with so many workers.
    pub fn workers(self, workers: usize) -> HttpApp {
        HttpApp { workers: Some(workers), ..self }
    }

    /// The same with answers compressed for whoever accepts that.
    pub fn compressed(self) -> HttpApp {
        HttpApp { compress: true, ..self }
    }

    /// The app as actix builds it.
    pub fn build(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<impl MessageBody + use<>>,
            Error = Error,
            InitError = (),
        > + use<>,
    > {
        let configure = self.configure.clone();
        App::new()
            .wrap(Condition::new(self.compress, Compress::default()))
            .configure(move |config| configure(config))
    }
}

/// A listener that runs one app at a time: the next may start once the last was told to stop.
pub trait HttpListener: Send + Sync {
    /// Where it listens; the port is the one that it got.
    fn address(&self) -> SocketAddr;
    /// Starts to run an app.
    fn serve(&self, app: HttpApp) -> Result<Box<dyn HttpServing>, NodeError>;
}

/// An app that runs.
pub trait HttpServing: Send + Sync {
    /// Stops it; gracefully: requests that were begun are answered first.
    fn stop(&self, graceful: bool) -> LocalBoxFuture<'_, ()>;
}

/// A TCP port, served by actix' worker threads.
pub(crate) struct TcpHttp {
    listener: TcpListener,
    address: SocketAddr,
}

impl TcpHttp {
    pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpHttp> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(TcpHttp { listener, address })
    }

    fn start(&self, app: HttpApp) -> std::io::Result<Serving> {
        let workers = app.workers;
        let mut server = HttpServer::new(move || app.build())
            .disable_signals()
            .client_request_timeout(HEAD_TIMEOUT);
        if let Some(workers) = workers {
            server = server.workers(workers);
        }
        let server = server.listen(self.listener.try_clone()?)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Serving(handle))
    }
}

impl HttpListener for TcpHttp {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve(&self, app: HttpApp) -> Result<Box<dyn HttpServing>, NodeError> {
        match self.start(app) {
            Ok(serving) => Ok(Box::new(serving)),
            Err(error) => Err(NodeError::Internal(format!("HTTP at {}: {error}", self.address))),
        }
    }
}

/// A running server of actix.
struct Serving(actix_web::dev::ServerHandle);

impl HttpServing for Serving {
    fn stop(&self, graceful: bool) -> LocalBoxFuture<'_, ()> {
        Box::pin(self.0.stop(graceful))
    }
}

//! A client of the nodes' HTTP edges over the simulated network: one connection a request.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, http};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use turmoil::net::TcpStream;

use crate::trace::SharedTrace;
use crate::world::socket::Traced;

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Value of the header `X-Granary-Durable`, if there is one.
    pub durable: Option<String>,
    /// Body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Nothing was sent.
    #[error("not connected: {0}")]
    NotSent(String),
    /// It may have been carried out.
    #[error("no answer: {0}")]
    Unknown(String),
}

/// Sends a request to a port of a host and waits for the answer.
pub async fn send(
    host: &str,
    port: u16,
    request: Request<Full<Bytes>>,
    limit: Duration,
    trace: &SharedTrace,
) -> Result<Answer, Lost> {
    let connect = timeout(limit, TcpStream::connect((host, port)));
    let stream = match connect.await {
        Ok(Ok(stream)) => Traced::new(stream, trace.clone()),
        Ok(Err(error)) => return Err(Lost::NotSent(error.to_string())),
        Err(_) => return Err(Lost::NotSent(format!("no connection in {limit:?}"))),
    };
    match timeout(limit, exchange(stream, request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Lost::Unknown(error.to_string())),
        Err(_) => Err(Lost::Unknown(format!("none in {limit:?}"))),
    }
}

async fn exchange(stream: Traced, mut request: Request<Full<Bytes>>) -> io::Result<Answer> {
    let host = http::HeaderValue::from_static("simulated");
    request.headers_mut().entry(http::header::HOST).or_insert(host);
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::task::spawn_local(async move {
        // What is wrong with the connection shows in the request.
        let _ = connection.await;
    });
    let answer = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let durable = response.headers().get("x-granary-durable");
        let durable = durable.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status, durable, body })
    }
    .await;
    connection.abort();
    answer
}

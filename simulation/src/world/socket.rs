//! Simulated sockets that take down what they deliver.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use crate::trace::SharedTrace;

/// A connection of the simulated network.
pub struct Traced {
    stream: TcpStream,
    trace: SharedTrace,
    link: u64,
}

impl Traced {
    /// A connection whose deliveries go to `trace`.
    pub fn new(stream: TcpStream, trace: SharedTrace) -> Traced {
        let port = |address: io::Result<std::net::SocketAddr>| match address {
            Ok(address) => (ip_bits(address.ip()) << 16) | u64::from(address.port()),
            Err(_) => 0,
        };
        let link = port(stream.local_addr()).rotate_left(32) ^ port(stream.peer_addr());
        Traced { stream, trace, link }
    }
}

fn ip_bits(ip: std::net::IpAddr) -> u64 {
    match ip {
        std::net::IpAddr::V4(ip) => u64::from(ip.to_bits()),
        std::net::IpAddr::V6(ip) => ip.to_bits() as u64,
    }
}

impl AsyncRead for Traced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Poll::Ready(Ok(())) = &polled {
            self.trace.delivered(self.link, &buffer.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Traced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! A small exporter: a real `/metrics` page over HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::beside;
use crate::ports;

/// Longest wait for a request line.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// An exporter that serves until it is dropped.
pub struct Exporter {
    /// Where it serves.
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Exporter {
    /// Starts one on a free port.
    pub fn start() -> Exporter {
        let address = ports::free();
        let listener = TcpListener::bind(address).expect("a port that was free just now");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        beside(move || serve(&listener, &stopped));
        Exporter { address, stop }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread up, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(listener: &TcpListener, stop: &AtomicBool) {
    let scrapes = AtomicU64::new(0);
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(stream) = stream {
            // A scraper that goes away will come back.
            let _ = answer(stream, scrapes.fetch_add(1, Ordering::Relaxed));
        }
    }
}

fn answer(mut stream: TcpStream, scrapes: u64) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let page = format!(
        "# HELP test_scrapes_total Scrapes answered.\n\
         # TYPE test_scrapes_total counter\n\
         test_scrapes_total {scrapes}\n\
         # HELP test_temperature_celsius A gauge with labels.\n\
         # TYPE test_temperature_celsius gauge\n\
         test_temperature_celsius{{room=\"cellar\"}} 11.5\n\
         test_temperature_celsius{{room=\"roof\"}} 23.25\n"
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len())
}

//! Free ports on 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// First port handed out: above the ports of the system's services.
const FIRST: u32 = 12_000;
/// Ports handed out before starting over. They end below those that the kernel gives to clients,
/// so that no outgoing connection takes one between now and the start of its server.
const COUNT: u32 = 20_000;
/// Ports that only a test of the defaults may use.
const DEFAULT_REMOTE_WRITE: u16 = 19_291;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An address whose port is free now and is handed out once per process.
pub fn free() -> SocketAddr {
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = (std::process::id().wrapping_mul(131).wrapping_add(step)) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("the range ends below 65536");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if port != DEFAULT_REMOTE_WRITE && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port from {FIRST} on is free on 127.0.0.1");
}

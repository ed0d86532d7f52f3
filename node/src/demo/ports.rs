//! Finds addresses to listen on.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::DemoError;

/// Free ports are looked for here: above what services use and below the ports that Linux hands
/// out to outgoing connections (from 32768), so that none of those takes one in the meantime.
const PORT_FIRST: u16 = 20_000;
const PORTS_COUNT: u16 = 12_000;

/// Checks that an address of the first node can be listened on.
pub(super) fn check(address: SocketAddr, flag: &'static str) -> Result<(), DemoError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Err(DemoError::PortTaken { address, flag })
        }
        Err(error) => Err(DemoError::Listen { address, flag, error }),
    }
}

/// `count` free addresses on 127.0.0.1, none of them in `taken`. Two demos look in different
/// places first, by their process ids.
pub(super) fn free(count: usize, taken: &[SocketAddr]) -> Result<Vec<SocketAddr>, DemoError> {
    let start = (std::process::id() % u32::from(PORTS_COUNT)) as u16;
    let start = start.wrapping_mul(37) % PORTS_COUNT;
    // The listeners are held until all are found: no port is found twice.
    let mut found = Vec::with_capacity(count);
    for step in 0..PORTS_COUNT {
        if found.len() == count {
            break;
        }
        let port = PORT_FIRST + (start + step) % PORTS_COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if taken.iter().any(|t| t.port() == port) {
            continue;
        }
        found.extend(TcpListener::bind(address).ok().map(|listener| (address, listener)));
    }
    if found.len() < count {
        return Err(DemoError::NoPorts(count));
    }
    Ok(found.into_iter().map(|(address, _)| address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_flag() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let error = check(address, "--http-address").unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains("--http-address="), "{error}");
    }

    #[test]
    fn free_ports_are_different_and_not_taken() {
        let taken = free(1, &[]).unwrap();
        let ports = free(30, &taken).unwrap();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), 30);
        assert!(!ports.contains(&taken[0]));
    }
}

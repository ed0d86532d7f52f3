//! Addresses and HTTP header names.

use std::net::{Ipv4Addr, SocketAddr};

use super::Reason;

/// Longest host name in bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// Longest HTTP header name in bytes.
const HEADER_BYTES_MAX: usize = 128;
/// Most addresses in one list.
const ADDRESSES_MAX: usize = 256;

/// An address to listen on: `127.0.0.1:10902`, `[::1]:10902`, `localhost:10902`, or `:10902` for
/// every IPv4 interface.
pub fn listen(text: &str) -> Result<SocketAddr, Reason> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or("has no port")?;
    let port = port_number(port)?;
    match host {
        "" => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        "localhost" => Ok((Ipv4Addr::LOCALHOST, port).into()),
        _ => Err("is no IP address with a port".to_owned()),
    }
}

/// An address to dial: `granary-0:10901`, `10.0.0.1:10901`, `[::1]:10901`.
pub fn host_port(text: &str) -> Result<String, Reason> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address.ip().is_unspecified() {
            true => Err("is no address that can be dialed".to_owned()),
            false => Ok(text.to_owned()),
        };
    }
    let (host, port) = text.rsplit_once(':').ok_or("has no port")?;
    port_number(port)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if host.is_empty() || host.len() > HOST_BYTES_MAX || !host.chars().all(allowed) {
        return Err("is no host with a port".to_owned());
    }
    Ok(text.to_owned())
}

/// Addresses to dial, separated by commas.
pub fn host_ports(text: &str) -> Result<Vec<String>, Reason> {
    let addresses: Vec<String> =
        text.split(',').map(|part| host_port(part.trim())).collect::<Result<_, _>>()?;
    if addresses.len() > ADDRESSES_MAX {
        return Err(format!("has {} addresses; {ADDRESSES_MAX} are allowed", addresses.len()));
    }
    Ok(addresses)
}

fn port_number(text: &str) -> Result<u16, Reason> {
    text.parse().map_err(|_| format!("has no port of 0 to 65535 ({text:?})"))
}

/// Name of an HTTP header: a token of RFC 9110.
pub fn header_name(text: &str) -> Result<String, Reason> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.is_empty() || text.len() > HEADER_BYTES_MAX || !text.chars().all(allowed) {
        return Err("is no name of an HTTP header".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_ip_addresses() {
        assert_eq!(listen("127.0.0.1:0").map(|a| a.port()), Ok(0));
        assert_eq!(listen(":10902"), Ok(SocketAddr::from(([0, 0, 0, 0], 10902))));
        assert_eq!(listen("localhost:1"), Ok(SocketAddr::from(([127, 0, 0, 1], 1))));
        assert!(listen("[::1]:80").is_ok_and(|a| a.is_ipv6()));
        for text in ["", "10902", "example.com:80", "127.0.0.1:70000", "::1:80x"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn peers_are_hosts_with_ports() {
        assert_eq!(host_port("granary-0.granary:10901"), Ok("granary-0.granary:10901".to_owned()));
        assert_eq!(host_ports("a:1, b:2").map(|list| list.len()), Ok(2));
        for text in ["", "a", ":10901", "a b:1", "0.0.0.0:1", "http://a:1", "a:b", "a:1,"] {
            assert!(host_ports(text).is_err(), "{text}");
        }
        assert!(host_ports(&"a:1,".repeat(300)).is_err());
        assert!(host_ports(&vec!["a:1"; 300].join(",")).is_err());
    }

    #[test]
    fn header_names_are_tokens() {
        assert!(header_name("THANOS-TENANT").is_ok());
        assert!(header_name("").is_err());
        assert!(header_name("a b").is_err());
        assert!(header_name("a:").is_err());
    }
}

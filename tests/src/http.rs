//! A plain HTTP client that can also be rude: any version, any body framing, broken requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for one piece of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header lines as they came.
    pub head: String,
    /// The body as text; bytes that are no UTF-8 are replaced.
    pub body: String,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim()))
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// HTTP/1.1 with Content-Length.
    Length,
    /// HTTP/1.1 with chunks of this many bytes.
    Chunked(usize),
    /// HTTP/1.0 with Content-Length, as nginx speaks by default.
    Http10,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Method.
    pub method: &'a str,
    /// Path with the query string.
    pub path: &'a str,
    /// Header names and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body; empty for none.
    pub body: &'a [u8],
    /// How the body is framed.
    pub framing: Framing,
}

/// Sends a request over a connection of its own.
pub fn send(address: SocketAddr, request: &Request<'_>) -> Result<Response, String> {
    let text = |error: std::io::Error| format!("{address}{}: {error}", request.path);
    let mut stream = TcpStream::connect_timeout(&address, READ_TIMEOUT).map_err(text)?;
    stream.set_read_timeout(Some(READ_TIMEOUT)).map_err(text)?;
    stream.set_nodelay(true).map_err(text)?;
    // A server may refuse and close before it has read everything; its answer counts then.
    let sent = stream.write_all(&bytes_of(address, request));
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    match parse(&answer) {
        Some(response) => Ok(response),
        None => {
            sent.map_err(text)?;
            read.map_err(text)?;
            Err(format!("{address}{}: no whole answer came: {:?}", request.path, lossy(&answer)))
        }
    }
}

/// GET, for paths that need nothing else.
pub fn get(address: SocketAddr, path: &str) -> Result<Response, String> {
    let request =
        Request { method: "GET", path, headers: &[], body: &[], framing: Framing::Length };
    send(address, &request)
}

/// POST of a form.
pub fn post_form(address: SocketAddr, path: &str, form: &str) -> Result<Response, String> {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = form.as_bytes();
    let request =
        Request { method: "POST", path, headers: &headers, body, framing: Framing::Length };
    send(address, &request)
}

/// Percent-encodes a value of a query string or form.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let code = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(code).collect()
}

fn bytes_of(address: SocketAddr, request: &Request<'_>) -> Vec<u8> {
    let version = if request.framing == Framing::Http10 { "1.0" } else { "1.1" };
    let mut head = format!("{} {} HTTP/{version}\r\n", request.method, request.path);
    head += &format!("Host: {address}\r\nConnection: close\r\n");
    for (name, value) in request.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Framing::Chunked(size) = request.framing {
        let mut bytes = (head + "Transfer-Encoding: chunked\r\n\r\n").into_bytes();
        for chunk in request.body.chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        return bytes;
    }
    if request.method != "GET" {
        head += &format!("Content-Length: {}\r\n", request.body.len());
    }
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend_from_slice(request.body);
    bytes
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = lossy(&answer[..end]);
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let mut response = Response { status, head, body: String::new() };
    let rest = &answer[end + 4..];
    let chunked = response.header("Transfer-Encoding").is_some_and(|value| value == "chunked");
    let length = response.header("Content-Length").and_then(|value| value.parse().ok());
    let body = match length {
        _ if chunked => unchunked(rest)?,
        Some(length) => rest.get(..length)?.to_vec(),
        None => rest.to_vec(),
    };
    response.body = lossy(&body);
    Some(response)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

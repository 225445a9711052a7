//! Requests over connections that stay open, one after another on each.

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How many connections ask at the same time.
pub const CONNECTIONS: usize = 16;

/// A connection to a server on this machine.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            received: Vec::with_capacity(16 * 1024),
        }
    }

    /// Sends a request and reads the whole answer: its head, and its body.
    pub async fn ask(&mut self, request: &str) -> (&str, &str) {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.received.clear();
        let (head, whole) = loop {
            let read = self.stream.read_buf(&mut self.received).await.unwrap();
            assert_ne!(read, 0, "the server hung up after: {request}");
            if let Some(sizes) = sizes(&self.received) {
                break sizes;
            }
        };
        while self.received.len() < whole {
            let read = self.stream.read_buf(&mut self.received).await.unwrap();
            assert_ne!(read, 0, "the server hung up after: {request}");
        }
        let (head, body) = self.received.split_at(head);
        (
            std::str::from_utf8(head).unwrap(),
            std::str::from_utf8(body).unwrap(),
        )
    }
}

/// The size of an answer's head and of all of it, once the head is complete.
fn sizes(received: &[u8]) -> Option<(usize, usize)> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..end]).unwrap();
    let length = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
    Some((end, end + length))
}

/// A header of an answer.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Asks `times` for `path` on every connection.
pub async fn get(port: u16, path: &str, times: usize) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    let request = request.as_str();
    join_all((0..CONNECTIONS).map(|_| async move {
        let mut connection = Connection::open(port).await;
        for _ in 0..times {
            let (head, _) = connection.ask(request).await;
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        }
    }))
    .await;
}

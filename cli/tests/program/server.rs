//! A server that answers as no good one would, and says what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use crate::support::PATIENCE;

/// What a request has come to before it is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Its head.
    Head,
    /// Its body, whole.
    Body(String),
    /// Its body ended before it was whole.
    Broken,
}

/// What to do at that point.
pub(crate) enum Then {
    /// Read on.
    Read,
    /// Answer with this status line and this body, and close.
    Answer(&'static str, String),
    /// Say nothing, and keep the connection.
    Hang,
}

pub(crate) struct Server {
    url: String,
    seen: Receiver<Seen>,
}

impl Server {
    /// `then` decides by the number of the request, from 1, and by what has come of it.
    pub(crate) fn start(then: impl Fn(usize, &Seen) -> Then + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (send, seen) = channel();
        std::thread::spawn(move || {
            let mut hanging = Vec::new();
            for number in 1.. {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                head(&mut reader);
                let mut now = Seen::Head;
                loop {
                    let what = then(number, &now);
                    let head = now == Seen::Head;
                    // A test that has seen enough does not listen any more.
                    let _ = send.send(now);
                    match what {
                        Then::Read if head => {
                            now = body(&mut reader);
                            continue;
                        }
                        Then::Answer(status, body) => answer(reader.get_mut(), status, &body),
                        Then::Hang => hanging.push(reader.get_ref().try_clone().unwrap()),
                        Then::Read => {}
                    }
                    break;
                }
            }
        });
        Self { url, seen }
    }

    /// What it sees next.
    pub(crate) fn sees(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A good answer to a batch.
pub(crate) fn receipt(rejected: &str) -> Then {
    let body = format!("{{\"id\":\"batch-id\",\"status\":\"Queued\",\"rejected\":[{rejected}]}}");
    Then::Answer("201 Created", body)
}

fn head(reader: &mut impl BufRead) {
    let mut line = String::new();
    // One that was given up before it was read is broken.
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
}

/// A chunked body.
fn body(reader: &mut impl BufRead) -> Seen {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        let size = match reader.read_line(&mut line) {
            Ok(1..) => u64::from_str_radix(line.trim(), 16).unwrap(),
            _ => return Seen::Broken,
        };
        let before = body.len() as u64;
        let read = reader.by_ref().take(size + 2).read_to_end(&mut body);
        if read.is_err() || body.len() as u64 != before + size + 2 {
            return Seen::Broken;
        }
        body.truncate(body.len() - 2);
        if size == 0 {
            return Seen::Body(String::from_utf8(body).unwrap());
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    // The other end may have left.
    let _ = stream.write_all((head + body).as_bytes());
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

//! A server made of a bare socket, so that nothing between it and the test interprets a byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// One connection, as the server sees it.
pub(crate) struct Peer {
    stream: BufReader<TcpStream>,
}

/// The other side went away in the middle of something.
#[derive(Debug, PartialEq)]
pub(crate) struct Cut;

impl Peer {
    /// The head of a request, up to and with the empty line.
    pub(crate) fn read_head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).unwrap(), 0, "{head:?}");
        }
        head
    }

    /// The next chunk of a chunked body; `None` for the terminal one.
    pub(crate) fn read_chunk(&mut self) -> Result<Option<Vec<u8>>, Cut> {
        let mut size = String::new();
        let read = self.stream.read_line(&mut size).map_err(|_| Cut)?;
        if read == 0 {
            return Err(Cut);
        }
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).map_err(|_| Cut)?;
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(size);
        Ok((size > 0).then_some(chunk))
    }

    /// The rest of a body: what came of it, and whether it was complete.
    pub(crate) fn read_body(&mut self) -> (Vec<u8>, Result<(), Cut>) {
        let mut body = Vec::new();
        loop {
            match self.read_chunk() {
                Ok(Some(chunk)) => body.extend(chunk),
                Ok(None) => return (body, Ok(())),
                Err(cut) => return (body, Err(cut)),
            }
        }
    }

    /// So many bytes.
    pub(crate) fn read_exact(&mut self, len: usize) -> String {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// A request's head and its whole body.
    pub(crate) fn read_request(&mut self) -> (String, String) {
        let head = self.read_head();
        let (body, complete) = self.read_body();
        assert_eq!(complete, Ok(()));
        (head, String::from_utf8(body).unwrap())
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // The client may be gone; what it made of that is what a test looks at.
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// A whole answer. `head` is the status and, if any, headers: `"201 Created\r\nX: y"`.
    pub(crate) fn answer(&mut self, head: &str, body: &str) {
        let len = body.len();
        self.write(format!(
            "HTTP/1.1 {head}\r\nContent-Length: {len}\r\n\r\n{body}"
        ));
    }
}

/// Serves one connection with `script`. Returns the base URL, and the thread for its result.
pub(crate) fn serve<T: Send + 'static>(
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        script(Peer {
            stream: BufReader::new(stream),
        })
    });
    (url, thread)
}

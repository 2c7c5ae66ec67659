//! A request body, handed from the async side to a thread that reads it as `std::io::Read`.

use std::io::{self, BufReader, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Frames on the way. A frame is at most the connection's read buffer, so this and [`READ_BUFFER`] bound the memory.
///
/// [`READ_BUFFER`]: crate::server::READ_BUFFER
const IN_FLIGHT: usize = 8;

/// The async end. Dropping it without [`Feed::end`] is the loss of the body.
pub(crate) struct Feed(mpsc::Sender<Piece>);

/// The blocking end.
pub(crate) struct BodyReader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

enum Piece {
    Data(Bytes),
    /// The body is complete. Without it, a closed channel could not be told from a lost connection.
    End,
}

/// The reader has gone: it has an answer, or it never will.
pub(crate) struct Gone;

pub(crate) fn channel() -> (Feed, BufReader<BodyReader>) {
    let (sender, pieces) = mpsc::channel(IN_FLIGHT);
    let reader = BodyReader {
        pieces,
        current: Bytes::new(),
        ended: false,
    };
    // serde_json takes single bytes, and `BufReader` is the one reader whose `bytes()` the standard library makes
    // cheap. Copying into its buffer costs little beside that.
    (Feed(sender), BufReader::with_capacity(32 * 1024, reader))
}

impl Feed {
    pub(crate) async fn data(&self, data: Bytes) -> Result<(), Gone> {
        self.0.send(Piece::Data(data)).await.map_err(|_| Gone)
    }

    pub(crate) async fn end(self) -> Result<(), Gone> {
        self.0.send(Piece::End).await.map_err(|_| Gone)
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            if self.ended {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Piece::Data(data)) => self.current = data,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let taken = self.current.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.current[..taken]);
        self.current.advance(taken);
        Ok(taken)
    }
}

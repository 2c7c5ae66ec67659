//! How a fault ends a connection, once hyper is out of the way.

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::fault::Ending;
use crate::request::{LINGER_BYTES, LINGER_TIME};

/// An end that hyper does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Now.
    Cut(Ending),
    /// After these bytes.
    Garbage(Bytes),
    /// Not until the client closes: nothing is written.
    Hold,
    /// Not until the client is gone: nothing is written or read.
    Stall,
}

impl End {
    /// Does it. Dropping this future closes the socket.
    pub(crate) async fn carry_out(self, mut stream: TcpStream) {
        match self {
            Self::Cut(Ending::Reset) => {
                if let Err(error) = stream.set_zero_linger() {
                    tracing::warn!(%error, "cannot reset a connection");
                }
            }
            Self::Cut(Ending::Close) => close(stream).await,
            Self::Garbage(bytes) => {
                // A client that has gone gets none.
                let _ = stream.write_all(&bytes).await;
                close(stream).await;
            }
            Self::Hold => drain(&mut stream, u64::MAX).await,
            Self::Stall => {
                let _ = stream.ready(Interest::ERROR).await;
            }
        }
    }
}

/// The end of the stream, and nothing else: closing a socket with unread bytes would be a reset.
async fn close(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let _ = tokio::time::timeout(LINGER_TIME, drain(&mut stream, LINGER_BYTES)).await;
    }
}

/// Reads until the client closes.
async fn drain(stream: &mut TcpStream, limit: u64) {
    let _ = tokio::io::copy(&mut stream.take(limit), &mut tokio::io::sink()).await;
}

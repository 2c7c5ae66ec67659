//! Reading a list that may pause, without being deaf to signals meanwhile.
//!
//! No thread can be called back from a read that it is in. So a thread of its own reads, and whoever wants a block waits
//! for it or for a signal. The thread is left alone then: it ends with its read, or with the process.

use std::io::{self, Cursor, Read};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::input::Source;
use crate::signals::Stop;

/// How many bytes are read at once.
const BLOCK: usize = 256 * 1024;

/// How many blocks are read ahead.
const BLOCKS: usize = 2;

/// A list that is read until somebody asks to stop. Then reading it is an error.
pub(crate) struct Stoppable {
    blocks: mpsc::Receiver<io::Result<Vec<u8>>>,
    block: Cursor<Vec<u8>>,
    stop: Stop,
    runtime: Handle,
}

impl Stoppable {
    /// Begins to read.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub(crate) fn new(list: Source, stop: Stop, runtime: Handle) -> io::Result<Self> {
        let (filled, blocks) = mpsc::channel(BLOCKS);
        let thread = thread::Builder::new().name("batchcast-read".to_owned());
        thread.spawn(move || {
            if let Err(error) = read(list, &filled) {
                // An error means that nobody wants it any more.
                let _unwanted = filled.blocking_send(Err(error));
            }
        })?;
        Ok(Self {
            blocks,
            block: Cursor::default(),
            stop,
            runtime,
        })
    }
}

impl Read for Stoppable {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.block.read(into)?;
        if read > 0 || into.is_empty() {
            return Ok(read);
        }
        let next = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.clone().asked() => Some(Err(io::Error::other("interrupted"))),
                next = self.blocks.recv() => next,
            }
        });
        match next {
            Some(block) => {
                self.block = Cursor::new(block?);
                self.block.read(into)
            }
            None => Ok(0),
        }
    }
}

/// Hands on what is read, block by block, until the end or until nobody wants it.
fn read(list: Source, filled: &mpsc::Sender<io::Result<Vec<u8>>>) -> io::Result<()> {
    let list = list.into_reader();
    let mut list = list.map_err(|error| error.downcast().unwrap_or_else(io::Error::other))?;
    loop {
        let mut block = vec![0; BLOCK];
        let len = match list.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        block.truncate(len);
        if filled.blocking_send(Ok(block)).is_err() {
            return Ok(());
        }
    }
}

//! The buffers that chunks are written into, used again when whoever took the chunk is done with it.
//!
//! A fresh buffer is fresh memory: the system clears its pages, and the cache has none of them. That takes as
//! long as encoding into it.

use std::collections::VecDeque;

use bytes::Bytes;

/// How many chunks may be on their way and still have their buffers used again. There are as many as wait
/// between an encoder and its connection.
const KEPT: usize = 16;

/// The chunks that were given away, oldest first.
#[derive(Debug, Default)]
pub(super) struct Buffers(VecDeque<Bytes>);

impl Buffers {
    /// Makes a chunk of what is in a buffer, and leaves an empty buffer with at least as much room as `capacity`.
    pub(super) fn exchange(&mut self, buffer: &mut Vec<u8>, capacity: usize) -> Bytes {
        let empty = self.reclaim(capacity);
        let chunk = Bytes::from(std::mem::replace(
            buffer,
            empty.unwrap_or_else(|| Vec::with_capacity(capacity)),
        ));
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(chunk.clone());
        chunk
    }

    /// The buffer of the oldest chunk, if nobody has that any more. Chunks are done with in their order.
    fn reclaim(&mut self, capacity: usize) -> Option<Vec<u8>> {
        let mut oldest = self.0.pop_front_if(|chunk| chunk.is_unique())?;
        // The bytes are moved to the buffer's beginning, which is where they are. To none it would give up its memory.
        oldest.truncate(1);
        let mut buffer = Vec::from(oldest);
        buffer.clear();
        (buffer.capacity() >= capacity).then_some(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: usize = 64;

    fn fill(buffer: &mut Vec<u8>, with: u8) {
        buffer.resize(CAPACITY / 2, with);
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_has_its_chunk() {
        let mut buffers = Buffers::default();
        let mut buffer = Vec::with_capacity(CAPACITY);
        fill(&mut buffer, b'a');
        let a = buffers.exchange(&mut buffer, CAPACITY);
        fill(&mut buffer, b'b');
        let b = buffers.exchange(&mut buffer, CAPACITY);
        let address = a.as_ptr();
        drop(a);
        fill(&mut buffer, b'c');
        let c = buffers.exchange(&mut buffer, CAPACITY);
        assert_eq!(buffer.as_ptr(), address);
        assert_eq!((buffer.len(), buffer.capacity()), (0, CAPACITY));
        fill(&mut buffer, b'd');
        // What somebody still has stays as it is.
        assert_eq!(b, [b'b'; CAPACITY / 2].as_slice());
        assert_eq!(c, [b'c'; CAPACITY / 2].as_slice());
    }

    #[test]
    fn chunks_that_nobody_is_done_with_are_not_kept_without_end() {
        let mut buffers = Buffers::default();
        let mut buffer = Vec::with_capacity(CAPACITY);
        let held: Vec<Bytes> = (0..2 * KEPT)
            .map(|_| {
                fill(&mut buffer, b'a');
                buffers.exchange(&mut buffer, CAPACITY)
            })
            .collect();
        assert_eq!(buffers.0.len(), KEPT);
        assert!(held[0].is_unique());
        assert!(!held[2 * KEPT - 1].is_unique());
    }

    #[test]
    fn a_buffer_that_is_too_small_now_is_not_used_again() {
        let mut buffers = Buffers::default();
        let mut buffer = Vec::with_capacity(CAPACITY);
        fill(&mut buffer, b'a');
        drop(buffers.exchange(&mut buffer, CAPACITY));
        fill(&mut buffer, b'b');
        let _chunk = buffers.exchange(&mut buffer, 2 * CAPACITY);
        assert!(buffer.capacity() >= 2 * CAPACITY);
    }
}

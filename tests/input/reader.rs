use std::io::{self, Read};

use batchcast::ErrorKind;
use batchcast::input::{Block, Blocks, Fields, Format, MAX_REST, Parser, Reader};

use crate::paths::Unsteady;

#[test]
fn a_short_read_is_handed_over_at_once_and_an_interrupted_one_tried_again() {
    let read = Unsteady {
        bytes: b"+1415",
        reads: 1,
    };
    let mut blocks = Blocks::new(read.chain(&b"5550100\n"[..]));
    let mut block = Block::new(100);
    for expected in ["+1415", "5550100\n", "", ""] {
        blocks.fill(&mut block).unwrap();
        assert_eq!(block.bytes(), expected.as_bytes());
        assert_eq!(block.last(), expected.is_empty());
    }
    assert_eq!(blocks.bytes_read(), 13);
}

#[test]
fn there_is_room_for_any_rest() {
    let mut blocks = Blocks::new(io::repeat(b'x'));
    let mut block = Block::new(1);
    for rest in [0, 1, MAX_REST, MAX_REST + 1, 1_000_000] {
        blocks.fill(&mut block).unwrap();
        let new = block.bytes().len();
        block.prepend(&vec![b'r'; rest]);
        let expected = [vec![b'r'; rest], vec![b'x'; new]].concat();
        assert!(block.bytes() == expected, "{rest}");
    }
}

#[test]
fn a_failed_read_says_where() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let parser = Parser::new(Format::Lines, &Fields::default());
    let mut reader = Reader::new(b"+14155550100\n+1".chain(Broken), parser);
    assert!(reader.next().unwrap().is_some());
    let error = reader.next().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Read { byte: 15, .. }),
        "{error}"
    );
}

//! A send that is dropped in the middle, as a timeout does it: as if its process had been killed.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batchcast::Message;
use batchcast::send::{DoubtPolicy, Sender};
use futures::stream;
use tokio::sync::Notify;

use crate::support::{Ended, House, Options, lines, within};

/// Sends, and drops it behind its event number `nth`, from 0. `None` if it was dropped.
async fn dropped_behind(nth: u64, house: &House, sender: Sender, as_stream: bool) -> Option<Ended> {
    let (seen, events) = (Arc::new(Notify::new()), AtomicU64::new(0));
    let tell = Arc::clone(&seen);
    let sender = sender.on_event(move |_| {
        if events.fetch_add(1, Ordering::Relaxed) == nth {
            tell.notify_one();
        }
        Ok(())
    });
    let send = async {
        if as_stream {
            let message = |number: String| Message::new(number.parse().unwrap());
            let messages = house.numbers().into_iter().map(message);
            sender.send_stream(stream::iter(messages)).await
        } else {
            let list = Cursor::new(house.input());
            sender.send_input(list, lines()).await
        }
    };
    tokio::select! {
        biased;
        () = seen.notified() => None,
        ended = within(send) => Some(ended),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_behind_any_event_it_is_gone_on_with_and_everybody_gets_it_once() {
    for (in_flight, as_stream) in [(1, false), (1, true), (3, false)] {
        let mut dropped = 0;
        for nth in 0.. {
            let house = House::new(8, 2).await;
            let options = Options {
                in_flight,
                // What was accepted is in the list when the server has settled.
                policy: DoubtPolicy::Resend,
                ..Options::default()
            };
            let sender = house.sender(options).await;
            let ended = dropped_behind(nth, &house, sender, as_stream).await;
            house.sandbox.settled().await.unwrap();
            if let Some(ended) = ended {
                ended.unwrap();
                house.assert_exactly_once();
                break;
            }
            dropped += 1;
            house.run_until_done(options).await;
            house.assert_exactly_once();
        }
        // Each of four batches is opened, committed and accepted.
        assert!(dropped >= 3 * 4 - 1, "{dropped}");
    }
}

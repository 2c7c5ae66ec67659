//! The connection is cut at every byte of a batch's request, and of its answer.

use batchcast::send::DoubtPolicy;
use batchcast_sandbox::fault::{Effect, Ending, Fault, Offset, Reply};
use futures::StreamExt;

use crate::support::{Bodies, House, Options};

/// How many bytes neither the request nor the answer of the batch here has.
const BEYOND: u64 = 1_500;

const ENDINGS: [Ending; 2] = [Ending::Reset, Ending::Close];

/// Whether all of the fault was felt.
async fn delivered_in_spite_of(fault: Fault, options: Options) -> bool {
    let house = House::new(3, 2).await;
    let effects = fault.effects().len() as u64;
    house.sandbox.push_fault(fault);
    house.run_until_done(options).await;
    house.assert_exactly_once();
    house.sandbox.stats().faults >= effects
}

/// Returns how many bytes could be cut at.
///
/// What is in doubt and not found is sent again: had it been accepted all the same, somebody would have it twice. A batch
/// that the server does not have can be in doubt whatever is cut off, if it was written to the connection of the one
/// before in the moment in which that was cut.
async fn at_every_byte<F: Into<Fault>>(fault: impl Fn(u64, Ending) -> F) -> usize {
    let mut felt = 0;
    // One try: the next is another process's, which goes by the journal alone.
    let ways = [
        (1, Bodies::Spooled),
        (3, Bodies::Spooled),
        (3, Bodies::Reread),
    ];
    for (tries, bodies) in ways {
        let options = Options {
            bodies,
            policy: DoubtPolicy::Resend,
            tries,
            ..Options::default()
        };
        let cuts = (0..BEYOND).flat_map(|after| ENDINGS.map(|ending| (after, ending)));
        let runs =
            cuts.map(|(after, ending)| delivered_in_spite_of(fault(after, ending).into(), options));
        let mut runs = futures::stream::iter(runs).buffered(8);
        let mut unfelt = 0;
        while let Some(was_felt) = runs.next().await {
            felt += usize::from(was_felt);
            unfelt = if was_felt { 0 } else { unfelt + 1 };
            if unfelt > 8 {
                break;
            }
        }
        assert!(unfelt > 8, "there are more than {BEYOND} bytes");
    }
    felt
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_byte_of_the_request() {
    let cut = |after, ending| Effect::CutRequest {
        after: Offset::Wire(after),
        ending,
    };
    let felt = at_every_byte(cut).await;
    assert!(felt > 6 * 300, "{felt}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_byte_of_the_answer() {
    let cut = |after, ending| Effect::CutAnswer { after, ending };
    let felt = at_every_byte(cut).await;
    assert!(felt > 6 * 300, "{felt}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_byte_of_an_answer_that_did_not_accept_it() {
    // Until its status is there it is in doubt; what is found out then is that it is not in the list. 413 splits it.
    for status in [408, 413, 503] {
        let cut = |after, ending| {
            let refused = Fault::from(Reply::status(status));
            refused.and(Effect::CutAnswer { after, ending })
        };
        let felt = at_every_byte(cut).await;
        assert!(felt > 4 * 100, "{status}: {felt}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_byte_of_an_error_that_did_accept_it() {
    let cut = |after, ending| {
        let accepted = Fault::from(Reply::status(502).accepted());
        accepted.and(Effect::CutAnswer { after, ending })
    };
    let felt = at_every_byte(cut).await;
    assert!(felt > 4 * 100, "{felt}");
}

//! Faults by chance, the same for the same seed.

use std::num::NonZeroU64;
use std::time::Duration;

use fastrand::Rng;

use super::{Effect, Ending, Fault, FaultRoute, Hide, Offset, Reply, ReplyBody, Then};

/// Spreads the numbers of requests over the seeds: the golden ratio, as in `SplitMix64`.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The fault of the `number`-th request, if it has one.
pub(super) fn fault(seed: u64, rate: f64, number: u64, route: FaultRoute) -> Option<Fault> {
    let mut rng = Rng::with_seed(seed ^ number.wrapping_mul(SPREAD));
    if rng.f64() >= rate {
        return None;
    }
    Some(match route {
        FaultRoute::Batch => batch(&mut rng),
        _ => other(&mut rng),
    })
}

fn batch(rng: &mut Rng) -> Fault {
    let fault: Fault = match rng.u8(..10) {
        0 => Effect::CutRequest {
            after: Offset::Wire(some_bytes(rng)),
            ending: ending(rng),
        }
        .into(),
        1 => Effect::Stall {
            after: Offset::Body(some_bytes(rng)),
            pause: Some(Duration::from_millis(rng.u64(1..50))),
        }
        .into(),
        2 => Effect::Slow {
            bytes_per_second: NonZeroU64::MIN.saturating_add(rng.u64(1_000_000..100_000_000)),
        }
        .into(),
        3 => refused(rng).early(some_bytes(rng)).then(then(rng)).into(),
        4 => refused(rng).into(),
        5 | 6 => Effect::CutAnswer {
            // Often no answer at all, else anywhere in its head or the begin of its body.
            after: if rng.bool() { 0 } else { rng.u64(..700) },
            ending: ending(rng),
        }
        .into(),
        7 => unreadable(rng).accepted().into(),
        8 => Effect::DelayAnswer(Duration::from_millis(rng.u64(1..50))).into(),
        _ => Reply::garbage().accepted().into(),
    };
    if rng.bool() {
        fault.and(Effect::Hide(Hide::Lists(rng.u64(1..3))))
    } else {
        fault
    }
}

fn other(rng: &mut Rng) -> Fault {
    match rng.u8(..3) {
        0 => refused(rng).into(),
        1 => Reply::status(502).body(ReplyBody::Html).into(),
        _ => Effect::CutAnswer {
            after: if rng.bool() { 0 } else { rng.u64(..700) },
            ending: ending(rng),
        }
        .into(),
    }
}

fn refused(rng: &mut Rng) -> Reply {
    match rng.u8(..4) {
        0 => Reply::status(429).retry_after(1),
        1 => Reply::status(503).retry_after(rng.u32(..2)),
        2 => Reply::status(502).body(ReplyBody::Html),
        _ => Reply::status(500),
    }
}

fn unreadable(rng: &mut Rng) -> Reply {
    match rng.u8(..6) {
        0 => Reply::status(504).body(ReplyBody::Html),
        1 => Reply::status(502).body(ReplyBody::Html),
        2 => Reply::status(500),
        3 => Reply::status(201).body(ReplyBody::Text),
        4 => Reply::status(201).body(ReplyBody::Broken),
        _ => Reply::status(201).body(ReplyBody::NoId),
    }
}

/// As often a few bytes as a few megabytes.
fn some_bytes(rng: &mut Rng) -> u64 {
    let magnitude = rng.u32(1..24);
    rng.u64(..1 << magnitude)
}

fn ending(rng: &mut Rng) -> Ending {
    if rng.bool() {
        Ending::Reset
    } else {
        Ending::Close
    }
}

fn then(rng: &mut Rng) -> Then {
    match rng.u8(..3) {
        0 => Then::Keep,
        1 => Then::Close,
        _ => Then::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::{FaultRoute, fault};

    #[test]
    fn the_seed_decides_and_the_rate_is_kept() {
        let faults = |seed, rate| -> Vec<_> {
            (1..=2_000)
                .map(|number| fault(seed, rate, number, FaultRoute::Batch))
                .collect()
        };
        assert_eq!(faults(7, 0.5), faults(7, 0.5));
        assert_ne!(faults(7, 0.5), faults(8, 0.5));
        let count = |rate| faults(7, rate).iter().flatten().count();
        assert_eq!((count(0.0), count(1.0)), (0, 2_000));
        assert!((300..500).contains(&count(0.2)), "{}", count(0.2));
    }
}

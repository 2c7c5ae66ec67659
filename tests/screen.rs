//! What a set of numbers takes. Allocations are counted for each thread alone.

use batchcast::screen::{NumberSet, Reason, Screen, Verdict};
use batchcast::{Message, PhoneNumber, Position};

/// What ten million suppressed numbers may take, while they are read, too.
const BUDGET: u64 = 64 << 20;
const MILLIONS: usize = 10_000_000;

/// Random numbers of the North American plan, the case in which nothing can be saved by their neighbours.
fn numbers() -> impl Iterator<Item = PhoneNumber> {
    let mut state = 0x5eed_u64;
    std::iter::repeat_with(move || {
        // A linear congruential generator (Knuth's MMIX), of which the upper bits are good.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut digits = 12_000_000_000 + (state >> 20) % 8_000_000_000;
        let mut number = *b"+00000000000";
        for digit in number[1..].iter_mut().rev() {
            *digit += u8::try_from(digits % 10).unwrap();
            digits /= 10;
        }
        PhoneNumber::from_bytes(&number).unwrap()
    })
}

#[test]
fn ten_million_random_numbers_fit() {
    let mut set = NumberSet::new();
    let counted = allocation_counter::measure(|| set.extend(numbers().take(MILLIONS)));
    // Some were there already.
    assert!((MILLIONS as u64 - 10_000..=MILLIONS as u64).contains(&set.len()));
    assert!(counted.bytes_max <= BUDGET, "{} bytes", counted.bytes_max);
    assert!(set.memory_bytes() as u64 <= counted.bytes_max);
    assert!(
        counted.bytes_current <= 33 << 20,
        "{} bytes stay",
        counted.bytes_current
    );
    assert!(numbers().take(1_000).all(|number| set.contains(number)));

    // With what a screen puts in front of it.
    let kept = u64::try_from(counted.bytes_current).unwrap();
    let mut screen = Screen::new();
    let counted = allocation_counter::measure(|| screen = Screen::new().suppress(set));
    assert!(
        kept + counted.bytes_max <= 46 << 20,
        "{} bytes",
        counted.bytes_max
    );
    assert!(numbers().take(1_000).all(|number| {
        let message = Message::new(number).at(Position::of_record(1));
        screen.admit(&message) == Verdict::PassedOver(Reason::Suppressed)
    }));
}

fn number(last: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("+1415555010{last}")).unwrap()
}

#[test]
fn whoever_was_ever_suppressed_is() {
    let set = |numbers: &[u64]| numbers.iter().copied().map(number).collect::<NumberSet>();
    for sets in [
        &[&[0, 1][..], &[2]][..],
        &[&[2], &[0, 1]],
        &[&[0, 1, 2], &[]],
        &[&[], &[0, 1, 2]],
        &[&[0], &[1], &[0, 2]],
    ] {
        let suppress = |screen: Screen, numbers: &&[u64]| screen.suppress(set(numbers));
        let mut screen = sets.iter().fold(Screen::new(), suppress);
        // What is shared is not changed.
        let before = screen.clone();
        let mut later = screen.clone().suppress(set(&[3]));
        for (last, expected) in [(0, true), (1, true), (2, true), (3, false)] {
            let message = Message::new(number(last)).at(Position::of_record(1));
            let is_suppressed = |screen: &mut Screen| {
                screen.admit(&message) == Verdict::PassedOver(Reason::Suppressed)
            };
            assert_eq!(is_suppressed(&mut screen), expected, "{last} {sets:?}");
            assert_eq!(
                is_suppressed(&mut before.clone()),
                expected,
                "{last} {sets:?}"
            );
            assert!(is_suppressed(&mut later), "{last} {sets:?}");
        }
    }
    assert!(Screen::new().suppress(set(&[])).is_idle());
}

#[test]
fn a_message_needs_no_position() {
    let mut screen = Screen::new().suppress([number(1)].into_iter().collect());
    let mut verdicts = |last| screen.admit(&Message::new(number(last)));
    assert_eq!(verdicts(0), Verdict::Admitted);
    assert_eq!(verdicts(1), Verdict::PassedOver(Reason::Suppressed));
    assert!(!Screen::new().skips(0));
    // But to be told from those that are skipped.
    let mut screen = Screen::new().skip(1);
    let unknown = screen.admit(&Message::new(number(0)));
    assert_eq!(unknown, Verdict::PassedOver(Reason::Skipped));
    let second = Message::new(number(0)).at(Position::of_record(2));
    assert_eq!(screen.admit(&second), Verdict::Admitted);
}

#[test]
fn numbers_that_are_close_to_each_other_take_no_more() {
    let number = |index: u64| {
        let number = format!("+1{}", 2_120_000_000 + index);
        PhoneNumber::parse(&number).unwrap()
    };
    let set: NumberSet = (0..100_000).map(number).collect();
    assert_eq!(set.len(), 100_000);
    assert!(
        set.memory_bytes() < 1_200_000,
        "{} bytes",
        set.memory_bytes()
    );
}

#[test]
fn nothing_is_allocated_for_a_record() {
    let suppressed: NumberSet = numbers().skip(50_000).take(10_000).collect();
    let mut screen = Screen::new()
        .suppress(suppressed)
        .unique()
        .skip(10)
        .limit(1_000_000);
    let messages: Vec<_> = (1..)
        .zip(numbers().take(100_000))
        .map(|(record, to)| Message::new(to).at(Position::of_record(record)))
        .collect();
    let mut admitted = 0;
    let counted = allocation_counter::measure(|| {
        for message in &messages {
            admitted += u32::from(screen.admit(message) == Verdict::Admitted);
        }
    });
    // A random number may be there twice.
    assert!((89_900..=89_990).contains(&admitted), "{admitted}");
    // The table grows some fifteen times; what is crowded out of it is rare.
    assert!(
        counted.count_total < 3_000,
        "{} allocations",
        counted.count_total
    );
}

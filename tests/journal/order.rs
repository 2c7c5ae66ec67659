//! What may follow what.

use std::fs;
use std::time::Duration;

use batchcast::encode::Batch;
use batchcast::journal::{
    Breach, Decision, Entry, Journal, JournalError, MAX_LINE_BYTES, Status, rejects,
};

use crate::{
    accepted, batch, commit, decided, finished, header, in_doubt, place, refused, rejected,
    resumed, stopped, withdrawn,
};

/// Whether the last of these entries may follow the others, all of which may follow one another.
fn admitted(entries: &[Entry]) -> Result<(), Breach> {
    let place = place();
    let mut journal = Journal::create(&place.path, &header()).unwrap();
    let (last, before) = entries.split_last().unwrap();
    for entry in before {
        journal.append(entry).unwrap();
    }
    let bytes = fs::read(&place.path).unwrap();
    match journal.append(last) {
        Ok(()) => Ok(()),
        Err(JournalError::Order { breach, .. }) => {
            assert_eq!(fs::read(&place.path).unwrap(), bytes, "nothing was written");
            // And others can be.
            journal
                .append(&if matches!(breach, Breach::AfterFinished) {
                    resumed()
                } else {
                    stopped()
                })
                .unwrap();
            Err(breach)
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_batch_becomes_only_what_it_can_become() {
    // How a batch comes to be what it is, and which of the events below may follow.
    let skip = || decided(1, Decision::Skip);
    let resend = || decided(1, Decision::Resend);
    let committed = || commit(1, 1, 2);
    let states: [(&[Entry], &str); 11] = [
        (&[], "c"),
        (&[committed()], "r a f x d s e"),
        (&[committed(), in_doubt(1)], "r f d s e"),
        (&[committed(), accepted(1, 0, false)], ""),
        (&[committed(), refused(1)], "c"),
        (&[committed(), skip()], ""),
        (&[committed(), resend()], "c f s e"),
        // What came of a further attempt says nothing of the first one.
        (&[committed(), resend(), committed()], "r a f x d s e"),
        (&[committed(), resend(), committed(), refused(1)], "c f s e"),
        (
            &[committed(), resend(), committed(), withdrawn(1)],
            "c f s e",
        ),
        (&[committed(), refused(1), committed()], "r a f x d s e"),
    ];
    for (before, may) in states {
        for (key, event) in [
            ("c", committed()),
            ("r", rejected(1, [1])),
            ("a", accepted(1, 0, false)),
            ("f", accepted(1, 0, true)),
            ("x", refused(1)),
            ("d", in_doubt(1)),
            ("s", skip()),
            ("e", resend()),
        ] {
            let entries = [before, &[event]].concat();
            let found = admitted(&entries);
            assert_eq!(
                found.is_ok(),
                may.split(' ').any(|it| it == key),
                "{entries:?}: {found:?}"
            );
        }
    }
}

#[test]
fn no_record_is_in_two_batches_that_count() {
    let overlap =
        |first, last| admitted(&[commit(1, 10, 20), commit(2, 31, 40), commit(3, first, last)]);
    for (first, last) in [(1, 9), (21, 30), (41, 50), (25, 25)] {
        assert_eq!(overlap(first, last), Ok(()), "{first}..={last}");
    }
    for (first, last, other) in [
        (1, 10, 1),
        (10, 10, 1),
        (12, 13, 1),
        (20, 21, 1),
        (1, 25, 1),
        (10, 20, 1),
        (21, 31, 2),
        (35, 36, 2),
        (40, 50, 2),
        (1, 100, 2),
    ] {
        let batch = 3;
        assert_eq!(
            overlap(first, last),
            Err(Breach::Overlap { batch, other }),
            "{first}..={last}"
        );
    }
    // What nobody got is free; what was skipped, or is to be sent again, is not.
    let again = |end: &[Entry]| {
        let mut entries = vec![commit(1, 10, 20)];
        entries.extend_from_slice(end);
        entries.push(commit(2, 5, 15));
        admitted(&entries)
    };
    assert_eq!(again(&[refused(1)]), Ok(()));
    let resend = || decided(1, Decision::Resend);
    for end in [
        &[in_doubt(1)][..],
        &[accepted(1, 0, false)],
        &[decided(1, Decision::Skip)],
        &[in_doubt(1), resend()],
        &[resend(), commit(1, 10, 20), refused(1)],
    ] {
        let expected = Breach::Overlap { batch: 2, other: 1 };
        assert_eq!(again(end), Err(expected), "{end:?}");
    }
    for (first, last) in [(10, 19), (11, 20), (10, 21)] {
        let entries = [commit(1, 10, 20), resend(), commit(1, first, last)];
        assert_eq!(admitted(&entries), Err(Breach::OtherRecords { batch: 1 }));
    }
    // Somebody else has them by then.
    let late = [
        commit(1, 10, 20),
        refused(1),
        commit(2, 5, 15),
        commit(1, 10, 20),
    ];
    assert_eq!(admitted(&late), Err(Breach::Overlap { batch: 1, other: 2 }));
}

#[test]
fn a_batch_has_records() {
    for (first, last) in [(0, 0), (0, 5), (5, 4)] {
        let expected = Breach::Records { batch: 1 };
        assert_eq!(admitted(&[commit(1, first, last)]), Err(expected));
    }
    let far = u64::MAX / 16;
    assert_eq!(admitted(&[commit(1, far, far)]), Ok(()));
}

#[test]
fn a_run_is_finished_when_every_batch_is_settled() {
    assert_eq!(admitted(&[finished()]), Ok(()));
    let resend = || decided(1, Decision::Resend);
    for open in [
        &[commit(1, 1, 2)][..],
        &[commit(1, 1, 2), in_doubt(1)],
        &[commit(1, 1, 2), resend()],
        &[commit(1, 1, 2), resend(), commit(1, 1, 2), refused(1)],
    ] {
        let entries = [open, &[finished()]].concat();
        assert_eq!(admitted(&entries), Err(Breach::Unsettled { count: 1 }));
    }
    for settled in [
        accepted(1, 0, false),
        refused(1),
        decided(1, Decision::Skip),
    ] {
        assert_eq!(admitted(&[commit(1, 1, 2), settled, finished()]), Ok(()));
    }
    let again = [
        commit(1, 1, 2),
        resend(),
        commit(1, 1, 2),
        accepted(1, 0, false),
    ];
    assert_eq!(admitted(&[&again[..], &[finished()]].concat()), Ok(()));
    let limit = Entry::Limit { max_bytes: 1 };
    for late in [commit(1, 1, 2), stopped(), finished(), limit] {
        assert_eq!(admitted(&[finished(), late]), Err(Breach::AfterFinished));
    }
    assert_eq!(admitted(&[finished(), resumed(), commit(1, 1, 2)]), Ok(()));
}

#[test]
fn a_limit_is_some_bytes() {
    assert_eq!(
        admitted(&[Entry::Limit { max_bytes: 0 }]),
        Err(Breach::NoLimit)
    );
}

#[test]
fn a_breach_is_told_in_words() {
    let breach = admitted(&[commit(1, 1, 2), accepted(1, 0, false), refused(1)]).unwrap_err();
    assert_eq!(
        breach.to_string(),
        "batch 1 is accepted, so it cannot be refused"
    );
    let breach = admitted(&[refused(7)]).unwrap_err();
    assert_eq!(breach.to_string(), "batch 7 was never committed");
}

#[test]
fn a_line_too_long_is_not_written() {
    let place = place();
    let mut journal = Journal::create(&place.path, &header()).unwrap();
    journal.append(&commit(1, 1, 2)).unwrap();
    let before = fs::read(&place.path).unwrap();
    let error = journal
        .append(&rejected(1, 0..MAX_LINE_BYTES as u64 / 30))
        .unwrap_err();
    assert!(
        matches!(error, JournalError::TooLong { bytes, .. } if bytes > MAX_LINE_BYTES),
        "{error:?}"
    );
    assert_eq!(fs::read(&place.path).unwrap(), before);

    // Shorter, and all is well: nothing of the long one was counted.
    journal.append(&rejected(1, 0..1_000)).unwrap();
    drop(journal);
    assert_eq!(
        Journal::read(&place.path).unwrap().batches[0].rejects,
        1_000
    );
}

#[test]
fn a_batch_that_is_sent_again_is_in_doubt_since_its_first_attempt() {
    let place = place();
    let again = Batch {
        bytes: 1_041,
        ..batch(1, 10, 20)
    };
    let resend = || decided(1, Decision::Resend);
    let entries = [
        commit(1, 10, 20),
        rejected(1, [1, 2]),
        resend(),
        Entry::Commit {
            batch: again,
            server_time: Some(crate::some_time()),
            server_time_latest: None,
            upload_ms: Some(7),
            upload_ms_least: None,
        },
        refused(1),
    ];
    let mut journal = Journal::create(&place.path, &header()).unwrap();
    let mut first_commit = None;
    for entry in &entries {
        journal.append(entry).unwrap();
        let state = Journal::read(&place.path).unwrap();
        let batch = &state.batches[0];
        first_commit.get_or_insert(batch.committed);
        assert!(
            batch.status.is_open() && batch.status.is_held(),
            "{batch:?}"
        );
        assert_eq!(batch.settled_at, None, "{batch:?}");
        // Another line is written at another time.
        std::thread::sleep(Duration::from_millis(2));
    }
    let state = Journal::read(&place.path).unwrap();
    let [batch] = &state.batches[..] else {
        panic!("{state:?}")
    };
    // The second attempt has named nobody, and was not accepted: it can only be the first one that is found.
    assert_eq!((batch.batch, batch.commits, batch.rejects), (again, 2, 2));
    assert_eq!(batch.status, Status::Resend);
    assert_eq!(batch.resent_since, first_commit);
    let first = first_commit.unwrap();
    assert!(first.at < batch.committed.at);
    assert_eq!(first.server_time, None);
    assert_eq!(batch.committed.server_time, Some(crate::some_time()));

    journal.append(&accepted(1, 2, true)).unwrap();
    let state = Journal::read(&place.path).unwrap();
    assert!(state.batches[0].settled_at.is_some() && state.open().next().is_none());
    let named: Vec<_> = rejects(&place.path)
        .unwrap()
        .map(|named| named.unwrap().1.index)
        .collect();
    assert_eq!(named, [1, 2]);
}

//! How batches leave: from a spool, several at once, when the list pauses.

use crate::api::Api;
use crate::journal::all;
use crate::support::{Files, number, numbers};

#[test]
fn a_spool_that_cannot_be_is_told() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(3));
    let send = |spool: &str| {
        let run = api.send("").arg("--spool").arg(spool);
        run.arg(&list).run()
    };
    let nowhere = files.path("no/such");
    let ran = send(nowhere.to_str().unwrap()).code(2);
    ran.err("--spool: ").err("no/such is no directory");
    // One that is there, and takes no files: nothing passes there.
    #[cfg(target_os = "linux")]
    {
        let ran = send("/proc/self").code(1);
        ran.err("--spool DIR").out("nobody got a message");
    }
    assert_eq!(
        send(files.path("").to_str().unwrap()).status.code(),
        Some(0)
    );
    assert_eq!(api.recipients(), all(3));
}

#[test]
fn several_batches_at_once_arrive_all_and_in_order_of_their_numbers() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(500));
    api.send("--in-flight 4 --max-messages 7")
        .arg(&list)
        .run()
        .code(0);
    let mut arrived = api.recipients();
    arrived.sort();
    assert_eq!(arrived, all(500));
    for wrong in ["0", "17", "many"] {
        api.send("")
            .arg("--in-flight")
            .arg(wrong)
            .arg(&list)
            .run()
            .code(2)
            .err("--in-flight");
    }
}

#[test]
fn a_pause_of_the_list_closes_the_batch_if_told_to() {
    use std::io::Write as _;
    let api = Api::start(|sandbox| sandbox);
    let mut running = api.send("--linger 20ms").start();
    let mut stdin = running.stdin.take().unwrap();
    for messages in 1..=3 {
        stdin
            .write_all((number(messages) + "\n").as_bytes())
            .unwrap();
        api.until(|stats| stats.messages == messages as u64);
    }
    drop(stdin);
    running.wait().code(0).out("in 3 batches");
}

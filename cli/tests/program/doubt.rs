//! A run that is gone on with behind a batch in doubt.

use crate::api::Api;
use crate::journal::{all, journal_of};
use crate::support::{Files, numbers};

#[test]
fn a_doubt_is_settled_as_it_is_told_to() {
    for (policy, count, code) in [("resend", 5, 0), ("skip", 3, 3)] {
        let api = Api::start(|sandbox| sandbox);
        let files = Files::new();
        let list = files.write("list", numbers(5));
        api.faults("batch 2: answer 500");
        api.send("--max-messages 2")
            .arg(&list)
            .run()
            .code(5)
            .out("In doubt: records 3 to 4");
        // Without a decision it is looked for again, and not found again.
        api.resume(journal_of(&list))
            .run()
            .code(5)
            .out("In doubt: records 3 to 4");
        let run = api.resume(journal_of(&list)).arg("--in-doubt").arg(policy);
        let ran = run.run().code(code);
        assert_eq!(api.recipients().len(), count, "{policy}");
        if policy == "skip" {
            ran.out("Left in doubt: records 3 to 4");
        }
    }
    // One that the server has is found, and not sent again, whatever the policy.
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(5));
    api.faults("batch 2: close answer; list: answer 403");
    api.send("--max-messages 2").arg(&list).run().code(5);
    let run = api
        .resume(journal_of(&list))
        .arg("--in-doubt")
        .arg("resend");
    run.run().code(3).out("1 batch was found");
    assert_eq!(api.recipients(), all(5));
}

#[test]
fn a_doubt_that_the_list_does_not_settle_can_be_left() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(5));
    api.faults("batch 2: close answer; list always: answer 403");
    api.send("--max-messages 2 --in-doubt skip")
        .arg(&list)
        .run()
        .code(5)
        .err("--in-doubt skip");
    // It may be there: so it is not sent again, whoever says so.
    let resume = |policy: &str| api.resume(journal_of(&list)).arg("--in-doubt").arg(policy);
    resume("resend").run().code(5);
    resume("skip")
        .run()
        .code(3)
        .out("Left in doubt: records 3 to 4");
    assert_eq!(api.recipients(), all(5));
}

#[test]
fn a_doubt_that_has_become_too_large_is_left_whole_and_sent_anew() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(6));
    api.faults("batch 2: answer 503");
    let send = |flags: &str| api.send(flags).arg(&list);
    send("--max-messages 4").run().code(5);
    api.faults("batch always: answer 413");
    let resume = |policy: &str| {
        let resume = api.resume(journal_of(&list)).arg("--in-doubt");
        resume.arg(policy).run()
    };
    // However often.
    for _ in 0..2 {
        resume("resend")
            .code(5)
            .err("the server answered 413")
            .err("an earlier attempt may have been accepted")
            .err("hint: the server takes no batch of this size any more")
            .out("In doubt: records 5 to 6");
    }
    api.faults("");
    resume("skip").code(3).out("Left in doubt: records 5 to 6");
    // As the hint says.
    let journal = files.path("rest");
    let rest = send("--skip 4 --limit 2 --max-messages 1").arg("--journal");
    rest.arg(journal).run().code(0);
    assert_eq!(api.recipients(), all(6));
}

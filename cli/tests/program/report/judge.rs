//! What the send made of each record, by what is known of it.

use crate::after::{ask, column, rows, sent};
use crate::api::Api;
use crate::support::{FROM, Files, Run, TEXT, number, numbers, read};

/// A text with a field, and a list in which one record lacks it, before another of the same number.
pub(super) const TEMPLATE: &str = "Hi {{first_name}}";

fn people() -> String {
    let names = [(0, "Ann"), (1, ""), (1, "Bob"), (2, "Eve"), (3, "")];
    let lines = names.map(|(index, name)| format!("{},{name}\n", number(index)));
    "to,first_name\n".to_owned() + &lines.concat()
}

#[test]
fn a_record_whose_text_could_not_be_filled_in_has_nobodys_message() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.csv", people());
    let text = files.write("text", TEMPLATE);
    let run = api
        .send_without_text("")
        .arg("--text-file")
        .arg(&text)
        .arg(&list);
    run.run().code(3);
    let journal = files.path("list.csv.batchcast");
    let report = || ask(&api, "report").arg(&journal);
    let whole = ["Delivered", "Invalid", "Delivered", "Delivered", "Invalid"];
    let typed = report().arg("--text").arg(TEMPLATE);
    let file = report().arg("--text-file").arg(&text);
    for run in [report(), typed, file] {
        let ran = run.run().code(3);
        let rows = rows(&ran.stdout);
        assert_eq!(column(&rows, "status"), whole);
        assert!(rows[1]["description"].contains("the field first_name is empty"));
        assert_eq!((&*rows[1]["messageId"], &*rows[1]["batch"]), ("", ""));
        assert_ne!(rows[2]["messageId"], "");
        assert!(!ran.stderr.contains("hint"), "{}", ran.stderr);
    }
    let other = report().arg("--text").arg("Dear {{first_name}}");
    other.run().code(2).err("the same --text or --text-file");
    let other = report().arg("--text").arg("Hi");
    let refused = other.run().code(2).err("the same --text or --text-file");
    // Nothing was begun.
    assert_eq!(refused.stdout, "");
    for flag in ["--out", "--html"] {
        let over = report().arg(flag).arg(&text);
        over.run().code(2).err("is the file of the text");
    }

    // Without the text it is not known which of the two has the message.
    std::fs::write(&text, "Dear {{first_name}}").unwrap();
    let changed = report().run().code(3);
    std::fs::remove_file(&text).unwrap();
    for ran in [changed, report().run().code(3).err("cannot read")] {
        let rows = rows(&ran.stdout);
        let unclear = ["Delivered", "Unclear", "Unclear", "Delivered", "Invalid"];
        assert_eq!(column(&rows, "status"), unclear);
        assert_eq!(rows[2]["messageId"], "");
        ran.err("of 3 records").err("--text-file");
    }
}

#[test]
fn texts_need_not_be_given_if_all_could_be_sent() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = people().replace(",\n", ",Max\n");
    for (name, template) in [("a.csv", TEMPLATE), ("b.csv", TEXT)] {
        let path = files.write(name, &list);
        let run = api.send_without_text("--max-messages 2").arg("--text");
        run.arg(template).arg(&path).run().code(0);
        let journal = files.path(&format!("{name}.batchcast"));
        let ran = ask(&api, "report").arg(&journal).run().code(0);
        assert_eq!(column(&rows(&ran.stdout), "status"), ["Delivered"; 5]);
        assert!(!ran.stderr.contains("hint"), "{}", ran.stderr);
    }
}

#[test]
fn a_record_without_a_text_or_too_large_is_invalid() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let line = |index: usize, text: &str| match text {
        "" => format!("{{\"to\":\"{}\"}}\n", number(index)),
        text => format!("{{\"to\":\"{}\",\"text\":\"{text}\"}}\n", number(index)),
    };
    let long = "x".repeat(300);
    for (name, flags, first) in [
        ("a", "", "One"),
        ("b", "--max-bytes 300", "One"),
        ("c", "", ""),
    ] {
        let list = [
            line(0, first),
            line(1, "Two"),
            line(1, ""),
            line(1, &long),
            line(2, "Three"),
        ];
        let path = files.write(name, list.concat());
        let run = api.send_without_text(flags).arg("--format").arg("ndjson");
        run.arg(&path).run().code(3);
        let last = if flags.is_empty() {
            "Delivered"
        } else {
            "Invalid"
        };
        let first = if first.is_empty() {
            "Invalid"
        } else {
            "Delivered"
        };
        let journal = files.path(&format!("{name}.batchcast"));
        let whole = [first, "Delivered", "Invalid", last, "Delivered"];
        let ran = ask(&api, "report --from").arg(FROM).arg(&journal).run();
        let found = rows(&ran.code(3).stdout);
        assert_eq!(column(&found, "status"), whole, "{name}");
        assert!(found[2]["description"].contains("no text"), "{found:?}");
        // Without the sender it is told by how many messages a batch has, or not at all.
        let ran = ask(&api, "report").arg(&journal).run().code(3);
        let unsure = rows(&ran.stdout);
        if flags.is_empty() {
            assert_eq!(unsure, found, "{name}");
        } else {
            let unclear = ["Delivered", "Unclear", "Unclear", "Unclear", "Delivered"];
            assert_eq!(column(&unsure, "status"), unclear);
            ran.err("--from");
        }
    }
}

#[test]
fn who_was_passed_over_is_not_to_come() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    // The first two are skipped, one is suppressed, one comes twice, and behind the limit there is anything.
    let list = "nobody\n".to_owned()
        + &[0, 1, 2, 3, 2, 4, 5]
            .map(|index| number(index) + "\n")
            .concat()
        + "nobody\n";
    let left = files.write("left.txt", number(3));
    let flags = "--skip 2 --limit 3 --unique --max-messages 2";
    let path = files.write("list.txt", list);
    let send = api.send(flags).arg("--suppress").arg(&left).arg(&path);
    send.run().code(0);
    let journal = files.path("list.txt.batchcast");
    ask(&api, "status").arg(&journal).run().code(0);
    let html = files.path("page.html");
    let run = ask(&api, "report --out - --html").arg(&html);
    let ran = run.arg(&journal).run().code(0).err("PassedOver: 6");
    let found = rows(&ran.stdout);
    let (over, sent) = ("PassedOver", "Delivered");
    let whole = [over, over, sent, sent, over, over, sent, over, over];
    assert_eq!(column(&found, "status"), whole);
    for (record, part) in [
        (0, "skipped"),
        (4, "suppressed"),
        (5, "before"),
        (8, "--limit"),
    ] {
        assert!(found[record]["description"].contains(part), "{found:?}");
    }
    let page = read(&html);
    assert!(page.contains("finished") && page.contains("PassedOver"));
    assert!(!page.contains("The run has not come to it"));
    for flag in ["--out", "--html"] {
        let over = ask(&api, "report").arg(&journal).arg(flag).arg(&left);
        over.run().code(2).err("a list of suppressed numbers");
    }

    // Lists of suppressed numbers grow. Of what is in no batch of a finished run nobody got a message, whatever the reason.
    std::fs::write(&left, numbers(5)).unwrap();
    let ran = ask(&api, "report").arg(&journal).run().code(0);
    let less = rows(&ran.stdout);
    assert_eq!(column(&less, "status"), whole);
    assert!(less[4]["description"].contains("not known"), "{less:?}");
    ran.err("of 2 records").err("--suppress");
    let then = files.write("then.txt", number(3));
    let run = ask(&api, "report --suppress").arg(&then).arg(&journal);
    assert_eq!(rows(&run.run().code(0).stdout), found);
}

#[test]
fn whether_there_was_a_text_for_all_is_known() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    // The text is in no file, the list has no texts, and who comes twice has got it once.
    let list = [0, 1, 0, 2].map(|index| number(index) + ",Ann\n").concat();
    let path = files.write("list.csv", "to,name\n".to_owned() + &list);
    api.send("--unique").arg(&path).run().code(0);
    let journal = files.path("list.csv.batchcast");
    let report = || ask(&api, "report").arg(&journal);
    let from = report().arg("--from").arg(FROM);
    let text = || report().arg("--text").arg(TEXT);
    let is_whole = |run: Run| {
        let rows = rows(&run.run().code(0).stdout);
        let (over, sent) = ("PassedOver", "Delivered");
        assert_eq!(column(&rows, "status"), [sent, sent, over, sent]);
    };
    [report(), from, text()].into_iter().for_each(is_whole);
    let other = report()
        .arg("--from")
        .arg(number(7))
        .arg("--text")
        .arg(TEXT);
    other.run().code(2).err("the sender or the text is not");
}

#[test]
fn the_sender_of_another_send_makes_it_no_other_list() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    // Who has no text gets nothing, or there is one for all.
    let list = [(0, "one"), (1, ""), (0, "two"), (1, "three")];
    let list = list.map(|(index, text)| format!("{},{text}\n", number(index)));
    let (over, sent, invalid) = ("PassedOver", "Delivered", "Invalid");
    for (name, flags, text, whole) in [
        ("a.csv", "--unique", "", [sent, invalid, over, sent]),
        ("b.csv", "--limit 2", "", [sent, invalid, sent, over]),
        ("c.csv", "--unique", TEXT, [sent, sent, over, over]),
        ("d.csv", "--unique", "{{text|x}}", [sent, sent, over, over]),
        ("e.csv", "--max-bytes 150", "", [sent, invalid, sent, sent]),
    ] {
        let path = files.write(name, "to,text\n".to_owned() + &list.concat());
        let run = api.send_without_text(flags).arg(path);
        let run = match text {
            "" => run,
            text => run.arg("--text").arg(text),
        };
        let code = if text.is_empty() { 3 } else { 0 };
        run.run().code(code);
        let journal = files.path(&format!("{name}.batchcast"));
        let report = || ask(&api, "report").arg(&journal);
        let other = report().env("BATCHCAST_FROM", "+4915112345678").run();
        let own = report().env("BATCHCAST_FROM", FROM).run();
        for ran in [other, own, report().run()] {
            let rows = rows(&ran.stdout);
            let mut told = column(&rows, "status");
            // Without a text that has fields it is not known who could be sent one.
            for (told, whole) in told.iter_mut().zip(whole) {
                if *told == "Unclear" && text.contains("{{") {
                    *told = whole;
                }
            }
            assert_eq!(told, whole, "{name}: {ran:?}");
        }
        let typed = report().arg("--from").arg(number(7)).run();
        if text != TEXT {
            typed.code(2).err("--from is not the sender");
        } else {
            assert_eq!(column(&rows(&typed.stdout), "status"), whole);
        }
    }
}

#[test]
fn what_was_added_to_a_list_is_not_taken_for_invalid() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let names = [(0, "Ann"), (1, ""), (2, "Eve"), (3, "")];
    let line = |(index, name): (_, &str)| format!("{},{name}\n", number(index));
    let list = "to,first_name\n".to_owned() + &names.map(line).concat();
    let path = files.write("list.csv", &list);
    let run = api
        .send_without_text("")
        .arg("--text")
        .arg(TEMPLATE)
        .arg(&path);
    run.run().code(3);
    std::fs::write(&path, list + &line((4, "Bob")) + &line((5, ""))).unwrap();
    let journal = files.path("list.csv.batchcast");
    let whole = ["Delivered", "Invalid", "Delivered", "Invalid", "Unclear"];
    // With the text it is known of the last one, too.
    for (text, last) in [("", "Unclear"), (TEMPLATE, "Invalid")] {
        let mut run = ask(&api, "report").arg(&journal);
        if !text.is_empty() {
            run = run.arg("--text").arg(text);
        }
        let ran = run.run().code(3).err("is the list longer than it was?");
        let rows = rows(&ran.stdout);
        let statuses = column(&rows, "status");
        assert_eq!(statuses[..5], whole, "{text}");
        assert_eq!(statuses[5..], [last], "{text}");
    }
}

#[test]
fn another_list_of_the_same_length_is_refused() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let refuse = |run: Run| {
        let ran = run
            .run()
            .code(1)
            .err("not the list that was sent")
            .discreet();
        assert!(!ran.stderr.contains("NotListed"), "{ran:?}");
    };
    let (_, journal) = sent(&api, &files, &numbers(4), "--max-messages 2", 0);
    let report = |list: &str| {
        let list = files.write("other", list);
        let out = files.path("out.csv");
        let run = ask(&api, "report").arg(&journal).arg(list);
        run.arg("--out").arg(out)
    };
    report(&numbers(4)).run().code(0);
    let others: String = (4..8).map(|index| number(index) + "\n").collect();
    refuse(report(&others));
    // One is another, or two have changed places.
    refuse(report(&numbers(4).replace(&number(2), &number(7))));
    refuse(report(
        &[1, 0, 2, 3].map(|index| number(index) + "\n").concat(),
    ));

    // With texts of their own, some or all of which are the same.
    let list = |of: usize, text: &str| {
        let texts = ["Hi", "Hi", "Hi", text];
        let lines = texts.iter().zip(of..);
        let line = |(text, index)| format!("{},{text}\n", number(index));
        "to,text\n".to_owned() + &lines.map(line).collect::<String>()
    };
    for last in ["Bye", "Hi"] {
        let name = format!("{last}.csv");
        let path = files.write(&name, list(0, last));
        api.send_without_text("").arg(&path).run().code(0);
        let journal = files.path(&format!("{name}.batchcast"));
        let report = || ask(&api, "report --from").arg(FROM).arg(&journal);
        report().run().code(0);
        ask(&api, "report").arg(&journal).run().code(0);
        std::fs::write(&path, list(0, "Goodbye")).unwrap();
        refuse(report());
    }

    // The text is not known: who got something is.
    let path = files.write("list.csv", list(0, "Bye").replace("text", "name"));
    let run = api.send_without_text("").arg("--text").arg("Hi {{name}}");
    run.arg(&path).run().code(0);
    let report = || ask(&api, "report").arg(files.path("list.csv.batchcast"));
    report().run().code(0);
    std::fs::write(&path, list(4, "Bye").replace("text", "name")).unwrap();
    refuse(report());
}

//! What every program of its kind does: completions, a manual, logs, profiles.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::Api;
use crate::support::{
    FROM, Files, Run, TEXT, TOKEN, batchcast, full_disk, lines_of_json, number, numbers, read,
};

#[test]
fn completions_and_a_manual() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = batchcast(&format!("completions {shell}")).run().code(0);
        ran.out("max-bytes").out("in-doubt").out("sandbox");
    }
    batchcast("completions dos").run().code(2).err("bash");
    let ran = batchcast("completions bash").run().code(0);
    for (flag, offers) in [
        ("--region", r#"-W "US CA" --"#),
        ("--suppress", r#"-W "api" -f --"#),
        ("--spool", r#"-W "none" -f --"#),
    ] {
        let arm = format!("{flag})");
        let mut behind = ran.stdout.split(&arm).skip(1).peekable();
        assert!(behind.peek().is_some(), "{flag}");
        // `report` takes no word there.
        let is_offered = |behind: &str| behind.split(";;").next().unwrap().contains(offers);
        assert!(
            behind.clone().any(is_offered),
            "{flag}: {}",
            behind.next().unwrap()
        );
    }
    let manual = batchcast("man").run().code(0);
    manual
        .out(".TH batchcast 1")
        .out("\n.SH EXAMPLES\n.nf\n")
        .out("\n.SH \"EXIT CODES\"\n.nf\n")
        .out("\n.fi\nA setting is called as its flag is");
    let files = Files::new();
    let directory = files.path("man/man1");
    let run = batchcast("man --out-dir").arg(&directory);
    run.run().code(0);
    let names = files.names("man/man1");
    for page in [
        "batchcast.1",
        "batchcast-send.1",
        "batchcast-resume.1",
        "batchcast-encode.1",
    ] {
        assert!(names.iter().any(|name| name == page), "{names:?}");
    }
    let page = read(directory.join("batchcast-send.1"));
    assert!(
        page.contains("\\-\\-canary") && page.contains(".SH EXAMPLES\n.nf\n"),
        "{page}"
    );
    for part in [
        concat!("\"batchcast ", env!("CARGO_PKG_VERSION"), "\""),
        "BATCHCAST_FROM",
        "BATCHCAST_PROFILE",
        ".SH ARGUMENTS\n.TP\n[\\fIFILE\\fR]",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains("EXTRA"), "{page}");
}

#[test]
fn standard_output_has_one_name() {
    for command in [
        "completions bash",
        "man",
        "encode --out -",
        "plan",
        "send --sandbox",
    ] {
        let run = match command {
            "completions bash" | "man" => batchcast(command),
            _ => batchcast(command).envelope(),
        };
        let Some(full) = full_disk() else {
            return;
        };
        let mut running = run.start_to(full);
        let mut stdin = running.stdin.take().unwrap();
        // Some read nothing.
        let _ = std::io::Write::write_all(&mut stdin, numbers(2).as_bytes());
        drop(stdin);
        let ran = running.wait().code(1);
        ran.err("error: cannot write standard output: ");
    }
}

#[test]
fn logs_say_what_is_done_and_nothing_private() {
    let rule = format!("numbers:{}", number(1));
    let list = numbers(5) + "\u{1b}[2Jbob\n";
    for (flag, level) in [("-v", " INFO "), ("-vv", "DEBUG "), ("-vvv", "TRACE ")] {
        let api = Api::start(|sandbox| sandbox.reject(rule.parse().unwrap()));
        // Both are no acceptance whenever they come, before the last bytes or behind them.
        api.faults("batch 1: answer 429 early retry-after=0; batch 2: answer 401 early");
        let run = api.send(&format!("{flag} --max-messages 2")).stdin(&list);
        let run = run
            .env("RC_ACCESS_TOKEN", "")
            .env("RC_APP_CLIENT_ID", crate::support::CLIENT_ID)
            .env("RC_APP_CLIENT_SECRET", crate::support::CLIENT_SECRET)
            .env("RC_USER_JWT", crate::support::JWT);
        // What is private, and what steers a terminal, is looked for whenever it ends.
        let ran = run.run().code(3).discreet();
        let ran = ran
            .err(level)
            .err("accepted batch=1")
            .err("an attempt failed");
        assert!(!ran.stderr.contains("Bearer"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("bob"), "{}", ran.stderr);
    }
    let api = Api::start(|sandbox| sandbox);
    let ran = api.send("").stdin(numbers(1)).run().code(0);
    assert!(!ran.stderr.contains("INFO"), "{}", ran.stderr);
}

#[test]
fn quiet_is_quiet() {
    let api = Api::start(|sandbox| sandbox);
    let ran = api.send("--quiet").stdin(numbers(1)).run().code(0);
    assert_eq!(ran.stderr, "");
    ran.out("Accepted: 1");
    api.faults("batch always: answer 403");
    let ran = api.send("-q").stdin(numbers(2)).run().code(1);
    ran.err("stopped: batch 1").err("hint: ");
    api.send("-q -v").stdin(numbers(1)).run().code(2);
}

#[test]
fn a_profile_stands_for_what_is_not_typed() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    std::fs::create_dir(files.path("batchcast")).unwrap();
    let url = api.sandbox.base_url();
    let profiles = format!(
        "[default]\nfrom = \"{FROM}\"\n[profile.shop]\nto_field = \"Mobile\"\nmax_messages = 2\n\
         base_url = \"{url}\"\nlinger = \"2m\"\n[profile.other]\nmax_messages = 3\nmax_bytes = \"lots\"\n"
    );
    files.write("batchcast/config.toml", profiles);
    let list: String = (0..6)
        .map(|index| format!("{},{}\n", index, number(index)))
        .collect();
    let list = "id,Mobile\n".to_owned() + &list;
    let run = |arguments: &str| {
        let run = batchcast(arguments).env("XDG_CONFIG_HOME", files.path(""));
        run.arg("--text").arg(TEXT).stdin(&list)
    };
    // The default one, and one that is named; the command line goes before.
    let bodies = |arguments: &str| run(arguments).run().code(0).json();
    let body = &bodies("encode --out - --to-field Mobile")[0];
    assert_eq!(
        (&body["from"], body["messages"].as_array().unwrap().len()),
        (&FROM.into(), 6)
    );
    assert_eq!(bodies("encode --out - --profile shop").len(), 3);
    assert_eq!(
        bodies("--profile shop encode --out - --max-messages 6").len(),
        1
    );
    // The environment, too, and also for the name.
    let other = "+16505550122";
    let named = run("encode --out -").env("BATCHCAST_PROFILE", "shop");
    let bodies = named.env("BATCHCAST_FROM", other).run().code(0).json();
    assert_eq!((bodies.len(), &bodies[0]["from"]), (3, &other.into()));
    // One that is empty is not set.
    let unnamed = run("encode --out - --to-field Mobile").env("BATCHCAST_PROFILE", "");
    let bodies = unnamed.env("BATCHCAST_FROM", "").run().code(0).json();
    assert_eq!((bodies.len(), &bodies[0]["from"]), (1, &FROM.into()));
    let send = || run("send --profile shop").env("RC_ACCESS_TOKEN", TOKEN);
    send().run().code(0).out("3 batches");
    let ran = send().env("RC_SERVER_URL", "http://sms.example.com").run();
    ran.code(2).err("sms.example.com");
    run("send --sandbox --profile shop").run().code(0);

    let ran = run("encode --out - --profile other").run().code(2);
    ran.err("--max-bytes")
        .err("hint: --max-bytes comes from [profile.other] of ");
    run("encode --out - --profile shops")
        .run()
        .code(2)
        .err("it has other, shop");
    // One that is broken keeps nobody from the help.
    files.write("batchcast/config.toml", "[default]\nform = \"hush\"\n");
    let ran = run("encode --out -").run().code(2);
    let ran = ran
        .err("line 2 of ")
        .err("unknown field `form`")
        .err("from, base_url");
    assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    batchcast("send --help")
        .env("XDG_CONFIG_HOME", files.path(""))
        .run()
        .code(0);
    files.write(
        "batchcast/config.toml",
        "[profile.x]\nclient_secret = \"hush\"\n",
    );
    let ran = run("encode --out -").run().code(2);
    let ran = ran.err("line 2 of ").err("RC_APP_CLIENT_SECRET");
    assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    // One that cannot be read is named, and why it is looked for there.
    std::fs::remove_file(files.path("batchcast/config.toml")).unwrap();
    std::fs::create_dir(files.path("batchcast/config.toml")).unwrap();
    let ran = run("encode --out -").run().code(1);
    ran.err("cannot read the configuration file ")
        .err("batchcast/config.toml (found by XDG_CONFIG_HOME or HOME): ");
    // Nor one that cannot be there from anything.
    let nowhere = || {
        let run = batchcast("encode --out - --to-field Mobile").stdin(&list);
        run.envelope().env("XDG_CONFIG_HOME", "/dev/null")
    };
    nowhere().run().code(0);
    nowhere()
        .flags("--profile shop")
        .run()
        .code(2)
        .err("there is no file /dev/null/batchcast/config.toml");
}

#[test]
fn a_profile_does_not_overrule_what_a_run_was_begun_with() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    std::fs::create_dir(files.path("batchcast")).unwrap();
    let list = files.write("list.txt", numbers(3) + "Bob\n" + &numbers(6));
    let suppressed = files.write("suppressed.txt", number(0));
    let others = files.write("others.txt", number(1));
    api.faults("batch 2: answer 400");
    let send = api
        .send("--max-messages 2 --max-invalid 50")
        .arg("--suppress");
    let send = send.arg(suppressed).arg(&list).private(numbers(6));
    send.run().code(1);

    let profile = format!(
        "[default]\nmax_invalid = 0\non_invalid = \"stop\"\nsuppress = {:?}\n",
        others.to_str().unwrap()
    );
    files.write("batchcast/config.toml", profile);
    let journal = files.path("list.txt.batchcast");
    let resume = api.resume(journal).private(numbers(6));
    let resume = resume.env("XDG_CONFIG_HOME", files.path(""));
    resume.run().code(3);
    assert_eq!(api.recipients().len(), 7);
    let report = batchcast("report").arg(files.path("list.txt.batchcast"));
    let report = report.env("RC_SERVER_URL", api.sandbox.base_url());
    let report = report.env("RC_ACCESS_TOKEN", TOKEN);
    let ran = report.env("XDG_CONFIG_HOME", files.path("")).run();
    assert_eq!(ran.stdout.matches("PassedOver").count(), 2, "{ran:#?}");
}

#[test]
fn lists_of_who_is_to_get_nothing_add_up() {
    let files = Files::new();
    std::fs::create_dir(files.path("batchcast")).unwrap();
    let list = |index: usize| files.write(&format!("{index}.txt"), number(index));
    let profile = format!(
        "[default]\nsuppress = [{:?}, {:?}]\n",
        list(0).to_str().unwrap(),
        list(1).to_str().unwrap()
    );
    files.write("batchcast/config.toml", profile);
    let run = || {
        let run = batchcast("encode --out -").envelope().stdin(numbers(4));
        run.env("XDG_CONFIG_HOME", files.path(""))
    };
    assert_eq!(run().run().code(0).recipients(), [number(2), number(3)]);
    let typed = run().arg("--suppress").arg(list(2));
    assert_eq!(typed.run().code(0).recipients(), [number(3)]);
    // The API is not asked here, and its list was typed.
    files.write("batchcast/config.toml", "[default]\nsuppress = \"api\"\n");
    run()
        .run()
        .code(0)
        .err("who has opted out at the API is in the batches");
    run()
        .flags("--suppress api")
        .run()
        .code(2)
        .err("uses no network");
    let plan = batchcast("plan").envelope().stdin(numbers(4));
    let ran = plan.env("XDG_CONFIG_HOME", files.path("")).run().code(0);
    ran.out("Warning: who has opted out at the API is counted");
    let typed = run().arg("--suppress").arg(list(2));
    assert_eq!(typed.run().code(0).recipients().len(), 3);
}

#[test]
fn what_a_profile_has_done_is_told() {
    let files = Files::new();
    std::fs::create_dir(files.path("batchcast")).unwrap();
    let bad = numbers(1) + &"nobody\n".repeat(3);
    for (said, flags, list, code, named) in [
        ("spool = \"nowhere\"", "", numbers(1), 2, "--spool"),
        (
            "to_field = \"Cell\"",
            "--format csv",
            "to\n".to_owned(),
            1,
            "--to-field",
        ),
        ("canary = 1", "", numbers(1), 2, "--canary"),
        ("max_invalid = 1", "", bad.clone(), 1, "--max-invalid"),
        ("from = \"none\"", "", numbers(1), 2, "--from"),
        ("region = \"XX\"", "", numbers(1), 2, "--region"),
    ] {
        files.write("batchcast/config.toml", format!("[default]\n{said}\n"));
        let run = |more: &str| {
            let run = batchcast(&format!("send --sandbox --text Hello {flags} {more}"));
            let run = run.env("XDG_CONFIG_HOME", files.path(""));
            run.stdin(&list).private(&bad)
        };
        let from = if named == "--from" {
            ""
        } else {
            "--from +16505550100"
        };
        let ran = run(from).run().code(code);
        ran.err(&format!("hint: {named} comes from [default] of "));
    }
    // What is typed is not the profile's; and of a canary it is nothing to those who have none.
    let typed = "from = \"none\"\nmax_failed = \"5%\"";
    files.write("batchcast/config.toml", format!("[default]\n{typed}\n"));
    let run = || {
        let run = batchcast("send --sandbox --text Hello --from +16505550100");
        run.env("XDG_CONFIG_HOME", files.path("")).stdin(numbers(2))
    };
    run().run().code(0);
    run()
        .flags("--canary 1")
        .run()
        .code(0)
        .err("no more than 5%");
    run()
        .flags("--max-failed 3%")
        .run()
        .code(2)
        .err("--canary N");
    let ran = run().flags("--from nobody").run().code(2);
    assert!(!ran.stderr.contains("comes from"), "{}", ran.stderr);
}

#[test]
fn each_command_takes_of_a_profile_what_is_for_it() {
    let files = Files::new();
    std::fs::create_dir(files.path("batchcast")).unwrap();
    let profile = "[default]\nformat = \"lines\"\nmax_messages = 7\nmax_bytes = \"1 MB\"\non_invalid = \"stop\"\n\
        max_invalid = \"5%\"\nin_flight = 2\nin_doubt = \"skip\"\nlinger = \"2m\"\nspool = \"none\"\ncanary = 3\n\
        max_failed = 1\nregion = \"US\"\nprice = 0.01\nrate = 40\nfrom = \"+16505550100\"\n";
    files.write("batchcast/config.toml", profile);
    let nothing = files.path("nothing");
    // There is no such file: so much further they come, and not to what is wrong with a flag.
    for command in ["send", "plan", "encode --out -", "resume", "report"] {
        let run = batchcast(command)
            .arg(&nothing)
            .env("RC_ACCESS_TOKEN", TOKEN);
        let ran = run.env("XDG_CONFIG_HOME", files.path("")).run();
        ran.err("No such file");
    }
    let opt_outs = batchcast("opt-outs").env("XDG_CONFIG_HOME", files.path(""));
    opt_outs.run().code(2).err("no credentials");
}

#[test]
fn the_fields_of_a_profile_are_for_lists_that_have_some() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    std::fs::create_dir(files.path("batchcast")).unwrap();
    let profile = "[default]\nto_field = \"Mobile\"\ntext_field = \"Words\"\n";
    files.write("batchcast/config.toml", profile);
    let at_home = |run: Run| run.env("XDG_CONFIG_HOME", files.path(""));
    let encode = |flags: &str, list: &str| {
        let run = batchcast(&format!("encode --out - {flags}")).envelope();
        at_home(run).stdin(list).run()
    };
    assert_eq!(encode("", &numbers(3)).code(0).recipients().len(), 3);
    let table = format!("phone,Mobile,Words\n{},{},own\n", number(1), number(2));
    assert_eq!(encode("", &table).code(0).recipients(), [number(2)]);
    // Who types one takes the list for another.
    for flags in ["--to-field Cell", "--text-field Cell"] {
        encode(flags, &numbers(3)).code(2).err("has no fields");
    }
    // They are not taken for those of the run, later on.
    let list = files.write("list.txt", numbers(3));
    api.faults("batch 2-6: answer 408");
    let send = api.send("--max-messages 2").arg(&list);
    at_home(send).private(numbers(3)).run().code(4);
    api.faults("");
    let journal = files.path("list.txt.batchcast");
    assert!(!read(&journal).contains("Mobile"));
    at_home(api.resume(&journal)).run().code(0);
    assert_eq!(api.recipients().len(), 3);
}

#[test]
fn sizes_and_times_as_people_write_them() {
    let send = |flags: &str| {
        batchcast(&format!("send --sandbox {flags}"))
            .envelope()
            .stdin(numbers(1))
    };
    for linger in ["2m", "1h30m", "500ms", "1.5s"] {
        send(&format!("--linger {linger} --max-bytes 1.5MiB"))
            .run()
            .code(0);
    }
    send("--linger 30").run().code(2).err("30s, 2m");
    send("--max-bytes lots").run().code(2).err("50MB");
    batchcast("sandbox --rate-window soon")
        .run()
        .code(2)
        .err("30s, 2m");
}

/// All keys that are in a value, but for those of maps from the API's codes.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key.clone());
                if !matches!(key.as_str(), "failures" | "errorCodes" | "errorCodeCounts") {
                    keys(value, found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn all_that_programs_read_is_documented() {
    let api = Api::start(|sandbox| {
        let fails = "SMS-CAR-411=every:3".parse().unwrap();
        sandbox.deliver(fails).reject("every:5".parse().unwrap())
    });
    let files = Files::new();
    let list = files.write("list.csv", {
        let rows = (0..12).map(|index| format!("{},\"Grüße, 日本\"\n", number(index % 11)));
        format!("to,text\nBob,x\n{}", rows.collect::<String>())
    });
    let docs = include_str!("../../../docs/json.md");
    let mut found = BTreeSet::new();
    // Each where a reader looks for it.
    let mut see = |part: &str, lines: Vec<Value>| {
        let (_, part) = docs.split_once(&format!("\n## {part}\n")).unwrap();
        let part = part.split("\n## ").next().unwrap();
        let mut seen = BTreeSet::new();
        lines.iter().for_each(|line| keys(line, &mut seen));
        seen.remove("event");
        let is_untold = |key: &&String| !part.contains(&format!("`{key}`"));
        let untold: Vec<_> = seen.iter().filter(is_untold).collect();
        assert!(untold.is_empty(), "docs/json.md does not name {untold:?}");
        found.extend(seen);
    };
    const SENT: &str = "`send` and `resume`";
    const FILES: &str = "Files of records";
    let own = [
        ("--rejected", files.path("rejected")),
        ("--invalid", files.path("invalid")),
        ("--passed-over", files.path("passed-over")),
    ];
    let send = api.send_without_text("--json --unique --canary 3 --yes");
    let send = own
        .iter()
        .fold(send.arg(&list), |run, (flag, path)| run.arg(flag).arg(path));
    see(SENT, send.run().json());
    own.iter()
        .for_each(|(_, path)| see(FILES, lines_of_json(&read(path))));
    let journal = files.path("list.csv.batchcast");
    let resume = || api.resume_without_text(&journal).arg("--json");
    see(SENT, resume().arg("--yes").run().json());
    see(SENT, resume().run().json());
    let plan = batchcast("plan --json --price 0.01 --rate 40 --from").arg(FROM);
    see("`plan`", plan.arg(&list).run().json());
    let server = |run: Run| {
        let run = run.env("RC_SERVER_URL", api.sandbox.base_url());
        run.env("RC_ACCESS_TOKEN", TOKEN).arg(&journal)
    };
    see("`status`", server(batchcast("status --json")).run().json());
    see(
        FILES,
        server(batchcast("report --format ndjson")).run().json(),
    );

    for event in [
        "ids",
        "goesOn",
        "notSentFrom",
        "codePoint",
        "onTheirWay",
        "messageId",
    ] {
        assert!(found.contains(event), "{event} is not seen: {found:?}");
    }
}

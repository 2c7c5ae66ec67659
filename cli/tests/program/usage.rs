use crate::support::{
    CLIENT_ID, CLIENT_SECRET, FROM, Files, JWT, batchcast, number, numbers, read,
};

#[test]
fn says_what_it_is() {
    let ran = batchcast("--version").run().code(0);
    assert_eq!(
        ran.stdout,
        format!("batchcast {}\n", env!("CARGO_PKG_VERSION"))
    );
    batchcast("--help")
        .run()
        .code(0)
        .out("Exit codes:")
        .out("--sandbox");
    batchcast("send --help")
        .run()
        .code(0)
        .out("RC_ACCESS_TOKEN")
        .out("Examples:");
    batchcast("plan --help")
        .run()
        .code(0)
        .out("Examples:")
        .out("--price");
    batchcast("encode --help").run().code(0).out("Examples:");
    batchcast("sandbox --help").run().code(0).out("Examples:");
    batchcast("").run().code(2);
}

#[test]
fn help_fits_into_any_terminal() {
    let commands = [
        "",
        "send",
        "resume",
        "plan",
        "encode",
        "opt-outs",
        "status",
        "report",
        "sandbox",
        "completions",
        "man",
    ];
    for command in commands {
        for flag in ["-h", "--help"] {
            for columns in [60, 80] {
                let run = batchcast(&format!("{command} {flag}"));
                let ran = run.env("COLUMNS", columns.to_string()).run().code(0);
                for line in ran.stdout.lines() {
                    // The parser's own line, and what is one word.
                    let is_one = line.starts_with("Usage: ") || !line.trim().contains(' ');
                    let fits = line.chars().count() <= columns;
                    assert!(fits || is_one, "{command} {columns}: {line:?}");
                }
            }
        }
    }
    // And into a line of its own what is a paragraph.
    let wide = batchcast("send --help").env("COLUMNS", "200").run().code(0);
    assert!(wide.stdout.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn help_is_a_command_as_well() {
    let named = |line: &str| batchcast(line).run().code(0).stdout;
    assert_eq!(named("help"), named("--help"));
    assert_eq!(named("help send"), named("send --help"));
    assert_eq!(named("help sandbox"), named("sandbox --help"));
    batchcast("help nothing").run().code(2);
    // Also if a profile cannot be used.
    let files = Files::new();
    std::fs::create_dir(files.path("batchcast")).unwrap();
    files.write("batchcast/config.toml", "broken");
    let help = batchcast("help send").env("XDG_CONFIG_HOME", files.path(""));
    help.run().code(0);
    // A list of that name is one.
    let plan = batchcast("plan help").env("XDG_CONFIG_HOME", files.path(""));
    plan.run().code(2).err("config.toml");
}

#[test]
fn what_is_no_flag_and_no_number_is_told_so() {
    let ran = batchcast("send list --dry-run").run().code(2);
    let ran = ran.err("'--dry-run'").err("'batchcast plan' says");
    assert!(!ran.stderr.contains("-- --dry-run"), "{}", ran.stderr);
    let ran = batchcast("plan list --no-such").run().code(2);
    assert!(!ran.stderr.contains("-- --no-such"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("\n\n\n"), "{}", ran.stderr);
    let ran = batchcast("plan list --formt csv").run().code(2);
    ran.err("--format");
    for flag in ["--limit", "--max-messages", "--canary"] {
        for value in ["0", "-1", "many", "1.5"] {
            let run = batchcast("send list").arg(flag).arg(value).run().code(2);
            run.err(&format!(
                "'{value}' for '{flag} <N>': not a whole number from 1 on"
            ));
        }
    }
    for (flags, told) in [
        ("send --skip -1", "not a whole number, such as 0"),
        ("send --in-flight 0", "not a number from 1 to 16"),
        ("send --in-flight 17", "not a number from 1 to 16"),
        ("send --in-flight x", "not a number from 1 to 16"),
        ("send --sandbox --ca-bundle none", "cannot be used with"),
    ] {
        batchcast(flags).run().code(2).err(told);
    }
    batchcast("send --help").run().code(0).out("from 1 to 16");
}

#[test]
fn without_credentials_it_says_which_to_set() {
    let ran = batchcast("send").envelope().stdin(numbers(1)).run().code(2);
    ran.err("RC_ACCESS_TOKEN")
        .err("RC_USER_JWT")
        .err("--sandbox");
    let run = batchcast("send").envelope().stdin(numbers(1));
    let run = run
        .env("RC_APP_CLIENT_ID", CLIENT_ID)
        .env("RC_APP_CLIENT_SECRET", CLIENT_SECRET);
    run.env("RC_USER_JWT", "")
        .run()
        .code(2)
        .err("RC_USER_JWT is not set");
    let run = batchcast("send")
        .envelope()
        .stdin(numbers(1))
        .env("RC_USER_JWT", JWT);
    run.run()
        .code(2)
        .err("RC_APP_CLIENT_ID and RC_APP_CLIENT_SECRET are");
}

#[test]
fn what_is_no_list_is_told_with_the_way_out() {
    let files = Files::new();
    let utf16: Vec<u8> = "\u{feff}to\n+12125550100\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let array = format!("[{{\"to\":\"{}\"}}]\n", number(1));
    let macs = format!("to,name\r{},Bob\r", number(1));
    let columns = "id;first_name;last_name;a column of a name that is long;to";
    let semicolons = format!("{columns}\n1;Bob;;;{}\n", number(1));
    let (tabs, bars) = (semicolons.replace(';', "\t"), semicolons.replace(';', "|"));
    let said = format!("sep=;\n{semicolons}");
    for (name, list, way_out) in [
        (
            "list.csv",
            utf16.as_slice(),
            "iconv -f UTF-16 -t UTF-8 FILE",
        ),
        ("list", b"PK\x03\x04\x14\x00\x06\x00", "export it as CSV"),
        ("list.txt", b"\xfd7zXZ\x00\x00\x04", "xz -dc"),
        ("list.json", array.as_bytes(), "jq -c '.[]' FILE"),
        ("list1.csv", macs.as_bytes(), "tr '\\r' '\\n' < FILE"),
        ("list2.csv", semicolons.as_bytes(), "csvformat -d ';' FILE"),
        ("list3.csv", tabs.as_bytes(), "csvformat -t FILE"),
        ("list4.csv", bars.as_bytes(), "csvformat -d '|' FILE"),
        (
            "list5.csv",
            said.as_bytes(),
            "tail -n +2 FILE | csvformat -d ';'",
        ),
        (
            "list6.csv",
            b"name,to\nJos\xe9,x\n",
            "iconv -f WINDOWS-1252",
        ),
        ("list7.csv", b"Pr\xe9nom,to\n", "iconv -f WINDOWS-1252"),
        ("list8.csv", b"to,to\n", "another name"),
    ] {
        let path = files.write(name, list);
        for command in ["plan", "encode --out -", "send --sandbox"] {
            let run = batchcast(command).envelope().arg(&path).private(list);
            run.flags("--on-invalid stop")
                .run()
                .code(1)
                .discreet()
                .err(way_out);
        }
    }
}

#[test]
fn the_sender_is_a_phone_number() {
    let encode = |from: &str| {
        batchcast("encode --out - --text hello")
            .stdin(numbers(1))
            .arg("--from")
            .arg(from)
    };
    let ran = encode("6505557777")
        .run()
        .code(2)
        .err("--from: the phone number does not begin with '+'");
    assert!(!ran.stderr.contains("7777"), "{}", ran.stderr);
    let run = batchcast("encode --out - --text hello").env("BATCHCAST_FROM", "6505557777");
    run.run().code(2).err("(or BATCHCAST_FROM) takes a number");
    let from_environment = batchcast("encode --out - --text hello").stdin(numbers(1));
    let ran = from_environment.env("BATCHCAST_FROM", FROM).run().code(0);
    assert_eq!(ran.json()[0]["from"], FROM);
    batchcast("encode --out - --text hello")
        .stdin(numbers(1))
        .run()
        .code(2)
        .err("--from");
}

#[test]
fn a_text_comes_from_a_file() {
    let files = Files::new();
    for (content, text) in [
        ("Hello\n", "Hello"),
        ("Hello\r\n", "Hello"),
        ("\u{feff}Hello\n\n", "Hello\n"),
        ("Hello", "Hello"),
    ] {
        let path = files.write("text", content);
        let run = batchcast("encode --out - --from")
            .arg(FROM)
            .arg("--text-file")
            .arg(path);
        let ran = run.stdin(numbers(1)).run().code(0);
        assert_eq!(ran.json()[0]["text"], text);
    }
    for content in [&b"\n"[..], b"\xff", "x".repeat(1_001).as_bytes()] {
        let path = files.write("text", content);
        let run = batchcast("encode --out - --from")
            .arg(FROM)
            .arg("--text-file")
            .arg(path);
        run.stdin(numbers(1)).run().code(2).err("--text-file: ");
    }
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_written() {
    let files = Files::new();
    let list = files.write("list.txt", numbers(1));
    let out = files.path("out");
    let full = files.write("full", "{}\n");
    for (arguments, told) in [
        ("--max-bytes 60", "raise --max-bytes"),
        ("--max-bytes many", "50MiB"),
        ("--max-messages 0", "--max-messages"),
        ("--format xml", "ndjson"),
        ("--to-field Cell", "no fields"),
        ("--text-file nothing", "cannot be used with"),
        ("--out -", "cannot be used with"),
    ] {
        let run = batchcast(&format!("encode {arguments}")).envelope();
        run.arg("--out-dir")
            .arg(&out)
            .arg(&list)
            .run()
            .code(2)
            .err(told);
    }
    // Files that must not be written to.
    let invalid = |path| {
        batchcast("encode")
            .envelope()
            .arg("--out-dir")
            .arg(&out)
            .arg(&list)
            .arg("--invalid")
            .arg(path)
    };
    invalid(&list).run().code(2).err("is the list itself");
    invalid(&full).run().code(2).err("is not empty");
    invalid(&files.path("no/such/directory"))
        .run()
        .code(1)
        .err("--invalid: cannot write");
    assert_eq!((read(&list), read(&full)), (numbers(1), "{}\n".to_owned()));
    // A list of numbers has no texts.
    let no_text = batchcast("encode --from")
        .arg(FROM)
        .arg("--out-dir")
        .arg(&out)
        .arg(&list);
    no_text.run().code(2).err("--text or --text-file");
    assert!(out.read_dir().map_or(0, Iterator::count) == 0);
}

#[test]
fn a_list_that_cannot_be_read_is_a_failure() {
    let files = Files::new();
    let encode = || batchcast("encode --out -").envelope();
    encode()
        .arg(files.path("nothing.txt"))
        .run()
        .code(1)
        .err("cannot open")
        .err("nothing.txt");
    encode().arg(files.path("")).run().code(1).err("directory");
    encode()
        .arg("--format")
        .arg("csv")
        .stdin(numbers(1))
        .run()
        .code(1)
        .err("no header")
        .err("--format");
    // One that is empty is none of these, whatever it is called.
    for name in ["list.csv", "list.txt", "list.json", "list"] {
        let run = encode().arg(files.write(name, ""));
        run.run().code(0);
    }
    let no_column = format!("name,value\nx,{}\n", number(1));
    encode().stdin(no_column).run().code(1).err("--to-field");
}

#[test]
fn a_txt_that_is_clearly_something_else_is_read_as_that() {
    let files = Files::new();
    let csv = format!("name,phone\nBob,{}\n", number(1));
    let ndjson = format!("{{\"phone\":\"{}\"}}\n", number(1));
    let named_twice = format!("# of today\n{}\nphone\n", number(1));
    for (name, list, more, code, format) in [
        ("a.txt", &csv, "", 0, "csv"),
        ("b.txt", &ndjson, "", 0, "ndjson"),
        (
            "c.txt",
            &csv.replace("phone", "Tel"),
            "--to-field tel",
            0,
            "csv",
        ),
        ("d.txt", &named_twice, "", 3, "lines"),
        ("e.txt", &csv, "--format lines", 3, "lines"),
    ] {
        let path = files.write(name, list);
        let run = batchcast("plan --json").flags(more).envelope().arg(&path);
        let ran = run.private(list).run().code(code);
        assert_eq!(ran.json()[0]["format"], format, "{name}");
        assert_eq!(ran.json()[0]["recipients"], u64::from(name != "e.txt"));
    }
    // What only looks like it is told.
    let path = files.write("f.txt", csv.replace("phone", "Handy"));
    let run = || batchcast("plan").envelope().arg(&path).private(&csv);
    run()
        .run()
        .code(3)
        .out("Warning: the list is read as one of numbers");
    let ran = run().flags("--format lines").run().code(3);
    assert!(!ran.stdout.contains("Warning"), "{}", ran.stdout);
    let tabs = files.write("tabs.txt", csv.replace(',', "\t"));
    let run = batchcast("plan").envelope().arg(&tabs);
    run.private(&csv).run().code(1).err("separated by");
    // A list of who is to get nothing is taken for what it is as well.
    let run = batchcast("plan --json").envelope().stdin(numbers(3));
    let ran = run.arg("--suppress").arg(files.path("a.txt")).run();
    assert_eq!(ran.code(0).json()[0]["passedOver"]["suppressed"], 1);
}

#[test]
fn the_line_of_a_spreadsheet_that_says_what_separates_is_no_header() {
    let list = format!("\u{feff}sep=,\nname,phone\nBob,{}\n", number(1));
    let ran = batchcast("encode --out -")
        .envelope()
        .stdin(&list)
        .run()
        .code(0);
    assert_eq!(ran.recipients(), [number(1)]);
}

#[test]
fn help_names_what_a_command_can_do() {
    // Without a network there is no API to ask.
    for command in ["plan", "encode"] {
        let ran = batchcast(&format!("{command} --help")).run().code(0);
        ran.out("batchcast opt-outs");
    }
    let ran = batchcast("send --help").run().code(0);
    ran.out("--suppress <FILE|api>\n")
        .out("The word api downloads");
    // A text that is in a file is read there.
    let ran = batchcast("resume --help").run().code(0);
    ran.out("does not count [default: where it was]");
}

//! The script of the guide, as it stands there.

use std::path::Path;
use std::process::Command;

use crate::api::Api;
use crate::support::{CLIENT_ID, CLIENT_SECRET, Files, JWT, Run, TEXT, number, numbers};

/// What follows in the guide behind the first line of the script.
fn script() -> &'static str {
    let guide = include_str!("../../../docs/guide.md");
    let (_, script) = guide.split_once("```sh\n#!/bin/sh\n").unwrap();
    script.split_once("```").unwrap().0
}

#[test]
fn a_list_a_day_is_sent_where_nobody_watches() {
    let api = Api::start(|sandbox| sandbox.credentials(CLIENT_ID, CLIENT_SECRET, JWT));
    let files = Files::new();
    let lists = files.path("");
    let script = script().replace("/srv/lists", lists.to_str().unwrap());
    files.write("script", script.replace('…', CLIENT_ID));
    files.write("text.txt", TEXT);
    let secrets = [("client-secret", CLIENT_SECRET), ("jwt", JWT)];
    for (name, secret) in secrets {
        files.write(name, format!("{secret}\n"));
    }
    let program = Path::new(env!("CARGO_BIN_EXE_batchcast"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    // A day that does not end in the middle of the test.
    let on = |day: &str| {
        let run = Run::of(Command::new("sh")).arg("-c");
        let run = run.arg(format!("date() {{ echo {day}; }}; . \"$0\""));
        let run = run.arg(files.path("script")).env("PATH", &path);
        run.env("CREDENTIALS_DIRECTORY", &lists)
            .env("RC_SERVER_URL", api.sandbox.base_url())
    };
    files.write("2026-12-01.csv", format!("phone\n{}", numbers(3)));
    on("2026-12-01").run().code(0);
    // Without a manager of services that names a place, it is where containers have it.
    if !Path::new("/run/secrets").exists() {
        let run = on("2026-12-02").env("CREDENTIALS_DIRECTORY", "");
        run.run().code(1).err("/run/secrets/client-secret");
    }
    // One that is written over has its journal beside it.
    files.write("2026-12-01.csv", format!("phone\n{}", numbers(4)));
    on("2026-12-01").run().code(2).err("--again");
    // The export of the day has failed.
    on("2026-12-02").run().code(1).err("2026-12-02.csv");
    files.write("2026-12-02.csv", format!("phone\n{}\n", number(3)));
    for (name, secret) in secrets {
        std::fs::remove_file(files.path(name)).unwrap();
        let requests = api.stats().requests;
        on("2026-12-02").run().code(1).err(name);
        assert_eq!(api.stats().requests, requests);
        files.write(name, secret);
    }
    on("2026-12-02").run().code(0);
    assert_eq!(api.recipients().len(), 4);
}

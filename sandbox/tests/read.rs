//! Reading back: lists, filters, pages; and the rest of HTTP.

mod common;

use std::collections::HashSet;
use std::net::SocketAddr;

use batchcast_sandbox::{Sandbox, StartError};
use common::{
    Api, BATCHES, GOOD, MESSAGES, STATUSES, TOKENS, connect, error_of, numbered, send, to_end,
};
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<&str> {
    list["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|record| record["id"].as_str().expect("an id"))
        .collect()
}

#[tokio::test]
async fn a_batch_is_completed_when_it_is_read() {
    let api = Api::start().await;
    let created = api.create(GOOD).await;
    let id = created["id"].as_str().expect("an id");
    let read = api.get(&format!("{BATCHES}/{id}")).await;
    assert_eq!(
        (&read["id"], &read["from"], &read["creationTime"]),
        (&created["id"], &created["from"], &created["creationTime"])
    );
    assert_eq!(
        (&read["batchSize"], &read["processedCount"], &read["status"]),
        (&2.into(), &2.into(), &"Completed".into())
    );
    assert!(read["cost"].is_number());
    assert_eq!(api.get(BATCHES).await["records"], json!([read]));
    for unknown in ["00000000-0000-4000-8000-000000000000", "x", "~"] {
        let answer = api
            .request("GET", &format!("{BATCHES}/{unknown}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(error_of(answer).await.1, "CMN-102");
    }
}

#[tokio::test]
async fn batches_are_listed_newest_first_in_pages() {
    let api = Api::start().await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(
            api.create(GOOD).await["id"]
                .as_str()
                .expect("an id")
                .to_owned(),
        );
    }
    sent.reverse();
    assert_eq!(api.listed().await, sent);

    let mut path = format!("{BATCHES}?perPage=2");
    let mut seen = Vec::new();
    let mut previous = Vec::new();
    loop {
        let page = api.get(&path).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let paging = &page["paging"];
        assert_eq!(paging["perPage"], 2);
        previous.push(paging["previousPageToken"].clone());
        if seen.len() == 2 {
            // What arrives in front does not move the pages behind.
            api.create(GOOD).await;
        }
        let Some(next) = paging["nextPageToken"].as_str() else {
            break;
        };
        path = format!("{BATCHES}?perPage=2&pageToken={next}");
    }
    assert_eq!(seen, sent);
    assert!(previous[0].is_null());
    let back = previous[2].as_str().expect("a page before the last");
    let back = api
        .get(&format!("{BATCHES}?perPage=2&pageToken={back}"))
        .await;
    assert_eq!(ids(&back), sent[2..4]);
}

#[tokio::test]
async fn batches_are_filtered() {
    let api = Api::start().await;
    let first = api.create(GOOD).await;
    let second = api
        .create(GOOD.replace("+16505550100", "+16505550101"))
        .await;
    let (first, second) = (
        first["id"].as_str().expect("an id"),
        second["id"].as_str().expect("an id"),
    );
    for (query, expected) in [
        ("from=%2B16505550100", vec![first]),
        ("from=%2B16505550101", vec![second]),
        ("from=%2B16505550102", vec![]),
        ("status=Completed", vec![second, first]),
        ("status=Processing", vec![]),
        ("dateTo=2020-01-01T00:00:00Z", vec![]),
        ("dateFrom=2020-01-01T00:00:00.000Z", vec![second, first]),
        (
            "dateFrom=2020-01-01T00:00:00%2B02:00&dateTo=2200-01-01T00:00:00Z",
            vec![second, first],
        ),
        // Without dateFrom, the 24 hours before dateTo.
        ("dateTo=2200-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(
            ids(&api.get(&format!("{BATCHES}?{query}")).await),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn messages_are_listed_and_filtered() {
    let api = Api::start().await;
    let id = api.create(GOOD).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    api.create(numbered(3)).await;
    let list = api
        .get(&format!("{MESSAGES}?batchId={id}&view=Detailed"))
        .await;
    let records = list["records"].as_array().expect("records");
    let found: Vec<_> = records
        .iter()
        .map(|record| (&record["to"][0], &record["text"], &record["batchId"]))
        .collect();
    let id_value = Value::from(id.as_str());
    assert_eq!(
        found,
        [
            (&"+14155550100".into(), &"Hello".into(), &id_value),
            (&"+12125550100".into(), &"Bob".into(), &id_value)
        ]
    );
    assert_eq!(
        (&records[0]["messageStatus"], &records[0]["direction"]),
        (&"Delivered".into(), &"Outbound".into())
    );
    assert_eq!(records[0]["segmentCount"], 1);
    for (query, count) in [
        ("", 5),
        ("?direction=Outbound", 5),
        ("?direction=Inbound", 0),
        ("?phoneNumber=%2B14155550100", 1),
        ("?phoneNumber=%2B16505550100", 5),
        ("?phoneNumber=%2B19995550100", 0),
        ("?batchId=00000000-0000-4000-8000-000000000000", 0),
        ("?dateTo=2020-01-01T00:00:00Z", 0),
    ] {
        let list = api.get(&format!("{MESSAGES}{query}")).await;
        assert_eq!(ids(&list).len(), count, "{query}");
        assert!(
            list["records"]
                .as_array()
                .expect("records")
                .iter()
                .all(|record| record["text"].is_null())
        );
    }
}

#[tokio::test]
async fn the_pages_of_messages_hold_each_once() {
    let api = Api::start().await;
    api.create(numbered(1500)).await;
    let id = api.create(numbered(2500)).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for (filter, all) in [
        (String::new(), 4_000_usize),
        (format!("&batchId={id}"), 2500),
    ] {
        let mut seen = HashSet::new();
        let mut pages = 0;
        let mut token = String::new();
        loop {
            let page = api
                .get(&format!("{MESSAGES}?perPage=700{filter}{token}"))
                .await;
            pages += 1;
            assert!(ids(&page).into_iter().all(|id| seen.insert(id.to_owned())));
            let Some(next) = page["paging"]["nextPageToken"].as_str() else {
                break;
            };
            token = format!("&pageToken={next}");
        }
        assert_eq!((seen.len(), pages), (all, all.div_ceil(700)));
    }
    assert_eq!(ids(&api.get(MESSAGES).await).len(), 1000);
}

#[tokio::test]
async fn statuses_count_all_messages() {
    let api = Api::start().await;
    let id = api.create(numbered(120)).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    api.create(GOOD).await;
    for (query, count) in [
        (String::new(), 122),
        (format!("?batchId={id}"), 120),
        ("?direction=Inbound".to_owned(), 0),
    ] {
        let statuses = api.get(&format!("{STATUSES}{query}")).await;
        assert_eq!(statuses["delivered"]["count"], count, "{query}");
        for status in ["queued", "deliveryFailed", "sent", "sendingFailed"] {
            assert_eq!(
                statuses[status],
                json!({"count": 0, "cost": 0.0, "errorCodeCounts": {}})
            );
        }
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let api = Api::start().await;
    for (path, query, name) in [
        (BATCHES, "perPage=0", "perPage"),
        (BATCHES, "perPage=1001", "perPage"),
        (BATCHES, "perPage=ten", "perPage"),
        (BATCHES, "pageToken=2", "pageToken"),
        (BATCHES, "dateFrom=yesterday", "dateFrom"),
        (BATCHES, "dateTo=2020", "dateTo"),
        (BATCHES, "from=6505550100", "from"),
        (BATCHES, "status=Done", "status"),
        (BATCHES, "batch=1", "batch"),
        (BATCHES, "perPage=1&perPage=2", "perPage"),
        (MESSAGES, "batchId=1", "batchId"),
        (MESSAGES, "direction=Up", "direction"),
        (MESSAGES, "view=Full", "view"),
        (MESSAGES, "phoneNumber=+14155550100", "phoneNumber"),
        (MESSAGES, "status=Completed", "status"),
        (STATUSES, "batchId=1", "batchId"),
        (STATUSES, "perPage=1", "perPage"),
    ] {
        let answer = api
            .request("GET", &format!("{path}?{query}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            error_of(answer).await,
            (400, "CMN-101".to_owned(), name.to_owned()),
            "{path}?{query}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told() {
    let api = Api::start().await;
    let nowhere = [
        "/",
        "/restapi/v1.0/account/~/a2p-sms",
        "/restapi/v1.0/account/~/a2p-sms/batch",
        "/restapi/v1.0/",
    ];
    for path in nowhere.into_iter().chain([
        "/restapi/v1.0/account/~/a2p-sms/batches/",
        "/restapi/v1.0/account/1/a2p-sms/batches",
    ]) {
        for method in ["GET", "POST"] {
            let answer = api.request(method, path).send().await.expect("an answer");
            assert_eq!(error_of(answer).await.0, 404, "{method} {path}");
        }
    }
    let batch = format!("{BATCHES}/x");
    for (method, path, allow) in [
        ("PUT", BATCHES, "GET, POST"),
        ("DELETE", &batch, "GET"),
        ("POST", &batch, "GET"),
        ("POST", MESSAGES, "GET"),
        ("PATCH", STATUSES, "GET"),
        ("GET", TOKENS, "POST"),
    ] {
        let answer = api.request(method, path).send().await.expect("an answer");
        assert_eq!(answer.headers()["allow"], allow);
        assert_eq!(error_of(answer).await.0, 405, "{method} {path}");
    }
    assert_eq!(
        api.get("/restapi/v1.0/account/%7E/a2p-sms/batches").await["records"],
        json!([])
    );
}

#[tokio::test]
async fn all_answers_have_the_headers_of_the_api() {
    let api = Api::start().await;
    let mut requests = HashSet::new();
    for (path, status) in [
        (BATCHES, 200),
        ("/nowhere", 404),
        ("/restapi/v1.0/account/~/a2p-sms/batches/x", 404),
    ] {
        let answer = api.request("GET", path).send().await.expect("an answer");
        let headers = answer.headers();
        assert_eq!(answer.status(), status);
        assert!(requests.insert(headers["rcrequestid"].clone()));
        assert_eq!(
            (
                &headers["x-rate-limit-group"],
                &headers["x-rate-limit-limit"]
            ),
            (
                &"Light".parse().expect("a value"),
                &"50".parse().expect("a value")
            )
        );
        assert!(headers.contains_key("x-rate-limit-remaining") && headers.contains_key("date"));
        assert_eq!(headers["x-rate-limit-window"], "60");
        assert!(
            headers["content-type"]
                .to_str()
                .expect("ASCII")
                .starts_with("application/json")
        );
    }
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let address: SocketAddr = address.parse().expect("an address");
        let error = Sandbox::builder()
            .listen(address)
            .start()
            .await
            .expect_err("not loopback");
        assert!(matches!(error, StartError::NotLoopback(_)));
        assert!(error.to_string().contains("loopback"));
    }
    // Mapped into IPv6 it is loopback all the same; whether there is IPv6 here is another question.
    let mapped = "[::ffff:127.0.0.1]:0".parse().expect("an address");
    let mapped = Sandbox::builder().listen(mapped).start().await;
    assert!(!matches!(mapped, Err(StartError::NotLoopback(_))));
    let sandbox = Sandbox::start().await.expect("it starts");
    assert_eq!(
        sandbox.base_url(),
        format!("http://127.0.0.1:{}", sandbox.address().port())
    );
    let taken = Sandbox::builder()
        .listen(sandbox.address())
        .start()
        .await
        .expect_err("taken");
    assert!(matches!(taken, StartError::Listen { .. }));
}

#[tokio::test]
async fn a_shutdown_lets_an_open_request_finish() {
    let api = Api::start().await;
    let mut stream = connect(api.address()).await;
    let idle = connect(api.address()).await;
    send(
        &mut stream,
        common::head(&format!(
            "Content-Length: {}\r\nExpect: 100-continue\r\n",
            GOOD.len()
        )),
    )
    .await;
    // The body is being read.
    assert!(
        common::answer_head(&mut stream)
            .await
            .starts_with("HTTP/1.1 100 ")
    );
    let address = api.address();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(api.sandbox.run_until(async { drop(ended.await) }));
    end.send(()).expect("it waits");
    // The listener is dropped first.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    send(&mut stream, GOOD).await;
    assert!(to_end(&mut stream).await.starts_with("HTTP/1.1 201 "));
    drop(idle);
    assert_eq!(running.await.expect("no panic").messages, 2);
}

#[tokio::test]
async fn what_becomes_of_messages_is_set_by_rule_and_known_by_looking() {
    let builder = Sandbox::builder()
        .deliver("SMS-CAR-411=every:4".parse().expect("a rule"))
        .deliver("SMS-UP-430=every:5".parse().expect("a rule"))
        .deliver("Sent=suffix:2".parse().expect("a rule"))
        .segment_cost(0.5)
        .looks(2);
    let api = Api::with(builder).await;
    let id = api.create(numbered(10)).await["id"].clone();
    let id = id.as_str().expect("an id");
    let path = format!("{BATCHES}/{id}");
    let messages = format!("{MESSAGES}?batchId={id}");
    let statuses = |list: &Value| -> Vec<String> {
        let records = list["records"].as_array().expect("records");
        let status = |record: &Value| record["messageStatus"].as_str().expect("one").to_owned();
        records.iter().map(status).collect()
    };

    // Nobody has looked; then one half is dealt with; then all.
    assert!(
        statuses(&api.get(&messages).await)
            .iter()
            .all(|status| status == "Queued")
    );
    assert_eq!(
        api.get(&format!("{BATCHES}?status=Processing")).await["records"][0]["id"],
        id
    );
    let looked = api.get(&path).await;
    assert_eq!(
        json!([looked["status"], looked["processedCount"], looked["cost"]]),
        json!(["Processing", 5, null])
    );
    let counts = api.get(&format!("{STATUSES}?batchId={id}")).await;
    assert_eq!(counts["queued"]["count"], 5);
    let looked = api.get(&path).await;
    assert_eq!(
        json!([looked["status"], looked["processedCount"], looked["cost"]]),
        json!(["Completed", 10, 4.0])
    );

    let list = api.get(&messages).await;
    let expected = [
        "Delivered",
        "Delivered",
        "Sent",
        "DeliveryFailed",
        "SendingFailed",
        "Delivered",
        "Delivered",
        "DeliveryFailed",
        "Delivered",
        "SendingFailed",
    ];
    assert_eq!(statuses(&list), expected);
    assert_eq!(list["records"][3]["errorCode"], "SMS-CAR-411");
    assert_eq!(list["records"][0].get("errorCode"), None);
    assert_eq!(list["records"][4]["cost"], 0.0);
    let counts = api.get(&format!("{STATUSES}?batchId={id}")).await;
    assert_eq!(
        json!([
            counts["delivered"]["count"],
            counts["sent"]["count"],
            counts["queued"]["count"],
            counts["deliveryFailed"],
            counts["sendingFailed"]["errorCodeCounts"]
        ]),
        json!([
            5, 1, 0, {"count": 2, "cost": 1.0, "errorCodeCounts": {"SMS-CAR-411": 2}}, {"SMS-UP-430": 2}
        ])
    );
}

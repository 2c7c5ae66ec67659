//! What leaves on the wire, and what is made of what comes back, seen from a bare socket.

#![cfg(feature = "send")]

mod peer;

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use batchcast::encode::Limits;
use batchcast::input::{Fields, Format, Parser};
use batchcast::send::{
    Client, Credentials, Event, FailureKind, OnInvalid, Origin, Reconciliation, Report, Retry,
    Sender, Spool, Stopped,
};
use batchcast::{Envelope, Message, PhoneNumber, Text};
use futures::stream;
use peer::{Cut, serve};

const RECEIPT: &str = r#"{"id":"b-1","batchSize":2,"status":"Processing","rejected":[]}"#;
const TWO: &str = "+14155550100\n+14155550101\n";
const TWO_BODY: &str = r#"{"from":"+16505550100","text":"Hi","messages":[{"to":["+14155550100"]},{"to":["+14155550101"]}]}"#;

/// What a sender told, a line an event.
type Told = Arc<Mutex<Vec<String>>>;

fn sender(base_url: &str, told: &Told) -> Sender {
    let client = Client::builder(base_url, Credentials::access_token("secret-token"))
        .response_timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    sender_of(client, told)
}

fn sender_of(client: Client, told: &Told) -> Sender {
    let envelope = Envelope::new(PhoneNumber::parse("+16505550100").unwrap())
        .with_text(Text::new("Hi").unwrap());
    let told = Arc::clone(told);
    quick(Sender::new(client, envelope)).on_event(move |event| {
        let line = match event {
            Event::Opened { batch, .. } => format!("opened {batch}"),
            Event::Invalid(invalid) => format!(
                "invalid {} {:?}",
                invalid.error,
                String::from_utf8_lossy(invalid.input)
            ),
            Event::Committed { batch } => format!("committed {batch}"),
            Event::Rejected(reject) => format!("rejected {:?} {}", reject.origin, reject.to),
            Event::Accepted(receipt) => format!("accepted {}", receipt.id),
            _ => return Ok(()),
        };
        told.lock().unwrap().push(line);
        Ok(())
    })
}

/// One try, and one look for what is in doubt.
fn quick(sender: Sender) -> Sender {
    sender
        .retry(Retry::default().tries(1))
        .reconciliation(Reconciliation::default().grace(Duration::ZERO, Duration::ZERO))
}

fn lines() -> Parser {
    Parser::new(Format::Lines, &Fields::default())
}

fn report(result: Result<Report, Stopped>) -> (Report, String) {
    match result {
        Ok(report) => (report, "finished".to_owned()),
        Err(stopped) => {
            let text = stopped.to_string();
            for secret in ["secret-token", "4155550100", "\"Hi\""] {
                assert!(!text.contains(secret), "{text}");
            }
            (*stopped.report, text)
        }
    }
}

/// An input that is written to while it is read.
struct Pipe(Receiver<&'static str>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(text) = self.0.recv() else {
            return Ok(0);
        };
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_request_is_what_the_guide_says_and_chunked() {
    let (url, server) = serve(|mut peer| {
        let request = peer.read_request();
        peer.answer("201 Created", RECEIPT);
        request
    });
    let told = Told::default();
    let (report, end) = report(
        sender(&url, &told)
            .send_input(TWO.as_bytes(), lines())
            .await,
    );
    assert_eq!(end, "finished");
    assert_eq!((report.batches, report.messages), (1, 2));
    assert_eq!(report.bytes, TWO_BODY.len() as u64);
    assert_eq!(report.accepted, [1..=2]);
    assert_eq!(report.not_sent_from, None);

    let (head, body) = server.join().unwrap();
    assert_eq!(body, TWO_BODY);
    let lower = head.to_ascii_lowercase();
    assert!(lower.starts_with("post /restapi/v1.0/account/~/a2p-sms/batches http/1.1\r\n"));
    for header in [
        "transfer-encoding: chunked",
        "content-type: application/json",
        "accept: application/json",
        "authorization: bearer secret-token",
        "user-agent: batchcast/",
    ] {
        assert!(lower.contains(header), "{head}");
    }
    assert!(!lower.contains("content-length"), "{head}");
    assert_eq!(
        *told.lock().unwrap(),
        ["opened 1", "committed 1", "accepted b-1"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_first_bytes_leave_before_later_records_are_written() {
    let (write, pipe) = mpsc::sync_channel(0);
    let (arrived, first_frame) = mpsc::channel();
    let (url, server) = serve(move |mut peer| {
        peer.read_head();
        let mut body = peer.read_chunk().unwrap().unwrap();
        arrived.send(body.clone()).unwrap();
        body.extend(peer.read_body().0);
        peer.answer("201 Created", RECEIPT);
        body
    });
    let writer = std::thread::spawn(move || {
        write.send("+14155550100\n").unwrap();
        // The second record is written only after the first has arrived at the server.
        let first = first_frame.recv().unwrap();
        write.send("+14155550101\n").unwrap();
        first
    });
    let told = Told::default();
    let (report, end) = report(sender(&url, &told).send_input(Pipe(pipe), lines()).await);
    assert_eq!((report.messages, end.as_str()), (2, "finished"));
    let first = writer.join().unwrap();
    assert!(TWO_BODY.as_bytes().starts_with(&first));
    assert!(String::from_utf8(first).unwrap().contains("+14155550100"));
    assert_eq!(server.join().unwrap(), TWO_BODY.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_same_holds_for_a_stream() {
    let (url, server) = serve(|mut peer| {
        let request = peer.read_request();
        peer.answer("201 Created", RECEIPT);
        request.1
    });
    let message = |number| Message::new(PhoneNumber::parse(number).unwrap());
    let messages = stream::iter(["+14155550100", "+14155550101"]).map_message(message);
    let told = Told::default();
    let (report, end) = report(sender(&url, &told).send_stream(messages).await);
    assert_eq!((report.messages, end.as_str()), (2, "finished"));
    assert_eq!(report.accepted, [1..=2]);
    assert_eq!(server.join().unwrap(), TWO_BODY);
}

trait MapMessage: futures::Stream<Item = &'static str> + Sized {
    fn map_message(
        self,
        map: impl Fn(&'static str) -> Message<'static>,
    ) -> impl futures::Stream<Item = Message<'static>> {
        futures::StreamExt::map(self, map)
    }
}

impl<S: futures::Stream<Item = &'static str>> MapMessage for S {}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_early_answer_ends_the_batch_and_the_tail_never_leaves() {
    for (head, body, shown) in [
        (
            "401 Unauthorized\r\nRCRequestId: r-1",
            r#"{"errorCode":"OAU-128","message":"Access token expired"}"#,
            "batch 1: the server answered 401 OAU-128: Access token expired (RCRequestId r-1)",
        ),
        (
            "413 Request Entity Too Large\r\nContent-Type: text/html",
            "<html><title>413 Request Entity Too Large</title>",
            "batch 1: the server answered 413: an HTML page: 413 Request Entity Too Large; a further run makes batches of ",
        ),
        (
            "429 Too Many Requests",
            "",
            "batch 1: the server answered 429",
        ),
        (
            "503 Service Unavailable",
            "",
            "batch 1: the server answered 503",
        ),
        ("200 OK", RECEIPT, "batch 1: the server answered 200"),
    ] {
        // Held open: the input has not ended when the answer comes.
        let (write, pipe) = mpsc::sync_channel(1);
        write.send("+14155550100\n").unwrap();
        let (url, server) = serve(move |mut peer| {
            peer.read_head();
            let first = peer.read_chunk().unwrap().unwrap();
            peer.answer(head, body);
            let (rest, complete) = peer.read_body();
            assert_eq!(complete, Err(Cut));
            [first, rest].concat()
        });
        let told = Told::default();
        let sender = sender(&url, &told).spool(Spool::none());
        let (report, end) = report(sender.send_input(Pipe(pipe), lines()).await);
        assert!(end.starts_with(shown), "{end}");
        assert!(
            report.accepted.is_empty() && report.in_doubt.is_empty(),
            "{shown}"
        );
        assert_eq!(report.not_sent_from, Some(1));
        assert_eq!(*told.lock().unwrap(), ["opened 1"]);
        let body = server.join().unwrap();
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err());
        drop(write);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_to_the_whole_batch_settles_it_or_leaves_it_in_doubt() {
    const REFUSED: bool = false;
    const IN_DOUBT: bool = true;
    for (answer, shown, expected) in [
        (
            "HTTP/1.1 400 Bad Request\r\nRCRequestId: r-2\r\nContent-Length: 75\r\n\r\n{\"errorCode\":\"CMN-101\",\"message\":\"Parameter [from] value is invalid\",\"x\":1}",
            "the server answered 400 CMN-101: Parameter [from] value is invalid (RCRequestId r-2)",
            REFUSED,
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n",
            "the server answered 302",
            REFUSED,
        ),
        (
            "HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:1/receipt\r\nContent-Length: 0\r\n\r\n",
            "the server answered 303",
            IN_DOUBT,
        ),
        (
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"errorCode\":\"CMN-101\",\"mess",
            "the server answered 400: {\"errorCode\":\"CMN-101\",\"mess",
            REFUSED,
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 33\r\n\r\n<html><title>502 Bad Gateway</tit",
            "the server answered 502: an HTML page: 502 Bad Gateway</tit",
            IN_DOUBT,
        ),
        ("", "waiting for the answer: ", IN_DOUBT),
        ("HTTP/1.1 201 Crea", "waiting for the answer: ", IN_DOUBT),
        ("garbage\r\n\r\n", "waiting for the answer: ", IN_DOUBT),
        (
            "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":\"x\",\"rejected\":[",
            "the server answered 201, but its receipt cannot be read: the connection was lost in the middle of it",
            IN_DOUBT,
        ),
        (
            "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nnot JSON!",
            "the server answered 201, but its receipt cannot be read: it is not JSON",
            IN_DOUBT,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"batchSize\":2}",
            "the server answered 200, but its receipt cannot be read: it has no id",
            IN_DOUBT,
        ),
        (
            "HTTP/1.1 204 No Content\r\n\r\n",
            "the server answered 204, but its receipt cannot be read: it ends too early",
            IN_DOUBT,
        ),
    ] {
        let (url, server) = serve(move |mut peer| {
            let request = peer.read_request();
            peer.write(answer);
            request.1
        });
        let told = Told::default();
        let (report, end) = report(
            sender(&url, &told)
                .send_input(TWO.as_bytes(), lines())
                .await,
        );
        assert!(
            end.starts_with(&format!("batch 1: {shown}")),
            "{answer:?}: {end}"
        );
        let in_doubt = expected;
        let records: Vec<_> = in_doubt.then_some(1..=2).into_iter().collect();
        assert_eq!(report.in_doubt, records, "{answer:?}");
        if !in_doubt {
            assert_eq!(report.not_sent_from, Some(1));
        }
        assert_eq!(report.accepted, []);
        assert_eq!(*told.lock().unwrap(), ["opened 1", "committed 1"]);
        assert_eq!(server.join().unwrap(), TWO_BODY);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_answer_in_time_leaves_it_in_doubt() {
    let (done, wait) = mpsc::channel::<()>();
    let (url, server) = serve(move |mut peer| {
        let request = peer.read_request();
        let _ = wait.recv();
        request.1
    });
    let client = Client::builder(&url, Credentials::access_token("secret-token"))
        .response_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let told = Told::default();
    let stopped = sender_of(client, &told)
        .send_input(TWO.as_bytes(), lines())
        .await
        .unwrap_err();
    assert!(matches!(
        stopped.failure.kind(),
        FailureKind::Unclear { .. }
    ));
    assert_eq!(stopped.report.in_doubt, [1..=2]);
    drop(done);
    assert_eq!(server.join().unwrap(), TWO_BODY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_upload_that_stands_still_is_given_up() {
    let (done, wait) = mpsc::channel::<()>();
    let (url, server) = serve(move |mut peer| {
        peer.read_head();
        let _ = wait.recv();
    });
    let client = Client::builder(&url, Credentials::access_token("secret-token"))
        .stall_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let told = Told::default();
    // More than the sockets' buffers hold.
    let endless = io::repeat(b'\n').take(1).chain(Endless);
    let stopped = sender_of(client, &told)
        .send_input(endless, lines())
        .await
        .unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "batch 1: uploading: nothing happened for 0.3 s"
    );
    assert_eq!(stopped.report.in_doubt, []);
    assert_eq!(stopped.report.not_sent_from, Some(1));
    drop(done);
    server.join().unwrap();
}

/// Recipients without end.
struct Endless;

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = b"+14155550100\n";
        let len = buffer.len() / line.len() * line.len();
        for place in buffer[..len].chunks_exact_mut(line.len()) {
            place.copy_from_slice(line);
        }
        Ok(len)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_is_gone_is_said_to_be() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let told = Told::default();
    let (report, end) = report(
        sender(&url, &told)
            .send_input(TWO.as_bytes(), lines())
            .await,
    );
    assert!(end.starts_with("batch 1: connecting: "), "{end}");
    assert_eq!((report.in_doubt, report.not_sent_from), (vec![], Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn told_to_stop_it_gives_up_what_is_not_committed() {
    let (write, pipe) = mpsc::sync_channel(1);
    write.send("+14155550100\n").unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (url, server) = serve(move |mut peer| {
        peer.read_head();
        peer.read_chunk().unwrap();
        stop.send(()).unwrap();
        peer.read_body().1
    });
    let told = Told::default();
    let sender = sender(&url, &told).stop_when(async {
        let _ = stopped.await;
    });
    let (report, end) = report(sender.send_input(Pipe(pipe), lines()).await);
    assert_eq!(end, "batch 1: interrupted");
    assert_eq!((report.in_doubt, report.not_sent_from), (vec![], Some(1)));
    assert_eq!(server.join().unwrap(), Err(Cut));
    drop(write);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn told_to_stop_it_waits_for_what_is_committed() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (url, server) = serve(move |mut peer| {
        peer.read_request();
        stop.send(()).unwrap();
        peer.answer("201 Created", RECEIPT);
        // Nothing more may come.
        peer.read_chunk()
    });
    let told = Told::default();
    let sender = sender(&url, &told)
        .limits(Limits::default().with_max_messages(2.try_into().unwrap()))
        .stop_when(async {
            let _ = stopped.await;
        });
    let input = format!("{TWO}{TWO}");
    let (report, end) = report(sender.send_input(io::Cursor::new(input), lines()).await);
    assert_eq!(end, "interrupted");
    assert_eq!(report.accepted, [1..=2]);
    assert_eq!(report.not_sent_from, Some(3));
    assert_eq!(server.join().unwrap(), Err(Cut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_are_told_where_they_came_from() {
    let (url, server) = serve(|mut peer| {
        peer.read_request();
        peer.answer(
            "201 Created",
            r#"{"id":"b-1","rejected":[
                {"index":1,"to":["+14155550100"],"errorCode":"SMS-RC-410","description":"no"},
                {"index":2,"to":["+14155550101"]},
                {"index":1,"to":["+14155550101"]},
                {"index":9,"to":["+14155550101"]},
                {"to":["+14155550101"]}]}"#,
        );
    });
    let told = Told::default();
    let input = "# friends\n+14155550100\nBob\n\n+14155550101\n";
    let (report, end) = report(
        sender(&url, &told)
            .send_input(input.as_bytes(), lines())
            .await,
    );
    server.join().unwrap();
    assert_eq!(end, "finished");
    assert_eq!(
        (report.rejected, report.unplaced, report.invalid),
        (5, 3, 1)
    );
    let origin = |record, line| format!("{:?}", Some(Origin { record, line }));
    let mut told = told.lock().unwrap().clone();
    let invalid = told.iter().position(|line| line.starts_with("invalid"));
    assert_eq!(
        told.remove(invalid.unwrap()),
        "invalid record 2 (line 3, byte 23): the phone number does not begin with '+' (E.164: '+', country code, number) \"Bob\""
    );
    assert_eq!(
        *told,
        [
            "opened 1".to_owned(),
            "committed 1".to_owned(),
            format!("rejected {} +14155550100", origin(1, 2)),
            format!("rejected {} +14155550101", origin(3, 5)),
            "rejected None +14155550101".to_owned(),
            "rejected None +14155550101".to_owned(),
            "rejected None +14155550101".to_owned(),
            "accepted b-1".to_owned(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_the_envelope_does_not_suit_is_shown_as_it_stands() {
    let (url, server) = serve(|mut peer| {
        let request = peer.read_request();
        peer.answer("201 Created", RECEIPT);
        request.1
    });
    let client = Client::builder(&url, Credentials::access_token("secret-token"))
        .build()
        .unwrap();
    let told = Told::default();
    let invalid = Arc::clone(&told);
    let envelope = Envelope::new(PhoneNumber::parse("+16505550100").unwrap());
    let sender = Sender::new(client, envelope).on_event(move |event| {
        if let Event::Invalid(record) = event {
            let input = String::from_utf8_lossy(record.input);
            invalid
                .lock()
                .unwrap()
                .push(format!("{} {input}", record.error));
        }
        Ok(())
    });
    let input = "to,text\r\n+14155550100,Hi\r\n\r\n+14155550101,\r\n+14155550102,Ho";
    let parser = Parser::new(Format::Csv, &Fields::default());
    let (report, end) = report(sender.send_input(input.as_bytes(), parser).await);
    assert_eq!((report.invalid, end.as_str()), (1, "finished"));
    assert_eq!(
        *told.lock().unwrap(),
        [
            "record 2 (line 4, byte 28): no text: the record has none, and there is no default text +14155550101,"
        ]
    );
    let body = server.join().unwrap();
    assert!(
        body.contains("Ho") && !body.contains("+14155550101"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_invalid_record_stops_the_send_if_so_wished() {
    let (url, _server) = serve(|mut peer| {
        peer.read_head();
        peer.read_body().1
    });
    let told = Told::default();
    let sender = sender(&url, &told).on_invalid(OnInvalid::Stop);
    let input = "+14155550100\nBob\n+14155550101\n";
    let (report, end) = report(sender.send_input(input.as_bytes(), lines()).await);
    assert!(end.contains("record 2 (line 2, byte 13): "), "{end}");
    assert_eq!((report.accepted, report.not_sent_from), (vec![], Some(1)));
    assert_eq!(report.invalid, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_is_got_by_jwt_and_renewed_ahead_of_its_end() {
    // A lifetime of nothing: half of it is over at once, so each batch asks for a new token.
    let (url, server) = serve(|mut peer| {
        let mut asked = Vec::new();
        for batch in 1..=2 {
            let head = peer.read_head();
            let len: usize = head
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next()?.parse().ok())
                .unwrap();
            let form = peer.read_exact(len);
            asked.push((head, form));
            peer.answer(
                "200 OK",
                &format!(
                    r#"{{"access_token":"token-{batch}","token_type":"bearer","expires_in":0}}"#
                ),
            );
            let (head, _) = peer.read_request();
            assert!(
                head.contains(&format!("Bearer token-{batch}\r\n")),
                "{head}"
            );
            peer.answer("201 Created", &format!(r#"{{"id":"b-{batch}"}}"#));
        }
        asked
    });
    let client = Client::builder(&url, Credentials::jwt("id", "client-secret", "a.b.c"))
        .build()
        .unwrap();
    let told = Told::default();
    let sender =
        sender_of(client, &told).limits(Limits::default().with_max_messages(1.try_into().unwrap()));
    let (report, end) = report(sender.send_input(TWO.as_bytes(), lines()).await);
    assert_eq!((report.batches, end.as_str()), (2, "finished"));
    for (head, form) in server.join().unwrap() {
        assert!(head.starts_with("POST /restapi/oauth/token HTTP/1.1\r\n"));
        // base64 of `id:client-secret`
        assert!(
            head.contains("Basic aWQ6Y2xpZW50LXNlY3JldA==\r\n"),
            "{head}"
        );
        assert_eq!(
            form,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_may_be_said_to_live_forever() {
    let (url, server) = serve(|mut peer| {
        let head = peer.read_head().to_ascii_lowercase();
        let (_, rest) = head.split_once("content-length: ").unwrap();
        let len = rest.split("\r\n").next().unwrap().parse().unwrap();
        peer.read_exact(len);
        let lifetime = u64::MAX;
        let token = format!(r#"{{"access_token":"a-token","expires_in":{lifetime}}}"#);
        peer.answer("200 OK", &token);
        peer.read_request();
        peer.answer("201 Created", RECEIPT);
    });
    let client = Client::builder(&url, Credentials::jwt("id", "client-secret", "a.b.c"))
        .build()
        .unwrap();
    let sender = sender_of(client, &Told::default());
    let (report, end) = report(sender.send_input(TWO.as_bytes(), lines()).await);
    assert_eq!((report.batches, end.as_str()), (1, "finished"));
    server.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn refused_credentials_send_nothing() {
    let (url, _server) = serve(|mut peer| {
        peer.read_head();
        peer.answer(
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_description":"Invalid JWT"}"#,
        );
    });
    let client = Client::builder(&url, Credentials::jwt("id", "client-secret", "a.b.c"))
        .build()
        .unwrap();
    let told = Told::default();
    let sender = sender_of(client, &told);
    let (report, end) = report(sender.send_input(TWO.as_bytes(), lines()).await);
    assert_eq!(
        end,
        "batch 1: cannot get an access token: the server answered 400 invalid_grant: Invalid JWT"
    );
    assert_eq!((report.in_doubt, report.not_sent_from), (vec![], Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_handler_that_fails_stops_the_send_but_not_the_truth() {
    let (url, server) = serve(|mut peer| {
        peer.read_request();
        peer.answer(
            "201 Created",
            r#"{"id":"b-1","rejected":[{"index":1,"to":["+14155550100"]},{"index":2,"to":["+14155550101"]}]}"#,
        );
    });
    let told = Told::default();
    let sender = sender(&url, &told)
        .limits(Limits::default().with_max_messages(2.try_into().unwrap()))
        .on_event(|event| match event {
            Event::Rejected(_) => Err(io::Error::other("the file of rejects is full")),
            _ => Ok(()),
        });
    let input = format!("{TWO}{TWO}");
    let (report, end) = report(sender.send_input(io::Cursor::new(input), lines()).await);
    server.join().unwrap();
    assert_eq!(end, "the file of rejects is full");
    assert_eq!((report.accepted, report.rejected), (vec![1..=2], 2));
    assert_eq!(report.not_sent_from, Some(3));
}

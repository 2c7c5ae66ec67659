//! The page: one file that needs no network, with charts and a table for each of them. It holds no numbers of recipients
//! and no texts, and whatever came from a server or a file's name is escaped by the macro that writes it.

use batchcast::journal::State;
use batchcast::status::meaning;
use indicatif::HumanCount;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{self, Part, share, time};
use super::row::{
    COMMITTED, IN_DOUBT, INVALID, NOT_LISTED, NOT_SENT, PASSED_OVER, REJECTED, SKIPPED, UNCLEAR,
};
use super::tally::Tally;
use crate::clean;
use crate::cost::Cost;
use crate::readable::batches;

/// How many batches the table has.
const MOST_BATCHES: usize = 500;

/// Nothing is fetched and nothing runs, whatever should get into the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The statuses, in the order of the chart: the status, its name in the style, and what it means.
const STATUSES: [(&str, &str, &str); 14] = [
    ("Delivered", "delivered", "The carrier has delivered it"),
    ("Sent", "sent", "The carrier has it, and has not said more"),
    ("Queued", "queued", "It is on its way"),
    ("SendingFailed", "sending", "It could not be handed on"),
    (
        "DeliveryFailed",
        "failed",
        "The carrier could not deliver it",
    ),
    (REJECTED, "rejected", "The server did not take it"),
    (INVALID, "invalid", "The record cannot be sent"),
    (
        PASSED_OVER,
        "passed",
        "It is suppressed, a duplicate, or outside of the part of the list that was to be sent",
    ),
    (NOT_SENT, "unsent", "The run has not come to it"),
    (COMMITTED, "queued", "The answer to its batch is waited for"),
    (
        IN_DOUBT,
        "doubt",
        "Nobody knows whether its batch was accepted",
    ),
    (SKIPPED, "doubt", "Its batch was in doubt, and was left so"),
    (
        NOT_LISTED,
        "unlisted",
        "Its batch was accepted, and the server lists no message for it",
    ),
    (
        UNCLEAR,
        "unlisted",
        "Whether it was sent cannot be told without what the list was sent with",
    ),
];

/// The page. `name` is that of the list.
pub(crate) fn page(tally: &Tally, state: &State, name: Option<&str>) -> String {
    let name = name.map_or_else(|| "a list".to_owned(), clean::sentence);
    let title = format!("What became of {name}");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                header {
                    p.kicker { "Delivery report" }
                    h1 { (title) }
                    p.lead { (lead(state)) }
                }
                main {
                    (headline(tally))
                    (outcome(tally))
                    (progress(tally, state))
                    (codes(tally))
                    (segments(tally))
                    (batch_table(tally))
                }
                footer {
                    p {
                        "Made by batchcast " (env!("CARGO_PKG_VERSION")) " on " (time(Timestamp::now()))
                        ". This page holds no phone numbers and no texts, and loads nothing."
                    }
                }
            }
        }
    };
    page.into_string()
}

fn lead(state: &State) -> Markup {
    let created = state.header.created.parse().map(time);
    let created = created.unwrap_or_else(|_| "an unknown time".to_owned());
    html! {
        "Run " code { (state.header.run) } ", begun " (created)
        @if state.resumed > 0 {
            ", resumed " (HumanCount(state.resumed)) @if state.resumed == 1 { " time" } @else { " times" }
        }
        @if state.finished { ", finished." } @else {
            ". " strong { "The run is not finished: " code { "batchcast resume" } " goes on with it." }
        }
    }
}

/// The figures that come first.
fn headline(tally: &Tally) -> Markup {
    let all = tally.records;
    let (_, cost) = tally.totals();
    let handed = tally.of("Delivered") + tally.of("Sent");
    let lost = tally.failed() + tally.of(REJECTED);
    let unclear = [IN_DOUBT, SKIPPED, NOT_LISTED, UNCLEAR].map(|status| tally.of(status));
    let unsettled = tally.on_their_way() + unclear.iter().sum::<u64>();
    let not_sent = [INVALID, PASSED_OVER, NOT_SENT].map(|status| tally.of(status));
    let not_sent = not_sent.iter().sum::<u64>();
    let tile = |key: &str, label: &str, number: &str, more: Markup| {
        html! {
            div class={ "tile tile-" (key) } {
                dt { (label) }
                dd { span.figure { (number) } span.more { (more) } }
            }
        }
    };
    html! {
        section aria-label="In short" {
            dl.tiles {
                (tile("all", "Records in the list", &HumanCount(all).to_string(), html! {
                    (batches(tally.batches.len() as u64))
                }))
                (tile("delivered", "Delivered or sent", &percent(handed, all), html! {
                    (HumanCount(tally.of("Delivered"))) " delivered" br; (HumanCount(tally.of("Sent"))) " sent"
                }))
                (tile("failed", "Failed or rejected", &percent(lost, all), html! {
                    (HumanCount(tally.failed())) " failed" br; (HumanCount(tally.of(REJECTED))) " rejected"
                }))
                (tile("unsent", "Not sent, or not settled", &percent(not_sent + unsettled, all), html! {
                    (HumanCount(not_sent)) " not sent" br; (HumanCount(unsettled)) " not settled"
                }))
                (tile("cost", "Cost", &cost.in_cents().amount(), html! {
                    (tally.segments_in_words())
                }))
            }
        }
    }
}

fn outcome(tally: &Tally) -> Markup {
    let known = STATUSES.into_iter();
    let mut rows: Vec<_> = known
        .map(|(status, key, means)| (status.to_owned(), key, means, tally.of(status)))
        .filter(|(.., number)| *number > 0)
        .collect();
    let is_other = |status: &str| STATUSES.iter().all(|(known, ..)| *known != status);
    for (status, number) in &tally.statuses {
        if is_other(status) {
            let means = "A status that the API's guide does not name";
            rows.push((clean::sentence(status), "queued", means, *number));
        }
    }
    let parts: Vec<_> = rows
        .iter()
        .map(|(label, key, _, number)| Part {
            key,
            label,
            number: *number,
        })
        .collect();
    html! {
        section aria-labelledby="outcome" {
            h2 #outcome { "What became of the records" }
            (chart::stacked("The share of each status among all records; the table below has the numbers", &parts))
            table {
                caption.hidden { "Records by status" }
                thead { tr {
                    th scope="col" { "Status" } th scope="col" { "Meaning" }
                    th.number scope="col" { "Records" } th.number.share scope="col" { "Share" }
                } }
                tbody {
                    @for (status, key, means, number) in &rows {
                        tr {
                            th scope="row" { (swatch(key)) (status) }
                            td { (means) }
                            td.number { (HumanCount(*number)) }
                            td.number.share { (percent(*number, tally.records)) }
                        }
                    }
                }
            }
            @if tally.left > 0 {
                p.note {
                    "The server has " (HumanCount(tally.left)) " more in these batches that the list has not."
                }
            }
        }
    }
}

fn progress(tally: &Tally, state: &State) -> Markup {
    let accepted = tally.batches.iter().filter(|batch| batch.id.is_some());
    let mut steps: Vec<_> = accepted
        .filter_map(|batch| {
            Some((
                batch.at?,
                batch.messages - batch.rejected.min(batch.messages),
            ))
        })
        .collect();
    steps.sort_unstable_by_key(|(at, _)| *at);
    let mut all = 0;
    for (_, messages) in &mut steps {
        all += *messages;
        *messages = all;
    }
    let begun = state.header.created.parse().ok();
    let first = steps.first().map(|(at, _)| *at);
    let Some(begun) = begun
        .filter(|begun| first.is_none_or(|first| *begun <= first))
        .or(first)
    else {
        return html! {};
    };
    html! {
        section aria-labelledby="progress" {
            h2 #progress { "Messages accepted over time" }
            @if steps.is_empty() {
                p.note { "No batch was accepted." }
            } @else {
                (chart::growth("Messages accepted over time", begun, &steps))
                p.note { "Times are UTC. A step is the moment at which the server's answer to a batch was written down; the table of batches has each." }
            }
        }
    }
}

fn codes(tally: &Tally) -> Markup {
    let mut codes: Vec<_> = tally.codes.iter().collect();
    codes.sort_by_key(|(code, failed)| (u64::MAX - failed.rejected - failed.failed, *code));
    let longest = codes
        .first()
        .map_or(1, |(_, failed)| failed.rejected + failed.failed);
    html! {
        section aria-labelledby="codes" {
            h2 #codes { "Why messages were rejected, or failed" }
            @if codes.is_empty() {
                p.note { "Nothing was rejected, and nothing has failed." }
            } @else {
                p.legend {
                    (swatch("rejected")) "rejected in the answer to the batch "
                    (swatch("failed")) "failed later"
                }
                table {
                    caption.hidden { "Rejected and failed messages by error code" }
                    thead { tr {
                        th scope="col" { "Code" } th scope="col" { "Meaning" }
                        th.number scope="col" { "Rejected" } th.number scope="col" { "Failed" }
                        th.bars scope="col" { span.hidden { "As a bar" } }
                    } }
                    tbody {
                        @for (code, failed) in codes {
                            tr {
                                th scope="row" { code { (clean::sentence(code)) } }
                                td { (meaning(code).unwrap_or("Not named in the API's guide")) }
                                td.number { (HumanCount(failed.rejected)) }
                                td.number { (HumanCount(failed.failed)) }
                                td.bars { (chart::bar(&[
                                    Part { key: "rejected", label: "rejected", number: failed.rejected },
                                    Part { key: "failed", label: "failed", number: failed.failed },
                                ], longest)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn segments(tally: &Tally) -> Markup {
    let longest = tally.segments.values().map(|messages| messages.count);
    let longest = longest.max().unwrap_or(1);
    let (segments, cost) = tally.totals();
    let messages: u64 = tally.segments.values().map(|messages| messages.count).sum();
    let costs = tally.segments.values().map(|messages| messages.cost);
    let digits = Cost::digits_of(costs.chain([cost]));
    html! {
        section aria-labelledby="segments" {
            h2 #segments { "Segments and cost" }
            @if tally.segments.is_empty() {
                p.note { "The server lists no messages yet." }
            } @else {
                table {
                    caption.hidden { "Messages by number of segments, and what they cost" }
                    thead { tr {
                        th scope="col" { "Segments each" }
                        th.number scope="col" { "Messages" } th.number scope="col" { "Segments" }
                        th.number scope="col" { "Cost" }
                        th.bars scope="col" { span.hidden { "Messages as a bar" } }
                    } }
                    tbody {
                        @for (each, these) in &tally.segments {
                            tr {
                                th scope="row" {
                                    @match each { None => "not known", Some(20) => "20 or more", Some(each) => (each) }
                                }
                                td.number { (HumanCount(these.count)) }
                                td.number { @match each { None => "–", Some(each) => (HumanCount(u64::from(*each) * these.count)) } }
                                td.number { (these.cost.amount_in(digits)) }
                                td.bars { (chart::bar(&[
                                    Part { key: "sent", label: "messages", number: these.count },
                                ], longest)) }
                            }
                        }
                    }
                    tfoot { tr {
                        th scope="row" { "Together" }
                        td.number { (HumanCount(messages)) }
                        td.number { (HumanCount(segments)) }
                        td.number { (cost.amount_in(digits)) }
                        td.bars {}
                    } }
                }
                p.note { "Cost is in the account's currency, as the server says it for each message." }
            }
        }
    }
}

fn batch_table(tally: &Tally) -> Markup {
    let more = tally.batches.len().saturating_sub(MOST_BATCHES);
    let shown = tally.batches.iter().take(MOST_BATCHES);
    let digits = Cost::digits_of(shown.clone().map(|batch| batch.cost));
    html! {
        section aria-labelledby="batches" {
            h2 #batches { "Batches" }
            div.wide tabindex="0" role="region" aria-labelledby="batches" {
                table.batches {
                    caption.hidden { "Batches, in the order of the list" }
                    thead { tr {
                        th.number scope="col" { "Batch" } th.number scope="col" { "Records" } th scope="col" { "State" }
                        th scope="col" { "At (UTC)" }
                        th.number scope="col" { "Messages" } th.number scope="col" { "Rejected" }
                        th.number scope="col" { "Delivered" } th.number scope="col" { "Sent" }
                        th.number scope="col" { "Failed" } th.number scope="col" { "Cost" }
                        th scope="col" { "Server's id" }
                    } }
                    tbody {
                        @for batch in shown {
                            tr {
                                th.number scope="row" { (HumanCount(batch.number)) }
                                td.number { (HumanCount(batch.records[0])) "–" (HumanCount(batch.records[1])) }
                                td { (batch.state) }
                                td.time { @if let Some(at) = batch.at { (at.strftime("%Y-%m-%d %H:%M:%S")) } }
                                td.number { (HumanCount(batch.messages)) }
                                td.number { (HumanCount(batch.rejected)) }
                                td.number { (HumanCount(batch.delivered)) }
                                td.number { (HumanCount(batch.sent)) }
                                td.number { (HumanCount(batch.failed)) }
                                td.number { (batch.cost.amount_in(digits)) }
                                td { @if let Some(id) = &batch.id { code { (clean::short(id)) } } }
                            }
                        }
                    }
                }
            }
            @if more > 0 {
                p.note { "And " (HumanCount(more as u64)) " more, which " code { "batchcast status" } " lists." }
            }
        }
    }
}

fn swatch(key: &str) -> Markup {
    html! {
        svg.swatch aria-hidden="true" viewBox="0 0 10 10" { rect class={ "fill-" (key) } width="10" height="10" rx="2" {} }
    }
}

/// A share in percent. What is not nothing is not shown as nothing, and what is not all is not shown as all.
fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    if part >= whole {
        return "100 %".to_owned();
    }
    let percent = share(part, whole) * 100.0;
    match percent {
        ..0.05 => "< 0.1 %".to_owned(),
        99.95.. => "> 99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_neither_nothing_nor_all_unless_it_is() {
        for (part, whole, told) in [
            (0, 0, "0 %"),
            (0, 10, "0 %"),
            (10, 10, "100 %"),
            (1, 1_000_000, "< 0.1 %"),
            (999_999, 1_000_000, "> 99.9 %"),
            (1, 3, "33.3 %"),
        ] {
            assert_eq!(percent(part, whole), told);
        }
    }
}

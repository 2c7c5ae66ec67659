// What many would write in Node: the whole list in memory, batches of a guessed size.

import { createInterface } from "node:readline";

const SENDER = "+16505550100";
const TEXT = "Hello Team";
const MAX_BYTES = 45_000_000; // of 50 MB, because the size of a batch is guessed by its first message

const url = process.env.RC_SERVER_URL + "/restapi/v1.0/account/~/a2p-sms/batches";
const headers = {
  authorization: `Bearer ${process.env.RC_ACCESS_TOKEN}`,
  "content-type": "application/json",
};
const format = process.argv[2];

function message(line) {
  if (format === "ndjson") {
    const record = JSON.parse(line);
    return { to: [record.to], text: record.text };
  }
  return { to: [line.trim()] };
}

const messages = [];
const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
// Events are quicker than `for await`.
lines.on("line", (line) => messages.push(message(line)));
await new Promise((resolve) => lines.once("close", resolve));

const perBatch = Math.floor(MAX_BYTES / (JSON.stringify(messages[0]).length + 1));
for (let start = 0; start < messages.length; start += perBatch) {
  const batch = { from: SENDER, text: TEXT, messages: messages.slice(start, start + perBatch) };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(batch) });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  await response.json();
}

"""What many would write in Python: the whole list in memory, batches of a guessed size."""

import json
import os
import sys
import urllib.request

SENDER = "+16505550100"
TEXT = "Hello Team"
MAX_BYTES = 45_000_000  # of 50 MB, because the size of a batch is guessed by its first message

url = os.environ["RC_SERVER_URL"] + "/restapi/v1.0/account/~/a2p-sms/batches"
headers = {
    "Authorization": "Bearer " + os.environ["RC_ACCESS_TOKEN"],
    "Content-Type": "application/json",
}


def message(line):
    if sys.argv[1] == "ndjson":
        record = json.loads(line)
        return {"to": [record["to"]], "text": record["text"]}
    return {"to": [line.strip()]}


messages = [message(line) for line in sys.stdin]
per_batch = MAX_BYTES // (len(json.dumps(messages[0])) + 2)
for start in range(0, len(messages), per_batch):
    batch = {"from": SENDER, "text": TEXT, "messages": messages[start : start + per_batch]}
    body = json.dumps(batch).encode()
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request) as response:
        json.load(response)

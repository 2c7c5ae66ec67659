#!/bin/sh
# What many would write in a shell: split by a guessed number of lines, jq, curl.
set -eu
from=+16505550100
text='Hello Team'
url=$RC_SERVER_URL/restapi/v1.0/account/~/a2p-sms/batches

parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
case $1 in
lines)
    split -l 1500000 - "$parts/"
    raw=-R
    message='{to: [.]}'
    ;;
ndjson)
    split -l 280000 - "$parts/"
    raw=
    message='{to: [.to], text}'
    ;;
esac
for part in "$parts"/*; do
    jq $raw -nc --arg from "$from" --arg text "$text" \
        "{\$from, \$text, messages: [inputs | $message]}" "$part" |
        curl -sSf -o "$parts/answer" -X POST -T - -H 'content-type: application/json' \
            -H "authorization: Bearer $RC_ACCESS_TOKEN" "$url"
    rm "$part"
done

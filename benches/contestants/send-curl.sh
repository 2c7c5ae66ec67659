#!/bin/sh
# Bodies that are finished already, in the files given: what is left is the upload.
set -eu
first=1
for body; do
    shift
    [ $first = 1 ] || set -- "$@" --next
    first=0
    set -- "$@" -sSf -o /dev/null -X POST -T "$body" -H 'content-type: application/json' \
        -H "authorization: Bearer $RC_ACCESS_TOKEN" \
        "$RC_SERVER_URL/restapi/v1.0/account/~/a2p-sms/batches"
done
exec curl "$@"

#!/bin/sh
# A district's consumer with nothing but redis-cli and a shell:
#
#   DISTRICT=天河区 ./consume.sh [COMMAND]      take what is there, entry by entry, until nothing is left
#
# COMMAND gets one result as JSON on its standard input and must end with status 0 once it is stored; it
# must be harmless when repeated (result_id is the key). An entry is acknowledged only after that, so what
# failed is tried again at the next run. REDIS_CLI: how Redis is reached, e.g. "redis-cli -h HOST".
set -eu
REDIS_CLI=${REDIS_CLI:-redis-cli}
STREAM=nuanye:results:district:${DISTRICT:?which district, e.g. 天河区}
READER=${READER:-$(uname -n)}
COMMAND=${1:-cat}

$REDIS_CLI XGROUP CREATE "$STREAM" "$DISTRICT" 0 MKSTREAM >/dev/null 2>&1 || true # it is there already

# redis-cli prints one value a line: stream, entry, field name ("json"), JSON.
take() { # where to read: 0 = what this reader has not acknowledged, > = what is new
    $REDIS_CLI --raw XREADGROUP GROUP "$DISTRICT" "$READER" COUNT 1 STREAMS "$STREAM" "$1"
}
store() { # set -e does not hold in here: it is a condition below
    entry=$(printf '%s\n' "$1" | sed -n 2p)
    [ -n "$entry" ] || return 1
    printf '%s\n' "$1" | sed -n 4p | $COMMAND || exit 1
    $REDIS_CLI XACK "$STREAM" "$DISTRICT" "$entry" >/dev/null
}

while store "$(take 0)"; do :; done
while store "$(take '>')"; do :; done

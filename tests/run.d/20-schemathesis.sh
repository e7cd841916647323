#!/usr/bin/env bash
# Lets a judge that is not ours read the OpenAPI document and ask for everything it promises: no answer may be a 5xx, or
# one the document does not describe, and the journal must add up afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
scrip="${CARGO_TARGET_DIR:-target}/debug/scrip"
directory=$(mktemp -d)
coproc SERVER { exec "$scrip" serve --listen 127.0.0.1:0 --guesses-per-minute 100000 \
    --catalog catalogs/canvas-tiers.toml --data "$directory/data" 2>"$directory/log"; }
server=$SERVER_PID
stop() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
}
trap 'stop; rm -rf "$directory"' EXIT
url= key=
while [ -z "$url" ]; do
    read -r -t 60 -u "${SERVER[0]}" line || { cat "$directory/log"; exit 1; }
    case $line in
    'Your operator key is in '*) key=$(cat "$directory/data/operator-key") ;;
    'Scrip listens on '*) url=${line##* } ;;
    esac
done

# One of everything, so that the ids the judge asks for are there.
field() { python3 -c 'import json, sys; value = json.load(sys.stdin)
for name in sys.argv[1:]: value = value[int(name) if name.isdigit() else name]
print(value)' "$@"; }
post() {
    local path=$1 body=$2
    shift 2
    curl --silent --show-error --fail-with-body "$url$path" --header "Authorization: Bearer $key" \
        --header 'Content-Type: application/json' --header "Idempotency-Key: seed-$RANDOM-$RANDOM" --data "$body" "$@"
}
clock=$(post /v1/test_clocks '{"name": "judged", "now": "2026-03-01T00:00:00Z"}' | field id)
workspace=$(post /v1/workspaces '{"name": "Judged", "owner": {"email": "judged@example.com"}}' | field id)
grant=$(post "/v1/workspaces/$workspace/grants" '{"amount": 1000000, "reason": "to be judged"}' | field 0 id)
run=$(post '/v1/runs?wait=60' '{"model": "image-standard"}' --header "Scrip-Workspace: $workspace")
asset=$(field outputs 0 asset <<<"$run")
hold=$(post /v1/holds '{"credits": 5, "reference": "judged"}' --header "Scrip-Workspace: $workspace" | field id)

cat >"$directory/schemathesis.toml" <<TOML
[parameters]
"header.Scrip-Workspace" = "$workspace"

# Every check is on. What fits a schema may still be refused as invalid: a schema does not know which models and plans a
# catalog has, what a TOML text says, that a clock only moves forward, or that a hold is too small to be captured so far;
# nor does it know a balance (402).
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 402, 403, 404, 409, 422, 429]
TOML
for pair in workspaces:"$workspace" test_clocks:"$clock" runs:"$(field id <<<"$run")" holds:"$hold" grants:"$grant" \
    assets:"$asset" entries:"en_${workspace#ws_}_1"; do
    cat >>"$directory/schemathesis.toml" <<TOML

[[operations]]
include-path-regex = "^/v1/${pair%%:*}/\\\\{id\\\\}"
parameters = { "path.id" = "${pair#*:}" }
TOML
done

# The seed makes a finding repeat. One worker, since Python 3.11 parses source in two threads at once wrongly.
PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=tests.judge .venv/bin/schemathesis --config-file "$directory/schemathesis.toml" run "$url/openapi.json" \
    --checks all --max-examples 200 --seed 20260301 --workers 1 --no-color --request-timeout 30 \
    --header "Authorization: Bearer $key" | tee "$directory/report"

generated=$(sed -n 's/^ *\([0-9]*\) generated.*/\1/p' "$directory/report")
if [ "${generated:-0}" -lt 5000 ]; then
    echo "only ${generated:-0} requests were made: at least 5,000 are to be" >&2
    exit 1
fi
stop
"$scrip" verify --data "$directory/data"

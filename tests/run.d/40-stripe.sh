#!/usr/bin/env bash
# Stripe's own SDKs use the simulator as people use Stripe, and the types they publish judge every object it shows; then
# Scrip sells through it, and the same types judge everything that Scrip asks for.
set -euo pipefail
cd "$(dirname "$0")/../.."
built="${CARGO_TARGET_DIR:-target}/debug"
node tests/stripe/run.js "$built/stripe-simulator" .venv/bin/python
node tests/stripe/client.js "$built/scrip" "$built/stripe-simulator"

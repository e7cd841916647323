#!/usr/bin/env bash
# Stripe's own SDKs use the simulator as people use Stripe, and the types they publish judge every object it shows.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec node tests/stripe/run.js "${CARGO_TARGET_DIR:-target}/debug/stripe-simulator" .venv/bin/python

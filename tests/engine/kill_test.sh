#!/usr/bin/env bash
# Fifty kills (LOCKSTEP_KILLS: so many) of build, load, bump, prune, publish and promote; a thousand are run by hand: tests/kill/run 1000.
set -euo pipefail
exec "$ROOT/tests/kill/run" "${LOCKSTEP_KILLS:-50}"

#!/usr/bin/env bash
# Measures fetching beside curl: the files of this project's working lock, from its indexes, each time into an empty folder.
# usage: bench/fetch.sh [RUNS]      (run 'lockstep lock' first; it downloads everything 2 * RUNS times)
# curl gets the same addresses and as many transfers at once; it neither hashes nor syncs, so it is the floor, not a rival.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-3}
lockstep=build/release/lockstep
if [ ! -x $lockstep ] || [ ! -s .lockstep/urls.json ]; then
	echo "build first, and run 'lockstep lock'"
	exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

measure='import resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(f"{sys.argv[1]:24}{time.monotonic() - began:8.2f} s {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:8.1f} MiB  exit {code}")'

LOCKSTEP_CACHE=$work/known $lockstep fetch -q
python3 - "$work" <<'PY'
import json, os, sys
work = sys.argv[1]
kept = {name for _, _, names in os.walk(work + "/known/files/sha256") for name in names}
with open(".lockstep/urls.json") as f, open(work + "/list", "w") as out:
    for sha256, url in json.load(f).items():
        if sha256 in kept:
            out.write(f'url = "{url}"\noutput = "{work}/curl/{sha256}"\n')
total = sum(os.path.getsize(os.path.join(d, n)) for d, _, names in os.walk(work + "/known/files/sha256") for n in names)
print(f"{len(kept)} files, {total / 1e6:.0f} MB")
PY
for _ in $(seq "$runs"); do
	rm -rf "$work/cache" "$work/curl" && mkdir "$work/curl"
	LOCKSTEP_CACHE=$work/cache python3 -I -S -c "$measure" "lockstep fetch" $lockstep fetch -q
	python3 -I -S -c "$measure" "curl -Z" curl -sS -Z --parallel-max 12 -K "$work/list"
done
LOCKSTEP_CACHE=$work/cache python3 -I -S -c "$measure" "lockstep fetch, again" $lockstep fetch -q

#!/usr/bin/env python3
"""The index that uv has built in, beside one of the project's own: asked in the project's order, and it can be named."""
import os, subprocess, sys

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/lock"))
import scenarios_test as scenarios
from scenarios_test import fake

work = os.environ["WORK"]
for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
    if os.environ.get(name):
        print(f"{name} gives the default index an address: nothing is built in then")
        sys.exit(77)


def lock(index, indexes, packages):
    project = {"packages": packages, "containers": {"ci-a": ["core"]}, "project": {"indexes": indexes}}
    scenarios.write_project(work + "/project", project, index.address)
    own = os.path.join(scenarios.ROOT, ".tools/bin/uv")
    environment = {**os.environ, "UV_CACHE_DIR": work + "/cache", "HOME": work, **({"LOCKSTEP_UV": own} if os.path.exists(own) else {})}
    done = subprocess.run([scenarios.LOCKSTEP, "lock", "-C", work + "/project", "--upgrade"], env=environment, capture_output=True, text=True, timeout=120)
    if "cannot reach index" in done.stderr:
        print(done.stderr + "the built-in index cannot be reached from here")
        sys.exit(77)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(work + "/project/.lockstep/lock.toml") as f:
        text = f.read()
    assert "://" not in text, text
    return {p["name"]: (p["version"], p["index"]) for p in scenarios.tomllib.loads(text)["package"]}


with fake.Index({"packages": {"attrs": {"0.0.1": []}, "lockstep-only-here": {"1.0": []}}}) as index:
    default, own = {"alias": "default"}, {"alias": "own", "url": "$ADDRESS/simple/"}
    both = {"attrs": {"groups": ["core"]}, "lockstep-only-here": {"groups": ["core"]}}
    seen = lock(index, [default, own], both)
    assert seen["attrs"][1] == "default" and seen["attrs"][0] != "0.0.1" and seen["lockstep-only-here"] == ("1.0", "own"), seen
    seen = lock(index, [own, default], both)
    assert seen == {"attrs": ("0.0.1", "own"), "lockstep-only-here": ("1.0", "own")}, seen
    both["attrs"]["index"] = "default"
    seen = lock(index, [own, default], both)
    assert seen["attrs"][1] == "default" and seen["attrs"][0] != "0.0.1" and seen["lockstep-only-here"] == ("1.0", "own"), seen

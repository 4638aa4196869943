#!/usr/bin/env python3
"""The second look at a lock: what wheels say themselves, beside what their index said of them."""
import os, re, subprocess, sys, tempfile

import scenarios_test as scenarios
from scenarios_test import fake

TOOL = os.path.join(scenarios.ROOT, "build/debug/tests/oracle/closure")
LAYER = {"kit": {"description": "tools", "steps": [{"wheels": {"requirements": ["tool[x]"], "into": "/opt/kit", "from": "tool"}}]}}

SEVERAL = {"bases": {"several": {"further_environments": [{"machine": "aarch64"}]}},
           "containers": {"ci-a": {"base": "several", "layers": [], "python": {"groups": ["core"]}}}}

# What is to be seen, the packages, what is declared, and what is found: regular expressions; none: closed.
CASES = [
    ("everything is satisfied, extras of extras too",
     {"a": {"1.0": ["b[deep]>=1; extra == 'x'", "gone; sys_platform == 'win32'", "never; extra == 'other'"]}, "b": {"1.0": ["c; extra == 'deep'"]}, "c": {"1.0": []}},
     {"a": {"groups": ["core"], "extras": ["x"]}}, []),
    ("a requirement the index did not tell of",
     {"a": {"1.0": {"requires": [], "metadata_requires": ["b"]}}}, ["a"], [r"container 'ci-a': a 1.0 requires 'b', which is not locked for it"]),
    ("a version the wheel does not take",
     {"a": {"1.0": {"requires": ["b"], "metadata_requires": ["b<2"]}}, "b": {"1.0": [], "2.0": []}}, ["a"],
     [r"container 'ci-a': a 1.0 requires 'b<2', but 2.0 is locked"]),
    ("an extra the index did not tell of, and what it brings",
     {"a": {"1.0": {"requires": ["b"], "metadata_requires": ["b[deep]"]}}, "b": {"1.0": ["c; extra == 'deep'"]}}, ["a"],
     [r"b 1.0 requires 'c; extra == 'deep'', which is not locked for it"]),
    ("an environment marker that holds", {"a": {"1.0": {"requires": [], "metadata_requires": ["b; python_version >= '3.11'", "c; python_version < '3.11'"]}}},
     ["a"], [r"requires 'b; "]),
    ("a requirement for some patch releases of the base's Python", {"a": {"1.0": {"requires": [], "metadata_requires": ["b; python_full_version < '3.11.3'"]}}},
     ["a"], [r"requires 'b; "]),
    ("another Python", {"a": {"1.0": {"metadata_requires_python": "<3.11"}}}, ["a"], [r"container 'ci-a': a 1.0 needs Python <3.11, but it has 3.11"]),
    ("a pre-release that was locked on purpose", {"a": {"1.0": ["b>=2.0b1"]}, "b": {"2.0b1": []}}, ["a"], []),
    ("a toolchain is closed by itself", {"a": {"1.0": []}, "tool": {"1.0": {"requires": ["part; extra == 'x'"], "metadata_requires": ["part>=2; extra == 'x'"]}}, "part": {"1.0": []}},
     ["a"], [r"layer 'kit': tool 1.0 requires 'part>=2; extra == 'x'', but 1.0 is locked"]),
    ("a waived requirement, and one that is not", {"a": {"1.0": {"requires": ["b<1", "c"], "metadata_requires": ["b<1", "c<1"]}}, "b": {"2.0": []}, "c": {"1.0": []}},
     ["a"], [r"a 1.0 requires 'c<1', but 1.0 is locked"], {"waivers": [{"package": "a", "requires": "b", "why": "w", "review": "2099-12-31"}]}),
    ("a further environment is looked at by itself",
     {"a": {"1.0": {"requires": ["n"], "metadata_requires": ["n", "b; platform_machine == 'aarch64'", "c; platform_machine == 'riscv64'"]}},
      "n": {"1.0": {"tags": ["py3-none-manylinux_2_17_aarch64", "py3-none-manylinux_2_17_x86_64"]}}},
     ["a"], [r"container 'ci-a' on cp311-linux-aarch64-glibc2.36: a 1.0 requires 'b; platform_machine == 'aarch64'', which is not locked for it"],
     SEVERAL),
    ("versions that differ by environment satisfy each its own",
     {"a": {"1.0": ["n<2; platform_machine == 'aarch64'", "n>=2; platform_machine == 'x86_64'"]}, "n": {"1.0": [], "2.0": []}},
     ["a"], [], SEVERAL),
]


def lock(work, index, packages, further={}):
    s = {"packages": packages if isinstance(packages, dict) else {p: {"groups": ["core"]} for p in packages},
         "containers": {"ci-a": {"groups": ["core"], "layers": ["kit"] if "tool" in index.description["packages"] else []}}, "layers": LAYER, "resolver": "uv", **further}
    if not s["containers"]["ci-a"]["layers"]:
        del s["layers"]
    scenarios.write_project(work, s, index.address)
    done = subprocess.run([scenarios.LOCKSTEP, "lock", "-C", work], env=scenarios.environment(work, index, {}), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def check(work, index):
    folder = os.path.join(work, "wheels")
    os.makedirs(folder)
    for name in index.description["packages"]:
        for file in index.files("default", name):
            with open(os.path.join(folder, file.sha256), "wb") as f:
                f.write(file.content)
    return subprocess.run([TOOL, os.path.join(work, ".lockstep/lock.toml"), folder], env=scenarios.environment(work, index, {}), capture_output=True, text=True), folder


failed = 0
for about, packages, declared, expected, *further in CASES:
    with tempfile.TemporaryDirectory(prefix="lockstep-closure-") as work, fake.Index({"packages": packages}) as index:
        lock(work, index, declared, *further)
        done, folder = check(work, index)
        wrong = done.returncode != bool(expected) or not all(re.search(e, done.stdout) for e in expected) or done.stdout.count("error:") != len(expected)
        print(f"{'not ok' if wrong else 'ok'} {about}" + (f"\n{done.stdout}{done.stderr}" if wrong else ""))
        failed += wrong

# Metadata that lies about what it is of: the file's name and the reason are told.
for lie, text in (("Name: b\nVersion: 1.0\n", "b 1.0"), ("Name: a\nVersion: 1.0.post1\n", "a 1.0.post1"), ("Name: A\nVersion: 2\n", "a 2")):
    with tempfile.TemporaryDirectory(prefix="lockstep-closure-") as work, fake.Index({"packages": {"a": {"1.0": []}}}) as index:
        file = index.files("default", "a")[0]
        name = re.search("Name: (.*)", lie)[1]
        content = fake.zip_bytes([(f"{name}-1.0.dist-info/METADATA", lie.encode()), (f"{name}-1.0.dist-info/RECORD", b"")])
        index.made["default", "a"] = [fake.File(file.name, content, {}, file.metadata)]
        lock(work, index, ["a"])
        done, folder = check(work, index)
        wrong = done.returncode != 1 or f"container 'ci-a': the metadata of 'a-1.0-py3-none-any.whl' says that it is {text}\n" not in done.stdout
        print(f"{'not ok' if wrong else 'ok'} metadata says {text}" + (f"\n{done.stdout}{done.stderr}" if wrong else ""))
        failed += wrong

# What a wheel said of Python is known to the next lock, though its index still tells something else.
with tempfile.TemporaryDirectory(prefix="lockstep-closure-") as work, fake.Index({"packages": {"a": {"1.0": [], "2.0": {"metadata_requires_python": "<3.11"}}}}) as index:
    lock(work, index, ["a"])
    done, folder = check(work, index)
    again = lock(work, index, ["a"])
    wrong = "a 2.0 needs Python <3.11" not in done.stdout or "a 2.0 was passed over: it needs Python <3.11" not in again
    print(f"{'not ok' if wrong else 'ok'} a lock is mended by locking again" + (f"\n{done.stdout}{again}" if wrong else ""))
    failed += wrong

# A wheel that is none, and wheels that were not fetched.
with tempfile.TemporaryDirectory(prefix="lockstep-closure-") as work, fake.Index({"packages": {"a": {"1.0": []}}}) as index:
    lock(work, index, ["a"])
    done, folder = check(work, index)
    assert done.returncode == 0, done.stdout
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(b"no zip")
    done = subprocess.run([TOOL, os.path.join(work, ".lockstep/lock.toml"), folder], capture_output=True, text=True)
    assert done.returncode == 1 and "cannot check 'a-1.0-py3-none-any.whl'" in done.stdout, done.stdout
    done = subprocess.run([TOOL, os.path.join(work, ".lockstep/lock.toml"), work], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
sys.exit(1 if failed else 0)

#!/usr/bin/env python3
"""`lockstep records` on releases that this test writes itself, by the form the README describes, and on bad days."""
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess

DB = "p/lockfiles/lockstep.db"


def run(*arguments, expect=0, under=()):
    done = subprocess.run([*under, "lockstep", "-C", "p", "records", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == expect, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def lock(version):
    return f'''version = 1
project = "p"
inputs = "{'a' * 64}"
cut-off = 2023-11-14T22:13:20Z

[tools]
uv = "0.13.9"

[[environment]]
name = "e"
python = "3.11"
implementation = "cpython"
os = "linux"
machine = "x86_64"
libc = "glibc"
libc-version = "2.36"

[[container]]
name = "ci-cpu"
environment = "e"
inputs = "{'a' * 64}"
groups = ["core"]
direct = [
    "numpy",
]

[[package]]
name = "numpy"
version = "{version}"
index = "default"
containers = ["ci-cpu"]
files = [
    {{ name = "numpy-{version}-cp311-cp311-manylinux_2_17_x86_64.whl", size = 7, sha256 = "{'b' * 64}" }},
]
'''


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def release(name, version, packages=1):
    """A release as text, and the same again as latest."""
    texts = {
        "lock.toml": lock(version),
        "ci-cpu.txt": f"# a comment\nnumpy=={version}\n",
        "release.json": json.dumps({
            "version": 1, "name": name, "created": "2023-11-14T22:13:20Z", "tool": "lockstep 0.1.0",
            "containers": [{
                "name": "ci-cpu", "engine": "buildah", "engine_version": "1", "image_id": "sha256:1", "markers": [], "tools": [],
                "packages": [{"name": "numpy", "version": version}],
                "system_packages": [{"name": f"lib{i:06}", "version": "1", "architecture": "amd64"} for i in range(packages)]}]}),
    }
    sums = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {file}\n" for file, text in sorted(texts.items()))
    for folder in (name, "latest"):
        for file, text in [*texts.items(), ("SHA256SUMS", sums)]:
            write(f"p/lockfiles/{folder}/{file}", text)


def start():
    shutil.rmtree("p", ignore_errors=True)
    write("p/recipes/project.yaml", "project: {name: p}\n")
    release("v0.1", "1.1")
    release("v0.2", "1.2")


def rows():
    with sqlite3.connect(f"file:{DB}?mode=ro", uri=True) as db:
        return sorted(db.execute("SELECT release, name, version FROM pin"))


start()
assert run() == ("lockfiles/lockstep.db: 2 releases, 2 added\n", "")
assert rows() == [("v0.1", "numpy", "1.1"), ("v0.2", "numpy", "1.2")], rows()
assert run() == ("lockfiles/lockstep.db: 2 releases, up to date\n", "")
assert run("--check") == ("lockfiles/: every release is as it was made, and lockfiles/lockstep.db says the same\n", "")
assert json.loads(run("--check", "--format", "json")[0]) == {"same": True}
before = open(DB, "rb").read()
run("--check")
assert open(DB, "rb").read() == before
release("v0.10", "1.3")
assert run() == ("lockfiles/lockstep.db: 3 releases, 1 added\n", "")
assert run("--rebuild") == ("lockfiles/lockstep.db: 3 releases, made again\n", "")
assert json.loads(run("--format", "json")[0]) == {"releases": 3, "added": 0, "replaced": 0, "removed": 0, "rebuilt": False}
shutil.rmtree("p/lockfiles/v0.10")
assert run("--check", expect=1)[1].startswith("'lockfiles/latest' is not the newest release 'v0.2'; restore it with 'git checkout lockfiles/latest'\n")
assert run()[0] == "lockfiles/lockstep.db: 2 releases, 1 removed\n"

# What a list tells is the same from the store and from the text; a release that the store does not have as it is comes from the text.
def listed():
    return subprocess.run(["lockstep", "-C", "p", "list", "--format", "json"], stdout=subprocess.PIPE, check=True, text=True).stdout


start()
text = listed()
run()
assert listed() == text and [r["name"] for r in json.loads(text)] == ["v0.1", "v0.2"], text
with sqlite3.connect(DB) as db:
    db.execute("UPDATE container SET engine = 'told by the store'")
assert listed() != text and listed().count("told by the store") == 2, listed()
release("v0.10", "1.3")
assert listed().count("told by the store") == 2 and len(json.loads(listed())) == 3, listed()
with open(DB, "wb") as file:
    file.write(b"no store at all")
assert listed().count("told by the store") == 0 and len(json.loads(listed())) == 3, listed()
os.unlink(DB)

# A file changed by hand: named by --check; the rows that were made before it stay.
start()
run()
write("p/lockfiles/v0.1/ci-cpu.txt", "numpy==9\n")
out, err = run("--check", expect=1)
assert "'lockfiles/v0.1/ci-cpu.txt' was changed since it was released (sha256 " in err, err
assert "restore it with 'git checkout lockfiles/v0.1/ci-cpu.txt', or make a new release" in err, err
assert run()[0] == "lockfiles/lockstep.db: 2 releases, up to date\n"

# A store that says something else than the text.
start()
run()
with sqlite3.connect(DB) as db:
    db.execute("UPDATE pin SET version = '6.6.6' WHERE release = 'v0.2'")
out, err = run("--check", expect=1)
assert "the store says: pin|v0.2|0|numpy|6.6.6|default|NULL\nthe text says:  pin|v0.2|0|numpy|1.2|default|NULL\n" in err, err
with sqlite3.connect(DB) as db:
    db.execute("DELETE FROM pin_file WHERE release = 'v0.2'")
    db.execute("UPDATE pin SET version = '1.2' WHERE release = 'v0.2'")
out, err = run("--check", expect=1)
assert "the store says: (no such row)\nthe text says:  pin_file|v0.2|" in err, err
os.unlink(DB)
out, err = run("--check", expect=1)
assert err == "there is no 'lockfiles/lockstep.db'; 'lockstep records --rebuild' makes it of the text\n" and not os.path.exists(DB), err

# Damage anywhere in the file never stops work. Each page is overwritten in turn.
start()
run()
good = open(DB, "rb").read()
for at in range(0, len(good), 3 * 4096):
    with open(DB, "r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 4096)
    run()
    run("--rebuild")
    assert rows() == [("v0.1", "numpy", "1.1"), ("v0.2", "numpy", "1.2")]
    run("--check")
for bad in (b"", b"\0" * 5000, good[:1000], good[:-4096], b"SQLite format 3\0" + b"\xff" * 4080):
    with open(DB, "wb") as file:
        file.write(bad)
    out, err = run()
    assert "2 releases" in out, (bad[:20], out)
    assert rows() == [("v0.1", "numpy", "1.1"), ("v0.2", "numpy", "1.2")], bad[:20]

# A newer lockstep's file is kept.
with sqlite3.connect(DB) as db:
    db.execute("PRAGMA user_version = 99")
out, err = run(expect=1)
assert err.endswith("use that one, or remove the file: it is made again from the text\n"), err
with sqlite3.connect(DB) as db:
    assert db.execute("PRAGMA user_version").fetchone() == (99,)
os.unlink(DB)
run()

# Another program holds the database.
holder = sqlite3.connect(DB, isolation_level=None)
holder.execute("BEGIN EXCLUSIVE")
release("v0.3", "1.3")
out, err = run(expect=1)
assert "is in use by another program; wait for it to end" in err, err
holder.execute("ROLLBACK")
holder.close()
assert run()[0] == "lockfiles/lockstep.db: 3 releases, 1 added\n"

# A second lockstep at work.
with open("p/.lockstep/lock", "r+") as lock_file:
    fcntl.flock(lock_file, fcntl.LOCK_EX)
    out, err = run(expect=1)
    assert "another lockstep" in err, err
    run("--check")

# A read-only tree can be checked; a full disk is said, and leaves what was there.
MOUNT = ["unshare", "--mount", "--propagation", "private"]
if os.geteuid() == 0 and subprocess.run([*MOUNT, "true"], stderr=subprocess.DEVNULL).returncode == 0:
    start()
    run()
    shutil.rmtree("p/.lockstep")
    release("v0.3", "1.3")
    readonly = [*MOUNT, "sh", "-c", 'mount --bind p p && mount -o remount,ro,bind p && exec "$@"', "sh"]
    assert "the text says:  container|v0.3|" in run("--check", expect=1, under=readonly)[1]
    out, err = run(expect=1, under=readonly)
    assert "Read-only file system" in err, err
    run()
    run("--check", under=readonly)

    start()
    run()
    before = rows()
    release("v0.3", "1.3", packages=3000)
    small = [*MOUNT, "sh", "-c", 'mkdir -p t && mount -t tmpfs -o size=4m t t && cp -a p t/ && dd if=/dev/zero of=t/filler bs=4k status=none 2>/dev/null; '
             'cd t && "$@"; code=$?; rm filler; lockstep -C p records >after 2>&1 && lockstep -C p records --check >>after 2>&1; cp after ..; exit $code', "sh"]
    out, err = run(expect=1, under=small)
    assert "the disk is full; free some space and run the same command again" in err or "No space left on device" in err, err
    after = open("after").read()
    assert "3 releases" in after and after.endswith("says the same\n"), after

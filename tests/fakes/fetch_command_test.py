#!/usr/bin/env python3
"""lockstep lock, then lockstep fetch, as a user has them: the current lock, counts, JSON, quiet, the built-in index address, and progress on a terminal."""
import json, os, pty, re, select, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lock")]
import cases, fetching, index as fake, scenarios_test as scenarios
from fetching import Bench

PACKAGES = {"a": {"1.0": ["b"]}, "b": {"1.0": {"padding": 5000}}}
LOCKSTEP = os.path.join(fetching.ROOT, "build/debug/lockstep")

if not shutil.which("uv"):
    print("uv is not here; tools/setup installs it")
    sys.exit(77)


class Project:
    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="fetch-command-", dir=os.getcwd())
        self.root = self.work + "/project"
        self.index = fake.Index({"packages": {n: dict(v) for n, v in PACKAGES.items()}})
        self.index.__enter__()
        self.write(["a"])
        self.env = {**scenarios.environment(self.work, self.index, {}), "LOCKSTEP_CACHE": self.work + "/cache", "UV_CACHE_DIR": self.work + "/uv", "HOME": self.work}

    def write(self, packages):
        scenarios.write_project(self.root, {"packages": {p: {"groups": ["core"]} for p in packages}, "containers": {"ci-a": ["core"]}}, self.index.address)

    def run(self, *arguments, **env):
        e = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        p = subprocess.run([LOCKSTEP, arguments[0], "-C", self.root, *arguments[1:]], env=e, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert "Sanitizer" not in p.stderr, p.stderr
        return p.returncode, p.stdout, p.stderr

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.index.__exit__()
        shutil.rmtree(self.work, ignore_errors=True)


def expect(result, code, out, err):
    assert result[0] == code and re.search(out, result[1]) and re.search(err, result[2]), result


def case_lock_then_fetch():
    with Project() as p:
        expect(p.run("fetch"), 1, "^$", "error: nothing is locked yet; run 'lockstep lock'")
        assert p.run("lock")[0] == 0
        expect(p.run("fetch"), 0, r"^2 files \([0-9.]+ kB\) of \.lockstep/lock\.toml are in the store: 2 fetched now \([0-9.]+ kB\), 0 there before\n$",
               r"^fetching 2 files: [0-9.]+ kB in ")
        expect(p.run("fetch"), 0, "0 fetched now, 2 there before", "^$")
        seen = json.loads(p.run("fetch", "--format", "json")[1])
        assert seen == {"lock": ".lockstep/lock.toml", "files": 2, "bytes": seen["bytes"], "from_store": 2, "fetched": 0, "fetched_bytes": 0}, seen
        assert not [r for r in p.index.log if r["path"].endswith(".html")]


def case_toolchain_where_it_is_used():
    """Of a toolchain's wheels those are had that are for the containers with it, in the environments that they are built for."""
    with Project() as p:
        p.index.set_packages({"a": {"1.0": []}, "tool": {"1.0": {"tags": ["cp39-cp39-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64",
                                                                         "cp311-cp311-manylinux_2_17_aarch64"]}}})
        kit = {"description": "tools", "steps": [{"wheels": {"requirements": ["tool"], "into": "/opt/kit", "from": "tool"}}]}
        containers = {"ci-a": {"base": "both", "layers": ["kit"], "python": {"groups": ["core"]}}, "ci-b": {"base": "py39", "python": {"groups": ["core"]}}}
        s = {"packages": {"a": {"groups": ["core"]}}, "layers": {"kit": kit}, "bases": {"both": {"further_environments": [{"machine": "aarch64"}]}}, "containers": containers}
        scenarios.write_project(p.root, s, p.index.address)
        assert p.run("lock")[0] == 0
        expect(p.run("fetch"), 0, "2 fetched now", "")
        fetched = {os.path.basename(r["path"]) for r in p.index.log if r["path"].endswith(".whl")}
        assert fetched == {"a-1.0-py3-none-any.whl", "tool-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"}, fetched
        expect(p.run("fetch", "--all-environments", "--mirror", p.work + "/mirror"), 0, "", "")
        names = {n for _, _, found in os.walk(p.work + "/mirror") for n in found if n.startswith("tool-")}
        assert names == {f"tool-1.0-cp311-cp311-manylinux_2_17_{m}.whl" for m in ("x86_64", "aarch64")}, names
        containers["ci-b"]["layers"] = ["kit"]
        scenarios.write_project(p.root, s, p.index.address)
        assert p.run("lock")[0] == 0
        expect(p.run("fetch"), 0, "1 fetched now", "")


def case_quiet():
    with Project() as p:
        assert p.run("lock")[0] == 0
        expect(p.run("fetch", "-q"), 0, "2 fetched now", "^$")


def case_addresses_are_found_anew():
    with Project() as p:
        assert p.run("lock")[0] == 0
        os.unlink(p.root + "/.lockstep/urls.json")
        expect(p.run("fetch"), 0, "2 fetched now", "")


def case_recipes_changed_since():
    with Project() as p:
        assert p.run("lock")[0] == 0
        p.write(["b"])
        expect(p.run("fetch"), 1, "^$", "error: recipes changed since the last lock; run 'lockstep lock'")


def case_lock_of_the_last_release():
    with Project() as p:
        assert p.run("lock")[0] == 0
        os.makedirs(p.root + "/lockfiles/latest")
        os.rename(p.root + "/.lockstep/lock.toml", p.root + "/lockfiles/latest/lock.toml")
        expect(p.run("fetch"), 0, "of lockfiles/latest/lock.toml are", "")


def case_broken_lock():
    with Project() as p:
        assert p.run("lock")[0] == 0
        path = p.root + "/.lockstep/lock.toml"
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace('sha256 = "', 'sha256 = "x', 1))
        expect(p.run("fetch"), 1, "^$", r"(?s)^\.lockstep/lock\.toml:\d+:\d+: error: .*error: '\.lockstep/lock\.toml' is no valid lock")


def case_build_looks_into_the_wheels():
    """Metadata that lies: a wheel that is another package or version than its name says, or requires what the index's metadata file does not tell."""
    with Project() as p:
        right = p.index.files("default", "b")[0]
        for change, said in (({"name": "c"}, "the metadata of 'b-1.0-py3-none-any.whl' says that it is c 1.0"), ({"version": "1.0.post1"}, "says that it is b 1.0.post1"),
                             ({"requires": ["gone"]}, "b 1.0 requires 'gone', which is not locked for it")):
            asked = {"name": "b", "version": "1.0", "requires": [], **change}
            content = fake.wheel(asked["name"], asked["version"], {"requires": asked["requires"]}, "py3-none-any")[1]
            p.index.made["default", "b"] = [fake.File(right.name, content, {}, right.metadata)]
            subprocess.run(["rm", "-rf", p.root + "/.lockstep", p.work + "/uv", p.work + "/cache"], check=True)
            expect(p.run("lock"), 0, "locked: 2 packages", "^$")
            path = os.path.join(fetching.ROOT, "tests/fakes/engine") + ":" + os.environ["PATH"]
            expect(p.run("build", PATH=path, FAKE_STORE=p.work + "/images"), 1, "^$", f"error: container 'ci-a': .*{re.escape(said)}\n(.*\n)*error: the lock is not closed")
            assert not os.path.exists(p.work + "/images/built")


def case_built_in_address():
    # Where nobody says an index, uv is asked for its own, and where there is none, pip.
    with Project() as p:
        assert p.run("lock")[0] == 0
        os.unlink(p.root + "/.lockstep/urls.json")
        with open(p.root + "/recipes/project.yaml") as f:
            text = f.read()
        tool = p.work + "/tool"
        with open(tool, "w") as f:
            f.write(f"#!/bin/sh\necho '  --default-index <DEFAULT_INDEX>'\necho '     The default package index (by default: <{p.index.url}>) [env: X]'\n")
        os.chmod(tool, 0o755)
        plain = {k: None for k in p.env if re.match("(UV|PIP)_.*(INDEX|LINKS)", k)}
        plain.update({"PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1"})
        assert p.index.address not in text, "the project names the address itself"
        expect(p.run("fetch", LOCKSTEP_UV=tool, **plain), 0, "2 fetched now", "")
        shutil.rmtree(p.work + "/cache")
        os.makedirs(p.work + "/bin")
        with open(p.work + "/bin/python3", "w") as f:
            f.write(f"#!/bin/sh\necho '  -i, --index-url <url>  Base URL of the index (default'\necho '     {p.index.url}). This should'\n")
        os.chmod(p.work + "/bin/python3", 0o755)
        expect(p.run("fetch", LOCKSTEP_UV="/no/uv", PATH=p.work + "/bin:/usr/bin:/bin", **plain), 0, "2 fetched now", "")
        shutil.rmtree(p.work + "/cache")
        expect(p.run("fetch", LOCKSTEP_UV="/no/uv", PATH="/nowhere", **plain), 1, "^$", "set UV_DEFAULT_INDEX, or index-url in pip.conf")


def on_terminal(bench, rows=24, columns=100, **env):
    """What a run of fetch_lock writes to a terminal."""
    parent, child = pty.openpty()
    import fcntl, struct, termios
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    p = subprocess.Popen([bench.program, bench.work, bench.work + "/lock.toml"], env={**bench.env, "TERM": "xterm", **env}, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=child)
    os.close(child)
    seen, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([parent], [], [], 0.2)[0]:
            try:
                seen += os.read(parent, 65536)
            except OSError:
                break
        elif p.poll() is not None:
            break
    os.close(parent)
    assert p.wait(timeout=10) == 0, seen
    return seen.decode("utf-8", "backslashreplace")


SLOW = {"packages": {"alpha": {"1.0": {"padding": 3000000}}, "beta": {"1.0": {"padding": 2000}}}}


def case_bar_on_a_terminal():
    with Bench(SLOW) as b:
        b.index.add_fault("/files/default/alpha/", "trickle", chunk=150000, pause=0.1)
        text = on_terminal(b)
        assert re.search(r"fetching 2 files \[\x1b\[32m#+\x1b\[0m\.+\] [\d.]+ MB of 3\.\d+ MB, [\d.]+ MB/s, \d s left", text), text
        assert "alpha-1.0-py3-none-any.whl" in text
        last = text.rsplit("\x1b[J", 1)[1]
        assert re.fullmatch(r"fetching 2 files: 3\.\d+ MB in \d\.\d s, [\d.]+ [kM]B/s\r\n", last), last


def case_bar_without_colours_on_a_narrow_terminal():
    with Bench(SLOW) as b:
        b.index.add_fault("/files/default/alpha/", "trickle", chunk=300000, pause=0.1)
        text = on_terminal(b, columns=30, NO_COLOR="1")
        assert "\x1b[32m" not in text and "\x1b[2m" not in text
        lines = re.sub(r"\x1b\[[0-9]*[A-Za-z]", "", text.rsplit("\x1b[J", 1)[0]).replace("\r", "").split("\n")
        assert max(len(line) for line in lines) < 30, lines


def case_plain_lines_elsewhere():
    with Bench(SLOW) as b:
        b.index.add_fault("/files/default/alpha/", "trickle", chunk=150000, pause=0.35)
        code, out, err = b.run()
        assert code == 0 and "\x1b" not in err and "\r" not in err, err
        lines = err.rstrip("\n").split("\n")
        assert len(lines) == 2 and re.match(r"fetching 2 files: [\d.]+ MB of 3\.\d+ MB, \d+ kB/s, \d+ s left \(alpha-1\.0-py3-none-any\.whl\)$", lines[0]), lines


if __name__ == "__main__":
    cases.run(globals())

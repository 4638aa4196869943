#!/usr/bin/env python3
"""lockstep lock beside its answers: JSON, other runs, signals, a tree it cannot write to, uv that is missing, of another version, or misbehaving."""
import contextlib, json, os, shutil, signal, stat, subprocess, tempfile, time

import scenarios_test as scenarios
from scenarios_test import fake
import cases

PACKAGES = {"a": {"1.0": ["b"]}, "b": {"1.0": []}}


class Project:
    def __init__(self, work, index, packages=("a",)):
        self.root, self.index, self.program = work, index, scenarios.LOCKSTEP
        scenarios.write_project(work, {"packages": {p: {"groups": ["core"]} for p in packages}, "containers": {"ci-a": ["core"]}}, index.address)
        self.environment = scenarios.environment(os.path.dirname(work), index, {})
        self.environment["UV_CACHE_DIR"] = work + "/.cache"

    def start(self, *arguments, **settings):
        return subprocess.Popen([self.program, "lock", "-C", self.root, *arguments], env={**self.environment, **settings}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, **settings):
        child = self.start(*arguments, **settings)
        out, err = child.communicate(timeout=60)
        return child.returncode, out, err

    def fake_uv(self, body):
        path = os.path.join(self.root, "fake-uv")
        with open(path, "w") as f:
            f.write('#!/bin/sh\nif [ "$1" = --version ]; then echo "uv ${UV_FAKE_VERSION:-0.13.9} (x86_64)"; exit 0; fi\n' + body)
        os.chmod(path, 0o755)
        return path

    def files(self):
        folder = os.path.join(self.root, ".lockstep")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def expect(result, code, *texts):
    assert result[0] == code and all(t in result[1] + result[2] for t in texts), result


def case_json(p):
    code, out, err = p.run("--format", "json")
    seen = json.loads(out)
    assert code == 0 and seen["last"] is None and not seen["unchanged"] and seen["changes"] is None and seen["written"] == ".lockstep/lock.toml", out
    assert seen["packages"] == 2 and seen["files"] == 2 and seen["bytes"] > 0 and seen["cut_off"] == "2025-10-09T08:53:20Z", out
    assert json.loads(p.run("--format", "json")[1])["unchanged"] is True
    p.index.set_packages({"a": {"1.0": ["b"], "2.0": ["b"]}, "b": {"1.0": []}})
    p.environment["UV_CACHE_DIR"] += "2"
    seen = json.loads(p.run("--format", "json", "--dry-run", "-U")[1])
    rows = [r for r in seen["changes"]["packages"] if r["name"] == "a"]
    assert seen["written"] is None and rows and rows[0]["change"] == "upgraded-major", seen
    with open(os.path.join(p.root, ".lockstep/urls.json")) as f:
        urls = json.load(f)
    assert len(urls) == 2 and all(len(k) == 64 and v.startswith(p.index.address) for k, v in urls.items()), urls


def case_json_clash(p):
    scenarios.write_project(p.root, {"packages": {"nothing": {"groups": ["core"]}}, "containers": {"ci-a": ["core"]}}, p.index.address)
    code, out, err = p.run("--format", "json")
    problem = json.loads(out)["problems"][0]
    assert code == 1 and problem["file"] == "recipes/python.yaml" and problem["line"] == 4 and "does not exist" in problem["message"], out
    assert "error: package 'nothing' does not exist" in err, err


def case_busy(p):
    uv = p.fake_uv("sleep 3; exit 1\n")
    first = p.start(LOCKSTEP_UV=uv)
    wait_for(lambda: any(n.startswith("resolve-") for n in p.files()))
    expect(p.run(), 1, f"{first.pid}")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=10)
    expect(p.run(), 0, "locked: 2 packages")


def wait_for(what, seconds=10):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def case_interrupted(p):
    marker = os.path.join(p.root, "uv-runs")
    uv = p.fake_uv(f"echo $$ >{marker}; sleep 30\n")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        child = p.start(LOCKSTEP_UV=uv)
        wait_for(lambda: os.path.exists(marker) and os.path.getsize(marker) > 1)
        with open(marker) as f:
            uv_pid = int(f.read())
        child.send_signal(number)
        out, err = child.communicate(timeout=15)
        assert child.returncode == (-9 if number == signal.SIGKILL else 1), (child.returncode, err)
        wait_for(lambda: not os.path.exists(f"/proc/{uv_pid}") or open(f"/proc/{uv_pid}/stat").read().split()[2] == "Z")
        assert "lock.toml" not in p.files(), p.files()
        os.unlink(marker)
    assert any(n.startswith("resolve-") for n in p.files())  # what SIGKILL left behind
    expect(p.run(), 0, "locked: 2 packages")
    assert p.files() == ["lock", "lock.toml", "urls.json"], p.files()


def case_interrupted_while_explaining(p):
    scenarios.write_project(p.root, {"packages": {n: {"groups": ["core"]} for n in ("a", "b")}, "containers": {"ci-a": ["core"]}}, p.index.address)
    count = os.path.join(p.root, "count")
    uv = p.fake_uv(f"echo x >>{count}; [ $(wc -l <{count}) -gt 2 ] && sleep 30\necho 'error: No solution found' >&2; echo '  cause: a and b clash' >&2; exit 1\n")
    child = p.start(LOCKSTEP_UV=uv)
    wait_for(lambda: os.path.exists(count) and len(open(count).readlines()) > 2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=15)
    assert child.returncode == 1 and p.files() == ["lock"], (child.returncode, err, p.files())


def case_explanation_out_of_time(p):
    scenarios.write_project(p.root, {"packages": {n: {"groups": ["core"]} for n in ("a", "b", "c")}, "containers": {"ci-a": ["core"]}}, p.index.address)
    uv = p.fake_uv("sleep 0.2; echo 'error: No solution found' >&2; echo '  cause: a, b and c clash' >&2; exit 1\n")
    expect(p.run(LOCKSTEP_UV=uv, LOCKSTEP_TEST_EXPLAIN_MS="0"), 1, "the smallest set was not found within 0 s", "3 requirements cannot hold together")


def case_one_question_takes_too_long(p):
    scenarios.write_project(p.root, {"packages": {n: {"groups": ["core"]} for n in ("a", "b", "c")}, "containers": {"ci-a": ["core"]}}, p.index.address)
    count = os.path.join(p.root, "count")
    uv = p.fake_uv(f"echo x >>{count}; [ $(wc -l <{count}) -gt 1 ] && sleep 30\necho 'error: No solution found' >&2; echo '  cause: a, b and c clash' >&2; exit 1\n")
    began = time.monotonic()
    expect(p.run(LOCKSTEP_UV=uv, LOCKSTEP_TEST_EXPLAIN_MS="500"), 1, "the smallest set was not found within 1 s", "3 requirements cannot hold together")
    assert time.monotonic() - began < 15 and p.files() == ["lock"], p.files()


def case_uv_missing(p):
    expect(p.run(LOCKSTEP_UV="/nowhere/uv"), 1, "cannot run '/nowhere/uv', which LOCKSTEP_UV names", "No such file")
    p.environment.pop("LOCKSTEP_UV", None)
    # What tools/setup installed here is found by the program that was built here.
    assert p.run(PATH="/nowhere")[0] == 0
    p.program = shutil.copy(scenarios.LOCKSTEP, p.root + "/lockstep")
    expect(p.run(PATH="/nowhere"), 1, "uv, which resolves packages, is not on this machine", "tools/setup")


def case_uv_version(p):
    expect(p.run(LOCKSTEP_UV=p.fake_uv("exit 0\n"), UV_FAKE_VERSION="0.9.1"), 1, "is uv 0.9.1, whose lock files are not known to lockstep")


def case_uv_misbehaves(p):
    expect(p.run(LOCKSTEP_UV=p.fake_uv("exit 0\n")), 1, "cannot read uv's lock")
    expect(p.run(LOCKSTEP_UV=p.fake_uv("echo 'version = 2' >uv.lock\n")), 1, "its version is not the one that is known")
    expect(p.run(LOCKSTEP_UV=p.fake_uv("echo 'version = 1' >uv.lock\n")), 1, "it does not hold what was asked")
    expect(p.run(LOCKSTEP_UV=p.fake_uv("echo '[[' >uv.lock\n")), 1, "cannot read uv's lock")
    expect(p.run(LOCKSTEP_UV=p.fake_uv("kill -SEGV $$\n")), 1, "uv was ended by signal 11")
    expect(p.run(LOCKSTEP_UV=p.fake_uv("printf 'error: a \\033[31mred\\n  cause: thing\\n' >&2; exit 2\n")), 1, "uv failed (exit 2): a \\x1b[31mred\nthing")
    question = '[[package]]\\nname = "lockstep-union"\\nversion = "0"\\nsource = { virtual = "." }\\n'
    wheel = '[[package]]\\nname = "a"\\nversion = "1"\\nsource = { registry = "x" }\\nwheels = [{ url = "http://x/%s" }]\\n'
    for name in ("..", "a%2fb.whl", "%00.whl", ""):
        uv = p.fake_uv(f"cat >uv.lock <<'X'\nversion = 1\n{(question + wheel % name).encode().decode('unicode_escape')}X\n")
        expect(p.run(LOCKSTEP_UV=uv), 1, "a wheel whose name is no file name")
    ignoring = p.fake_uv("echo 'Ignoring existing lockfile due to a whim' >&2; exit 0\n")
    expect(p.run(LOCKSTEP_UV=ignoring), 1, "did not take the last release as preference: Ignoring existing lockfile due to a whim")
    assert p.files() == ["lock"], p.files()


LAYERS = {"kit": {"description": "tools", "options": {"version": {"description": "which", "pattern": "version"}},
                  "steps": [{"wheels": {"requirements": ["b==${version}"], "into": "/opt/tool", "from": "b"}}]}}


def with_layers(p, *versions):
    scenarios.write_project(p.root, {"packages": {"a": {"groups": ["core"]}}, "layers": LAYERS,
                                     "containers": {f"ci-{i}": {"layers": [{"kit": {"version": v}}], "python": {"groups": ["core"]}} for i, v in enumerate(versions)}},
                            p.index.address)


def case_toolchain_and_containers_at_once(p):
    """uv is asked about the containers while it is asked about a toolchain: here it answers about that only once it has been asked about them."""
    with_layers(p, 1)
    began, count = os.path.join(p.root, "began"), os.path.join(p.root, "count")
    uv = p.fake_uv(f"echo x >>{count}\ngrep -q '\"a\"' pyproject.toml && : >{began}\n"
                   f"for i in $(seq 1000); do [ -e {began} ] && break; sleep 0.05; done\n[ -e {began} ] || exit 9\nexec {scenarios.uv_program()} \"$@\"\n")
    expect(p.run(LOCKSTEP_UV=uv), 0, "locked: 3 packages")
    assert len(open(count).readlines()) == 2, open(count).read()
    assert p.files() == ["lock", "lock.toml", "urls.json"], p.files()


def case_toolchain_refused(p):
    """What was begun about the containers ends with it."""
    with_layers(p, 7)
    pid = os.path.join(p.root, "pid")
    uv = p.fake_uv(f"grep -q '\"a\"' pyproject.toml && {{ echo $$ >{pid}; exec sleep 600; }}\n"
                   f"for i in $(seq 1000); do [ -s {pid} ] && break; sleep 0.05; done\nexec {scenarios.uv_program()} \"$@\"\n")
    expect(p.run(LOCKSTEP_UV=uv), 1, "no version of 'b' that can be used satisfies '==7'")
    assert not os.path.exists(f"/proc/{open(pid).read().strip()}") and p.files() == ["lock"], p.files()


def case_read_only(p):
    if os.geteuid() == 0:  # root writes everywhere: a file in the way is as good
        with open(os.path.join(p.root, ".lockstep"), "w"):
            pass
        expect(p.run(), 1, ".lockstep")
        os.unlink(os.path.join(p.root, ".lockstep"))
    else:
        os.chmod(p.root, stat.S_IRUSR | stat.S_IXUSR)
        expect(p.run(), 1, "ermission denied")
        os.chmod(p.root, 0o755)
    expect(p.run(), 0, "locked")


def case_outside_a_project(p):
    child = subprocess.run([scenarios.LOCKSTEP, "lock", "-C", "/"], env=p.environment, capture_output=True, text=True)
    assert child.returncode == 1 and "recipes/project.yaml" in child.stderr, child


def case_user_settings_do_not_decide(p):
    """What uv would take from this machine's files and variables does not change the answer."""
    p.index.set_packages({"a": {"1.0": ["b"], "2.0rc1": ["b"]}, "b": {"1.0": [], "2.0": []}})
    os.makedirs(p.root + "/home2/uv")
    with open(p.root + "/home2/uv/uv.toml", "w") as f:
        f.write('prerelease = "allow"\nresolution = "lowest"\nfork-strategy = "requires-python"\nno-build = false\n'
                'constraint-dependencies = ["b<2"]\noverride-dependencies = ["b<2"]\n')
    settings = {"UV_PRERELEASE": "allow", "UV_RESOLUTION": "lowest", "UV_FROZEN": "1", "UV_CONSTRAINT": "/nowhere",
                "VIRTUAL_ENV": "/nowhere", "XDG_CONFIG_HOME": p.root + "/home2", "UV_PYTHON": "3.99"}
    expect(p.run(**settings), 0, "locked")
    text = open(os.path.join(p.root, ".lockstep/lock.toml")).read()
    assert 'name = "a"\nversion = "1.0"' in text and 'name = "b"\nversion = "2.0"' in text, text


@contextlib.contextmanager
def project():
    with tempfile.TemporaryDirectory(prefix="lockstep-lock-") as work, fake.Index({"packages": dict(PACKAGES)}) as index:
        yield Project(work + "/project", index)


cases.run(globals(), project)

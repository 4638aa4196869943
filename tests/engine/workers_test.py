#!/usr/bin/env python3
"""A build spread over three real buildkitd on loopback, one of them with TLS; one is killed while it has a job; workers that cannot be used are named."""
import contextlib, json, os, re, signal, socket, socketserver, subprocess, sys, threading, time

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import buildkitd, bump, cases

WORK = os.getcwd()
TRY = os.path.join(ROOT, "build/debug/tests/oracle/engine_try")
bump.need_programs("mmdebstrap", "openssl")
CA, CERT, KEY = buildkitd.make_certificates(WORK + "/tls")
WORKERS = [buildkitd.Buildkitd(WORK + "/one", tcp=True), buildkitd.Buildkitd(WORK + "/two", tcp=True, slots=3), buildkitd.Buildkitd(WORK + "/three", tcp=True, tls=(CA, CERT, KEY))]
ONE, TWO, THREE = (w.address for w in WORKERS)


class Nowhere:
    """No engine of this machine's own: only the workers."""

    def env(self):
        return {"PATH": buildkitd.PATH, "BUILDKIT_HOST": "unix:///tmp/lockstep-nobody/sock"}


def make_project(workers=None):
    listed = [f"  - {ONE}", f"  - {TWO}", f"  - {{address: '{THREE}', ca: {CA}, cert: {CERT}, key: {KEY}, jobs: 1}}"] if workers is None else workers
    files = {"recipes/project.yaml": bump.FILES["recipes/project.yaml"] + "workers:\n" + "\n".join(listed) + "\n"}
    # Each container has a layer of its own, so that there is something to spread.
    for c in bump.CONTAINERS:
        files[f"recipes/layers/own-{c}.yaml"] = f"description: what takes its time\nrequires: [tool]\nsteps:\n  - run: [sh, -c, \"sleep 2; echo {c} > /own\"]\n"
        files[f"containers/{c}/container.yaml"] = bump.FILES[f"containers/{c}/container.yaml"].replace("layers: [tool]", f"layers: [tool, own-{c}]")
    return bump.Project(WORK, Nowhere(), files=files).take_tree()


PROJECT = make_project()


def sleeps(container, seconds):
    path = f"recipes/layers/own-{container}.yaml"
    PROJECT.write(path, re.sub(r"sleep [0-9]+; echo ci", f"sleep {seconds}; echo ci", PROJECT.read(path)))


def places(r):
    """The jobs that were started, with where."""
    return re.findall(r"^building (\S+) \(.*\) on (\S+)$", r.err, re.M)


def freeze(p, container):
    """What is in an image, as it says itself."""
    tag = f"tiny/{container}:v0.1"
    done = subprocess.run([TRY, "buildkit", "run", tag, "sh", "-c", "cat /own; /opt/venv/bin/python -m pip --version >/dev/null 2>&1; ls /opt/venv/lib/python3.11/site-packages"],
                          env={**p.env, "BUILDKIT_HOST": ONE}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout


def case_first_release_on_three():
    p = PROJECT
    r = p.run("bump")
    assert r.code == 0 and "released v0.1" in r.out, r
    p.keep_tree()
    started = places(r)
    assert {name for name, _ in started} == {"base", "layer-tool", "layer-own-ci-a", "layer-own-ci-b", "layer-own-ci-c", "python", "container"}, r
    assert len({place for name, place in started if name.startswith("layer-own")}) > 1, started
    r = p.run("verify")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r


def case_how_many_at_once():
    # What the project says, what the worker's own label says, and otherwise 2.
    rows = [row["text"] for row in json.loads(PROJECT.run("doctor", "--format", "json").out)["checks"] if row["subject"] == "worker"]
    assert [re.search(r"^(\S+): .*, (\d+) builds? at once$", text).groups() for text in rows] == [(ONE, "2"), (TWO, "3"), (THREE, "1")], rows


def case_same_images_as_from_one():
    one = bump.Project(WORK, Nowhere(), files={k: PROJECT.read(k) for k in ("recipes/layers/own-ci-a.yaml", "recipes/layers/own-ci-b.yaml", "recipes/layers/own-ci-c.yaml",
                                                                         *(f"containers/{c}/container.yaml" for c in bump.CONTAINERS))}).take_tree()
    with one:
        r = one.run("bump", "--workers", ONE)
        assert r.code == 0 and "released v0.1" in r.out and {place for _, place in places(r)} == {ONE}, r
        for c in bump.CONTAINERS:
            assert freeze(one, c) == freeze(PROJECT, c), c


def case_killed_in_the_middle():
    p = PROJECT
    for c in bump.CONTAINERS:
        sleeps(c, 9)
    assert p.run("lock").code == 0
    before = p.committed()
    running = p.start("build", "--workers", f"{ONE},{TWO},{THREE}", "--jobs", "1")
    lines, at_two = [], threading.Event()

    def read():
        for line in running.stderr:
            lines.append(line)
            if line.startswith("building layer-own-") and line.rstrip().endswith("on " + TWO):
                at_two.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert at_two.wait(200), lines
    time.sleep(1)
    WORKERS[1].kill()
    out = running.stdout.read()
    reader.join()
    said = "".join(lines)
    assert "Sanitizer" not in said and running.wait() == 0, said
    assert re.search(rf"^note: worker {TWO} is gone \(.*\); what it was building, [1-3] jobs?, goes to others$", said, re.M), said
    lost = re.search(r"^returned (\S+) ", said, re.M).group(1)
    assert len(re.findall(rf"^building {lost} ", said, re.M)) == 2 and f"built    {lost} " in said, said
    assert p.committed() == before and len(re.findall(r"^ci-\w +built", out, re.M)) == 3, out
    # The next run names it, does without it, and has nothing left to build.
    r = p.run("bump")
    assert r.code == 0 and "released v0.2" in r.out and f"note: worker {TWO} is not used: " in r.err, r
    assert not places(r), r
    r = p.run("verify")
    assert r.code == 0 and "verified: 3 containers" in r.out and f"note: worker {TWO} is not used" in r.err, r


def start_until(p, what, *words, **env):
    """Starts lockstep, and reads what it says until `what` is in it; what it says after that is in the list that is returned, once its thread is done."""
    running = p.start(*words, **env)
    lines, seen = [], threading.Event()

    def read():
        for line in running.stderr:
            lines.append(line)
            if what in line:
                seen.set()
        seen.set()

    reader = threading.Thread(target=read)
    reader.start()
    seen.wait()
    return running, lines, reader


def runs_below(worker):
    """Whether a step runs in it: runc is given a folder of its own."""
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as f:
            words = f.read().split(b"\0")
            if words[0].endswith(b"runc") and any(w.startswith(worker.folder.encode() + b"/") for w in words):
                return True
    return False


def wait_for(condition, running, lines):
    while not condition():
        assert running.poll() is None, ("it ended before", running.stdout.read(), lines)
        time.sleep(0.05)


# One that works answers at least once in that time, however busy this machine is.
PATIENCE = {"LOCKSTEP_WORKER_PATIENCE_MS": "60000"}


def case_hangs_in_the_middle():
    p = PROJECT
    own = buildkitd.Buildkitd(WORK + "/hangs", tcp=True)
    try:
        sleeps("ci-a", 30)
        assert p.run("lock").code == 0
        running, lines, reader = start_until(p, "building layer-own-ci-a", "build", "ci-a", "--workers", f"{own.address},{ONE}", "--jobs", "1", **PATIENCE)
        at, other = (own, WORKERS[0]) if own.address in lines[-1] else (WORKERS[0], own)
        wait_for(lambda: runs_below(at), running, lines)
        at.process.send_signal(signal.SIGSTOP)
        out = running.stdout.read()
        reader.join()
        said = "".join(lines)
        assert running.wait() == 0 and "Sanitizer" not in said, said
        assert f"note: worker {at.address} is gone (it does not answer); what it was building, 1 job, goes to others" in said, said
        assert re.findall(r"^building layer-own-ci-a .* on (\S+)$", said, re.M) == [at.address, other.address] and re.search(r"^ci-a +built", out, re.M), said
    finally:
        WORKERS[0].process.send_signal(signal.SIGCONT)
        own.process.send_signal(signal.SIGCONT)
        own.remove()


def asked(stop):
    """verify, whose first worker is stopped in that way while it is asked."""
    first, second = (buildkitd.Buildkitd(f"{WORK}/asked{i}", tcp=True) for i in range(2))
    try:
        running, lines, reader = start_until(PROJECT, "asking", "verify", "ci-a", "--image", PROJECT.asked_image, "--workers", f"{first.address},{second.address}", **PATIENCE)
        wait_for(lambda: runs_below(first), running, lines)
        stop(first)
        out = running.stdout.read()
        reader.join()
        said = "".join(lines)
        assert running.wait() == 0 and "verified: 1 container" in out, (out, said)
        assert re.search(rf"^note: worker {first.address} is gone \(.+\); what it was asked goes to {second.address}$", said, re.M), said
    finally:
        first.process.send_signal(signal.SIGCONT)
        first.remove()
        second.remove()


def case_dies_or_hangs_while_it_is_asked():
    p = PROJECT
    # What it is asked takes its time.
    p.write("recipes/layers/own-ci-a.yaml", p.read("recipes/layers/own-ci-a.yaml") + "snapshot:\n  - {name: slow, run: [[sh, -c, 'sleep 20; echo 1.2.3']]}\n")
    assert p.run("lock").code == 0
    r = p.run("build", "ci-a", "--workers", ONE, "--format", "json")
    assert r.code == 0, r
    p.asked_image = json.loads(r.out)["images"][0]["image"]
    asked(lambda worker: worker.kill())
    asked(lambda worker: worker.process.send_signal(signal.SIGSTOP))


def case_all_are_gone():
    p = PROJECT
    own = buildkitd.Buildkitd(WORK + "/four", tcp=True)
    try:
        sleeps("ci-a", 60)
        assert p.run("lock").code == 0
        running = p.start("build", "ci-a", "--workers", own.address)
        for line in running.stderr:
            if line.startswith("building layer-own-ci-a"):
                break
        time.sleep(1)
        own.kill()
        out, err = running.communicate(timeout=300)
        assert running.returncode == 1 and "no worker is left to build\n" in err and own.address in err, err
        assert "what was finished stays so; 'lockstep build' goes on from here" in err, err
    finally:
        own.remove()
    sleeps("ci-a", 30)
    assert p.run("lock").code == 0
    r = p.run("build")
    assert r.code == 0 and not places(r), r


class Nonsense(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"SSH-2.0-this is no BuildKit\r\n")


def case_workers_that_cannot_be_used_are_named():
    other = buildkitd.make_certificates(WORK + "/other-tls")
    nonsense = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Nonsense)
    threading.Thread(target=nonsense.serve_forever, daemon=True).start()
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(8)
    odd, nobody = f"tcp://127.0.0.1:{nonsense.server_address[1]}", f"tcp://127.0.0.1:{buildkitd.free_port()}"
    deaf = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
    with make_project([f"  - {odd}", f"  - {nobody}", f"  - {deaf}", f"  - {{address: '{THREE}', ca: {other[0]}, cert: {other[1]}, key: {other[2]}}}"]) as p:
        r = p.run("bump")
        assert r.code == 1 and "none of the workers can be used" in r.err, r
        for address in (odd, nobody, deaf, THREE):
            assert re.search(rf"^\s*{re.escape(address)}: \S", r.err, re.M), (address, r)
        assert "certificate" in r.err and "connection refused" in r.err, r
        # With one that can be used it goes on, and names the others.
        p.write("recipes/project.yaml", p.read("recipes/project.yaml").rstrip("\n") + f"\n  - {ONE}\n")
        r = p.run("bump")
        assert r.code == 0 and "released v0.1" in r.out and {place for _, place in places(r)} == {ONE}, r
        for address in (odd, nobody, deaf, THREE):
            assert f"note: worker {address} is not used: " in r.err, (address, r)
        r = p.run("doctor", "--format", "json")
        rows = {row["text"].split(" ")[0].rstrip(":"): row for row in json.loads(r.out)["checks"] if row["subject"] == "worker"}
        assert rows[ONE]["state"] == "ok" and all(rows[a]["state"] == "note" for a in (odd, nobody, deaf, THREE)), r
    nonsense.shutdown()
    silent.close()


def case_wrong_use():
    for words, text in ((("--workers", "10.0.0.1:1234"), "is no address of a worker"), (("--workers", f"{ONE},,{TWO}"), "'' is no address of a worker"),
                        (("--workers", ONE, "--engine", "docker"), "'--workers' are of BuildKit")):
        r = PROJECT.run("build", *words)
        assert r.code == 2 and text in r.err, (words, r)


def finish():
    PROJECT.close()
    for w in WORKERS:
        w.remove()


cases.run(globals(), finish=finish)

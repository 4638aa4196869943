#!/usr/bin/env python3
"""A build spread over three real buildkitd on loopback, one of them with TLS; one is killed while it has a job; workers that cannot be used are named."""
import json, os, re, socket, socketserver, subprocess, sys, threading, time

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import buildkitd, bump, cases

WORK = os.getcwd()
TRY = os.path.join(ROOT, "build/debug/tests/oracle/engine_try")
bump.need_programs("mmdebstrap", "openssl")
CA, CERT, KEY = buildkitd.make_certificates(WORK + "/tls")
WORKERS = [buildkitd.Buildkitd(WORK + "/one", tcp=True), buildkitd.Buildkitd(WORK + "/two", tcp=True), buildkitd.Buildkitd(WORK + "/three", tcp=True, tls=(CA, CERT, KEY))]
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
        p.replace(f"recipes/layers/own-{c}.yaml", "sleep 2;", "sleep 9;")
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
    assert re.search(rf"^note: worker {TWO} is gone \(.*\); what it was building, 1 job, goes to others$", said, re.M), said
    lost = re.search(r"^returned (\S+) ", said, re.M).group(1)
    assert len(re.findall(rf"^building {lost} ", said, re.M)) == 2 and f"built    {lost} " in said, said
    assert p.committed() == before and len(re.findall(r"^ci-\w +built", out, re.M)) == 3, out
    # The next run names it, does without it, and has nothing left to build.
    r = p.run("bump")
    assert r.code == 0 and "released v0.2" in r.out and f"note: worker {TWO} is not used: " in r.err, r
    assert not places(r), r
    r = p.run("verify")
    assert r.code == 0 and "verified: 3 containers" in r.out and f"note: worker {TWO} is not used" in r.err, r


def case_all_are_gone():
    p = PROJECT
    own = buildkitd.Buildkitd(WORK + "/four", tcp=True)
    try:
        p.replace("recipes/layers/own-ci-a.yaml", "sleep 9;", "sleep 60;")
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
    p.replace("recipes/layers/own-ci-a.yaml", "sleep 60;", "sleep 9;")
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

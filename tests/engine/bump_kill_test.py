#!/usr/bin/env python3
"""Bumps that are killed: in every phase, in every step of the release, and anywhere. After each the last release is as it was or the new one is whole, nothing runs
on, and the next bump goes on from what was finished.

LOCKSTEP_KILLS=n: so many kills at random points (3); LOCKSTEP_KILL_SEED=n chooses which."""
import os, random, re, shutil, signal, subprocess, sys, threading, time

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases

bump.need_programs("buildah", "mmdebstrap", "unshare")
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
FILES = {**bump.FILES, "Jenkinsfile": "ci_a = 'tiny/ci-a:v0.0'\nci_c = 'tiny/ci-c:v0.0'\n"}
number = 0


def prepare():
    """A released project with a mmdebstrap that takes a second or two and gives the tree that the real one made."""
    p = bump.Project(WORK, STORAGE, files=FILES)
    shutil.rmtree(p.folder + "/containers/ci-b")
    p.take_tree()
    p.env["TMPDIR"] = p.work + "/tmp"
    os.makedirs(p.env["TMPDIR"])
    assert p.released() == "v0.1"
    p.keep_tree()
    trees = [n for n in os.listdir(p.cache + "/bases") if n.endswith(".tar")]
    os.rename(f"{p.cache}/bases/{trees[0]}", p.work + "/tree.tar")
    shutil.rmtree(p.cache + "/bases")
    os.makedirs(p.work + "/fake")
    with open(p.work + "/fake/mmdebstrap", "w") as f:
        f.write(f"#!/bin/bash\nwhile [ \"$1\" != bookworm ]; do shift; done\nmkdir -p \"$TMPDIR/tree\"; sleep 1.5\nexec cp '{p.work}/tree.tar' \"$2\"\n")
    os.chmod(p.work + "/fake/mmdebstrap", 0o755)
    p.env["PATH"] = p.work + "/fake:" + p.env["PATH"]
    return p


def change(p):
    """Something to do in every phase: new versions to lock and to fetch, one of them slowly, a tree to make, a layer to build."""
    global number
    number += 1
    shutil.rmtree(p.cache + "/bases", ignore_errors=True)
    p.write("recipes/layers/tool.yaml", FILES["recipes/layers/tool.yaml"].replace("/tool.version", f"/tool.version; sleep 1; echo {number}"))
    p.write("recipes/python.yaml", FILES["recipes/python.yaml"].replace("alpha: {groups: [core]}", f'alpha: {{groups: [core], exact: "1.{number}", why: x}}'))
    alpha = {f"1.{n}": ["delta>=1.1"] for n in range(number + 1)}
    delta = {f"1.{n}": {"padding": 200000 if n > 1 else 0} for n in range(number + 2)}
    alpha[f"1.{number}"] = [f"delta=={1}.{number + 1}"]
    p.index.set_packages({**bump.PACKAGES, "alpha": alpha, "delta": delta})
    with p.index.guard:
        p.index.faults.clear()
    p.index.add_fault("/simple/alpha", "slow", times=1, after=10, pause=0.7)
    p.index.add_fault(f"/files/default/delta/delta-1.{number + 1}-py3-none-any.whl", "trickle", exact=True, chunk=10000, pause=0.1)


class Watched:
    """A bump whose lines on stderr are read as they come."""

    def __init__(self, p, **env):
        self.p, self.lines, self.killed = p, [], None
        self.requests = len(p.index.log)
        self.process = p.start("bump", "--engine", "buildah", **env)
        self.readers = [threading.Thread(target=self.read, args=(s,)) for s in (self.process.stderr, self.process.stdout)]
        for reader in self.readers:
            reader.start()

    def read(self, stream):
        for line in stream:
            self.lines.append(line)

    def seen(self, pattern):
        return any(re.search(pattern, line) for line in list(self.lines))

    def kill_at(self, pattern, delay, how):
        end = time.monotonic() + 120
        while not self.seen(pattern) and self.process.poll() is None:
            assert time.monotonic() < end, ("waited in vain for", pattern, self.lines)
            time.sleep(0.005)
        self.kill_after(delay, how)

    def kill_after(self, delay, how):
        try:
            self.process.wait(delay)
        except subprocess.TimeoutExpired:
            self.killed = how
            self.process.send_signal(how)

    def finish(self):
        code = self.process.wait(120)
        for reader in self.readers:
            reader.join()
        text = "".join(self.lines)
        assert "Sanitizer" not in text and "runtime error:" not in text, text
        if self.killed == signal.SIGINT and code:
            assert code == 1 and "stopped by Interrupt" in text, (code, text)
        elif self.killed and code:
            assert code == -self.killed, (code, text)
        return code, text

    def asked(self, prefix):
        return [e for e in self.p.index.log[self.requests:] if e["path"].startswith(prefix) and not e["path"].endswith(".metadata")]


def nothing_runs(p, what):
    bump.wait_until(lambda: not bump.using(p.work), 20, f"the end of what a bump started, killed {what}: {bump.using(p.work)}")


def releases(p):
    return sorted(n for n in os.listdir(p.folder + "/lockfiles") if n.startswith("v"))


def check_whole(p, before, what):
    """As it was, or a whole release more."""
    now = p.committed()
    if now == before:
        return False
    # Decided: any command that looks at releases makes it whole.
    r = p.run("list")
    assert r.code == 0, (what, r)
    newest = "v0.%d" % max(int(n[3:]) for n in releases(p))
    for folder in (newest, "latest"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=f"{p.folder}/lockfiles/{folder}", check=True)
    assert p.read(f"lockfiles/{newest}/SHA256SUMS") == p.read("lockfiles/latest/SHA256SUMS"), what
    assert p.tags() == [f"ci-a:{newest}", f"ci-c:{newest}"], (what, p.tags())
    assert p.run("render", "--check").code == 0, what
    kept = {path: value for path, value in before.items() if re.match(r"lockfiles/v", path)}
    assert all(p.committed().get(path) == value for path, value in kept.items()), what
    return True


def finish_it(p, what):
    """The next bump ends well and leaves nothing behind."""
    w = Watched(p)
    code, text = w.finish()
    assert code == 0, (what, text)
    nothing_runs(p, "at the end")
    newest = releases(p)[-1]
    assert p.tags() == [f"ci-a:{newest}", f"ci-c:{newest}"] and "released" in text or "holds" in text or "nothing to do" in text, (what, text)
    assert not STORAGE.containers(), (what, STORAGE.containers())
    # What a killed buildah left there may stay (buildah123, storage123): lockstep cannot know whose it is.
    left = [n for n in os.listdir(p.env["TMPDIR"]) if n.startswith("lockstep")]
    assert not left, (what, left)
    assert not [n for n in os.listdir(p.cache + "/bases") if n.startswith("lockstep-making-")], what
    assert not os.path.exists(p.folder + "/.lockstep/lock.toml") and not os.path.exists(p.folder + "/.lockstep/release"), what
    # Only the lock holds it; the next change is a fresh one.
    return w, text


def in_each_phase(p, how):
    """One change, killed again and again, each time later; each run goes on from the one before."""
    change(p)
    before = p.committed()
    alpha, delta = f"alpha-1.{number}-py3", f"delta-1.{number + 1}-py3"
    phases = [
        (r"^== locking", 0.4, None),
        (r"^== fetching", 0.6, None),
        (r"^building tree", 0.3, lambda w, text: "== locking" not in text and not w.asked("/simple/")),
        (r"^building layer-tool", 0.5, lambda w, text: not w.asked("/")),
        (r"^building python", 0.5, lambda w, text: "building tree" not in text and "building base" not in text),
        (r"^== asking", 0.4, lambda w, text: "building layer-tool" not in text and not w.asked("/")),
        # The images' own checks run where they are asked; what is verified after that is over in a moment.
        (r"^== asking", 0.2, lambda w, text: "building" not in text.replace("== building", "")),
    ]
    for pattern, delay, goes_on in phases:
        what = f"{signal.Signals(how).name} at {pattern}"
        w = Watched(p)
        w.kill_at(pattern, delay, how)
        code, text = w.finish()
        assert w.killed and code, (what, "not killed", text)
        nothing_runs(p, what)
        assert not check_whole(p, before, what), (what, "a release was made")
        assert not goes_on or goes_on(w, text), (what, "did work again", text, w.asked("/"))
        if "fetching" in pattern:
            assert [e["path"] for e in w.asked("/files/") if alpha in e["path"]], (what, w.asked("/files/"))
        if "tree" in pattern:
            files = w.asked("/files/")
            assert not [e for e in files if alpha in e["path"]], (what, "fetched again", files)
            assert [e for e in files if delta in e["path"] and e["range"]], (what, "not gone on with", files)
    w, text = finish_it(p, what)
    assert "released" in text and "going on with the lock" in text and not w.asked("/"), text


def case_killed_in_each_phase():
    in_each_phase(project(), signal.SIGKILL)


def case_interrupted_in_each_phase():
    in_each_phase(project(), signal.SIGINT)


def case_killed_in_the_release():
    """At steps of the transaction; the debug program kills itself there."""
    p = project()
    change(p)
    assert p.run("lock").code == 0 and p.run("fetch").code == 0 and p.run("build", "--engine", "buildah").code == 0
    decided = []
    for step in (1, 5, 10, 14, 40):
        before = p.committed()
        w = Watched(p, LOCKSTEP_TEST_KILL_AT=str(step))
        code, text = w.finish()
        what = f"step {step} of the release"
        nothing_runs(p, what)
        if code == 0:
            break
        assert code == -signal.SIGKILL and "== releasing" in text, (what, code, text)
        decided.append(check_whole(p, before, what))
        if decided[-1]:
            finish_it(p, what)
            p.write("containers/ci-c/container.yaml", FILES["containers/ci-c/container.yaml"] + f"env: {{STEP: '{step}'}}\n")
    assert False in decided, ("no step was before the decision", decided)
    finish_it(p, "in the release")


def case_killed_anywhere():
    p = project()
    seed = int(os.environ.get("LOCKSTEP_KILL_SEED") or random.randrange(10**6))
    chance = random.Random(seed)
    print("LOCKSTEP_KILL_SEED=%d" % seed, flush=True)
    change(p)
    began = time.monotonic()
    finish_it(p, "to see how long it takes")
    whole = time.monotonic() - began
    change(p)
    for _ in range(int(os.environ.get("LOCKSTEP_KILLS") or 3)):
        before = p.committed()
        how, delay = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)), chance.random() * whole
        what = f"{how.name} after {delay:.2f} s, seed {seed}"
        w = Watched(p)
        w.kill_after(delay, how)
        try:
            w.process.wait(60)
        finally:
            for reader in w.readers:
                reader.join(30)
        nothing_runs(p, what)
        check_whole(p, before, what)
        if not w.killed:
            change(p)
    finish_it(p, what)


PROJECT = []


def project():
    if not PROJECT:
        PROJECT.append(prepare())
    return PROJECT[0]


def finish():
    for p in PROJECT:
        p.close()
    left = bump.using(WORK + "/bump-")
    STORAGE.remove()
    assert not left, f"processes are left: {left}"


cases.run(globals(), finish=finish)

#!/usr/bin/env python3
"""prune: what a release, a branch, a tag, a stash, a worktree, an index, a container or another project refers to stays, whatever its age; the rest goes. With engines that
only have images, and real git. Then worlds made by chance, beside a reckoning of their own.

LOCKSTEP_PRUNE_ROUNDS=n: so many of them (3); LOCKSTEP_PRUNE_SEED=n chooses which."""
import os, random, shutil, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases, pruning
from pruning import CONTAINERS, Project, gone, sha256, why

STAGE = "localhost/lockstep/tiny/stage:"


def releases(p, count, **options):
    for n in range(1, count + 1):
        p.release(f"v0.{n}", **options)
    p.jenkinsfile([f"v0.{count}"])


def images_of(p, *names, prefix="localhost/"):
    return [p.image([f"{prefix}team/tiny/{c}:{r}"], f"{r} {c}") for r in names for c in CONTAINERS]


def case_newest_releases_stay():
    p = Project()
    releases(p, 7)
    p.commit()
    p.set_engine("buildah", images_of(p, *(f"v0.{n}" for n in range(1, 8))), [])
    p.set_engine("docker", images_of(p, "v0.1", "v0.7", prefix=""), [])
    assert gone(p.plan()) == {("buildah", f"localhost/team/tiny/{c}:{r}") for c in CONTAINERS for r in ("v0.1", "v0.2")} | {("docker", f"team/tiny/{c}:v0.1") for c in CONTAINERS}
    assert why(p.plan(), "ci-a:v0.7") == "the newest release" and why(p.plan(), "ci-a:v0.3") == "among the newest 5 releases"
    assert len(p.names("buildah")) == 14, "a plan removes nothing"
    seen = p.prune("--keep", "1")
    assert all(i["removed"] == i["goes"] for i in seen["items"]) and p.names("buildah") == ["localhost/team/tiny/ci-a:v0.7", "localhost/team/tiny/ci-b:v0.7"]
    assert not gone(p.prune("--keep", "1")) and "nothing to remove" in p.run("prune", "--keep", "1").out
    assert os.path.exists(p.root + "/lockfiles/v0.1/lock.toml")


def case_one_engine_only():
    p = Project()
    releases(p, 2)
    p.set_engine("buildah", images_of(p, "v0.1"), [])
    p.set_engine("docker", images_of(p, "v0.1", prefix=""), [])
    assert {e for e, _ in gone(p.prune("--keep", "1", "--engine", "docker"))} == {"docker"}
    assert len(p.names("buildah")) == 2 and not p.names("docker")
    assert "there is no engine 'dokker'" in p.run("prune", "--engine", "dokker", code=1).err


def case_every_place_of_git():
    p = Project()
    releases(p, 12)
    p.jenkinsfile(["v0.12"])
    p.commit()
    named = {}

    def on(where, release, path="Jenkinsfile"):
        named[where] = release
        p.write(path, f"x = 'team/tiny/ci-a:{release}'\n")

    p.git("switch", "-q", "-c", "feature/x")
    on("branch 'feature/x'", "v0.1")
    p.commit()
    p.git("switch", "-q", "--detach")
    on("tag 'old'", "v0.2", "ci/tags.env")
    p.commit()
    p.git("tag", "-a", "old", "-m", "x")
    p.git("switch", "-q", "main")
    for release in ("v0.3", "v0.4"):
        on(f"a stash with {release}", release)
        p.git("stash", "push", "-q")
    on("staged in a stash", "v0.5")
    p.git("add", "Jenkinsfile")
    p.jenkinsfile(["v0.12"])
    p.git("stash", "push", "-q")
    p.git("worktree", "add", "-q", "--detach", p.work + "/other tree", "main~0")
    with open(p.work + "/other tree/Jenkinsfile", "w") as f:
        f.write("x = 'team/tiny/ci-b:v0.6'\n")
    p.git("add", "Jenkinsfile", cwd=p.work + "/other tree")
    with open(p.work + "/other tree/Jenkinsfile", "w") as f:
        f.write("x = 'team/tiny/ci-b:v0.7'\n")
    p.git("update-ref", "refs/remotes/origin/there", p.git("rev-parse", "feature/x").strip())
    on("index", "v0.8")
    p.git("add", "Jenkinsfile")
    p.jenkinsfile(["v0.12"], "// 'v0.9' was fine\n")
    p.set_engine("buildah", images_of(p, *(f"v0.{n}" for n in range(1, 13))), [])
    seen = p.plan("--keep", "1")
    assert {n.split(":")[1] for _, n in gone(seen)} == {"v0.10", "v0.11"}, gone(seen)
    for release, said in (("v0.1", "'Jenkinsfile' of branch 'feature/x' names it"), ("v0.2", "'ci/tags.env' of tag 'old' names it"), ("v0.6", "of the index of worktree"),
                          ("v0.7", "other tree' names it"), ("v0.8", "of the index of"), ("v0.9", "'Jenkinsfile' of this checkout names it")):
        assert said in why(seen, "ci-a:" + release), (release, why(seen, "ci-a:" + release))
    for release in ("v0.3", "v0.4", "v0.5"):
        assert "of a stash (" in why(seen, "ci-a:" + release), why(seen, "ci-a:" + release)


def case_tag_files_of_other_branches():
    p = Project()
    releases(p, 3)
    p.commit()
    p.git("switch", "-q", "-c", "moved")
    p.write("recipes/project.yaml", pruning.FILES["recipes/project.yaml"].replace("[Jenkinsfile, ci/tags.env]", "[deploy/images.txt]"))
    p.write("deploy/images.txt", "A=team/tiny/ci-a:v0.1\n")
    p.commit()
    p.git("switch", "-q", "main")
    # A link that leads to one.
    p.git("switch", "-q", "-c", "linked")
    os.remove(p.root + "/Jenkinsfile")
    p.write("ci/real", "x = 'team/tiny/ci-a:v0.2'\n")
    os.symlink("ci/real", p.root + "/Jenkinsfile")
    p.commit()
    p.git("switch", "-q", "main")
    p.set_engine("buildah", images_of(p, "v0.1", "v0.2", "v0.3"), [])
    assert not gone(p.plan("--keep", "1"))
    # Links that lead nowhere, out and round disturb nobody.
    for n, target in enumerate(("nowhere", "/etc/passwd", "Jenkinsfile", "../../../up", "ci/real/x")):
        p.git("switch", "-q", "-c", f"odd{n}")
        os.remove(p.root + "/Jenkinsfile")
        os.symlink(target, p.root + "/Jenkinsfile")
        p.commit()
    p.git("switch", "-q", "main")
    p.git("branch", "-D", "linked")
    assert {n for _, n in gone(p.plan("--keep", "1"))} == {f"localhost/team/tiny/{c}:v0.2" for c in CONTAINERS}


def case_where_git_cannot_tell():
    p = Project()
    releases(p, 2)
    p.commit()
    p.set_engine("buildah", images_of(p, "v0.1", "v0.2"), [])
    os.rename(p.root + "/.git/HEAD", p.root + "/.git/away")
    assert "git cannot tell which branches refer to which release" in p.run("prune", "--keep", "1", code=1).err
    os.rename(p.root + "/.git/away", p.root + "/.git/HEAD")
    os.makedirs(p.work + "/few")
    for program in ("buildah", "docker", "podman"):
        os.symlink(f"{p.bin}/{program}", f"{p.work}/few/{program}")
    os.symlink(sys.executable, p.work + "/few/python3")
    os.symlink("/usr/bin/env", p.work + "/few/env")
    assert "is in a git repository" in p.run("prune", "--keep", "1", code=1, PATH=p.work + "/few").err
    assert len(p.names("buildah")) == 4
    # Without a repository there is nobody to ask.
    shutil.rmtree(p.root + "/.git")
    p.prune("--keep", "1", PATH=p.work + "/few")
    assert len(p.names("buildah")) == 2


def case_shallow_bare_and_below():
    p = Project()
    releases(p, 3)
    p.commit()
    p.jenkinsfile(["v0.1"])
    p.commit()
    shallow = Project(git=False)
    shutil.rmtree(shallow.root)
    p.git("clone", "-q", "--depth", "1", "file://" + p.root, shallow.root, cwd=p.work)
    bare = Project(git=False)
    shutil.rmtree(bare.root)
    p.git("clone", "-q", "--bare", p.root, bare.work + "/repository.git", cwd=p.work)
    p.git("worktree", "add", "-q", "--detach", bare.root, "main", cwd=bare.work + "/repository.git")
    below = Project(git=False)
    shutil.move(below.root, below.work + "/moved")
    os.makedirs(below.root)
    below.git("init", "-q", "-b", "main", cwd=below.root)
    top, below.root = below.root, below.root + "/sub dir/p"
    shutil.move(below.work + "/moved", below.root)
    releases(below, 3)
    below.jenkinsfile(["v0.1"])
    below.commit()
    below.jenkinsfile(["v0.3"])
    below.git("switch", "-q", "-c", "b", cwd=top)
    below.commit()
    for q in (shallow, bare, below):
        q.set_engine("buildah", images_of(q, "v0.1", "v0.2", "v0.3"), [])
        assert {n.split(":")[1] for _, n in gone(q.plan("--keep", "1"))} == {"v0.2"}, q.root


def case_thousands_of_branches():
    p = Project()
    releases(p, 6)
    p.jenkinsfile(["v0.6"])
    p.commit()
    commits = []
    for n in (1, 3):
        p.jenkinsfile([f"v0.{n}"])
        p.commit()
        commits.append(p.git("rev-parse", "HEAD").strip())
    p.jenkinsfile(["v0.6"])
    p.commit()
    head = p.git("rev-parse", "HEAD").strip()
    with open(p.root + "/.git/packed-refs", "a") as f:
        f.write("".join(f"{commits[0] if n == 2999 else commits[1] if n == 17 else head} refs/heads/b{n:04}\n" for n in range(3000)))
    p.set_engine("buildah", images_of(p, *(f"v0.{n}" for n in range(1, 7))), [])
    assert {n.split(":")[1] for _, n in gone(p.plan("--keep", "1"))} == {"v0.2", "v0.4", "v0.5"}


def case_containers_of_any_engine():
    p = Project()
    releases(p, 4)
    p.set_engine("buildah", images_of(p, "v0.1", "v0.2", "v0.3", "v0.4"), [{"name": "work", "image": "localhost/team/tiny/ci-a:v0.1", "id": sha256("v0.1 ci-a")}])
    # By its id alone, in another engine.
    p.set_engine("docker", images_of(p, "v0.2", "v0.3", prefix=""), [{"name": "test", "image": sha256("v0.2 ci-b")[:12], "id": sha256("v0.2 ci-b")}])
    seen = p.plan("--keep", "1")
    kept = {(i["engine"], i["name"].split("/")[-1]) for i in seen["items"] if not i["goes"]}
    # The release knows its images by their ids, so of one that something stands on all stays.
    assert kept == {("buildah", f"{c}:{r}") for c in CONTAINERS for r in ("v0.1", "v0.2", "v0.4")} | {("docker", f"{c}:v0.2") for c in CONTAINERS}, kept
    assert "container 'work' of buildah stands on it" in why(seen, "ci-a:v0.1") and "container 'test' of docker" in why(seen, "ci-b:v0.2")
    p.prune("--keep", "1")
    assert "localhost/team/tiny/ci-a:v0.3" not in p.names("buildah") and "localhost/team/tiny/ci-b:v0.2" in p.names("buildah")


def case_an_engine_that_does_not_answer():
    p = Project()
    releases(p, 2)
    p.set_engine("buildah", images_of(p, "v0.1"), [])
    with open(p.images + "/docker.fails", "w") as f:
        f.write("Cannot connect to the Docker daemon\n")
    r = p.run("prune", "--keep", "1")
    assert "docker is not asked, so its images stay" in r.err and not p.names("buildah"), r
    assert "Cannot connect" in p.run("prune", "--engine", "docker", code=1).err


def case_stages():
    p = Project()
    releases(p, 2)
    p.lock()
    keys = {name: sha256(name) for name in ("built", "old", "new", "twin", "own", "foreign")}
    p.write(".lockstep/build.json", '{"stages": [{"key": "%s"}]}\n' % keys["built"])
    p.set_engine("buildah", [
        p.image([STAGE + keys["built"]]), p.image([STAGE + keys["old"]]), p.image([STAGE + keys["new"]], age_days=0),
        p.image([STAGE + keys["twin"], "localhost/team/tiny/ci-a:v0.2"], "v0.2 ci-a"), p.image(["localhost/lockstep/tiny/stage:handmade"]),
        p.image(["localhost/lockstep/other/stage:" + keys["foreign"]]), p.image(["docker.io/library/debian:12"]), p.image(["localhost/team/tiny/ci-a:edge"]),
        p.image(["localhost/team/tiny/ci-z:v0.1"]), p.image(["localhost/team/tiny/ci-a:v9.9"]), p.image(["localhost/team/tiny/deep/ci-a:v0.1"])], [])
    seen = p.plan("--keep", "1")
    assert gone(seen) == {("buildah", STAGE + keys["old"])}, gone(seen)
    assert why(seen, keys["built"]) == "'.lockstep/build.json' has it" and why(seen, keys["new"]) == "made today" and why(seen, keys["twin"]) == "the newest release"
    assert "no release in lockfiles/ of this checkout has it" in why(seen, "ci-a:v9.9")
    assert ("buildah", STAGE + keys["new"]) in gone(p.plan("--unused", "0"))
    assert "stage:" + keys["old"][:12] + " " in p.run("prune", "--plan").out


def case_images_of_buildkit():
    import fcntl
    p = Project()
    releases(p, 2)
    p.lock()
    keys = {name: sha256(name) for name in ("built", "old", "new", "broken")}
    p.write(".lockstep/build.json", '{"stages": [{"key": "%s"}]}\n' % keys["built"])
    long_ago, now = "2020-01-02T03:04:05Z", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(p.now))
    p.set_layout({STAGE + keys["built"]: (["below", "built"], long_ago), STAGE + keys["old"]: (["below", "old"], long_ago), STAGE + keys["new"]: (["below", "new"], now),
                  "team/tiny/ci-a:v0.1": (["below", "first"], long_ago), "team/tiny/ci-a:v0.2": (["below", "second"], long_ago), "others:1": (["others"], long_ago)})
    # No buildkitd has to answer, nor be there; somebody who builds is not disturbed.
    goes = {("buildkit", STAGE + keys["old"]), ("buildkit", "team/tiny/ci-a:v0.1")}
    seen = p.plan("--keep", "1")
    assert gone(seen) == goes and why(seen, keys["built"]) == "'.lockstep/build.json' has it" and why(seen, keys["new"]) == "made today", seen
    with open(p.cache + "/buildkit/lockstep-building.lock", "w") as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        assert "somebody builds in buildkit right now" in p.run("prune", "--keep", "1").err and len(p.layout()[0]) == 6
    assert gone(p.prune("--keep", "1", "--engine", "docker")) == set() and len(p.layout()[0]) == 6
    assert gone(p.prune("--keep", "1", "--engine", "buildkit")) == goes
    names, blobs = p.layout()
    assert names == {STAGE + keys["built"], STAGE + keys["new"], "team/tiny/ci-a:v0.2", "others:1"}, names
    assert {sha256(t) for t in ("below", "built", "new", "second", "others")} <= blobs and not {sha256("old"), sha256("first")} & blobs, blobs
    assert not gone(p.prune("--keep", "1"))
    # One of which a layer is gone is no image, and goes as others do.
    os.unlink(f"{p.cache}/buildkit/blobs/sha256/{sha256('built')}")
    p.write(".lockstep/build.json", "{}")
    assert gone(p.prune("--keep", "1", "--unused", "0")) == {("buildkit", STAGE + keys["built"]), ("buildkit", STAGE + keys["new"])}
    assert p.layout()[0] == {"team/tiny/ci-a:v0.2", "others:1"} and sha256("new") not in p.layout()[1]


def case_somebody_builds():
    import fcntl
    p = Project()
    releases(p, 2)
    p.set_engine("buildah", images_of(p, "v0.1"), [])
    os.makedirs(p.images + "/storage")
    with open(p.images + "/storage/lockstep-building.lock", "w") as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        r = p.run("prune", "--keep", "1")
        assert "somebody builds in buildah right now" in r.err and len(p.names("buildah")) == 2 and "nothing to remove" in r.out, r
    p.prune("--keep", "1")
    assert not p.names("buildah")


def case_what_cannot_be_removed():
    p = Project()
    releases(p, 2)
    p.set_engine("buildah", images_of(p, "v0.1"), [])
    old = p.stored(sha256("x"), 50)
    program = p.bin + "/buildah"
    os.remove(program)
    with open(program, "w") as f:
        f.write(f"#!/bin/sh\n[ \"$1\" != rmi ] || {{ echo 'Error: it is in use' >&2; exit 1; }}\nexec '{p.bin}/real/buildah' \"$@\"\n")
    os.chmod(program, 0o755)
    os.makedirs(p.bin + "/real")
    os.symlink(pruning.bump.ROOT + "/tests/fakes/images.py", p.bin + "/real/buildah")
    r = p.run("prune", "--keep", "1", code=1)
    assert r.err.count("it is in use") == 2 and "2 things could not be removed" in r.err and not os.path.exists(old), r


def case_the_cache():
    p = Project()
    needed = {name: sha256(name) for name in ("of v0.1", "of v0.2", "working", "young", "old", "linked", "of another", "of a branch", "noted")}
    p.release("v0.1", [needed["of v0.1"]])
    p.release("v0.2", [needed["of v0.2"]])
    p.jenkinsfile(["v0.2"])
    p.commit()
    p.git("switch", "-q", "-c", "ahead")
    p.release("v0.3", [needed["of a branch"]])
    p.commit()
    p.git("switch", "-q", "main")
    p.write(".lockstep/urls.json", '{"%s": "x"}' % needed["working"])
    other = Project(work=p.work + "/other", cache=p.cache, files={"recipes/project.yaml": pruning.FILES["recipes/project.yaml"].replace("name: tiny", "name: large").replace(
        "team/tiny", "team/large")})
    other.release("v0.1", [needed["of another"]])
    other.run("records")
    paths = {name: p.stored(digest, 2 if name == "young" else 35) for name, digest in needed.items()}
    os.makedirs(p.root + "/.lockstep/contexts/ci-a")
    os.link(paths["linked"], p.root + "/.lockstep/contexts/ci-a/x.whl")
    layer, gone_layer = sha256("layer of v0.2"), sha256("layer of none")
    p.write("lockfiles/v0.2/release.json", '{"layers": ["sha256:%s"]}' % layer)
    p.cached(f"layers/aa/{'a' * 64}", 35, '{"digest":"%s","diff-id":"%s"}' % (layer, sha256("diff")))
    p.cached(f"layers/bb/{'b' * 64}", 35, '{"digest":"%s"}' % gone_layer)
    p.stored(layer, 35)
    p.stored(gone_layer, 35)
    # What is compiled, pushed and known of docker's images.
    p.cached(f"bytecode/11/{'1' * 64}", 35, '{"digest":"%s","bytes":1}' % gone_layer)
    p.cached(f"bytecode/22/{'2' * 64}", 35, '{"digest":"%s","bytes":1}' % layer)
    p.cached(f"layers/pushed/{'3' * 64}", 35, f"sha256:{gone_layer}\nsha256:{layer}\n")
    p.cached(f"layers/pushed/{'6' * 64}", 5, f"sha256:{gone_layer}\n")
    p.cached(f"images/{'4' * 64}", 35, "{}")
    p.cached(f"images/{'5' * 64}/facts", 35, "{}")
    tree, old_tree = p.cached(f"bases/{'c' * 64}.tar", 35, "tar"), p.cached(f"bases/{'d' * 64}.tar", 35, "tar")
    p.cached(f"bases/{'c' * 64}.tar.sha256", 35, needed["working"] + "\n")
    p.cached(f"bases/{'d' * 64}.tar.sha256", 35, sha256("no tree") + "\n")
    p.cached("files/partial/" + sha256("half"), 35)
    p.cached("apt/abc/lists/x", 35)
    p.cached("unknown/x", 35)
    p.cached("files/sha256/README", 35)
    assert os.path.exists(tree)
    seen = p.prune("--keep", "1")
    names = {n.rsplit("/", 1)[1] for _, n in gone(seen)}
    assert names == {needed["of v0.1"], needed["old"], needed["noted"], gone_layer, "b" * 64, "d" * 64 + ".tar", sha256("half"), "abc",
                     *(digit * 64 for digit in "1345")}, names
    assert not os.path.exists(old_tree) and not os.path.exists(old_tree + ".sha256") and os.path.exists(tree + ".sha256") and not os.path.exists(paths["old"])
    assert why(seen, needed["of a branch"]) == "'lockfiles/latest/lock.toml' of branch 'ahead' has it", why(seen, needed["of a branch"])
    assert why(seen, needed["of another"]) == f"release v0.1 of '{other.root}'" and "hard link" in why(seen, needed["linked"])
    assert why(seen, needed["young"]) == "used 2 days ago" and why(seen, layer) == "the newest release", (why(seen, needed["young"]), why(seen, layer))
    assert os.path.exists(p.cache + "/unknown/x") and os.path.exists(p.cache + "/files/sha256/README")
    # A project that is gone needs nothing.
    shutil.rmtree(other.work)
    note = [n for n in os.listdir(p.cache + "/projects") if open(f"{p.cache}/projects/{n}").read() == other.root]
    assert {n.rsplit("/", 1)[1] for _, n in gone(p.plan())} == {needed["of another"], *note}


def case_what_is_left_in_the_project():
    p = Project()
    for path, age in (("logs/old.log", 50), ("logs/new.log", 1), ("stages/x.Dockerfile", 50), ("contexts/gone/x", 0), ("contexts/ci-a/x", 50), ("contexts/ci-a.stamp", 50),
                      ("contexts/gone.stamp", 0)):
        p.write(".lockstep/" + path, "x")
        os.utime(f"{p.root}/.lockstep/{path}", (p.now - age * pruning.DAY,) * 2)
    assert {n for _, n in gone(p.prune())} == {".lockstep/" + n for n in ("logs/old.log", "stages/x.Dockerfile", "contexts/gone", "contexts/gone.stamp")}
    assert sorted(os.listdir(p.root + "/.lockstep/contexts")) == ["ci-a", "ci-a.stamp"] and os.listdir(p.root + "/.lockstep/logs") == ["new.log"]
    for words in (("--keep", "0"), ("--keep", "x"), ("--unused", "-1")):
        assert "wants a number" in p.run("prune", *words, code=2).err


# ---- by chance ----

class World:
    """A project made by chance, and beside it what must stay and what must go."""

    def __init__(self, chance):
        self.chance, self.p = chance, Project(git=chance.random() < 0.9)
        p = self.p
        self.count, self.keep = chance.randint(1, 8), chance.randint(1, 4)
        self.releases = [f"v0.{n}" for n in range(1, self.count + 1)]
        self.digests = [sha256(f"file {n}") for n in range(12)]
        self.needs = {r: set(chance.sample(self.digests, chance.randint(0, 3))) for r in self.releases}
        for r in self.releases:
            p.release(r, sorted(self.needs[r]))
        self.named = set()
        self.needed = set(self.needs[self.releases[-1]])
        if os.path.isdir(p.root + "/.git"):
            self.branches()
        self.set_jenkinsfile()
        p.lock()
        self.kept = set(self.releases[-self.keep:]) | (self.named & set(self.releases))
        for r in self.kept:
            self.needed |= self.needs[r]
        self.engines()
        self.cache()

    def some(self):
        return self.chance.sample([*self.releases, "v0.77", "v1"], self.chance.randint(0, 2))

    def set_jenkinsfile(self):
        found = self.some()
        self.p.jenkinsfile(found)
        self.named |= set(found)

    def branches(self):
        p, chance = self.p, self.chance
        self.set_jenkinsfile()
        p.commit()
        for n in range(chance.randint(0, 5)):
            p.git("switch", "-q", "-c", f"b{n}")
            found = self.some()
            p.jenkinsfile(found)
            how = chance.choice(("branch", "tag", "stash", "worktree", "dropped"))
            if how == "stash":
                p.write("Jenkinsfile", open(p.root + "/Jenkinsfile").read() + f"// {n}\n")
                p.git("stash", "push", "-q")
            else:
                p.commit()
            if how == "tag":
                p.git("tag", *(["-a", "-m", "x"] if chance.random() < 0.5 else []), f"t{n}")
            p.git("switch", "-q", "main")
            if how == "worktree":
                p.git("worktree", "add", "-q", f"{p.work}/w{n}", f"b{n}")
                also = self.some()
                with open(f"{p.work}/w{n}/Jenkinsfile", "w") as f:
                    f.write(" ".join(also))
                self.named |= set(also)
            if how in ("tag", "dropped") or chance.random() < 0.2 and how != "worktree":
                p.git("branch", "-D", "-q", f"b{n}")
                if how in ("branch", "dropped"):
                    found = []
            self.named |= set(found)

    def engines(self):
        self.stay, self.go = set(), set()
        ids = {r: sha256(f"image {self.chance.randint(0, 5)}") for r in self.releases}
        used = {}
        for engine, prefix in (("buildah", "localhost/"), ("docker", "")):
            images, containers = {}, []
            for r in self.releases:
                if self.chance.random() < 0.7:
                    images.setdefault(ids[r], []).append(f"{prefix}team/tiny/ci-a:{r}")
            for n in range(self.chance.randint(0, 3)):
                images.setdefault(self.chance.choice([*ids.values(), sha256(f"own {engine} {n}")]), []).append(STAGE + sha256(f"stage {engine} {n}"))
            for n, image in enumerate(images):
                if self.chance.random() < 0.2:
                    containers.append({"name": f"c{n}", "image": images[image][0] if self.chance.random() < 0.5 else image[:12], "id": image})
            used[engine] = (images, containers)
            self.p.set_engine(engine, [{"id": i, "names": names, "size": 1, "created": self.p.now - 3 * pruning.DAY} for i, names in images.items()], containers)
        in_use = {c["id"] for _, containers in used.values() for c in containers}
        names = {c["image"].removeprefix("localhost/") for _, containers in used.values() for c in containers}
        # An id that a kept release's image has, wherever.
        kept_ids = {i for images, _ in used.values() for i, all_names in images.items() for n in all_names
                    if "/ci-a:" in n and (n.split(":")[1] in self.kept or i in in_use or n.removeprefix("localhost/") in names)}
        for engine, (images, _) in used.items():
            for i, all_names in images.items():
                for n in all_names:
                    stays = i in in_use or n.removeprefix("localhost/") in names or (n.split(":")[1] in self.kept if "/ci-a:" in n else i in kept_ids)
                    (self.stay if stays else self.go).add((engine, n))

    def cache(self):
        for d in self.digests:
            if self.chance.random() < 0.7:
                age = self.chance.choice((1, 29, 31, 35))
                self.p.stored(d, age)
                (self.stay if d in self.needed or age < 30 else self.go).add(("cache", f"files/sha256/{d[:2]}/{d}"))

    def there(self):
        found = {(e, n) for e in ("buildah", "docker") for n in self.p.names(e)}
        for path, _, names in os.walk(self.p.cache + "/files/sha256"):
            found |= {("cache", os.path.relpath(os.path.join(path, n), self.p.cache)) for n in names}
        return found


def case_worlds_by_chance():
    seed = int(os.environ.get("LOCKSTEP_PRUNE_SEED") or random.randrange(10**6))
    for n in range(int(os.environ.get("LOCKSTEP_PRUNE_ROUNDS") or 3)):
        w = World(random.Random(seed + n))
        what = f"LOCKSTEP_PRUNE_SEED={seed + n} LOCKSTEP_PRUNE_ROUNDS=1"
        planned = w.p.plan("--keep", str(w.keep))
        assert gone(planned) == w.go, (what, "not planned", w.go - gone(planned), "planned", gone(planned) - w.go)
        assert w.there() == w.go | w.stay, what
        w.p.prune("--keep", str(w.keep))
        assert w.there() == w.stay, (what, w.there() ^ w.stay)
        assert not gone(w.p.plan("--keep", str(w.keep))), what
        shutil.rmtree(w.p.work)


os.umask(0o022)
cases.run(globals())

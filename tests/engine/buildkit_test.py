#!/usr/bin/env python3
"""BuildKit by buildctl as an engine: what all engines do alike, and the main job with a real buildkitd of this test's own."""
import hashlib, json, os, re, subprocess, sys, tarfile, urllib.request

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import buildkitd, bump, cases, registries

WORK = os.getcwd()
SITE = "/opt/venv/lib/python3.11/site-packages"
TRY = os.path.join(ROOT, "build/debug/tests/oracle/engine_try")
bump.need_programs("mmdebstrap", "docker-registry", "skopeo")
DAEMON = buildkitd.Buildkitd(WORK + "/buildkitd")
PROJECT = bump.Project(WORK, DAEMON, engine="buildkit").take_tree()


def engine(*words, cache, input=None, **env):
    return subprocess.run([TRY, "buildkit", *words], input=input, capture_output=True, text=True, env={**os.environ, **DAEMON.env(), "LOCKSTEP_CACHE": cache, **env})


def layout(project=PROJECT):
    return project.cache + "/buildkit"


def names(folder):
    with open(folder + "/index.json") as f:
        return [m["annotations"]["org.opencontainers.image.ref.name"] for m in json.load(f)["manifests"]]


def case_what_all_engines_do():
    done = subprocess.run(["bash", "-c", f'set -euo pipefail; . "{ROOT}/tests/engine/lib.sh"; try() {{ "{TRY}" buildkit "$@"; }}; same_interface_tests'],
                          capture_output=True, text=True, env={**os.environ, **DAEMON.env(), "WORK": WORK, "LOCKSTEP_CACHE": WORK + "/own"})
    assert done.returncode == 0, done
    with open("User", "w") as f:
        f.write("FROM t/base:1\nUSER 1234\n")
    assert engine("build", "User", "context", "t/user:1", cache=WORK + "/own").returncode == 0
    # Answers are whole for an image's own user, and never those of before.
    done = engine("run", "t/user:1", "sh", "-c", "id -u; cat; echo complaint >&2; exit 4", cache=WORK + "/own", input="in'put\n")
    assert (done.stdout, done.stderr) == ("1234\nin'put\nexit 4\n", "complaint\n"), done
    twice = [engine("run", "t/base:1", "cat", "/proc/sys/kernel/random/uuid", cache=WORK + "/own").stdout for _ in range(2)]
    assert twice[0] != twice[1] and all(len(t) > 30 for t in twice), twice
    # What a name was of before goes when nothing needs it; what others need stays.
    blobs = WORK + "/own/buildkit/blobs/sha256"
    before = set(os.listdir(blobs))
    assert engine("untag", "t/user:1", cache=WORK + "/own").returncode == 0
    assert len(before - set(os.listdir(blobs))) == 2 and engine("run", "t/base:1", "true", cache=WORK + "/own").stdout == "exit 0\n"
    # An image of which a layer is gone is none.
    for name in os.listdir(blobs):
        if os.path.getsize(f"{blobs}/{name}") > 100_000:
            os.unlink(f"{blobs}/{name}")
    done = engine("inspect", "t/base:1", cache=WORK + "/own")
    assert done.returncode == 1 and "error 3: " in done.stderr and "is gone" in done.stderr, done


def base():
    """A cache with a small image."""
    cache = WORK + "/more"
    if not os.path.exists(cache):
        os.makedirs("small")
        subprocess.run([ROOT + "/tests/engine/tiny_base.sh", "small/base.tar"], check=True)
        with open("Small", "w") as f:
            f.write("FROM scratch\nADD base.tar /\n")
        assert engine("build", "Small", "small", "t/base:1", cache=cache).returncode == 0
    return cache


def case_secrets_of_a_build():
    # Names with what CSV and shells think something of.
    ca, auth = WORK + "/c,a \"1\".pem", WORK + "/au'th=x.conf"
    for path, text in ((ca, "the authority\n"), (auth, "machine x login y password z\n")):
        with open(path, "w") as f:
            f.write(text)
    with open("Secrets", "w") as f:
        f.write("FROM t/base:1\nRUN --mount=type=secret,id=ca,target=/run/ca --mount=type=secret,id=apt-auth,target=/run/auth cat /run/ca /run/auth | sha256sum >/seen\n"
                "RUN [ ! -e /run/ca ] && [ ! -e /run/auth ]\n")
    done = engine("build", "Secrets", "small", "t/secrets:1", ca, auth, cache=base())
    assert done.returncode == 0, done
    expected = hashlib.sha256(b"the authority\nmachine x login y password z\n").hexdigest()
    assert engine("run", "t/secrets:1", "cat", "/seen", cache=base()).stdout.startswith(expected)
    # Without them there is nothing to mount, and the step says so.
    done = engine("run", "t/secrets:1", "sh", "-c", "cat /run/ca /run/auth", cache=base())
    assert "No such file" in done.stderr and "password" not in done.stdout + done.stderr, done


def case_files_are_taken():
    with open("Files", "w") as f:
        f.write("FROM t/base:1\nRUN mkdir -p /etc/deep/er && echo one >'/etc/deep/a b' && echo two >'/etc/deep/er/x' && ln -s ../../../../../../etc/passwd /etc/deep/away && "
                "ln -s nowhere /etc/deep/dangling && echo '[a]*?' >'/etc/deep/[a]*?'\n")
    assert engine("build", "Files", "small", "t/files:1", cache=base()).returncode == 0
    os.makedirs("taken")
    done = engine("take", "t/files:1", WORK + "/taken", "/etc/deep", "/etc/nothing", "/etc/passwd", "/etc/deep/dangling", "/etc/deep/a b", cache=base())
    assert done.returncode == 0, done
    seen = {}
    for line in done.stdout.splitlines():
        path, below = line.split(" below ")
        with tarfile.open(path) as tar:
            for m in tar:
                seen[re.sub("/+", "/", below + "/" + m.name)] = tar.extractfile(m).read().decode() if m.isfile() else m.linkname if m.issym() else None
    assert seen["/etc/deep/a b"] == "one\n" and seen["/etc/deep/er/x"] == "two\n" and seen["/etc/deep/[a]*?"] == "[a]*?\n", seen
    # A link stays one; nothing outside of the image was read for it.
    assert seen["/etc/deep/away"] == "../../../../../../etc/passwd" and seen["/etc/passwd"].startswith("root:x:0:0:root:/root:/bin/sh\n") and "/etc/nothing" not in seen, seen
    assert engine("take", "t/none:1", WORK + "/taken", "/etc", cache=base()).returncode == 1


def case_images_are_pulled():
    registry = registries.Registry("2.8", "registry")
    try:
        subprocess.run(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{base()}/buildkit:t/base:1", f"docker://{registry.host}/deep/base:1"], check=True)
        with urllib.request.urlopen(urllib.request.Request(f"http://{registry.host}/v2/deep/base/manifests/1", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})) as answer:
            image = f"{registry.host}/deep/base@{answer.headers['Docker-Content-Digest']}"
        done = engine("pull", image, cache=WORK + "/pulled")
        assert done.returncode == 0, done
        assert engine("run", image, "cat", "/etc/group", cache=WORK + "/pulled").stdout == "root:x:0:\nexit 0\n"
        done = engine("pull", f"{registry.host}/deep/base@sha256:{'0' * 64}", cache=WORK + "/pulled")
        assert done.returncode == 1 and "not found" in done.stderr, done
    finally:
        registry.stop()
    # What is there is not asked for again.
    assert engine("pull", image, cache=WORK + "/pulled").returncode == 0
    assert os.listdir(WORK + "/pulled/buildkit/made") == []


def case_files_of_killed_builds_are_removed():
    made = WORK + "/own/buildkit/made"
    gone = subprocess.Popen(["true"])
    gone.wait()
    os.makedirs(f"{made}/{gone.pid}-x")
    os.makedirs(f"{made}/{os.getpid()}-x")
    assert engine("clean", cache=WORK + "/own").returncode == 0
    assert f"{os.getpid()}-x" in os.listdir(made) and f"{gone.pid}-x" not in os.listdir(made)


def case_an_index_that_is_broken():
    os.makedirs(WORK + "/broken/buildkit")
    with open(WORK + "/broken/buildkit/index.json", "w") as f:
        f.write('{"manifests": [')
    done = engine("inspect", "t/base:1", cache=WORK + "/broken")
    assert done.returncode == 1 and "can be removed: what was in it is built again" in done.stderr, done


def case_no_daemon():
    done = engine("find", cache=WORK + "/own", BUILDKIT_HOST="unix:///tmp/lockstep-nobody/sock")
    assert done.returncode == 1 and "buildkitd at 'unix:///tmp/lockstep-nobody/sock'" in done.stderr and "BUILDKIT_HOST" in done.stderr, done


def case_first_release():
    p = PROJECT
    assert p.released() == "v0.1"
    p.keep_tree()
    assert p.tags() == ["ci-a:v0.1", "ci-b:v0.1", "ci-c:v0.1"]
    assert [n for n in names(layout()) if n.startswith("tiny/")] == [f"tiny/{c}:v0.1" for c in bump.CONTAINERS]
    r = p.bump()
    assert r.code == 0 and "nothing to do: v0.1 is what the database says, and its images are in buildkit" in r.out, r
    r = p.run("verify", "--engine", "buildkit")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r
    assert os.listdir(layout() + "/made") == []


def case_one_package_moves():
    p = PROJECT
    p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}}})
    r = p.bump("--upgrade-package", "delta")
    assert r.code == 0 and "released v0.2" in r.out and re.search(r"delta.*1\.1 -> 1\.2", r.out), r
    assert "building layer-tool" not in r.err and "container (ci-c)" not in r.err, r


def case_images_are_gone():
    p = PROJECT
    assert subprocess.run([TRY, "buildkit", "untag", "tiny/ci-b:v0.2"], env={**p.env}).returncode == 0
    before = p.committed()
    r = p.bump()
    assert r.code == 0 and "v0.2 holds" in r.out and p.committed() == before, r


def case_drift():
    p = PROJECT
    with open("Tampered", "w") as f:
        f.write("FROM tiny/ci-a:v0.2\nUSER root\nRUN echo 'import os' >>%s/alpha/__init__.py; rm -r %s/beta %s/beta-2.0.dist-info; echo x >%s/y.pth\n" % ((SITE,) * 4))
    done = subprocess.run([TRY, "buildkit", "build", "Tampered", ".", "tampered:1"], env=p.env, capture_output=True, text=True)
    assert done.returncode == 0, done
    r = p.run("verify", "--engine", "buildkit", "ci-a", "--image", "tampered:1")
    for text in ("ci-a: alpha has a file that is not the one that was installed: alpha/__init__.py", "ci-a: beta is locked at 2.0, but not installed",
                 f"ci-a: {SITE}/y.pth belongs to no package that is installed", "3 findings"):
        assert r.code == 1 and text in r.out, (text, r)


def case_build_step_fails():
    p = PROJECT
    before = p.committed()
    p.replace("recipes/layers/tool.yaml", "/usr/local/bin/tool > /tool.version", "echo compiling; cat /proc/net/dev; echo no such header >&2; exit 9")
    r = p.fails("building 'layer-tool' (ci-a, ci-b, ci-c) failed at step ", "no such header", "the whole log: ")
    assert not re.search(r"^\s*e(th|n)\w+:", r.err, re.M), r
    p.write("recipes/layers/tool.yaml", bump.FILES["recipes/layers/tool.yaml"])
    assert p.committed() == before and "nothing to do" in p.bump().out


def case_folder_is_deleted():
    p = PROJECT
    before = p.committed()
    subprocess.run(["rm", "-rf", layout()], check=True)
    r = p.bump()
    assert r.code == 0 and "v0.2 holds" in r.out and p.committed() == before, r


def case_layers_by_lockstep():
    p = PROJECT
    p.write("recipes/project.yaml", p.read("recipes/project.yaml") + "layers: lockstep\n")
    p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.3": {"uploaded": "2024-04-01"}}})
    assert p.released("--upgrade-package", "delta") == "v0.3"
    r = p.run("verify", "--engine", "buildkit")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r
    # One wheel moves, and all layers are packed otherwise; nothing is built for that.
    p.replace("recipes/project.yaml", "layers: lockstep", "layers: {by: lockstep, packing: zstd}")
    p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.4": {"uploaded": "2024-05-01"}}})
    r = p.bump("--upgrade-package", "delta")
    assert r.code == 0 and "released v0.4" in r.out and "building venv" not in r.err and "building container" not in r.err, r
    done = engine("run", "tiny/ci-b:v0.4", "/opt/venv/bin/python", "-c", "import delta, gamma; print(delta.__version__, gamma.__version__)", cache=p.cache)
    assert done.stdout == "1.4 3.0\nexit 0\n", done
    with open(layout() + "/index.json") as f:
        manifest = next(m["digest"] for m in json.load(f)["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "tiny/ci-b:v0.4")
    with open(layout() + "/blobs/" + manifest.replace(":", "/")) as f:
        assert any(layer["mediaType"].endswith("+zstd") for layer in json.load(f)["layers"])
    r = p.bump()
    assert r.code == 0 and "nothing to do: v0.4" in r.out, r


def finish():
    PROJECT.close()
    DAEMON.remove()


cases.run(globals(), finish=finish)

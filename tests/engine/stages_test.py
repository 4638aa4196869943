#!/usr/bin/env python3
"""Stages in a registry under their keys: what one machine built another takes, by BuildKit and by buildah; nothing that lockstep did not put there is taken."""
import base64, json, os, re, subprocess, sys, time, urllib.request, warnings

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import buildkitd, bump, cases, registries

WORK = os.getcwd()
bump.need_programs("mmdebstrap", "docker-registry", "buildah")
PORT = buildkitd.free_port()
HOST = f"127.0.0.1:{PORT}"
STAGES = f"{HOST}/team/stages"
with open("config.yml", "w") as config:
    config.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {WORK}/data}}, delete: {{enabled: true}}}}\nhttp: {{addr: '{HOST}'}}\nlog: {{level: error}}\n")
server = subprocess.Popen(["docker-registry", "serve", "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(300):
    try:
        urllib.request.urlopen(f"http://{HOST}/v2/").read()
        break
    except OSError:
        time.sleep(0.1)
TRY = os.path.join(ROOT, "build/debug/tests/oracle/engine_try")
FILES = {"recipes/project.yaml": bump.FILES["recipes/project.yaml"] + f"stages: {STAGES}\nplain_http: ['{HOST}']\n"}
DAEMON = buildkitd.Buildkitd(WORK + "/buildkitd")


class Here:
    def env(self):
        return DAEMON.env()


def tags():
    with urllib.request.urlopen(f"http://{HOST}/v2/team/stages/tags/list") as answer:
        return json.load(answer)["tags"]


def project(storage, engine):
    return bump.Project(WORK, storage, engine=engine, files=FILES).take_tree()


FIRST = project(Here(), "buildkit")


def built(r):
    return re.findall(r"^building (\S+) ", r.err, re.M)


def case_what_is_built_is_put_there():
    assert FIRST.released() == "v0.1"
    FIRST.keep_tree()
    assert all(re.fullmatch(r"[0-9a-f]{64}", t) for t in tags()) and len(tags()) >= 6, tags()
    r = FIRST.run("build", "--engine", "buildkit")
    assert r.code == 0 and not built(r) and "put into" not in r.err, r


def layers_here(p):
    """How many bytes of BuildKit's images lie on this machine."""
    folder = p.cache + "/buildkit/blobs/sha256"
    return sum(os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder))


def case_it_went_there_by_itself():
    # Manifests and configurations are here, no layer is; and yet it is verified, described, and saved when somebody wants it.
    assert layers_here(FIRST) < 200_000, layers_here(FIRST)
    r = FIRST.run("verify", "--engine", "buildkit")
    assert r.code == 0 and "verified: 3 containers" in r.out and layers_here(FIRST) < 200_000, r
    os.makedirs("saved")
    done = subprocess.run([TRY, "buildkit", "save", "tiny/ci-a:v0.1", "saved"], env=FIRST.env, capture_output=True, text=True)
    assert done.returncode == 0 and sum(os.path.getsize("saved/" + n) for n in os.listdir("saved")) > 10_000_000 and layers_here(FIRST) > 10_000_000, done


def case_others_take_it_from_there():
    # Two that know nothing of each other but the registry; the second builds on what the first built.
    two = [buildkitd.Buildkitd(f"{WORK}/two{i}", tcp=True) for i in range(2)]
    try:
        with project(Here(), "buildkit") as p:
            for c in bump.CONTAINERS:
                p.write(f"recipes/layers/own-{c}.yaml", f"description: its own\nrequires: [tool]\nsteps:\n  - run: [sh, -c, \"sleep 3; echo {c} > /own\"]\n")
                p.replace(f"containers/{c}/container.yaml", "layers: [tool]", f"layers: [tool, own-{c}]")
            r = p.run("bump", "--workers", ",".join(w.address for w in two), "--jobs", "1")
            assert r.code == 0 and "released v0.1" in r.out and layers_here(p) < 200_000, r
            places = dict(re.findall(r"^building (layer-own-\S+) \(.*\) on (\S+)$", r.err, re.M))
            assert set(places.values()) == {w.address for w in two}, r
            assert re.search(rf"^note: stage '(layer-tool|base)' \(.*\) is taken from {STAGES}$", r.err, re.M), r
            assert re.search(rf"^note: \d+ stages pushed to {STAGES} from where they were built$", r.err, re.M), r
    finally:
        for w in two:
            w.remove()


def case_layers_by_lockstep_on_it():
    with project(Here(), "buildkit") as p:
        r = p.bump("--layers", "lockstep")
        assert r.code == 0 and "released v0.1" in r.out, r
        r = p.run("verify", "--engine", "buildkit")
        assert r.code == 0 and "verified: 3 containers" in r.out, r


def case_what_the_registry_lost_is_built_again():
    with project(Here(), "buildkit") as p:
        p.write("recipes/layers/tool.yaml", p.read("recipes/layers/tool.yaml").replace("> /tool.version", "> /tool.versions"))
        before = set(tags())
        assert p.bump().code == 0
        for tag in set(tags()) - before:
            request = urllib.request.Request(f"http://{HOST}/v2/team/stages/manifests/{tag}", method="HEAD", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
            with urllib.request.urlopen(request) as answer:
                digest = answer.headers["Docker-Content-Digest"]
            urllib.request.urlopen(urllib.request.Request(f"http://{HOST}/v2/team/stages/manifests/{digest}", method="DELETE")).read()
        p.write("containers/ci-a/container.yaml", p.read("containers/ci-a/container.yaml").replace("WORD: a", "WORD: b"))
        r = p.bump()
        assert r.code == 0 and re.search(rf"^note: stage '\S+' \(.*\) is in {STAGES} no more, and is built again$", r.err, re.M), r
        r = p.run("verify", "ci-a", "--engine", "buildkit")
        assert r.code == 0, r


def case_workers_without_credentials():
    # lockstep may write there, buildctl knows no password: stages go through this machine, and nothing is lost by it.
    warnings.simplefilter("ignore")
    import crypt
    with open("htpasswd", "w") as f:
        f.write("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)).replace("$2b$", "$2y$", 1) + "\n")
    with open("auth.json", "w") as f:
        json.dump({"auths": {}}, f)
    guarded = registries.Registry("2.8", "guarded", auth=f"htpasswd: {{realm: x, path: {WORK}/htpasswd}}")
    with open("auth.json", "w") as f:
        json.dump({"auths": {guarded.host: {"auth": base64.b64encode(b"me:secret").decode()}}}, f)
    there = f"{guarded.host}/team/stages"
    try:
        files = {"recipes/project.yaml": bump.FILES["recipes/project.yaml"] + f"stages: {there}\nplain_http: ['{guarded.host}']\n"}
        with bump.Project(WORK, Here(), engine="buildkit", files=files).take_tree() as p:
            p.env["REGISTRY_AUTH_FILE"] = WORK + "/auth.json"
            r = p.bump()
            assert r.code == 0 and "released v0.1" in r.out and layers_here(p) > 10_000_000, r
            assert re.search(rf"^note: stages go to {there} through this machine: .*failed to .*$", r.err, re.M), r
            assert re.search(rf"^note: \d+ stages put into {there}$", r.err, re.M) and "secret" not in r.err, r
        # With a password of its own it pushes by itself.
        os.makedirs("docker-config")
        os.link("auth.json", "docker-config/config.json")
        with bump.Project(WORK, Here(), engine="buildkit", files=files).take_tree() as p:
            p.env.update({"REGISTRY_AUTH_FILE": WORK + "/auth.json", "DOCKER_CONFIG": WORK + "/docker-config"})
            p.write("recipes/layers/tool.yaml", p.read("recipes/layers/tool.yaml").replace("> /tool.version", "> /tool.other"))
            r = p.bump()
            assert r.code == 0 and re.search(rf"^note: \d+ stages pushed to {there} from where they were built$", r.err, re.M) and layers_here(p) < 200_000, r
    finally:
        guarded.stop()


def case_another_machine_takes_it():
    with project(Here(), "buildkit") as p:
        r = p.bump()
        assert r.code == 0 and "released v0.1" in r.out and not built(r), r
        assert len(re.findall(rf"^note: stage 'container' \(ci-.\) is taken from {STAGES}$", r.err, re.M)) == 3, r
        r = p.run("verify", "--engine", "buildkit")
        assert r.code == 0 and "verified: 3 containers" in r.out, r


def case_buildah_gives_and_takes():
    storages = [bump.Storage(WORK + f"/storage{i}") for i in range(2)]
    try:
        for i, storage in enumerate(storages):
            with project(storage, "buildah") as p:
                r = p.bump()
                assert r.code == 0 and "released v0.1" in r.out and bool(built(r)) == (i == 0), r
                r = p.run("verify", "--engine", "buildah")
                assert r.code == 0 and "verified: 3 containers" in r.out, r
    finally:
        for storage in storages:
            storage.remove()


def case_what_others_put_there_is_not_taken():
    for tag in tags():
        request = urllib.request.Request(f"http://{HOST}/v2/team/stages/manifests/{tag}", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
        with urllib.request.urlopen(request) as answer:
            manifest = json.load(answer)
        del manifest["annotations"]
        urllib.request.urlopen(urllib.request.Request(f"http://{HOST}/v2/team/stages/manifests/{tag}", data=json.dumps(manifest).encode(), method="PUT",
                                                      headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"})).read()
    with project(Here(), "buildkit") as p:
        r = p.bump()
        assert r.code == 0 and "released v0.1" in r.out and "container" in built(r) and "is not taken: it was not put there by lockstep" in r.err, r


def case_no_registry():
    server.terminate()
    server.wait()
    with project(Here(), "buildkit") as p:
        r = p.bump()
        assert r.code == 0 and "released v0.1" in r.out and f"note: stages are not taken from {STAGES}: " in r.err, r


def finish():
    FIRST.close()
    server.kill()
    server.wait()
    DAEMON.remove()


cases.run(globals(), finish=finish)

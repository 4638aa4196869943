#!/usr/bin/env python3
"""Stages in a registry under their keys: what one machine built another takes, by BuildKit and by buildah; nothing that lockstep did not put there is taken."""
import json, os, re, subprocess, sys, time, urllib.request

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import buildkitd, bump, cases

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

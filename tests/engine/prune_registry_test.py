#!/usr/bin/env python3
"""prune --registry: tags of releases go by the rules of all else; what a tag that stays names stays, whoever made that tag; locks and snapshots go with their image."""
import hashlib, json, os, sys, urllib.error, urllib.request

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases, pruning, registries

IMAGE, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
EMPTY = b"{}"
if registries.missing(registries.KINDS["2.8"]):
    bump.skip("docker-registry is not installed")


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Bench:
    """A project whose repository is in a registry of its own."""

    def __init__(self, kind):
        self.registry = registries.Registry(kind, f"{os.getcwd()}/registry-{kind}-{os.urandom(4).hex()}")
        host = self.registry.host
        self.p = pruning.Project(files={"recipes/project.yaml": pruning.FILES["recipes/project.yaml"].replace("team/tiny", f'"{host}/team/tiny"')})
        self.p.env["LOCKSTEP_PLAIN_HTTP"] = host
        for n in range(1, 5):
            self.p.release(f"v0.{n}")
        self.p.jenkinsfile(["v0.4"])
        self.p.commit()

    def ask(self, path, method="GET", data=None, kind=None):
        url = path if path.startswith("http") else f"http://{self.registry.host}{path}"
        headers = {"Accept": f"{IMAGE}, {INDEX}", **({"Content-Type": kind} if kind else {})}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def blob(self, repository, data):
        where = self.ask(f"/v2/{repository}/blobs/uploads/", "POST", b"")[1]["Location"]
        status = self.ask(f"{where}{'&' if '?' in where else '?'}digest={digest(data)}", "PUT", data, "application/octet-stream")[0]
        assert status == 201, status
        return {"digest": digest(data), "size": len(data)}

    def put(self, container, tags, text, kind=IMAGE, **more):
        """A manifest under each of the tags; without any, under its digest."""
        repository = f"team/tiny/{container}"
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(repository, json.dumps({"x": text}).encode())}
        manifest = {"schemaVersion": 2, "mediaType": kind, **({} if kind == INDEX else {"config": config, "layers": []}), **more}
        data = json.dumps(manifest).encode()
        for tag in tags or [digest(data)]:
            status, _, said = self.ask(f"/v2/{repository}/manifests/{tag}", "PUT", data, kind)
            assert status == 201, (status, said)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def tags(self, container):
        status, _, text = self.ask(f"/v2/team/tiny/{container}/tags/list")
        return sorted(json.loads(text).get("tags") or []) if status == 200 else []

    def is_there(self, container, name):
        return self.ask(f"/v2/team/tiny/{container}/manifests/{name}", "HEAD")[0] == 200

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.registry.stop()


def kinds():
    return [k for k, program in registries.KINDS.items() if not registries.missing(program)]


def case_by_the_same_rules():
    for kind in kinds():
        with Bench(kind) as b:
            for n in range(1, 5):
                b.put("ci-a", [f"v0.{n}"], f"a {n}")
            b.put("ci-b", ["v0.1", "v0.2"], "b 1")
            b.put("ci-b", ["v0.3", "v0.4"], "b 3")
            b.put("ci-a", ["edge", "v9.9"], "other")
            b.p.git("switch", "-q", "-c", "old")
            b.p.jenkinsfile(["v0.2"])
            b.p.commit()
            b.p.git("switch", "-q", "main")
            assert not [i for i in b.p.plan("--keep", "1")["items"] if i["kind"] == "tag"], "not without being asked"
            seen = b.p.prune("--keep", "1", "--registry")
            assert {i["name"].split("/")[-1] for i in seen["items"] if i["removed"]} == {"ci-a:v0.1", "ci-a:v0.3"}, seen
            assert b.tags("ci-a") == ["edge", "v0.2", "v0.4", "v9.9"] and b.tags("ci-b") == ["v0.1", "v0.2", "v0.3", "v0.4"], (b.tags("ci-a"), b.tags("ci-b"))
            # The branch is gone: so is what it named, with all tags of that image.
            b.p.git("branch", "-D", "old")
            b.p.prune("--keep", "1", "--registry")
            assert b.tags("ci-a") == ["edge", "v0.4", "v9.9"] and b.tags("ci-b") == ["v0.3", "v0.4"], (b.tags("ci-a"), b.tags("ci-b"))
            assert not pruning.gone(b.p.plan("--keep", "1", "--registry"))


def case_tags_of_others():
    for kind in kinds():
        with Bench(kind) as b:
            one = b.put("ci-a", ["v0.1", "stable"], "a 1")
            two = b.put("ci-a", ["v0.2"], "a 2")
            b.put("ci-a", ["many"], "", INDEX, manifests=[{**two, "platform": {"architecture": "amd64", "os": "linux"}}])
            b.put("ci-a", ["v0.3"], "a 3")
            seen = b.p.prune("--keep", "1", "--registry")
            assert b.tags("ci-a") == ["many", "stable", "v0.1", "v0.2"] and b.is_there("ci-a", one["digest"]), b.tags("ci-a")
            assert pruning.why(seen, "ci-a:v0.1") == "tag 'stable' is the same image" and pruning.why(seen, "ci-a:v0.2") == "the index 'many' names it"


def case_what_belongs_to_it():
    for kind in kinds():
        with Bench(kind) as b:
            images = {n: b.put("ci-a", [f"v0.{n}"], f"a {n}") for n in (1, 4)}
            artifacts = {}
            for n, image in images.items():
                artifacts[n] = b.put("ci-a", [], f"lock {n}", artifactType="application/x", subject=image)
                if kind != "referrers":
                    b.put("ci-a", [image["digest"].replace(":", "-")], "", INDEX, manifests=[{**artifacts[n], "artifactType": "application/x"}])
            b.p.prune("--keep", "1", "--registry")
            assert not b.is_there("ci-a", images[1]["digest"]) and not b.is_there("ci-a", artifacts[1]["digest"]), kind
            assert b.is_there("ci-a", "v0.4") and b.is_there("ci-a", artifacts[4]["digest"])
            assert b.tags("ci-a") == sorted(["v0.4", *([images[4]["digest"].replace(":", "-")] if kind != "referrers" else [])]), b.tags("ci-a")
            # As a run leaves it that is killed in between.
            if kind != "referrers":
                tag = digest(b"gone").replace(":", "-")
                b.put("ci-a", [tag], "", INDEX, manifests=[])
                b.p.prune("--keep", "1", "--registry")
                assert tag not in b.tags("ci-a")


def case_a_registry_that_does_not_answer():
    with Bench("2.8") as b:
        b.put("ci-a", ["v0.1"], "a 1")
        b.p.set_engine("buildah", [b.p.image([f"{b.registry.host}/team/tiny/ci-a:v0.1"])], [])
        b.registry.stop()
        r = b.p.run("prune", "--keep", "1", "--registry", code=1)
        assert b.registry.host in r.err and len(b.p.names("buildah")) == 1, r
        b.p.run("prune", "--keep", "1")
        assert not b.p.names("buildah")


cases.run(globals())

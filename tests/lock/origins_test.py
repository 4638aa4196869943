#!/usr/bin/env python3
"""Where packages may come from: wheels from one address or path, names bound to one index; and what fetch takes of several environments. Locked and fetched with
lockstep itself, the index's log says who was asked for what."""
import copy, os, shutil, subprocess, tempfile, tomllib

import scenarios_test as scenarios
from scenarios_test import fake
import cases

LOCKSTEP = scenarios.LOCKSTEP


class Project:
    def __init__(self, packages, scenario, indexes=None):
        self.work = tempfile.mkdtemp(prefix="lockstep-origins-")
        self.root = self.work + "/project"
        self.index = fake.Index(copy.deepcopy({"packages": packages, "indexes": indexes or {}}))
        self.index.__enter__()
        self.write(scenario)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.index.__exit__()
        shutil.rmtree(self.work, ignore_errors=True)

    def write(self, scenario):
        scenarios.write_project(self.root, {"containers": {"ci-a": ["core"]}, "resolver": "uv", **scenario}, self.index.address)

    def run(self, *arguments, code=0, **settings):
        env = {**scenarios.environment(self.work, self.index, {}), **settings}
        done = subprocess.run([LOCKSTEP, arguments[0], "-C", self.root, *arguments[1:]], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == code and "Sanitizer" not in done.stderr, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def pins(self):
        with open(self.root + "/.lockstep/lock.toml", "rb") as f:
            return {p["name"]: p for p in tomllib.load(f)["package"]}

    def asked(self, index, name):
        return [e["path"] for e in self.index.log if e["path"].startswith(f"/{index}simple/{name}/") or e["path"].startswith(f"/files/{index[:-1] or 'default'}/{name}/")]

    def wheel(self, name, index="default"):
        return self.index.files(index, name)[0]

    def url(self, name, index="default"):
        return f"{self.index.address}/files/{index}/{name}/{self.wheel(name, index).name}"

    def in_store(self, sha256):
        return any(sha256 in names or sha256[2:] in names for _, _, names in os.walk(self.work + "/lockstep-cache/files"))


def case_a_wheel_from_an_address():
    """It is locked by its hash, fetched from there, and no index is asked for it; what requires it gets it too, in every environment."""
    packages = {"a": {"1.0": ["x>=1"]}, "x": {"9.0": []}, "b": {"1.0": []}}
    bases = {"several": {"further_environments": [{"python": "3.9"}]}}
    with Project(packages, {"packages": {"a": {"groups": ["core"]}}}, {"hidden": {"x": {"1.0": ["b"]}}}) as p:
        source = {"url": p.url("x", "hidden"), "sha256": p.wheel("x", "hidden").sha256}
        declared = {"packages": {"a": {"groups": ["core"]}, "x": {"groups": ["own"], "from": source}}, "bases": bases,
                    "containers": {"ci-a": {"base": "several", "python": {"groups": ["core"]}}, "ci-b": {"base": "py313", "python": {"groups": ["own"]}}}}
        p.write(declared)
        p.run("lock")
        pins, wheel = p.pins(), p.wheel("x", "hidden")
        assert pins["x"] == {"name": "x", "version": "1.0", "reference": source["url"], "containers": ["ci-a", "ci-b"], "requires": [{"name": "b"}],
                             "files": [{"name": wheel.name, "size": len(wheel.content), "sha256": wheel.sha256}]}, pins["x"]
        assert not p.asked("", "x"), p.index.log
        assert "unchanged" in p.run("lock")
        os.remove(p.root + "/.lockstep/urls.json")
        p.run("fetch")
        assert p.in_store(wheel.sha256) and not p.asked("", "x")
        p.write({**declared, "packages": {**declared["packages"], "x": {"groups": ["own"], "from": {**source, "sha256": "0" * 64}}}})
        said = p.run("lock", code=1)
        assert "has other bytes than the database says" in said and "0" * 64 in said, said


def case_the_address_is_wrong():
    """No index is blamed: the package is named, and where recipes/ say it."""
    with Project({"a": {"1.0": []}}, {"packages": {"a": {"groups": ["core"]}}}, {"hidden": {"x": {"1.0": []}}}) as p:
        sha256 = p.wheel("x", "hidden").sha256
        wrong, nobody = p.url("x", "hidden").replace("/hidden/", "/hidde/"), "http://127.0.0.1:1/x-1.0-py3-none-any.whl"
        for url, what in ((wrong, "error: '{}', which package 'x' is taken from ({}), answered 404 Not Found\nis the address right? nothing is there\n"),
                          (nobody, "error: cannot reach '{}', which package 'x' is taken from ({}): Connection refused")):
            p.write({"packages": {"x": {"groups": ["core"], "from": {"url": url, "sha256": sha256}}}})
            with open(p.root + "/recipes/python.yaml") as f:
                lines = f.read().split("\n")
            line = next(i for i, text in enumerate(lines) if '"from"' in text)
            said = p.run("lock", code=1)
            assert what.format(url, f"recipes/python.yaml:{line + 1}:{lines[line].index('{', lines[line].index('from')) + 1}") in said, said


def case_the_address_has_other_bytes_now():
    with Project({"a": {"1.0": []}}, {"packages": {"a": {"groups": ["core"]}}}, {"hidden": {"x": {"1.0": []}}}) as p:
        p.write({"packages": {"x": {"groups": ["core"], "from": {"url": p.url("x", "hidden"), "sha256": p.wheel("x", "hidden").sha256}}}})
        p.run("lock")
        p.index.add_fault("/files/hidden/x/", "wrong_byte", at=40)
        said = p.run("fetch", code=1, LOCKSTEP_FETCH_TRIES="1", LOCKSTEP_FETCH_BACKOFF_MS="1")
        assert f"x-1.0-py3-none-any.whl, of x 1.0 from '{p.url('x', 'hidden')}'" in said and not p.asked("", "x"), said


def case_a_wheel_that_does_not_fit():
    """Of another package, for another Python, or outside what others require: said where it is declared, and nothing is locked."""
    hidden = {"x": {"1.0": {"tags": ["cp39-cp39-manylinux_2_17_x86_64"]}}, "y": {"1.0": []}}
    with Project({"a": {"1.0": ["y>=2"]}}, {"packages": {"a": {"groups": ["core"]}}}, {"hidden": hidden}) as p:
        source = {name: {"url": p.url(name, "hidden"), "sha256": p.wheel(name, "hidden").sha256} for name in hidden}
        for packages, wanted in (({"x": {"groups": ["core"], "from": source["x"]}}, "x"), ({"z": {"groups": ["core"], "from": source["y"]}}, "z"),
                                 ({"a": {"groups": ["core"]}, "y": {"groups": ["core"], "from": source["y"]}}, "y")):
            p.write({"packages": packages})
            said = p.run("lock", code=1)
            assert "recipes/python.yaml:" in said and f"'{wanted}'" in said and not os.path.exists(p.root + "/.lockstep/lock.toml"), said


def case_a_wheel_of_the_project():
    with Project({"a": {"1.0": []}}, {"packages": {"a": {"groups": ["core"]}}}, {"hidden": {"x": {"1.0": ["a"]}}}) as p:
        wheel = p.wheel("x", "hidden")
        os.makedirs(p.root + "/vendor")
        with open(p.root + "/vendor/" + wheel.name, "wb") as f:
            f.write(wheel.content)
        p.write({"packages": {"x": {"groups": ["core"], "from": {"path": "vendor/" + wheel.name}}}})
        p.run("lock")
        x = p.pins()["x"]
        assert x["reference"] == "vendor/" + wheel.name and x["files"] == [{"name": wheel.name, "size": len(wheel.content), "sha256": wheel.sha256}], x
        with open(p.root + "/.lockstep/lock.toml") as f:
            assert p.root not in f.read()
        assert "2 fetched now" in p.run("fetch") and p.in_store(wheel.sha256) and not p.asked("", "x")
        # Other bytes of the same name are another recipe.
        with open(p.root + "/vendor/" + wheel.name, "ab") as f:
            f.write(b"more")
        assert "recipes changed since the last lock" in p.run("fetch", code=1)


def case_a_bound_name_is_asked_of_its_index_only():
    """Dependency confusion: neither lock nor fetch asks another index for the name, whoever requires it, in whatever environment, conflict or not."""
    packages = {"a": {"1.0": ["own"]}, "own": {"99.0": []}}
    indexes = {"inner": {"own": {"1.0": []}}, "evil": {"own": {"99.0": []}}}
    project = {"indexes": [{"alias": "default"}, {"alias": "evil", "url": "$ADDRESS/evil/simple/"}, {"alias": "inner", "url": "$ADDRESS/inner/simple/"}]}
    shapes = {
        "of one that nobody asks for": {"containers": {"ci-a": ["core"]}},
        "beside one for another Python": {"containers": {"ci-a": ["core"], "ci-b": {"base": "py39", "python": {"groups": ["tools"]}}}},
        "in conflict": {"containers": {"ci-a": ["core"], "ci-b": ["tools"]}, "conflicts": [{"groups": ["core", "tools"], "why": "for this test"}]},
        "in a further environment": {"containers": {"ci-a": {"base": "several", "python": {"groups": ["core"]}}, "ci-b": ["tools"]},
                                     "bases": {"several": {"further_environments": [{"machine": "aarch64"}, {"python": "3.13"}]}}},
    }
    for about, shape in shapes.items():
        declared = {"packages": {"a": {"groups": ["core"]}, "own": {"groups": ["tools"], "index": "inner"}}, "project": project, **shape}
        with Project(packages, declared, indexes) as p:
            p.run("lock")
            assert (p.pins()["own"]["version"], p.pins()["own"]["index"]) == ("1.0", "inner"), (about, p.pins())
            os.remove(p.root + "/.lockstep/urls.json")
            p.run("fetch", "--all-environments")
            assert p.asked("inner/", "own") and not p.asked("", "own") and not p.asked("evil/", "own"), (about, p.index.log)
            # It is gone from its index: it is not taken from anywhere else.
            p.index.description["indexes"]["inner"].pop("own")
            p.index.made = {}
            shutil.rmtree(p.work + "/lockstep-cache")
            said = p.run("fetch", code=1, LOCKSTEP_FETCH_TRIES="1")
            assert "of own 1.0 from index 'inner'" in said and not p.asked("evil/", "own") and not p.asked("", "own"), (about, said)


def case_fetch_takes_what_is_built():
    tags = ["cp39-cp39-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_aarch64"]
    packages = {"a": {"1.0": {"requires": ["old ; python_version < '3.10'"], "tags": tags}}, "old": {"1.0": []}}
    declared = {"packages": {"a": {"groups": ["core"]}}, "bases": {"several": {"further_environments": [{"machine": "aarch64"}, {"python": "3.9"}]}},
                "containers": {"ci-a": {"base": "several", "python": {"groups": ["core"]}}}}
    with Project(packages, declared) as p:
        p.run("lock")
        assert p.run("fetch").startswith("1 file ("), p.index.log
        assert "old" not in {e["path"].split("/")[3] for e in p.index.log if e["path"].startswith("/files/") and e["path"].endswith(".whl")}
        assert p.run("fetch", "--all-environments").startswith("4 files (")
        for name in ("a", "old"):
            assert all(p.in_store(f.sha256) for f in p.index.files("default", name))


if __name__ == "__main__":
    cases.run(globals())

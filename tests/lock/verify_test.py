#!/usr/bin/env python3
"""lockstep verify on files alone: what recipes declare beside the lock, containers beside each other, wheels beside each other, the lock beside its indexes. Each
case spoils one thing in a project that was locked and fetched for it, and must find just that."""
import contextlib, json, os, shutil, subprocess, tempfile

import scenarios_test as scenarios
from scenarios_test import fake
import cases

PACKAGES = {
    "app": {"1.0": ["leaf>=2", "speed; extra == 'fast'"], "2.0": ["leaf>=2", "speed; extra == 'fast'"]}, "leaf": {"1.0": [], "2.0": [], "3.0": []},
    "speed": {"1.0": []}, "plain": {"1.0": []}, "fancy": {"1.0": []}, "grumpy": {"1.0": ["leaf<2"]}, "tool": {"1.0": []}, "other": {"1.0": []},
}
PROJECT = {
    "resolver": "uv",
    "packages": {
        "app": {"groups": ["core"], "extras": ["fast"], "range": "<3", "why": "three is another program",
                "constraints": [{"range": "<2", "why": "old Python", "when": {"marker": "python_version < '3.12'"}},
                                {"range": "!=1.5", "why": "broken there", "when": {"container": "ci-b"}}]},
        "leaf": {"groups": ["core"], "hold": {"range": "<3", "why": "work", "owner": "ana", "review": "2999-12-31"}},
        "plain": {"groups": ["core"]}, "fancy": {}, "grumpy": {"groups": ["core"]},
        "speed": {"range": "<2", "why": "where app brings it"},
    },
    "waivers": [{"package": "grumpy", "requires": "leaf", "why": "it works with 2", "review": "2999-12-31"}],
    "containers": {
        "ci-a": {"layers": [{"kit": {"version": "1"}}], "python": {"groups": ["core"]}},
        "ci-b": {"python": {"groups": ["core"], "swaps": {"plain": {"with": "fancy", "why": "has colours"}}}},
    },
    "layers": {"kit": {"description": "tools", "options": {"version": {"description": "which", "pattern": "version"}},
                       "steps": [{"wheels": {"requirements": ["tool==${version}.*"], "into": "/opt/tool", "from": "tool"}}]}},
}


class Project:
    def __init__(self, work, index, description=None):
        self.root, self.index = os.path.join(work, "project"), index
        scenarios.write_project(self.root, description or PROJECT, index.address)
        self.environment = {**scenarios.environment(work, index, {}), "UV_CACHE_DIR": work + "/.cache", "LOCKSTEP_FETCH_TRIES": "2", "LOCKSTEP_FETCH_BACKOFF_MS": "1"}
        self.run("lock")
        self.run("fetch")
        self.lock_text = self.read(".lockstep/lock.toml")

    def path(self, name):
        return os.path.join(self.root, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def replace(self, name, *changes):
        text = self.read(name)
        for old, new in changes:
            assert old in text, (old, text)
            text = text.replace(old, new)
        self.write(name, text)

    def run(self, *arguments, code=0):
        done = subprocess.run([scenarios.LOCKSTEP, *arguments, "-C", self.root], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == code, (arguments, done)
        self.err = done.stderr
        return done.stdout

    def verify(self, relation, *arguments, code=1):
        """The relation's part of the answer."""
        answer = json.loads(self.run("verify", "--only", relation, "--format", "json", *arguments, code=code))
        self.bits = answer["exit_bits"]
        return next(r for r in answer["relations"] if r["name"] == relation)

    def spoiled(self, *changes):
        """The lock with other text in it."""
        self.write(".lockstep/lock.toml", self.lock_text)
        self.replace(".lockstep/lock.toml", *changes)
        return self

    def mended(self):
        self.write(".lockstep/lock.toml", self.lock_text)


def without_pin(lock, name):
    head, *pins = lock.split("\n[[package]]\n")
    tail = pins[-1].split("\n[[toolchain]]")
    pins[-1], rest = tail[0], "".join("\n[[toolchain]]" + t for t in tail[1:])
    kept = [p for p in pins if not p.startswith(f'name = "{name}"\n')]
    assert len(kept) == len(pins) - 1, (name, lock)
    return "".join(["\n[[package]]\n" + p for p in kept]).join([head, rest])


def found(relation):
    return [(f["kind"], f["container"], f["subject"], f["expected"], f["found"]) for f in relation["findings"]]


def expect(seen, *wanted):
    assert sorted(seen, key=str) == sorted(wanted, key=str), seen


def case_holds(p):
    text = p.run("verify", "--only", "declared", "--only", "agree", "--only", "files")
    assert text == ("declared within lock   holds: 8 declared packages of 2 containers\n"
                    "containers agree       holds: 4 packages that several containers have\n"
                    "wheels live together   holds: the files of 10 wheels in 2 containers\n"
                    "verified: 3 relations of .lockstep/lock.toml, without looking into images\n"), text
    answer = json.loads(p.run("verify", "--only", "declared", "--only", "agree", "--format", "json"))
    assert answer["verified"] is True and answer["exit_bits"] == 0 and answer["images"] == [] and answer["lock"] == ".lockstep/lock.toml", answer
    assert [(r["name"], r["bit"], r["state"], r["ok"]) for r in answer["relations"]] == [
        ("declared", 1, "holds", True), ("installed", 2, "not asked", None), ("agree", 4, "holds", True), ("files", 8, "not asked", None),
        ("index", 16, "not asked", None)], answer


def case_constraint_refuses(p):
    p.spoiled(('name = "app"\nversion = "1.0"', 'name = "app"\nversion = "2.0"'), ("app-1.0-", "app-2.0-"))
    relation = p.verify("declared")
    expect(found(relation), *[("constraint", c, "app", "<2", "2.0") for c in ("ci-a", "ci-b")])
    finding = relation["findings"][0]
    assert finding["text"] == "is locked at 2.0, but recipes/python.yaml:4:125 says '<2'" and (finding["file"], finding["line"]) == ("recipes/python.yaml", 4), finding
    assert finding["package"] == "app" and finding["severity"] == "error" and relation["ok"] is False and p.bits == 1
    text = p.run("verify", "--only", "declared", code=1)
    assert text == ("declared within lock   2 findings\n  ci-a: app is locked at 2.0, but recipes/python.yaml:4:125 says '<2'\n"
                    "  ci-b: app is locked at 2.0, but recipes/python.yaml:4:125 says '<2'\n2 findings in .lockstep/lock.toml\n"), text
    assert p.verify("declared", "ci-b")["findings"] == relation["findings"][1:]


def case_constraint_of_what_is_only_required(p):
    p.spoiled(('name = "speed"\nversion = "1.0"', 'name = "speed"\nversion = "2.0"'), ("speed-1.0-", "speed-2.0-"))
    expect(found(p.verify("declared")), *[("constraint", c, "speed", "<2", "2.0") for c in ("ci-a", "ci-b")])


def case_source_is_not_built_yet(p):
    """Its wheel comes with the build; until then nothing is wrong with the lock."""
    p.spoiled(("plain-1.0-py3-none-any.whl", "plain-1.0.tar.gz"))
    assert p.verify("declared", code=0)["findings"] == []


def case_hold_refuses(p):
    p.spoiled(('name = "leaf"\nversion = "2.0"', 'name = "leaf"\nversion = "3.0"'), ("leaf-2.0-", "leaf-3.0-"))
    relation = p.verify("declared")
    expect(found(relation), *[("hold", c, "leaf", "<3", "3.0") for c in ("ci-a", "ci-b")])
    assert "holds it at '<3' (ana, until 2999-12-31)" in relation["findings"][0]["text"], relation


def case_requirement_is_not_satisfied(p):
    """By the wheel's own word: the lock's edges say no versions."""
    p.spoiled(('name = "leaf"\nversion = "2.0"', 'name = "leaf"\nversion = "1.0"'), ("leaf-2.0-", "leaf-1.0-"))
    expect(found(p.verify("declared")), *[("requirement", c, "app", "leaf>=2", "1.0") for c in ("ci-a", "ci-b")])


def case_not_locked(p):
    p.write(".lockstep/lock.toml", without_pin(p.lock_text, "speed").replace('    { name = "speed", extra = "fast" },\n', ""))
    expect(found(p.verify("declared")), *[("requirement", c, "app", "speed; extra == 'fast'", None) for c in ("ci-a", "ci-b")])
    relation = p.spoiled(('name = "fancy"\nversion = "1.0"\nindex = "default"\ncontainers = ["ci-b"]', 'name = "fancy"\nversion = "1.0"\nindex = "default"\ncontainers = ["ci-a"]'),
                         ('    "fancy",\n', "")).verify("declared")
    expect(found(relation), ("not-locked", "ci-b", "fancy", "fancy", None), ("unneeded", "ci-a", "fancy", None, "1.0"))
    assert relation["findings"][0]["file"] or relation["findings"][1]["file"], relation


def case_unneeded(p):
    p.spoiled(('[[package]]\nname = "plain"', '[[package]]\nname = "other"\nversion = "1.0"\nindex = "default"\ncontainers = ["ci-a", "ci-b"]\nfiles = [\n    '
               '{ name = "other-1.0-py3-none-any.whl", size = 5, sha256 = "' + "a" * 64 + '" },\n]\n\n[[package]]\nname = "plain"'))
    relation = p.verify("declared")
    expect(found(relation), *[("unneeded", c, "other", None, "1.0") for c in ("ci-a", "ci-b")])
    assert relation["findings"][0]["text"] == "is locked at 1.0, but nothing that is declared needs it"
    p.spoiled(('layers = ["kit{version=1}"]\nfiles', 'layers = ["kit{version=2}"]\nfiles'))
    expect(found(p.verify("declared")), ("unneeded", None, "tool", None, "1.0"))


def case_swap(p):
    both = ('name = "plain"\nversion = "1.0"\nindex = "default"\ncontainers = ["ci-a"]', 'name = "plain"\nversion = "1.0"\nindex = "default"\ncontainers = ["ci-a", "ci-b"]')
    expect(found(p.spoiled(both).verify("declared")), ("unneeded", "ci-b", "plain", None, "1.0"))
    relation = p.spoiled(both, ('    "leaf<3",\n]', '    "leaf<3",\n    "plain",\n]')).verify("declared")
    expect(found(relation), ("unneeded", "ci-b", "plain", None, "1.0"), ("swap", "ci-b", "plain", "fancy", "plain"))


def case_environment(p):
    p.spoiled(('libc-version = "2.36"', 'libc-version = "2.31"'))
    expect(found(p.verify("declared")), *[("environment", c, "libc version", "2.36", "2.31") for c in ("ci-a", "ci-b")])


def case_waiver_is_taken_back(p):
    text = p.read("recipes/python.yaml")
    p.write("recipes/python.yaml", text.replace("waivers:\n", "").replace(text.split("waivers:\n")[1].split("\n")[0] + "\n", ""))
    try:
        relation = p.verify("declared")
        kinds = {f["kind"] for f in relation["findings"]}
        assert kinds == {"inputs", "requirement"}, relation
        expect([f for f in found(relation) if f[0] == "requirement"], *[("requirement", c, "grumpy", "leaf<2", "2.0") for c in ("ci-a", "ci-b")])
        assert ("inputs", None, "recipes/") in [(f["kind"], f["container"], f["subject"]) for f in relation["findings"]], relation
    finally:
        p.write("recipes/python.yaml", text)


def case_container_is_new(p):
    os.makedirs(p.path("containers/ci-c"))
    p.write("containers/ci-c/container.yaml", '{"base": "py311", "python": {"groups": ["core"]}}\n')
    jenkinsfile = p.read("Jenkinsfile")
    p.write("Jenkinsfile", jenkinsfile + "ci_c = 'test/ci-c:v0.0'\n")
    try:
        relation = p.verify("declared", "ci-c")
        assert ("not-locked", "ci-c", "ci-c") in [(f["kind"], f["container"], f["subject"]) for f in relation["findings"]], relation
    finally:
        shutil.rmtree(p.path("containers/ci-c"))
        p.write("Jenkinsfile", jenkinsfile)


def case_agree(p):
    text = p.lock_text
    entry = "[[package]]\n" + text.split("[[package]]\n")[[t.split("\n")[0] for t in text.split("[[package]]\n")].index('name = "leaf"')]
    old = entry.replace('containers = ["ci-a", "ci-b"]', 'containers = ["ci-a"]')
    new = entry.replace('containers = ["ci-a", "ci-b"]', 'containers = ["ci-b"]').replace('"2.0"', '"3.0"').replace("leaf-2.0-", "leaf-3.0-")
    edges = text.replace(entry, old + new).replace('{ name = "leaf" }', '{ name = "leaf", version = "2.0" }').replace(
        '{ name = "leaf", waived', '{ name = "leaf", version = "2.0", waived')
    p.write(".lockstep/lock.toml", edges)
    relation = p.verify("agree")
    expect(found(relation), ("disagree", None, "leaf", "2.0", "3.0"))
    assert relation["findings"][0]["text"] == "is 2.0 in ci-a, but 3.0 in ci-b, and no difference is declared" and p.bits == 4, relation
    assert "containers agree       1 finding\n  leaf is 2.0 in ci-a, but 3.0 in ci-b, and no difference is declared\n" in p.run("verify", "--only", "agree", code=1)


def changed(*changes):
    """PACKAGES with some releases other."""
    packages = json.loads(json.dumps(PACKAGES))
    for name, version, release in changes:
        if release is None:
            del packages[name][version]
        else:
            packages[name][version] = {"requires": packages[name][version], **release}
    return packages


def case_index(p):
    expect(found(p.verify("index", code=0)))
    for form in ("json", "html"):
        p.index.description["format"] = form
        p.index.set_packages(changed(("leaf", "2.0", {"yanked": "eats <files> & \"more\""}), ("speed", "1.0", {"yanked": True}), ("plain", "1.0", None),
                                     ("fancy", "1.0", {"padding": 10}), ("tool", "1.0", {"yanked": "no\x1b[31mred"}), ("leaf", "3.0", {"yanked": True})))
        relation = p.verify("index")
        assert [(f["kind"], f["subject"], f["found"]) for f in relation["findings"] if f["kind"] != "replaced"] == [
            ("yanked", "leaf", "eats <files> & \"more\""), ("vanished", "plain", None), ("yanked", "speed", "yanked"), ("yanked", "tool", "no\x1b[31mred")], relation
        replaced = next(f for f in relation["findings"] if f["kind"] == "replaced")
        assert replaced["subject"] == "fancy" and replaced["expected"] in p.lock_text and replaced["found"] not in p.lock_text and p.bits == 16, replaced
        assert replaced["file"] == "recipes/python.yaml", replaced
        text = p.run("verify", "--only", "index", code=1)
        assert "  leaf 2.0 was yanked from index 'default': eats <files> & \"more\" ('leaf-2.0-py3-none-any.whl')\n" in text and "\x1b[31m" not in text, text
        assert "  speed 1.0 was yanked from index 'default', no reason given (" in text and "  plain 1.0: index 'default' no longer has 'plain-1.0-" in text, text
        expect([f[2] for f in found(p.verify("index", "ci-a"))], "leaf", "plain", "speed", "tool")
    p.index.description["format"] = "json"
    p.index.set_packages(PACKAGES)


def case_index_is_asked_only_on_demand(p):
    p.index.log.clear()
    p.run("verify", "--only", "declared", "--only", "agree", "--only", "files")
    assert not p.index.log, p.index.log
    answer = json.loads(p.run("verify", "--index", "--engine", "buildah", "--format", "json", code=1))
    assert answer["relations"][4]["state"] == "holds" and p.index.log, answer


def case_index_cannot_be_asked(p):
    p.index.add_fault("/simple/leaf/", "status", status=403)
    p.index.add_fault("/simple/speed/", "status", status=500)
    try:
        relation = p.verify("index")
        assert relation["state"] == "unknown" and p.bits == 16 and "cannot ask index 'default' for 'leaf': " in relation["problem"], relation
        assert "403" in relation["problem"] and "nor for 1 other package" in relation["problem"], relation
    finally:
        p.index.faults.clear()
    saved = p.environment
    p.environment = {**saved, "UV_OFFLINE": "1"}
    assert "cannot ask the indexes: UV_OFFLINE keeps from it" in p.verify("index")["problem"]
    p.environment = saved


def case_images_cannot_be_looked_into(p):
    """Without an engine, or without images, the rest is told of all the same."""
    text = p.run("verify", "--engine", "buildah", code=1)
    assert "declared within lock   holds" in text and "lock equals installed  cannot be told\n" in text and "containers agree       holds" in text, text
    assert "error: " in p.err, p.err
    answer = json.loads(p.run("verify", "--engine", "buildah", "--format", "json", code=1))
    installed = answer["relations"][1]
    assert installed["state"] == "unknown" and installed["ok"] is None and installed["problem"] and answer["exit_bits"] == 2, answer


def case_usage(p):
    assert p.run("verify", "--only", "all", code=2) == "" and "'--only' takes declared, installed, agree, files or index, not 'all'" in p.err, p.err
    assert p.run("verify", "--image", "x", code=2) == ""
    p.run("verify", "--only", "declared", "ci-x", code=1)
    assert p.err == "error: there is no container 'ci-x'\ndid you mean 'ci-a'?\n", p.err


def main():
    with tempfile.TemporaryDirectory() as work, fake.Index({"packages": PACKAGES}) as index:
        p = Project(work, index)

        @contextlib.contextmanager
        def mended():
            try:
                yield p
            finally:
                p.mended()

        cases.run(globals(), mended)


if __name__ == "__main__":
    main()

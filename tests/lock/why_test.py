#!/usr/bin/env python3
"""lockstep why and tree on a project that is locked for it: chains over groups, extras, markers, swaps and layers; every form of what may be asked wrongly."""
import contextlib, json, os, subprocess, tempfile

import scenarios_test as scenarios
from scenarios_test import fake
import cases

PACKAGES = {
    "app": {"1.0": ["middle[fast]>=1", "old>=1; python_version < '3.12'"]}, "middle": {"1.2": ["leaf>=2,<4", "speed; extra == 'fast'"]},
    "other": {"1.0": ["leaf>=1", "middle"]}, "leaf": {"3.0": []}, "old": {"1.1": ["leaf"]}, "speed": {"0.9": ["leaf"]}, "solo": {"1.0": []},
    "plain": {"1.0": []}, "fancy": {"1.0": ["leaf>=3"]}, "loop": {"1.0": ["loop-back"]}, "loop-back": {"1.0": ["loop"]},
    "tool": {"1.0": ["part; extra == 'x'"]}, "part": {"1.0": []}, "bound": {"1.0": []}, "grumpy": {"1.0": []}, "weary": {"1.5": ["grumpy"], "2.0": []},
}
PROJECT = {
    "resolver": "uv",
    "groups": {"all": {"description": "everything", "include": ["core"]}},
    "packages": {
        "app": {"groups": ["core"], "range": "<2", "why": "the second one is another program", "link": "https://tracker.example/1"},
        "other": {"groups": ["extra"]}, "loop": {"groups": ["extra"]}, "plain": {"groups": ["extra"]}, "fancy": {}, "bound": {"groups": ["core"], "index": "default"},
        "unused": {}, "leaf": {"groups": ["never"], "range": ">=2", "why": "it must be new"}, "grumpy": {"groups": ["extra"], "constraints": [
            {"range": "<4", "why": "old", "when": {"marker": "python_version < '3.12'"}}, {"range": "!=2.5", "why": "broken", "when": {"container": "ci-a"}},
            {"range": "<9", "why": "new kit", "when": {"layer": "kit", "version": ">=2"}}], "hold": {"range": "<3.5", "why": "work", "owner": "ana", "review": "2999-12-31"}},
        "weary": {"groups": ["core"], "caret": "^1.0", "why": "two is tired"},
    },
    "waivers": [{"package": "weary", "requires": "grumpy", "why": "it works without", "review": "2999-12-31"}],
    "build_constraints": {"weary": {"range": "<7", "why": "old backend"}},
    "differences": [{"package": "old", "containers": ["ci-b"], "why": "it is older there"}],
    "containers": {
        "ci-a": {"layers": [{"kit": {"version": "1"}}], "python": {"groups": ["all"]}}, "ci-b": {"base": "py313", "python": {"groups": ["core", "extra"]}},
        "ci-c": {"python": {"groups": ["extra"], "swaps": {"plain": {"with": "fancy", "why": "has colours"}}}},
    },
    "layers": {"kit": {"description": "tools", "options": {"version": {"description": "which", "pattern": "version"}},
                       "steps": [{"wheels": {"requirements": ["tool[x]==${version}.*"], "into": "/opt/tool", "from": "tool"}}]}},
}


class Lockstep:
    def __init__(self, root, environment):
        self.root, self.environment = root, environment

    def __call__(self, *arguments, code=0):
        done = subprocess.run([scenarios.LOCKSTEP, *arguments, "-C", self.root], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == code, (arguments, done)
        self.err = done.stderr
        return done.stdout


def same(seen, expected):
    expected = expected.lstrip("\n")
    assert seen == expected, f"--- expected\n{expected}--- seen\n{seen}"


def case_chains(run):
    same(run("why", "leaf", "ci-a"), """
leaf 3.0 in ci-a
  group all > core > app 1.0 > middle 1.2 > leaf 3.0
    group all > core  declares app<2, at recipes/python.yaml:7:3
    app 1.0           requires middle[fast]>=1
    middle 1.2        requires leaf<4,>=2
  group all > core > app 1.0 > old 1.1 > leaf 3.0
    group all > core  declares app<2, at recipes/python.yaml:7:3
    app 1.0           requires old>=1; python_version < '3.12'
    old 1.1           requires leaf

what recipes/ say of leaf
  constraint  >=2  recipes/python.yaml:14:40  it must be new
""")


def case_containers_that_agree_stand_together(run):
    same(run("why", "Loop"), """
loop 1.0 in ci-b, ci-c
  group extra > loop 1.0
    group extra  declares loop, at recipes/python.yaml:9:3
""")


def case_extra_and_marker(run):
    same(run("why", "speed", "ci-b"), """
speed 0.9 in ci-b
  group core > app 1.0 > middle 1.2 > speed 0.9
    group core  declares app<2, at recipes/python.yaml:7:3
    app 1.0     requires middle[fast]>=1
    middle 1.2  requires speed; extra == 'fast'
  group extra > other 1.0 > middle 1.2 > speed 0.9
    group extra  declares other, at recipes/python.yaml:8:3
    other 1.0    requires middle
    middle 1.2   requires speed; extra == 'fast'
""")


def case_swap(run):
    same(run("why", "fancy"), """
fancy 1.0 in ci-c
  group extra > fancy 1.0
    group extra  declares plain, swapped for fancy, at containers/ci-c/container.yaml:1:61

what recipes/ say of fancy
  swap  fancy instead of plain in ci-c  containers/ci-c/container.yaml:1:61  has colours
""")


def case_difference(run):
    same(run("why", "old"), """
old 1.1 in ci-a
  group all > core > app 1.0 > old 1.1
    group all > core  declares app<2, at recipes/python.yaml:7:3
    app 1.0           requires old>=1; python_version < '3.12'

what recipes/ say of old
  difference  may differ in ci-b  recipes/python.yaml:18:5  it is older there
""")


def case_what_recipes_say(run):
    same(run("why", "weary", "ci-a"), """
weary 1.5 in ci-a
  group all > core > weary 1.5
    group all > core  declares weary>=1.0,<2.0, at recipes/python.yaml:16:3

what recipes/ say of weary
  constraint        >=1.0,<2.0                                    recipes/python.yaml:16:40  two is tired
  waiver            weary does not need grumpy, until 2999-12-31  recipes/python.yaml:20:5   it works without
  build constraint  in builds <7                                  recipes/python.yaml:22:20  old backend
""")
    said = json.loads(run("why", "grumpy", "--format", "json"))["said"]
    assert [(s["kind"], s["text"], s["why"], s["line"]) for s in said] == [
        ("constraint", '<4 when python_version < "3.12"', "old", 15), ("constraint", "!=2.5 when in ci-a", "broken", 15),
        ("constraint", "<9 when layer kit has version >=2", "new kit", 15), ("hold", "<3.5, of ana until 2999-12-31", "work", 15),
        ("waiver", "weary does not need grumpy, until 2999-12-31", "it works without", 20)], said
    assert json.loads(run("why", "grumpy", "--format", "json"))["places"][0]["chains"][0]["declared"] == "grumpy<3.5", run("why", "grumpy")


def case_layer(run):
    same(run("why", "part"), """
part 1.0 in layer kit{version=1} of ci-a
  layer kit{version=1} > tool 1.0 > part 1.0
    layer kit{version=1}  asks for tool[x]==1.*, at recipes/layers/kit.yaml:1:108
    tool 1.0              requires part; extra == 'x'
""")
    assert run("why", "part", "ci-a") == run("why", "part")
    run("why", "part", "ci-b", code=1)
    assert run.err == "error: 'part' is not in .lockstep/lock.toml, container ci-b\nit is in layer kit{version=1} (1.0)\n", run.err


def case_json(run):
    seen = json.loads(run("why", "leaf", "--format", "json"))
    assert (seen["package"], seen["lock"]) == ("leaf", ".lockstep/lock.toml"), seen
    assert [p["containers"] for p in seen["places"]] == [["ci-a"], ["ci-b"], ["ci-c"]], seen
    first = seen["places"][0]
    assert first["chain_count"] == len(first["chains"]) == 2 and first["version"] == "3.0" and not first["declared"], first
    chain = first["chains"][1]
    assert (chain["groups"], chain["declared"], chain["file"], chain["line"]) == (["all", "core"], "app<2", "recipes/python.yaml", 7), chain
    assert chain["steps"] == [{"package": "old", "version": "1.1", "required_by": "app", "requirement": "old>=1", "marker": "python_version < '3.12'", "extra": None},
                              {"package": "leaf", "version": "3.0", "required_by": "old", "requirement": "leaf", "marker": None, "extra": None}], chain
    assert seen["said"] == [{"kind": "constraint", "text": ">=2", "why": "it must be new", "file": "recipes/python.yaml", "line": 14, "column": 40}], seen["said"]
    swapped = json.loads(run("why", "fancy", "--format", "json"))["places"][0]["chains"][0]
    assert swapped["instead_of"] == "plain" and swapped["steps"] == [], swapped


def case_without_the_wheels(run):
    """What the lock alone knows: who, extras and uv's marker, but no versions."""
    text = Lockstep(run.root, {**run.environment, "LOCKSTEP_CACHE": os.path.join(run.root, "empty")})("why", "speed", "ci-a")
    assert "app 1.0           requires middle[fast]\n" in text and "middle 1.2        requires speed (with extra fast)\n" in text, text


FURTHER = {
    "packages": {
        "app": {"1.0": ["arm-only>=1; platform_machine == 'aarch64'", "shared; platform_machine == 'aarch64'", "elder; python_version < '3.10'"]},
        "near": {"1.0": ["shared"]}, "arm-only": {"1.5": []}, "shared": {"2.0": []},
        "elder": {"1.0": []}, "split": {"1.0": {"tags": ["cp39-cp39-manylinux_2_17_x86_64"]}, "2.0": {"tags": [
            "cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_aarch64"]}},
        "tool": {"1.0": ["arm-part; platform_machine == 'aarch64'"]}, "arm-part": {"1.0": []},
    },
    "project": {
        "resolver": "uv", "groups": {"core": {"description": "all"}}, "packages": {"app": {"groups": ["core"]}, "near": {"groups": ["core"]}, "split": {"groups": ["core"]}},
        "bases": {"several": {"further_environments": [{"machine": "aarch64"}, {"python": "3.9"}]}},
        "layers": {"kit": {"description": "tools", "steps": [{"wheels": {"requirements": ["tool"], "into": "/opt/tool", "from": "tool"}}]}},
        "containers": {"ci-one": ["core"], "ci-two": {"base": "several", "layers": ["kit"], "python": {"groups": ["core"]}},
                       "ci-too": {"base": "several", "python": {"groups": ["core"]}}},
    },
}
BUILT, ARM, OLD = "cp311-linux-x86_64-glibc2.36", "cp311-linux-aarch64-glibc2.36", "cp39-linux-x86_64-glibc2.36"


@contextlib.contextmanager
def further():
    """Containers that are locked for environments which are not built: a machine and a Python more."""
    with tempfile.TemporaryDirectory() as work, fake.Index({"packages": FURTHER["packages"]}) as index:
        root = os.path.join(work, "project")
        scenarios.write_project(root, FURTHER["project"], index.address)
        run = Lockstep(root, {**scenarios.environment(work, index, {}), "UV_CACHE_DIR": work + "/.cache"})
        run("lock")
        run("fetch")
        yield run


def case_further_environments(_):
    with further() as run:
        why_of_further_environments(run)
        tree_of_further_environments(run)
        errors_of_further_environments(run)


def why_of_further_environments(run):
    same(run("why", "arm-only"), f"""
arm-only 1.5 in ci-too, ci-two on {ARM}
  group core > app 1.0 > arm-only 1.5
    group core  declares app, at recipes/python.yaml:4:3
    app 1.0     requires arm-only>=1; platform_machine == 'aarch64'
""")
    same(run("why", "split"), f"""
split 2.0 in ci-one, ci-too, ci-two
  group core > split 2.0
    group core  declares split, at recipes/python.yaml:6:3

split 1.0 in ci-too, ci-two on {OLD}
  group core > split 1.0
    group core  declares split, at recipes/python.yaml:6:3
""")
    # The same package at the same version, wanted by one more there.
    same(run("why", "shared", "ci-two"), f"""
shared 2.0 in ci-two
  group core > near 1.0 > shared 2.0
    group core  declares near, at recipes/python.yaml:5:3
    near 1.0    requires shared

shared 2.0 in ci-two on {ARM}
  group core > app 1.0 > shared 2.0
    group core  declares app, at recipes/python.yaml:4:3
    app 1.0     requires shared; platform_machine == 'aarch64'
  group core > near 1.0 > shared 2.0
    group core  declares near, at recipes/python.yaml:5:3
    near 1.0    requires shared
""")
    same(run("why", "app"), """
app 1.0 in ci-one, ci-too, ci-two
  group core > app 1.0
    group core  declares app, at recipes/python.yaml:4:3
""")
    same(run("why", "arm-part"), f"""
arm-part 1.0 in layer kit of ci-two on {ARM}
  layer kit > tool 1.0 > arm-part 1.0
    layer kit  asks for tool, at recipes/layers/kit.yaml:1:36
    tool 1.0   requires arm-part; platform_machine == 'aarch64'
""")
    places = json.loads(run("why", "split", "--format", "json"))["places"]
    assert [(p["version"], p["containers"], p["environments"], p["built"]) for p in places] == [
        ("2.0", ["ci-one", "ci-too", "ci-two"], [BUILT], True), ("1.0", ["ci-too", "ci-two"], [OLD], False)], places


def tree_of_further_environments(run):
    same(run("tree", "ci-one"), "ci-one\n└── group core\n    ├── app 1.0\n    ├── near 1.0\n    │   └── shared 2.0\n    └── split 2.0\n")
    same(run("tree", "ci-two"), f"""
ci-two
├── group core
│   ├── app 1.0
│   ├── near 1.0
│   │   └── shared 2.0
│   └── split 2.0
└── layer kit
    └── tool 1.0
more on {ARM}: arm-only 1.5, arm-part 1.0 (--environment shows it)
more on {OLD}: elder 1.0, split 1.0 (--environment shows it)
""")
    assert run("tree", "ci-two", "--environment", BUILT) == run("tree", "ci-two")
    same(run("tree", "ci-two", "--environment", ARM), f"""
ci-two on {ARM}
├── group core
│   ├── app 1.0
│   │   ├── arm-only 1.5
│   │   └── shared 2.0
│   ├── near 1.0
│   │   └── shared 2.0
│   └── split 2.0
└── layer kit
    └── tool 1.0
        └── arm-part 1.0
more on {OLD}: elder 1.0, split 1.0 (--environment shows it)
""")
    same(run("tree", "ci-two", "--environment", ARM, "--invert", "arm-only"), f"arm-only 1.5 on {ARM}\n└── app 1.0\n    └── group core (app)\n")
    same(run("tree", "ci-two", "--invert", "shared"),
         f"shared 2.0\n└── near 1.0\n    └── group core (near)\nmore on {ARM}: app 1.0 (--environment shows it)\n")
    seen = json.loads(run("tree", "ci-two", "--format", "json"))
    assert (seen["environment"], seen["built"]) == (BUILT, True), seen
    assert seen["more"] == [{"environment": ARM, "packages": [{"name": "arm-only", "version": "1.5"}, {"name": "arm-part", "version": "1.0"}]},
                            {"environment": OLD, "packages": [{"name": "elder", "version": "1.0"}, {"name": "split", "version": "1.0"}]}], seen["more"]
    seen = json.loads(run("tree", "ci-two", "--environment", OLD, "--format", "json"))
    assert (seen["environment"], seen["built"], [p["name"] for p in seen["parts"][0]["packages"]]) == (OLD, False, ["app", "elder", "near", "shared", "split"]), seen


def errors_of_further_environments(run):
    for arguments, err in (
        (["tree", "ci-two", "--invert", "arm-only"],
         f"error: 'arm-only' is not in .lockstep/lock.toml, container ci-two, on {BUILT}\nit is on {ARM}; --environment shows it\n"),
        (["tree", "ci-two", "--environment", OLD, "--invert", "nope"], f"error: 'nope' is not in .lockstep/lock.toml, container ci-two, on {OLD}\n"),
        (["tree", "ci-two", "--environment", "aarch64"],
         f"error: container 'ci-two' is not locked for environment 'aarch64' in .lockstep/lock.toml\nit is locked for {BUILT}, {ARM}, {OLD}\n"),
        (["tree", "ci-one", "--environment", ARM], f"error: container 'ci-one' is not locked for environment '{ARM}' in .lockstep/lock.toml\nit is locked for {BUILT}\n"),
        (["why", "arm-only", "ci-one"], "error: 'arm-only' is not in .lockstep/lock.toml, container ci-one\nit is in ci-too (1.5), ci-two (1.5)\n"),
    ):
        assert run(*arguments, code=1) == "", arguments
        assert run.err == err, (arguments, run.err)


def case_unknown(run):
    for arguments, code, err in (
        (["why", "lea"], 1, "error: 'lea' is not in .lockstep/lock.toml\ndid you mean 'leaf'?\n"),
        (["why", "plain", "ci-c"], 1, "error: 'plain' is not in .lockstep/lock.toml, container ci-c\nit is in ci-b (1.0)\n"),
        (["why", "unused"], 1, "error: 'unused' is not in .lockstep/lock.toml\nrecipes/python.yaml:13 declares it, but no container has it\n"),
        (["why", "leaf", "ci-d"], 1, "error: there is no container 'ci-d' in .lockstep/lock.toml\ndid you mean 'ci-a'?\n"),
        (["tree", "ci"], 1, "error: there is no container 'ci' in .lockstep/lock.toml\n"),
        (["tree", "ci-b", "--invert", "part"], 1, "error: 'part' is not in .lockstep/lock.toml, container ci-b\n"),
        (["why", "a b"], 2, "lockstep why: 'a b' is no name of a package\n'lockstep why --help' tells more\n"),
        (["tree", "ci-b", "--depth", "-1"], 2, "lockstep tree: '--depth' takes a number of levels, 1 and up\n'lockstep tree --help' tells more\n"),
        (["tree", "ci-b", "--depth", "0"], 2, "lockstep tree: '--depth' takes a number of levels, 1 and up\n'lockstep tree --help' tells more\n"),
        (["why", "leaf", "--release", "v0.1"], 1, "error: there is no release yet; 'lockstep bump' makes the first\n"),
    ):
        assert run(*arguments, code=code) == "", arguments
        assert run.err == err, (arguments, run.err)


def case_tree(run):
    same(run("tree", "ci-a"), """
ci-a
├── group all > core
│   ├── app 1.0
│   │   ├── middle[fast] 1.2
│   │   │   ├── leaf 3.0
│   │   │   └── speed 0.9
│   │   │       └── leaf 3.0
│   │   └── old 1.1
│   │       └── leaf 3.0
│   ├── bound 1.0
│   └── weary 1.5
└── layer kit{version=1}
    └── tool[x] 1.0
        └── part 1.0
""")
    same(run("tree", "ci-c"), """
ci-c
└── group extra
    ├── grumpy 1.0
    ├── loop 1.0
    │   └── loop-back 1.0
    │       └── loop 1.0 (*)
    ├── other 1.0
    │   ├── leaf 3.0
    │   └── middle 1.2
    │       └── leaf 3.0
    └── fancy 1.0 (instead of plain)
        └── leaf 3.0
""")


def case_tree_depth(run):
    same(run("tree", "ci-a", "--depth", "1"), """
ci-a
├── group all > core
│   ├── app 1.0
│   ├── bound 1.0
│   └── weary 1.5
└── layer kit{version=1}
    └── tool[x] 1.0
""")
    same(run("tree", "ci-a", "-d", "2"), """
ci-a
├── group all > core
│   ├── app 1.0
│   │   ├── middle[fast] 1.2
│   │   └── old 1.1
│   ├── bound 1.0
│   └── weary 1.5
└── layer kit{version=1}
    └── tool[x] 1.0
        └── part 1.0
""")


def case_tree_invert(run):
    same(run("tree", "ci-b", "--invert", "leaf"), """
leaf 3.0
├── middle[fast] 1.2
│   ├── app 1.0
│   │   └── group core (app<2)
│   └── other 1.0
│       └── group extra (other)
├── other 1.0 (*)
└── speed 0.9
    └── middle[fast] 1.2 (*)
""")
    same(run("tree", "ci-b", "--invert", "leaf", "--depth", "1"), "leaf 3.0\n├── middle[fast] 1.2\n├── other 1.0\n└── speed 0.9\n")
    same(run("tree", "ci-a", "-i", "part"), "part 1.0\n└── tool[x] 1.0\n    └── layer kit{version=1} (tool[x]==1.*)\n")


def case_tree_json(run):
    seen = json.loads(run("tree", "ci-a", "--format", "json"))
    packages, layer = seen["parts"]
    assert [p["name"] for p in packages["packages"]] == ["app", "bound", "leaf", "middle", "old", "speed", "weary"], packages
    assert [p["level"] for p in packages["packages"]] == [1, 1, 3, 2, 2, 3, 1], packages
    middle = packages["packages"][3]
    assert middle["extras"] == ["fast"] and [(r["name"], r["extra"]) for r in middle["requires"]] == [("leaf", None), ("speed", "fast")], middle
    assert layer["layer"] == "kit{version=1}" and [d["declared"] for d in layer["declared"]] == ["tool[x]==1.*"], layer
    up = json.loads(run("tree", "ci-b", "--invert", "speed", "--depth", "1", "--format", "json"))["parts"][0]["packages"]
    assert [(p["name"], p["level"]) for p in up] == [("middle", 1), ("speed", 0)], up


def case_recipes_changed(run):
    path = os.path.join(run.root, "recipes/python.yaml")
    with open(path) as f:
        text = f.read()
    try:
        with open(path, "w") as f:
            f.write(text.replace("app: ", "app-2: {}\n  app: "))
        seen = run("why", "leaf", "ci-a")
        assert seen.startswith("leaf 3.0 in ci-a\n  declared > app 1.0 > middle 1.2 > leaf 3.0\n    declared    as app<2\n") and "recipes/" not in seen, seen
        assert run.err == ("note: recipes changed since '.lockstep/lock.toml' was made, so this says what was locked then; 'lockstep lock' locks anew\n"), run.err
        assert run("tree", "ci-c").startswith("ci-c\n├── fancy 1.0\n"), run("tree", "ci-c")
    finally:
        with open(path, "w") as f:
            f.write(text)


def case_many_chains(run):
    """A ladder of 40 rungs has 2^40 shortest chains: eight are shown, and all are counted."""
    rungs = {f"r{i}-{side}": {"1.0": [f"r{i + 1}-x", f"r{i + 1}-y"] if i < 40 else ["bottom"]} for i in range(1, 41) for side in "xy"}
    with tempfile.TemporaryDirectory() as work, fake.Index({"packages": {"top": {"1.0": ["r1-x", "r1-y"]}, "bottom": {"1.0": []}, **rungs}}) as index:
        root = os.path.join(work, "project")
        scenarios.write_project(root, {"resolver": "uv", "packages": {"top": {"groups": ["core"]}}, "containers": {"ci-a": ["core"]}}, index.address)
        other = Lockstep(root, {**scenarios.environment(work, index, {}), "UV_CACHE_DIR": work + "/.cache"})
        other("lock")
        text = other("why", "bottom")
        assert text.count("\n  group core > top 1.0 > ") == 8 and f"  and {2 ** 40 - 8} more chains as short as these\n" in text, text[-300:]
        assert other("tree", "ci-a").count("\n") == 3 + 2 + 39 * 4 + 2, other("tree", "ci-a").count("\n")


def main():
    with tempfile.TemporaryDirectory() as work, fake.Index({"packages": PACKAGES}) as index:
        root = os.path.join(work, "project")
        scenarios.write_project(root, PROJECT, index.address)
        run = Lockstep(root, {**scenarios.environment(work, index, {}), "UV_CACHE_DIR": work + "/.cache"})
        run("lock")
        run("fetch")
        cases.run(globals(), lambda: contextlib.nullcontext(run))


main()

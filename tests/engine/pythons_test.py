#!/usr/bin/env python3
"""One project on three Debians with Python 3.9, 3.11 and 3.13, built and released together by the real buildah: trees and compilers from this machine's Debian mirror, packages of
the real index, among them an extension in C that has no wheel at all and one that has none for the newest Python: each is built once for each Python that needs it,
in that one's own system stage.

usage: tests/run tests/engine/pythons_test.py, or by hand: ROOT=... pythons_test.py [CASE ...]"""
import json, os, sys, tomllib

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases
from bump import Project

bump.need_programs("buildah", "mmdebstrap")
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
BASES = {"bullseye": ("3.9", "2.31"), "bookworm": ("3.11", "2.36"), "trixie": ("3.13", "2.41")}
PYTHON = """groups:
  core: {description: what all three have}
  dev: {description: what one has}
packages:
  crcmod: {groups: [core], exact: "1.7", why: it has no wheel}
  markupsafe: {groups: [core], exact: "2.1.5", why: it has wheels for 3.9 and 3.11 and none for 3.13}
  exceptiongroup: {groups: [dev]}
"""


def base(suite, python, glibc):
    further = "further_environments: [{machine: aarch64}]\n" if suite == "bookworm" else ""
    return (f"description: Debian with Python {python}\nfrom:\n  mmdebstrap: {{suite: {suite}, variant: minbase, components: [main], include: [python3, python3-pip, python3-venv]}}\n"
            f"python: /usr/bin/python3\nenvironment: {{python: \"{python}\", machine: x86_64, libc_version: \"{glibc}\"}}\n{further}")


FILES = {
    **{f"containers/{name}/container.yaml": None for name in bump.CONTAINERS},
    "recipes/python.yaml": PYTHON,
    "recipes/layers/compiler.yaml": "description: what an extension in C is built with\nsteps:\n  - apt: [gcc, libc6-dev, python3-dev]\n",
    "Jenkinsfile": "".join(f"ci_{suite} = 'tiny/ci-{suite}:v0.0'\n" for suite in BASES),
    **{f"recipes/bases/{suite}.yaml": base(suite, *of) for suite, of in BASES.items()},
    **{f"containers/ci-{suite}/container.yaml": f"base: {suite}\nlayers: [compiler]\npython: {{groups: [core{', dev' if suite == 'bullseye' else ''}]}}\n" for suite in BASES},
}


def project():
    p = Project(WORK, STORAGE, packages={}, files=FILES)
    # The package index is the one that this machine's settings name.
    for name in ("UV_DEFAULT_INDEX", "PIP_CONFIG_FILE", "UV_NO_CONFIG"):
        p.env.pop(name, None)
    p.env.update({k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_"))}, LOCKSTEP_SYSTEM_PACKAGES="locked")
    return p.take_tree()


def files_of(lock, name):
    return {f["name"]: f for f in [x for x in lock["package"] if x["name"] == name][0]["files"]}


def check_lock(lock):
    assert {e["name"] for e in lock["environment"]} == {"cp39-linux-x86_64-glibc2.31", "cp311-linux-x86_64-glibc2.36", "cp311-linux-aarch64-glibc2.36", "cp313-linux-x86_64-glibc2.41"}
    crcmod, markupsafe = files_of(lock, "crcmod"), files_of(lock, "markupsafe")
    assert set(crcmod) == {"crcmod-1.7.tar.gz", *(f"crcmod-1.7-cp{p}-cp{p}-linux_x86_64.whl" for p in ("39", "311", "313"))}, crcmod
    assert {f.get("built-from") for f in crcmod.values()} == {None, crcmod["crcmod-1.7.tar.gz"]["sha256"]}, crcmod
    built = [n for n, f in markupsafe.items() if "built-from" in f]
    assert [n.lower() for n in built] == ["markupsafe-2.1.5-cp313-cp313-linux_x86_64.whl"], markupsafe
    others = [n for n in markupsafe if n.endswith(".whl") and n not in built]
    assert sorted((n.split("-")[2], n.split("_")[-1]) for n in others) == [("cp311", "64.whl"), ("cp311", "aarch64.whl"), ("cp39", "64.whl")], others
    assert len(lock["deb"]) > 300


def case_released_together():
    with project() as p:
        r = p.run("lock", timeout=1500)
        if r.code and ("cannot reach" in r.err or "answered" in r.err):
            bump.skip(r.err[-400:] + "\nno package index or no Debian mirror is in reach")
        assert r.code == 0, r
        assert p.released(timeout=1500) == "v0.1"
        p.keep_tree()
        lock = tomllib.loads(p.read("lockfiles/v0.1/lock.toml"))
        check_lock(lock)
        release = {c["name"]: c for c in json.loads(p.read("lockfiles/v0.1/release.json"))["containers"]}
        for suite, (python, glibc) in BASES.items():
            container = release["ci-" + suite]
            markers = {m["name"]: m["value"] for m in container["markers"]}
            assert markers["python_version"] == python and {t["name"]: t["version"] for t in container["tools"]}["glibc"] == glibc, container
            packages = {x["name"]: x["version"] for x in container["packages"]}
            more = {"exceptiongroup": packages.get("exceptiongroup"), "typing-extensions": packages.get("typing-extensions")} if suite == "bullseye" else {}
            assert packages == {"crcmod": "1.7", "markupsafe": "2.1.5", **more} and None not in more.values(), container
            name = STORAGE.buildah("from", "--pull-never", f"tiny/ci-{suite}:v0.1").strip()
            # Both extensions are the compiled ones, and work.
            code = "import crcmod._crcfunext, crcmod.predefined, markupsafe._speedups; print(hex(crcmod.predefined.mkCrcFun('crc-32')(b'x')))"
            said = STORAGE.buildah("run", "--isolation", "chroot", name, "--", "/opt/venv/bin/python", "-c", code)
            STORAGE.buildah("rm", name)
            assert said == "0x8cdc1683\n", said
        r = p.run("verify")
        assert r.code == 0 and "verified: 3 containers" in r.out, r
        r = p.bump()
        assert r.code == 0 and "nothing to do: v0.1" in r.out, r
        # All four that were built come out again as they are.
        r = p.run("build", "--check-wheels", timeout=900)
        assert r.code == 0 and "4 wheels built again from source: the same, byte for byte" in r.err, r
        r = p.run("lock")
        assert r.code == 0 and "unchanged since v0.1" in r.out, r



if __name__ == "__main__":
    cases.run(globals(), finish=STORAGE.remove)

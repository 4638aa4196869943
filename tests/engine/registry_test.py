#!/usr/bin/env python3
"""src/registry/ with real registries: what is pushed once, mounted, pulled, listed, copied, deleted; what other tools read of it."""
import json, os, shutil, subprocess, sys

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import cases, registries
from registries import LOOP, digest_of, loop, make

CRANE, ORAS = (os.path.join(ROOT, ".tools/bin", name) for name in ("crane", "oras"))
gone = registries.missing("skopeo", CRANE, ORAS, *registries.KINDS.values())
if gone:
    print(f"there is no {gone}; 'tools/setup test' mends that")
    sys.exit(77)

all_of_them = {kind: registries.Registry(kind, f"registry-{kind}") for kind in registries.KINDS}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def each_registry(case):
    """The case with each kind in turn."""
    def around():
        for kind, registry in all_of_them.items():
            print(f"  {kind}", flush=True)
            shutil.rmtree("store", ignore_errors=True)
            case(registry)
    around.__name__ = case.__name__
    return around


@each_registry
def case_sent_once_then_there_then_mounted(registry):
    # Above 32 MiB a blob goes in pieces.
    files = [make("large", 70_000_001), make("small", 5000), make("empty", 0)]
    assert loop("push", registry.host, "team/one", "v1", "-", *files) == f"sent 4 mounted 0 there 0 bytes {70_000_001 + 5000 + 2}\n"
    assert loop("push", registry.host, "team/one", "v2", "-", *files) == "sent 0 mounted 0 there 4 bytes 0\n"
    mounted = loop("push", registry.host, "team/two", "v1", "team/one", *files)
    # The one with the referrers API has blobs without repositories.
    assert mounted == ("sent 0 mounted 0 there 4 bytes 0\n" if registry.kind == "referrers" else "sent 1 mounted 3 there 0 bytes 2\n"), mounted
    shutil.rmtree("copied", ignore_errors=True)
    run("skopeo", "copy", "--src-tls-verify=false", f"docker://{registry.host}/team/two:v1", "dir:copied")
    for name in files:
        assert digest_of(os.path.join("copied", digest_of(name)[7:])) == digest_of(name)
    pulled = loop("pull", registry.host, "team/two", "v1")
    assert pulled.endswith(f" received 4 there 0 bytes {70_000_001 + 5000 + 2}\n"), pulled
    again = loop("pull", registry.host, "team/two", pulled.split()[0])
    assert again.endswith(" received 0 there 4 bytes 0\n"), again
    for name in files:
        sha256 = digest_of(name)[7:]
        assert digest_of(f"store/files/sha256/{sha256[:2]}/{sha256}")[7:] == sha256


@each_registry
def case_tags_and_deletion(registry):
    for number in range(12):
        loop("push", registry.host, "team/tags", f"v{number}", "-", make("some", 10) if number < 2 else "some")
    assert loop("tags", registry.host, "team/tags").split() == sorted(f"v{number}" for number in range(12))
    digest = loop("pull", registry.host, "team/tags", "v0").split()[0]
    assert loop("delete", registry.host, "team/tags", digest) == "deleted\n"
    assert loop("delete", registry.host, "team/tags", digest) == "not there\n"
    loop("pull", registry.host, "team/tags", digest, fails="has no manifest")
    loop("tags", registry.host, "team/none", fails="there is no repository")
    loop("pull", registry.host, "team/none", "v1", fails="has no manifest 'v1'")
    assert loop("pull", registry.host, "team/tags", "v7")


@each_registry
def case_referrers(registry):
    loop("push", registry.host, "team/image", "v1", "-", make("layer", 1000))
    digest = loop("pull", registry.host, "team/image", "v1").split()[0]
    assert loop("referrers", registry.host, "team/image", digest) == ""
    with open("note.txt", "w") as note:
        note.write("a note\n")
    first = loop("attach", registry.host, "team/image", "v1", "application/vnd.test.note", "note.txt").strip()
    assert first == loop("attach", registry.host, "team/image", "v1", "application/vnd.test.note", "note.txt").strip()
    # Another tool's, which must stay in the list.
    run(ORAS, "attach", "--plain-http", "--artifact-type", "application/vnd.test.other", f"{registry.host}/team/image:v1", "note.txt:text/plain")
    second = loop("attach", registry.host, "team/image", "v1", "application/vnd.test.second", "note.txt").strip()
    listed = [line.split()[0] for line in loop("referrers", registry.host, "team/image", digest).splitlines()]
    assert len(listed) == 3 and first in listed and second in listed, listed
    found = json.loads(run(ORAS, "discover", "--plain-http", "--format", "json", f"{registry.host}/team/image:v1"))
    assert sorted(item["digest"] for item in found["referrers"]) == sorted(listed), found
    shutil.rmtree("pulled", ignore_errors=True)
    run(ORAS, "pull", "--plain-http", "-o", "pulled", f"{registry.host}/team/image@{first}")
    assert open("pulled/note.txt").read() == "a note\n"
    if registry.kind != "referrers":
        assert loop("referrers", registry.host, "team/image", digest, "application/vnd.test.note").split()[0] == first
        index = json.loads(run(CRANE, "manifest", "--insecure", f"{registry.host}/team/image:{digest.replace(':', '-')}"))
        assert index["mediaType"] == "application/vnd.oci.image.index.v1+json" and len(index["manifests"]) == 3


def case_writers_of_one_list():
    """Several at once attach to one image; who was overtaken is listed when he comes again."""
    registry = all_of_them["2.8"]
    loop("push", registry.host, "team/crowd", "v1", "-", make("crowd", 1000))
    digest = loop("pull", registry.host, "team/crowd", "v1").split()[0]
    words = [[LOOP, "attach", registry.host, "team/crowd", "v1", f"application/vnd.test.n{number}", "crowd"] for number in range(4)]
    for _ in range(2):
        running = [subprocess.Popen(w, stdout=subprocess.DEVNULL) for w in words]
        assert all(p.wait() == 0 for p in running)
        for w in words:
            subprocess.run(w, check=True, stdout=subprocess.DEVNULL)
    assert len(loop("referrers", registry.host, "team/crowd", digest).splitlines()) == 4


def case_copies_between_registries_and_repositories():
    names = list(all_of_them)
    for at, name in enumerate(names):
        source, target = all_of_them[name], all_of_them[names[(at + 1) % len(names)]]
        print(f"  {name} to {target.kind}", flush=True)
        loop("push", source.host, "from/image", "v1", "-", make("large", 40_000_000), make("small", 3))
        digest = loop("pull", source.host, "from/image", "v1").split()[0]
        loop("attach", source.host, "from/image", "v1", "application/vnd.test.note", "small")
        shutil.rmtree("nowhere", ignore_errors=True)
        copied = loop("copy", source.host, "from/image", digest, target.host, "to/image", store="nowhere")
        # The one with the referrers API has the empty configuration from another repository.
        assert copied in (f"manifests 2 there 0; sent 3 mounted 0 there 0 bytes {40_000_000 + 3 + 2}\n",
                          f"manifests 2 there 0; sent 2 mounted 0 there 1 bytes {40_000_000 + 3}\n"), copied
        assert not os.path.exists("nowhere")
        again = loop("copy", source.host, "from/image", digest, target.host, "to/image")
        assert again == "manifests 0 there 2; sent 0 mounted 0 there 0 bytes 0\n", again
        assert run(CRANE, "digest", "--insecure", f"{target.host}/to/image@{digest}").strip() == digest
        run("skopeo", "copy", "--src-tls-verify=false", f"docker://{target.host}/to/image@{digest}", f"dir:copied-{at}")
        assert len(json.loads(run(ORAS, "discover", "--plain-http", "--format", "json", f"{target.host}/to/image@{digest}"))["referrers"]) == 1
        within = loop("copy", target.host, "to/image", digest, target.host, "other/image")
        assert within.startswith("manifests 2 there 0; sent 0 " if target.kind == "referrers" else "manifests 2 there 0; sent 0 mounted 3 "), within


def case_an_index_is_copied_with_what_it_names():
    source, target = all_of_them["v3"], all_of_them["2.8"]
    for name in ("one", "two"):
        loop("push", source.host, "from/many", name, "-", make(name, 2000))
    run(CRANE, "index", "append", "--insecure", "-t", f"{source.host}/from/many:all", "-m", f"{source.host}/from/many:one", "-m", f"{source.host}/from/many:two")
    digest = run(CRANE, "digest", "--insecure", f"{source.host}/from/many:all").strip()
    assert loop("copy", source.host, "from/many", digest, target.host, "to/many").startswith("manifests 3 there 0; sent 3 ")
    run(CRANE, "validate", "--insecure", "--fast", "--remote", f"{target.host}/to/many@{digest}")


def case_no_registry():
    loop("push", f"127.0.0.1:{registries.free_port()}", "x", "v1", "-", make("some", 10), fails="Couldn't connect")


def finish():
    for registry in all_of_them.values():
        registry.stop()


if __name__ == "__main__":
    cases.run(globals(), finish=finish)

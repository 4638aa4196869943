#!/usr/bin/env python3
"""lockstep verify --only files on wheels made here: files that two packages own, and shared objects, linked here, that need another CUDA than the container has."""
import base64, csv, hashlib, io, json, os, shutil, subprocess, sys, tempfile, zipfile

from scenarios_test import ROOT
import cases

LOCKSTEP, MAKE_LOCK = (os.path.join(ROOT, "build/debug", p) for p in ("lockstep", "tests/oracle/make_lock"))
if not shutil.which("gcc"):
    print("there is no gcc to link shared objects with")
    sys.exit(77)
WORK = tempfile.mkdtemp()


def wheel(name, files, scripts="", method=zipfile.ZIP_DEFLATED):
    path = f"{WORK}/wheels/{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    members = {**{k: v.encode() if isinstance(v, str) else v for k, v in files.items()}, info + "/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
               info + "/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    if scripts:
        members[info + "/entry_points.txt"] = scripts.encode()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for member, content in members.items():
        writer.writerow([member, "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode(), len(content)])
    writer.writerow([info + "/RECORD", "", ""])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as z:
        for member, content in {**members, info + "/RECORD": out.getvalue().encode()}.items():
            z.writestr(member, content)
    return path


def library(soname, needs=(), filler=0):
    """A shared object with this name that needs those: real ones, made by the linker."""
    folder = tempfile.mkdtemp(dir=WORK)

    def link(name, flags, source="int x;"):
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", f"{folder}/{name}", f"-Wl,-soname,{name}", "-Wl,--no-as-needed", "-nostdlib", *flags],
                       input=source, text=True, check=True)
    for needed in needs:
        link(needed, [])
    link(soname, [f"-L{folder}", *[f"-l:{n}" for n in needs]], f"const char filler[{filler + 1}] = {{1}}; int y(void) {{ return filler[0]; }}")
    with open(f"{folder}/{soname}", "rb") as f:
        return f.read()


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


BASE = {"from": {"mmdebstrap": {"suite": "bookworm", "variant": "minbase", "components": ["main"], "include": ["python3"]}}, "python": "/usr/bin/python3",
        "environment": {"python": "3.11", "implementation": "cpython", "os": "linux", "machine": "x86_64", "libc": "glibc", "libc_version": "2.36"}}
CUDA = {"description": "CUDA", "options": {"version": {"description": "which", "pattern": "version"}},
        "steps": [{"wheels": {"requirements": ["toolkit==1.*"], "into": "/usr/local/cuda", "from": "nvidia"}}, {"run": ["ldconfig"]}]}


class Project:
    """Containers {name: (layers, packages)}; packages and layers are {name: wheel}."""
    count = 0

    def __init__(self, containers, layers=None, cuda=None, base=None, overwrites=None):
        Project.count += 1
        self.root = f"{WORK}/project-{Project.count}"
        packages = sorted({p for _, wheels in containers.values() for p in wheels})
        write(self.root, "recipes/project.yaml", json.dumps({"name": "test", "repository": "test", "first_release": "v0.1", "venv": "/opt/venv", "tags": ["Jenkinsfile"],
                                                             "indexes": [{"alias": "default"}]}))
        groups = {name: sorted(wheels) for name, (_, wheels) in containers.items()}
        write(self.root, "recipes/python.yaml", json.dumps({"groups": {g: {"description": g} for g in groups}, "packages": {
            p: {"groups": sorted(g for g in groups if p in groups[g]), "overwrites": (overwrites or {}).get(p, [])} for p in packages}}))
        write(self.root, "recipes/bases/base.yaml", json.dumps(base or BASE))
        write(self.root, "Jenkinsfile", "".join(f"{c.replace('-', '_')} = 'test/{c}:v0.0'\n" for c in containers))
        write(self.root, "recipes/layers/cuda.yaml", json.dumps(cuda or CUDA))
        arguments = []
        for name, (uses, wheels) in containers.items():
            write(self.root, f"containers/{name}/container.yaml", json.dumps({"base": "base", "layers": [{"cuda": {"version": u}} for u in uses], "python": {"groups": [name]}}))
        for p in packages:
            path = next(wheels[p] for _, wheels in containers.values() if p in wheels)
            arguments += [",".join(sorted(c for c, (_, wheels) in containers.items() if p in wheels)), p, "1.0", path]
        for use, wheels in (layers or {}).items():
            for name, path in wheels.items():
                arguments += [f"layer:cuda{{version={use}}}", name, "1.0", path]
        self.environment = {"PATH": os.environ["PATH"], "HOME": WORK, "LOCKSTEP_CACHE": f"{WORK}/cache", "LANG": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=1"}
        subprocess.run([MAKE_LOCK, self.root, *arguments], env=self.environment, check=True)

    def verify(self, code, *arguments):
        done = subprocess.run([LOCKSTEP, "verify", "--only", "files", "-C", self.root, *arguments], env=self.environment, capture_output=True, text=True)
        assert done.returncode == code and not done.stderr, done
        return done.stdout

    def found(self, code):
        answer = json.loads(self.verify(code, "--format", "json"))
        assert answer["exit_bits"] == (8 if code else 0), answer
        return [(f["kind"], f["severity"], f["container"], f["package"], f["expected"], f["found"]) for f in answer["relations"][3]["findings"]]


def same(seen, *wanted):
    assert seen == list(wanted), seen


def case_shadow():
    one = wheel("one", {"pkg/__init__.py": "", "pkg/a.py": "1", "pkg/b.py": "2", "pkg/c.py": "3"})
    two = wheel("two", {"pkg/__init__.py": "", "pkg/b.py": "other", "pkg/c.py": "other", "two.py": ""})
    p = Project({"ci-a": ([], {"one": one, "two": two}), "ci-b": ([], {"one": one}), "ci-c": ([], {"two": two})})
    same(p.found(1), ("shadow", "error", "ci-a", "one", "pkg/b.py", "two"))
    assert "  ci-a: one has 'pkg/b.py' and 1 more file, and so has two, with other bytes: the one that is installed last wins\n" in p.verify(1), p.verify(1)
    assert "holds" in p.verify(0, "ci-b"), p.verify(0, "ci-b")


def case_a_file_that_is_a_folder_elsewhere():
    one = wheel("one", {"pkg/x": "a file", "pkg/x-1": "", "pkg/x.py": "", "pkg/x0": "", "pkg/z/a.py": ""})
    two = wheel("two", {"pkg/x/y.py": "", "pkg/x/z.py": "", "pkg/x-2": "", "pkg/z/b.py": ""})
    p = Project({"ci-a": ([], {"one": one, "two": two}), "ci-b": ([], {"two": two})}, overwrites={"two": ["one"]})
    same(p.found(1), ("shadow", "error", "ci-a", "one", "pkg/x", "two"))
    text = p.verify(1)
    assert "  ci-a: one has the file 'pkg/x', which is a folder in two, with 'pkg/x/y.py' in it: they cannot be installed together\n" in text, text


def case_declared():
    one, two, three = (wheel(n, {"pkg/a.py": n, "pkg/b.py": "same", f"pkg/{n}.py": ""}) for n in ("one", "two", "three"))
    wheels = {"one": one, "two": two, "three": three}
    p = Project({"ci-a": ([], wheels), "ci-b": ([], {"one": one, "two": two})}, overwrites={"two": ["one"]})
    note = ("shadow", "warning", "ci-a", "one", "pkg/a.py", "two")
    same(p.found(1), note, ("shadow", "error", "ci-a", "three", "pkg/a.py", "two"), ("shadow", "warning", "ci-b", "one", "pkg/a.py", "two"))
    text = p.verify(0, "ci-b")
    assert "  warning: ci-b: one has 'pkg/a.py', and so has two, with other bytes: two overwrites one, as is declared\n" in text, text
    p = Project({"ci-a": ([], wheels)}, overwrites={"two": ["one"], "three": ["one", "two"]})
    assert all(f[:2] == ("shadow", "warning") for f in p.found(0)), p.found(0)
    assert "'pkg/a.py', and so has two, with other bytes: three overwrites two, as is declared" in p.verify(0), p.verify(0)


def case_the_same_bytes_do_no_harm():
    one, two = (wheel(n, {"nvidia/__init__.py": "", f"nvidia/{n}.py": n}) for n in ("one", "two"))
    p = Project({"ci-a": ([], {"one": one, "two": two})})
    same(p.found(0), ("shadow", "warning", "ci-a", "one", "nvidia/__init__.py", "two"))
    assert "  warning: ci-a: one has 'nvidia/__init__.py', and so has two, with the same bytes\n" in p.verify(0), p.verify(0)


def case_scripts_and_data():
    """Where files go counts, not how the wheel keeps them."""
    one = wheel("one", {"one-1.0.data/purelib/m.py": "1", "one-1.0.data/scripts/run": "#!python\n", "one-1.0.data/data/share/x": "1", "one-1.0.data/headers/x.h": ""},
                scripts="[console_scripts]\n tool = one:main\nonly-one=one:x\n[other]\nsame = one:y\n")
    two = wheel("two", {"m.py": "2", "two-1.0.data/headers/x.h": "2"}, scripts="[console_scripts]\nrun = two:main\n[gui_scripts]\ntool = two:main\n[other]\nsame = two:y\n")
    three = wheel("three", {"three-1.0.data/data/share/x": "1"}, scripts="# none\n[console_scripts]\nbroken\n")
    p = Project({"ci-a": ([], {"one": one, "two": two}), "ci-b": ([], {"one": one, "three": three})})
    same(p.found(1), ("shadow", "error", "ci-a", "one", "../../../bin/run", "two"), ("shadow", "warning", "ci-b", "one", "../../../share/x", "three"))
    assert "'../../../bin/run' and 2 more files" in p.verify(1), p.verify(1)


def case_wheels_that_are_not_there():
    one, two = (wheel(n, {"m.py": n}) for n in ("one", "two"))
    p = Project({"ci-a": ([], {"one": one, "two": two})})
    with open(one, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    os.remove(f"{WORK}/cache/files/sha256/{digest[:2]}/{digest}")
    text = p.verify(0)
    assert "holds: 1 of 2 wheels; the others are not in the store, 'lockstep fetch' gets them\n" in text, text


def toolkit(major, *more):
    return wheel("toolkit", {f"nvidia/lib/{n}": library(n) for n in (f"libcudart.so.{major}", *more)})


def case_cuda_of_another_release():
    ext = wheel("ext", {"ext/_c.so": library("_c.so", ["libcudart.so.12", "libc.so.6", "libcuda.so.1"], 200000), "ext/__init__.py": ""})
    p = Project({"ci-gpu": (["13.0"], {"ext": ext}), "ci-old": (["12.9"], {"ext": ext}), "ci-cpu": ([], {"ext": ext})},
                {"13.0": {"toolkit": toolkit(13)}, "12.9": {"toolkit12": wheel("toolkit12", {"nvidia/lib/libcudart.so.12": library("libcudart.so.12")})}})
    for _ in range(2):  # the second time from what was kept of the first
        same(p.found(1), ("cuda", "warning", "ci-cpu", "ext", "libcudart.so.12", None), ("cuda", "error", "ci-gpu", "ext", "libcudart.so.12", "libcudart.so.13"))
    text = p.verify(1)
    assert "  ci-gpu: ext needs libcudart.so.12 ('ext/_c.so'), but layer cuda{version=13.0} has libcudart.so.13\n" in text, text
    assert "  warning: ci-cpu: ext needs libcudart.so.12 ('ext/_c.so'), which nothing in the container brings\n" in text, text


def case_cuda_told_by_another_library():
    """libcublas of CUDA 12 has no brother here, but the runtime says that this is CUDA 13; libcudnn counts by itself."""
    ext = wheel("ext", {"ext/_c.so": library("_c.so", ["libcublas.so.12", "libcudnn_ops.so.9", "libcudnn.so.9"])})
    p = Project({"ci-gpu": (["13.0"], {"ext": ext})}, {"13.0": {"toolkit": toolkit(13)}})
    same(p.found(1), ("cuda", "error", "ci-gpu", "ext", "libcublas.so.12, libcudnn_ops.so.9, libcudnn.so.9", "libcudart.so.13"))
    p = Project({"ci-gpu": (["13.0"], {"ext": ext})}, {"13.0": {"toolkit": toolkit(12, "libcudnn.so.8")}})
    same(p.found(1), ("cuda", "error", "ci-gpu", "ext", "libcublas.so.12, libcudnn_ops.so.9, libcudnn.so.9", "libcudnn.so.8"))


def case_cuda_brought_by_packages():
    """What another package of the container brings is there; what a package carries along under a name of its own is no concern of anybody."""
    ext = wheel("ext", {"ext/_c.so": library("_c.so", ["libcublas.so.12", "libcudart-1a2b3c.so.12.1"]), "ext.libs/libcudart-1a2b3c.so.12.1": library("libcudart-1a2b3c.so.12.1")})
    cublas = wheel("cublas", {"nvidia/cublas/lib/libcublas.so.12": library("libcublas.so.12", ["libcublasLt.so.12"]),
                              "nvidia/cublas/lib/libcublasLt.so.12": library("libcublasLt.so.12")})
    p = Project({"ci-gpu": (["13.0"], {"ext": ext, "cublas": cublas})}, {"13.0": {"toolkit": toolkit(13)}})
    same(p.found(0))


def case_cuda_that_cannot_be_known():
    """Debian packages, a base image, commands of a recipe: only the image can tell what they bring."""
    ext = wheel("ext", {"ext/_c.so": library("_c.so", ["libcudart.so.12"])})
    for change in ({"cuda": {**CUDA, "steps": [*CUDA["steps"], {"apt": ["nvidia-cuda-toolkit"]}]}}, {"cuda": {**CUDA, "steps": [*CUDA["steps"], {"run": ["make", "it"]}]}},
                   {"base": {**BASE, "from": {"image": "nvidia/cuda@sha256:" + "a" * 64}}}):
        same(Project({"ci-gpu": (["13.0"], {"ext": ext})}, {"13.0": {"toolkit": toolkit(13)}}, **change).found(0))


def case_objects_that_are_none():
    """Broken, cut or other files under such names are nobody's libraries."""
    good = library("_c.so", ["libcudart.so.12"], 100000)
    files = {f"ext/{i}.so": content for i, content in enumerate([b"", b"\x7fELF", b"no object", good[:100], good[:5000], good[:64] + b"\xff" * 5000])}
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        ext = wheel("ext", {**files, "ext/good.so.1": good}, method=method)
        same(Project({"ci-gpu": (["13.0"], {"ext": ext})}, {"13.0": {"toolkit": toolkit(13)}}).found(1),
             ("cuda", "error", "ci-gpu", "ext", "libcudart.so.12", "libcudart.so.13"))


def case_kept_facts_that_are_spoiled():
    ext = wheel("ext", {"ext/_c.so": library("_c.so", ["libcudart.so.12"])})
    p = Project({"ci-gpu": (["13.0"], {"ext": ext})}, {"13.0": {"toolkit": toolkit(13)}})
    wanted = p.found(1)
    for text in ("", "{", "[]", '{"form": 2}', '{"form": 1}', '{"form": 1, "objects": [{}]}', '{"form": 1, "objects": [{"path": "x", "needed": [1]}]}'):
        for folder, _, names in os.walk(f"{WORK}/cache/objects"):
            for name in names:
                with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                    f.write(text)
        assert p.found(1) == wanted, text


cases.run(globals(), finish=lambda: shutil.rmtree(WORK))

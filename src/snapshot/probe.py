"""Runs inside an image, with the image's own system Python and nothing but its standard library (3.6 and later).

Reads a JSON request on stdin, writes one JSON answer on stdout:
  {"snapshot": {"python": ..., "venv": ..., "tools": [{"name", "commands"}], "hashed": [packages whose files need not be hashed again],
                "overwritten": {package: [packages whose files are there in place of its own]}}}
  {"verify": [{"name", "files": {name: content}, "commands": [argv, ...]}]}
Its argument is the text of probe_pip.py; without it pip is started once for each question.
"""
import base64
import csv
import gc
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SHADOWS_MAX = 1000
PIP_OPTIONS = ["--isolated", "--no-cache-dir", "--disable-pip-version-check"]
INSTALLERS_OWN = re.compile(r"[^/]+\.dist-info/(RECORD|RECORD\.jws|RECORD\.p7s|INSTALLER|REQUESTED|direct_url\.json)$")


def run(argv, folder=None, timeout=600):
    """(exit status, output of both streams); a program that is not there is status 127. Nothing that it started outlives it."""
    with tempfile.TemporaryFile() as output:
        try:
            # As bytes: an old Python in the C locale would refuse words beyond ASCII.
            child = subprocess.Popen([word.encode("utf-8") for word in argv], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        except FileNotFoundError:
            return 127, "%s: not found" % argv[0]
        except OSError as problem:
            return 126, str(problem)
        try:
            status = child.wait(timeout)
        except subprocess.TimeoutExpired:
            return 124, "%s: no end after %d s" % (argv[0], timeout)
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except OSError:
                pass
            child.wait()
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")


def old_pip():
    """Where the base's pip lies when it is older than 22.3: it can neither look into another environment nor tell what is there as JSON; else None."""
    try:
        import pip as module
        return None if tuple(int(part) for part in module.__version__.split(".")[:2]) >= (22, 3) else os.path.dirname(os.path.dirname(module.__file__))
    except (ImportError, ValueError):
        return None


def pip_command(request, environment):
    """pip of the base, looking into the virtual environment."""
    python, old = os.path.join(request["venv"], "bin", "python"), old_pip()
    if old:
        environment["PYTHONPATH"] = old
        return [python, "-m", "pip"]
    try:
        import pip as module
        runner = os.path.join(os.path.dirname(module.__file__), "__pip-runner__.py")
        if os.path.isfile(runner):
            # What `pip --python` itself starts, after it has read all of itself once only for that.
            environment["_PIP_RUNNING_IN_SUBPROCESS"] = "1"
            return [python, runner]
    except (ImportError, TypeError):
        pass
    return [request["python"], "-m", "pip", "--python", python]


def begin_pip(request, *words):
    environment, streams = dict(os.environ), (tempfile.TemporaryFile(), tempfile.TemporaryFile())
    argv = pip_command(request, environment) + PIP_OPTIONS + list(words)
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=streams[0], stderr=streams[1], env=environment), streams, words[0]


def finish_pip(begun):
    """Its stdout alone."""
    child, streams, word = begun
    child.wait()
    for stream in streams:
        stream.seek(0)
    out, complaint = (stream.read() for stream in streams)
    if child.returncode:
        raise RuntimeError("pip %s: %s" % (word, complaint.decode("utf-8", "replace").strip()[-2000:]))
    return out.decode("utf-8")


def begin_both(request):
    """One process for what pip freezes and what it inspects; None where pip has no runner that could be run twice."""
    environment, streams = dict(os.environ), (tempfile.TemporaryFile(), tempfile.TemporaryFile())
    argv = pip_command(request, environment)
    if len(argv) != 2 or len(sys.argv) != 2 or os.path.islink(argv[1]):
        return None
    argv = [argv[0], "-c", sys.argv[1], argv[1], str(streams[1].fileno())] + PIP_OPTIONS
    try:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=streams[0], stderr=subprocess.DEVNULL, env=environment, pass_fds=[streams[1].fileno()]), streams
    except OSError:
        return None


def finish_both(begun):
    """{command: its stdout}, or nothing when not all went well: each is then run alone, to answer or to say what is wrong."""
    if not begun or begun[0].wait():
        return {}
    for stream in begun[1]:
        stream.seek(0)
    return {word: stream.read().decode("utf-8") for word, stream in zip(("freeze", "inspect"), begun[1])}


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest


def belongs_to_wheel(path):
    """Whether a RECORD entry came out of the wheel as it was: not what an installer adds or rewrites."""
    if path.startswith(("../", "/")) or path.endswith(".pyc"):
        return False
    return ".dist-info/" not in path or not INSTALLERS_OWN.match(path)


def readable(path):
    """A path as text that JSON can carry: bytes that are no UTF-8 become \\xff."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def hash_in_record(path):
    try:
        # A pipe or a device would never end.
        return base64.urlsafe_b64encode(sha256_of(path).digest()).rstrip(b"=").decode("ascii") if os.path.isfile(path) else None
    except (OSError, ValueError):
        return None


def read_record(info):
    """[(path, hash)], or None when it cannot be read."""
    try:
        with open(os.path.join(info, "RECORD"), newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [(row[0], row[1] if len(row) > 1 else "") for row in csv.reader(file) if row]
    except csv.Error:
        return None


class Folders:
    """What folders hold, each read once."""

    def __init__(self):
        self.read = {}

    def list(self, folder):
        """{name: "file", "folder", or "" for a link and all else}; OSError"""
        if folder not in self.read:
            with os.scandir(folder) as entries:
                self.read[folder] = {e.name: "file" if e.is_file(follow_symlinks=False) else "folder" if e.is_dir(follow_symlinks=False) else "" for e in entries}
        return self.read[folder]

    def has_file(self, path):
        """As os.path.isfile(), which is asked wherever the listing does not say yes."""
        folder, _, name = path.rpartition("/")
        try:
            if self.list(folder or "/").get(name) == "file":
                return True
        except (OSError, ValueError):
            pass
        return os.path.isfile(path)


def target_finder(site):
    """A function from a path of a RECORD to the whole path, as normpath(join(site, path)) gives it; folders are looked at once."""
    tops = {}

    def find(path):
        above, slash, name = path.rpartition("/")
        if name in ("", ".", "..") or "\0" in path:
            return os.path.normpath(os.path.join(site, path))
        if above + slash not in tops:
            tops[above + slash] = os.path.join(os.path.normpath(os.path.join(site, above + slash)), "")
        return tops[above + slash] + name
    return find


def inspect_record(info, owner, recorded, shadows, hashed, overwritten=frozenset(), tree=None):
    """(digest over the wheel's own entries, first file that is not what RECORD says or None); puts the files it names into `recorded`, {path: (owner, hash)},
    and those that another owner has already into `shadows`. What is `overwritten` is another package's to answer for."""
    site = os.path.realpath(os.path.dirname(info))
    if not info or not os.path.isfile(os.path.join(info, "RECORD")):
        return None, None
    rows, lines, altered, find, tree = read_record(info), [], None, target_finder(site), tree or Folders()
    if rows is None:
        return None, os.path.basename(info) + "/RECORD (cannot be read)"
    for path, expected in rows:
        target = find(path)
        other, their_hash = recorded.setdefault(target, (owner, expected))
        if other != owner and not path.endswith(".pyc") and len(shadows) < SHADOWS_MAX:
            shadows.append({"path": readable(path), "first": other, "second": owner, "same": bool(expected) and expected == their_hash})
        if not expected.startswith("sha256="):
            continue
        if belongs_to_wheel(path):
            lines.append("%s\t%s\n" % (path, expected))
        if altered is None and (hashed or target in overwritten):
            altered = None if tree.has_file(target) else path + " (missing)"
        elif altered is None:
            seen = hash_in_record(target)
            if seen != expected[len("sha256="):].rstrip("="):
                altered = path if seen else path + " (missing)"
    lines = sorted(line.encode("utf-8", "surrogateescape") for line in lines)
    return hashlib.sha256(b"".join(lines)).hexdigest(), altered


def origin_of(url):
    """The whole of what PEP 610 says in one text: "git+https://...@<commit>#subdirectory=x", or the address."""
    vcs = url.get("vcs_info")
    text = "%s+%s@%s" % (vcs.get("vcs"), url.get("url"), vcs.get("commit_id")) if vcs else url.get("url")
    return text + ("#subdirectory=" + url["subdirectory"] if text and url.get("subdirectory") else "")


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def targets_of(entry):
    """The files that an installed package says are its own."""
    info = entry.get("metadata_location") or ""
    rows = read_record(info) if info and os.path.isfile(os.path.join(info, "RECORD")) else None
    find = target_finder(os.path.realpath(os.path.dirname(info)))
    return {find(path) for path, _ in rows or []}


def overwritten_files(entries, declared):
    """{package: files of others that are there in place of its own}"""
    owned = {name: targets_of(entry) for entry in entries for name in [canonical(entry["metadata"]["name"])] if any(name in by for by in declared.values())}
    return {name: set().union(*(owned.get(by, set()) for by in declared[name])) for name in declared}


def describe(entry, recorded, shadows, hashed, overwritten, tree):
    info = entry.get("metadata_location") or ""
    metadata = os.path.join(info, "METADATA")
    url = entry.get("direct_url")
    name = canonical(entry["metadata"]["name"])
    record, altered = inspect_record(info, entry["metadata"]["name"], recorded, shadows, name in hashed, overwritten.get(name, frozenset()), tree)
    return {
        "name": entry["metadata"]["name"],
        "version": entry["metadata"]["version"],
        "installer": entry.get("installer") or None,
        "direct_url": origin_of(url) if url else None,
        "editable": bool(url and url.get("dir_info", {}).get("editable")),
        "metadata_sha256": sha256_of(metadata).hexdigest() if info and os.path.isfile(metadata) else None,
        "record_sha256": record,
        "altered": readable(altered) if altered else None,
    }


def site_folders(venv):
    found = glob.glob(os.path.join(glob.escape(venv), "lib*", "python3*", "site-packages"))
    return sorted({os.path.realpath(folder) for folder in found})


def unseen(folders, entries):
    """Installed packages that pip does not tell of: of two with one name it takes the first that it finds."""
    seen = {os.path.realpath(entry["metadata_location"]) for entry in entries if entry.get("metadata_location")}
    found = []
    for folder in folders:
        for info in sorted(glob.glob(os.path.join(glob.escape(folder), "*.dist-info"))):
            fields = {}
            try:
                with open(os.path.join(info, "METADATA"), encoding="utf-8", errors="replace") as file:
                    for line in file:
                        key, colon, value = line.partition(":")
                        if not colon:
                            break
                        fields.setdefault(key.lower(), value.strip())
            except OSError:
                continue
            if os.path.realpath(info) not in seen and "name" in fields and "version" in fields:
                found.append({"metadata_location": info, "metadata": fields, "installer": (read_text(info, "INSTALLER") or "").strip(),
                              "direct_url": json.loads(read_text(info, "direct_url.json") or "null")})
    return found


def read_text(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def markers():
    """The variables of PEP 508, of this Python, which is the virtual environment's too."""
    v = sys.implementation.version
    return {"implementation_name": sys.implementation.name, "implementation_version": platform.python_version() if sys.implementation.name == "cpython" else "%d.%d.%d" % v[:3],
            "os_name": os.name, "platform_machine": platform.machine(), "platform_release": platform.release(), "platform_system": platform.system(),
            "platform_version": platform.version(), "python_full_version": platform.python_version(),
            "platform_python_implementation": platform.python_implementation(), "python_version": ".".join(platform.python_version_tuple()[:2]),
            "sys_platform": sys.platform}


def inspect(request, said):
    """What `pip inspect` says, as far as it is of use here; older pips cannot say it."""
    if "inspect" in said:
        return json.loads(said["inspect"])
    if not old_pip():
        return json.loads(finish_pip(begin_pip(request, "inspect", "--local")))
    return {"environment": markers(), "installed": unseen(site_folders(request["venv"]), [])}


def is_recorded(path, recorded):
    """Whether an installed package has this file; bytecode is as good as the source it was made from."""
    if path in recorded:
        return True
    folder, name = os.path.split(path)
    cached = re.match(r"(.+?)\.[a-z0-9_]+-[0-9]+[a-z]*(\.opt-[12])?(-pytest-[0-9.]+)?\.pyc$", name)
    return bool(cached and os.path.basename(folder) == "__pycache__" and os.path.join(os.path.dirname(folder), cached.group(1) + ".py") in recorded)


def unrecorded(folder, recorded, tree):
    """Files below a site-packages that no RECORD names; a folder stands for all in it when none of it is named."""
    found, any_recorded = [], False
    for name, kind in sorted(tree.list(folder).items()):
        path = os.path.join(folder, name)
        if kind == "folder":
            inside, some = unrecorded(path, recorded, tree)
            any_recorded = any_recorded or some
            found += inside if some else [path] if inside else []
        elif is_recorded(path, recorded):
            any_recorded = True
        else:
            found.append(path)
    return found, any_recorded


def loose_files(venv, folders, recorded, tree):
    found = []
    for folder in folders:
        found += [{"path": readable(path), "text": "belongs to no package that is installed"} for path in unrecorded(folder, recorded, tree)[0]]
    settings = os.path.join(venv, "pyvenv.cfg")
    with open(settings, encoding="utf-8", errors="replace") as file:
        if re.search(r"(?im)^\s*include-system-site-packages\s*=\s*true\s*$", file.read()):
            found.append({"path": settings, "text": "lets packages of the system in (include-system-site-packages)"})
    return found


def system_packages():
    status, text = run(["dpkg-query", "-W", "-f", "${binary:Package}\\t${Version}\\t${Architecture}\\t${db:Status-Status}\\n"])
    found = []
    for line in text.splitlines() if status == 0 else []:
        name, version, architecture, state = line.split("\t")
        if state == "installed":
            found.append({"name": name.split(":")[0], "version": version, "architecture": architecture})
    return found


def first_version(text):
    match = re.search(r"\d+(\.\d+)+", text)
    return match.group(0) if match else None


def built_in_tools():
    """What every image is asked about, whichever layers it has."""
    found = {}
    for program in ("gcc", "g++", "clang"):
        if shutil.which(program):
            status, text = run([program, "-dumpfullversion"] if program != "clang" else [program, "-dumpversion"])
            found[program] = text.strip().split("\n")[0] if status == 0 else None
    if shutil.which("llvm-config"):
        found["llvm-config"] = first_version(run(["llvm-config", "--version"])[1])
    if shutil.which("nvcc"):
        match = re.search(r"\bV(\d+(\.\d+)+)", run(["nvcc", "--version"])[1])
        found["nvcc"] = match.group(1) if match else None
    try:
        found["glibc"] = os.confstr("CS_GNU_LIBC_VERSION").split()[-1]
    except (ValueError, OSError, AttributeError):
        pass
    for path in sorted(glob.glob("/usr/lib/*/libstdc++.so.6") + glob.glob("/usr/lib/libstdc++.so.6") + glob.glob("/usr/lib64/libstdc++.so.6")):
        found["libstdc++"] = os.path.basename(os.path.realpath(path)).split(".so.")[-1]
    return {name: version for name, version in found.items() if version}


def asked_tools(tools):
    found = {}
    for tool in tools:
        text, status = "", 0
        for argv in tool["commands"]:
            status, text = run(argv)
            if status:
                raise RuntimeError("snapshot command of '%s' failed with %d: %s" % (tool["name"], status, text.strip()[-500:]))
        found[tool["name"]] = first_version(text) or text.strip().split("\n")[0]
    return found


def cuda_libraries():
    """Names of NVIDIA's libraries that the loader finds: in its cache, and in the folders that the image's LD_LIBRARY_PATH names."""
    found = set()
    for program in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if os.path.exists(program):
            status, text = run([program, "-p"])
            found.update(line.split()[0] for line in text.splitlines()[1:] if status == 0 and "=>" in line)
            break
    for folder in [f for f in os.environ.get("LD_LIBRARY_PATH", "").split(":") if f] + glob.glob("/usr/local/cuda*/lib64"):
        try:
            found.update(name for name in os.listdir(folder) if ".so" in name)
        except OSError:
            pass
    return sorted(readable(name) for name in found if name.startswith(("libcu", "libnv", "libnccl", "libnpp")))


def strays():
    """Python packages, and what Python runs when it starts, put beside the virtual environment and beside dpkg, where nothing that was locked belongs."""
    found = []
    for top in ("/usr/local/lib", "/root/.local/lib", "/home/*/.local/lib"):
        for ending in ("dist-info", "egg-info", "egg-link", "pth"):
            found += glob.glob("%s/python3*/*-packages/*.%s" % (top, ending))
    return [{"path": readable(path), "text": "is installed outside the virtual environment, but not locked"} for path in sorted(found)]


def add_packages(request, answer, said):
    seen = inspect(request, said)
    folders, recorded, tree = site_folders(request["venv"]), {}, Folders()
    answer["markers"] = seen["environment"]
    entries, hashed = seen["installed"] + unseen(folders, seen["installed"]), set(request.get("hashed", []))
    overwritten = overwritten_files(entries, request.get("overwritten", {}))
    answer["packages"] = [describe(entry, recorded, answer["shadows"], hashed, overwritten, tree) for entry in entries]
    answer["strays"] += loose_files(request["venv"], folders, recorded, tree)


def add_all(request, answer, both):
    answer.update({"tools": built_in_tools(), "system": system_packages(), "strays": strays(), "libraries": cuda_libraries()})
    answer["tools"].update(asked_tools(request["tools"]))
    if not request["venv"]:
        return
    said = finish_both(both)
    freeze = None if said else begin_pip(request, "freeze", "--all", "--local")
    try:
        add_packages(request, answer, said)
    finally:
        if freeze:
            freeze[0].wait()
    answer["freeze"] = [line for line in (finish_pip(freeze) if freeze else said["freeze"]).splitlines() if line.strip()]


def snapshot(request):
    answer = {"tools": {}, "system": [], "packages": [], "freeze": [], "markers": {}, "strays": [], "shadows": [], "libraries": []}
    # Beside all that needs no pip: most machines have more than one core.
    both = begin_both(request) if request["venv"] else None
    try:
        add_all(request, answer, both)
    finally:
        if both and both[0].poll() is None:
            both[0].kill()
            both[0].wait()
    return answer


def verify(probes):
    results = []
    for probe in probes:
        folder = tempfile.mkdtemp()
        for name, content in probe["files"].items():
            with open(os.path.join(folder, name).encode("utf-8"), "w", encoding="utf-8") as file:
                file.write(content)
        result = {"name": probe["name"], "status": 0, "command": None, "output": ""}
        for argv in probe["commands"]:
            status, text = run(argv, folder)
            if status:
                result = {"name": probe["name"], "status": status, "command": argv, "output": text[-4000:]}
                break
        results.append(result)
        shutil.rmtree(folder, ignore_errors=True)
    return results


def main():
    # It ends soon.
    gc.disable()
    request, answer = json.loads(sys.stdin.buffer.read().decode("utf-8")), {}
    try:
        if "snapshot" in request:
            answer["snapshot"] = snapshot(request["snapshot"])
        if "verify" in request:
            answer["verify"] = verify(request["verify"])
    except (RuntimeError, OSError, ValueError, KeyError) as problem:
        answer = {"error": str(problem) or repr(problem)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()

"""Runs inside an image, with the image's own system Python and nothing but its standard library (3.6 and later).

Reads a JSON request on stdin, writes one JSON answer on stdout:
  {"snapshot": {"python": ..., "venv": ..., "tools": [{"name", "commands"}]}}
  {"verify": [{"name", "files": {name: content}, "commands": [argv, ...]}]}
"""
import base64
import csv
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile


def run(argv, folder=None, timeout=600):
    """(exit status, output of both streams); a program that is not there is status 127."""
    try:
        done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    except FileNotFoundError:
        return 127, "%s: not found" % argv[0]
    except OSError as problem:
        return 126, str(problem)
    except subprocess.TimeoutExpired:
        return 124, "%s: no end after %d s" % (argv[0], timeout)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def pip(request, *words):
    """pip of the base, looking into the virtual environment; its stdout alone."""
    argv = [request["python"], "-m", "pip", "--python", os.path.join(request["venv"], "bin", "python"), "--isolated", "--no-cache-dir",
            "--disable-pip-version-check"] + list(words)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise RuntimeError("pip %s: %s" % (words[0], done.stderr.decode("utf-8", "replace").strip()[-2000:]))
    return done.stdout.decode("utf-8")


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
    return not re.match(r"[^/]+\.dist-info/(RECORD|RECORD\.jws|RECORD\.p7s|INSTALLER|REQUESTED|direct_url\.json)$", path)


def inspect_record(info):
    """(digest over the wheel's own entries, first file that is not what RECORD says or None)."""
    record, site = os.path.join(info, "RECORD"), os.path.dirname(info)
    if not os.path.isfile(record):
        return None, None
    lines, altered = [], None
    with open(record, newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if len(row) < 2 or not row[1].startswith("sha256="):
                continue
            if belongs_to_wheel(row[0]):
                lines.append("%s\t%s\n" % (row[0], row[1]))
            target = os.path.normpath(os.path.join(site, row[0]))
            try:
                seen = base64.urlsafe_b64encode(sha256_of(target).digest()).rstrip(b"=").decode("ascii")
            except OSError:
                seen = None
            if altered is None and seen != row[1][len("sha256="):]:
                altered = row[0] if seen else row[0] + " (missing)"
    return hashlib.sha256("".join(sorted(lines, key=lambda line: line.encode("utf-8"))).encode("utf-8")).hexdigest(), altered


def describe(entry):
    info = entry.get("metadata_location") or ""
    metadata = os.path.join(info, "METADATA")
    url = entry.get("direct_url")
    record, altered = inspect_record(info)
    return {
        "name": entry["metadata"]["name"],
        "version": entry["metadata"]["version"],
        "installer": entry.get("installer") or None,
        "direct_url": url.get("url") if url else None,
        "editable": bool(url and url.get("dir_info", {}).get("editable")),
        "metadata_sha256": sha256_of(metadata).hexdigest() if os.path.isfile(metadata) else None,
        "record_sha256": record,
        "altered": altered,
    }


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


def strays():
    """Python packages put beside the virtual environment and beside dpkg, where nothing that was locked belongs."""
    found = []
    for pattern in ("/usr/local/lib/python3*/*-packages/*.dist-info", "/usr/local/lib/python3*/*-packages/*.egg-info", "/root/.local/lib/python3*/site-packages/*.dist-info"):
        found += glob.glob(pattern)
    return sorted(found)


def snapshot(request):
    answer = {"tools": built_in_tools(), "system": system_packages(), "packages": [], "freeze": [], "markers": {}, "strays": strays()}
    answer["tools"].update(asked_tools(request["tools"]))
    if request["venv"]:
        seen = json.loads(pip(request, "inspect", "--local"))
        answer["markers"] = seen["environment"]
        answer["packages"] = [describe(entry) for entry in seen["installed"]]
        answer["freeze"] = [line for line in pip(request, "freeze", "--all", "--local").splitlines() if line.strip()]
    return answer


def verify(probes):
    results = []
    for probe in probes:
        folder = tempfile.mkdtemp()
        for name, content in probe["files"].items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
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
    request, answer = json.load(sys.stdin), {}
    try:
        if "snapshot" in request:
            answer["snapshot"] = snapshot(request["snapshot"])
        if "verify" in request:
            answer["verify"] = verify(request["verify"])
    except (RuntimeError, OSError, ValueError, KeyError) as problem:
        answer = {"error": str(problem) or repr(problem)}
    json.dump(answer, sys.stdout)


main()

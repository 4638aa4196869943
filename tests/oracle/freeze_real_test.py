#!/usr/bin/env python3
"""What pip freeze writes of a real virtual environment with packages installed in every way that works here without a network: lockstep finds each, and writes the
same bytes. And direct_url.json as pip wrote it there: read and written without a difference."""
import glob, hashlib, os, shutil, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside
beside.enter_venv()

# A build backend that needs nothing: PEP 517 and PEP 660.
BACKEND = '''
import os, zipfile
NAME = %r
def wheel(folder, editable):
    name = NAME.replace("-", "_") + "-1.0-py3-none-any.whl"
    info = NAME.replace("-", "_") + "-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as z:
        z.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: %%s\\nVersion: 1.0\\n" %% NAME)
        z.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        z.writestr(NAME.replace("-", "_") + (".pth" if editable else ".py"), os.getcwd() + "\\n" if editable else "")
        z.writestr(info + "RECORD", "")
    return name
def build_wheel(folder, config_settings=None, metadata_directory=None): return wheel(folder, False)
def build_editable(folder, config_settings=None, metadata_directory=None): return wheel(folder, True)
def get_requires_for_build_wheel(config_settings=None): return []
def get_requires_for_build_editable(config_settings=None): return []
'''
WORK = os.getcwd()


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ | {"GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"})
    if done.returncode:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def project(name, folder=""):
    path = os.path.join(WORK, "src", name)
    inner = os.path.join(path, folder)
    os.makedirs(inner)
    with open(os.path.join(inner, "pyproject.toml"), "w", encoding="utf-8") as f:
        f.write("[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n")
    with open(os.path.join(inner, "backend.py"), "w", encoding="utf-8") as f:
        f.write(BACKEND % name)
    return path


def repository(name, remote=None, folder=""):
    path = project(name, folder)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main"]
    run(*git, "init", "-q", cwd=path)
    run(*git, "add", ".", cwd=path)
    run(*git, "commit", "-qm", "x", cwd=path)
    if remote is not None:
        run("git", "remote", "add", "origin", remote, cwd=path)
    return path, run("git", "rev-parse", "HEAD", cwd=path).strip()


def hg_repository(name, remote=""):
    path = project(name)
    hg = ["hg", "--config", "ui.username=x"]
    run(*hg, "init", cwd=path)
    if remote:
        with open(os.path.join(path, ".hg/hgrc"), "w", encoding="utf-8") as f:
            f.write(f"[paths]\ndefault = {remote}\n")
    run(*hg, "commit", "-Aqm", "x", cwd=path)
    return path, run("hg", "parents", "--template={node}", cwd=path).strip()


def main():
    python = os.path.join(WORK, "venv/bin/python")
    run(sys.executable, "-m", "venv", "--without-pip", "venv")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    plain = project("no-vcs")
    lonely, _ = repository("no-remote")
    broken, _ = repository("bad-remote", "/gone/away")
    odd, _ = repository("odd-remote", "what is this")
    known, commit = repository("with-remote", "https://user@example.org/x.git", "inner")
    bare, of_git = repository("of-git", None, "deep")
    folder = project("of-folder")
    run(*pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-q", "-w", "wheels", project("of-wheel"), project("by-name"))
    editables = [plain, lonely, broken, odd, os.path.join(known, "inner")]
    if shutil.which("hg"):
        of_hg_path, of_hg = hg_repository("of-hg", "https://example.org/hg")
        editables += [of_hg_path, hg_repository("hg-alone")[0]]
    else:
        print("hg is not installed: nothing is installed from it")
    run(*pip, "install", "--no-index", "--no-deps", "--no-build-isolation", "-q", "--find-links", "wheels", *[word for path in editables for word in ("-e", path)], folder, "by-name",
        f"of-git @ git+file://{bare}@main#subdirectory=deep", os.path.join(WORK, "wheels/of_wheel-1.0-py3-none-any.whl"))
    text = run(*pip, "freeze", "--all")
    print(text)
    # All but the one that was found by its name have a direct_url.json.
    with open("wheels/of_wheel-1.0-py3-none-any.whl", "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    expected = {
        "by-name": {"kind": "version", "version": "1.0"},
        "of-wheel": {"kind": "direct", "url": f"file://{WORK}/wheels/of_wheel-1.0-py3-none-any.whl", "algorithm": "sha256", "digest": digest},
        "of-folder": {"kind": "direct", "url": f"file://{folder}"},
        "of-git": {"kind": "direct", "vcs": "git", "url": f"file://{bare}", "revision": of_git, "subdirectory": "deep"},
        "with_remote": {"kind": "editable", "vcs": "git", "url": "https://user@example.org/x.git", "revision": commit, "subdirectory": "inner"},
        "no-vcs": {"kind": "editable", "version": "1.0", "reason": "no vcs", "path": plain},
        "no-remote": {"kind": "editable", "version": "1.0", "reason": "no remote", "repository": "Git", "path": lonely},
        "bad-remote": {"kind": "editable", "version": "1.0", "reason": "bad remote", "repository": "Git", "remote": "/gone/away", "path": broken},
        "odd-remote": {"kind": "editable", "version": "1.0", "reason": "bad remote", "repository": "Git", "remote": "what", "path": odd},
    }
    if shutil.which("hg"):
        expected["of_hg"] = {"kind": "editable", "vcs": "hg", "url": "https://example.org/hg", "revision": of_hg}
        expected["hg-alone"] = {"kind": "editable", "reason": "unknown", "path": editables[-1]}
    [answer] = beside.ask("freeze_oracle", [["freeze", text]])
    seen = {e.pop("name", None) or os.path.basename(e["path"]): e for e in answer["entries"] if e.pop("line")}
    problems = [] if answer["same"] else ["not the same bytes"]
    problems += [f"{name}: {seen.get(name)!r}, expected {expected.get(name)!r}" for name in sorted(seen.keys() | expected.keys()) if seen.get(name) != expected.get(name)]
    files = sorted(glob.glob("venv/lib/python3*/site-packages/*.dist-info/direct_url.json"))
    for path in files:
        with open(path, encoding="utf-8") as f:
            content = f.read()
        [answer] = beside.ask("direct_url_oracle", [["direct-url", content]])
        if answer.get("written") != content:
            problems.append(f"{path}: {content!r}, written {answer!r}")
    print("\n".join(problems))
    print(f"{len(seen)} packages, {len(files)} direct_url.json, {len(problems)} differences")
    return 1 if problems or len(files) != len(expected) - 1 else 0


if not shutil.which("git"):
    print("git is not installed")
    sys.exit(77)
sys.exit(main())

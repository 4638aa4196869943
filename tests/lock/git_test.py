#!/usr/bin/env python3
"""Packages that come from a commit of a git repository, or from an archive of the project: locked as source, without running anything of them.

usage: tests/run tests/lock/git_test.py"""
import os, shutil, subprocess, tempfile, tomllib

import scenarios_test as scenarios
from scenarios_test import fake
import cases

ENV = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
       "GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"}
PYPROJECT = "[build-system]\nrequires = ['maker']\nbuild-backend = 'maker'\n[project]\nname = 'sauce'\nversion = '1.5'\ndependencies = ['delta']\n"
INDEX = {"delta": {"1.0": []}, "maker": {"1.0": []}, "sauce": {"9.9": []}}
WORK = tempfile.mkdtemp(prefix="git-")


def git(folder, *words):
    return subprocess.run(["git", "-C", folder, *words], env=ENV, check=True, capture_output=True, text=True).stdout.strip()


def repository(files, links=()):
    folder = tempfile.mkdtemp(dir=WORK)
    git(folder, "init", "--quiet", "-b", "main")
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "w") as f:
            f.write(text)
    for path, target in links:
        os.symlink(target, os.path.join(folder, path))
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder, git(folder, "rev-parse", "HEAD")


def lock(reference, cache=None, files=(), expect=0, env=(), make=("", ())):
    """Locks a project whose only package is `sauce` from `reference`; the lock, or what was said."""
    project = tempfile.mkdtemp(dir=WORK)
    for path, content in dict(files).items():
        os.makedirs(os.path.dirname(os.path.join(project, path)), exist_ok=True)
        with open(os.path.join(project, path), "wb") as f:
            f.write(content)
    for what in make[1]:
        if isinstance(what, str):
            os.mkfifo(os.path.join(project, make[0], what))
        else:
            os.symlink(what[1], os.path.join(project, make[0], what[0]))
    with fake.Index({"packages": INDEX}) as index:
        os.makedirs(project + "/recipes/bases")
        os.makedirs(project + "/containers/ci-a")
        put = lambda path, text: open(os.path.join(project, path), "w").write(text)
        put("recipes/project.yaml", "name: t\nrepository: t\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n")
        put("Jenkinsfile", "ci_a = 't/ci-a:v0.0'\n")
        put("recipes/python.yaml", "groups:\n  core: {description: all}\npackages:\n  sauce: {groups: [core], from: {%s}}\n" % reference)
        put("recipes/bases/b.yaml", scenarios_base())
        put("containers/ci-a/container.yaml", "base: b\npython: {groups: [core]}\n")
        environment = {**ENV, "LOCKSTEP_CACHE": cache or tempfile.mkdtemp(dir=WORK), "UV_DEFAULT_INDEX": index.url, "PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1",
                       "LOCKSTEP_UV": os.path.join(scenarios.ROOT, ".tools/bin/uv"), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **dict(env)}
        done = subprocess.run([scenarios.LOCKSTEP, "lock"], cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == expect, done
        assert "Sanitizer" not in done.stderr, done.stderr
        if expect:
            return done.stderr
        with open(project + "/.lockstep/lock.toml", "rb") as f:
            found = tomllib.load(f)
        again = subprocess.run([scenarios.LOCKSTEP, "lock"], cwd=project, env=environment, capture_output=True, text=True)
        assert again.returncode == 0 and "unchanged" in again.stdout, again
        return found


def scenarios_base():
    return ('{"from": {"mmdebstrap": {"suite": "bookworm", "variant": "minbase", "components": ["main"], "include": ["python3"]}}, "python": "/usr/bin/python3", '
            '"environment": {"python": "3.11", "implementation": "cpython", "os": "linux", "machine": "x86_64", "libc": "glibc", "libc_version": "2.36"}}\n')


def sauce(found):
    return [p for p in found["package"] if p["name"] == "sauce"][0]


def case_commit():
    # What is only in git's own files, or would be done by its attributes and hooks, is not looked at.
    folder, commit = repository({"pyproject.toml": PYPROJECT, ".gitattributes": "* export-ignore\n*.toml export-subst\n", "src/x.py": "x = 1\n"}, [("link", "src/x.py")])
    with open(folder + "/.git/hooks/post-checkout", "w") as f:
        f.write("#!/bin/sh\ntouch %s/hook-ran\n" % WORK)
    os.chmod(folder + "/.git/hooks/post-checkout", 0o755)
    with open(folder + "/later.txt", "w") as f:
        f.write("later\n")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "second")
    found = lock(f'git: "file://{folder}", commit: {commit}')
    pin = sauce(found)
    assert pin["version"] == "1.5" and pin["reference"] == f"git+file://{folder}@{commit}" and "index" not in pin, pin
    assert [f["name"] for f in pin["files"]] == ["sauce-1.5.tar"] and pin["build-requires"] == ["maker"] and [r["name"] for r in pin["requires"]] == ["delta"], pin
    other = sauce(lock(f'git: "file://{folder}", commit: {commit}'))
    assert other["files"] == pin["files"], (other, pin)
    assert not os.path.exists(WORK + "/hook-ran")


def case_subdirectory():
    folder, commit = repository({"README": "x", "python/pkg/pyproject.toml": PYPROJECT})
    pin = sauce(lock(f'git: "file://{folder}", commit: {commit}, subdirectory: python/pkg'))
    assert pin["reference"].endswith(f"@{commit}#subdirectory=python/pkg"), pin
    said = lock(f'git: "file://{folder}", commit: {commit}, subdirectory: python/other', expect=1)
    assert "recipes/python.yaml:4: 'sauce' from git+file://" in said and "it has neither pyproject.toml nor setup.py in python/other" in said, said


def case_http_without_smart_server():
    import functools, http.server, threading
    folder, commit = repository({"pyproject.toml": PYPROJECT})
    git(folder, "update-server-info")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder + "/.git"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pin = sauce(lock(f'git: "http://127.0.0.1:{server.server_address[1]}/", commit: {commit}'))
    server.shutdown()
    assert pin["version"] == "1.5", pin


def case_bad():
    folder, commit = repository({"pyproject.toml": PYPROJECT.replace("'sauce'", "'evil'")}, [("out", "../../etc/passwd")])
    said = lock(f'git: "file://{folder}", commit: {"0" * 40}', expect=1)
    assert "has no commit 0000" in said, said
    said = lock(f'git: "file://{folder}/nowhere", commit: {commit}', expect=1)
    assert "cannot fetch from" in said, said
    said = lock(f'git: "file://{folder}", commit: {commit}', expect=1)
    assert "a link that leads out of it" in said, said
    folder, commit = repository({"pyproject.toml": PYPROJECT.replace("'sauce'", "'evil'")})
    said = lock(f'git: "file://{folder}", commit: {commit}', expect=1)
    assert "is said to be of package 'sauce', but its pyproject.toml says 'evil'" in said, said
    for address in ("ext::sh -c touch% /tmp/it-ran", "ssh://-oProxyCommand=x/y", "ftp://x/y", "https://u:p@host/x", "ssh://u:p@host/x"):
        said = lock(f'git: "{address}", commit: {commit}', expect=1)
        assert "recipes/python.yaml:4" in said, said
    # A blob is no commit.
    blob = git(folder, "hash-object", "pyproject.toml")
    said = lock(f'git: "file://{folder}", commit: {blob}', expect=1)
    assert f"has no commit {blob}" in said, said


def case_archive_of_the_project():
    name, content = fake.sdist("sauce", "2.0", {"requires": ["delta"], "sdist": True})
    pin = sauce(lock(f"path: vendor/{name}", files={f"vendor/{name}": content}))
    assert pin["reference"] == f"vendor/{name}" and [f["name"] for f in pin["files"]] == [name] and pin["version"] == "2.0", pin


SOURCES = {"vendor/sauce/pyproject.toml": PYPROJECT.encode(), "vendor/sauce/src/sauce.py": b"x = 1\n", "vendor/sauce/tool": b"#!/bin/sh\n"}


def case_folder_of_the_project():
    """It is locked as the archive that is made of it: by what is in it alone."""
    pin = sauce(lock("path: vendor/sauce", files=SOURCES))
    assert pin["version"] == "1.5" and pin["reference"] == "vendor/sauce" and "index" not in pin and pin["build-requires"] == ["maker"], pin
    assert [f["name"] for f in pin["files"]] == ["sauce-1.5.tar"] and [r["name"] for r in pin["requires"]] == ["delta"], pin
    left = {"vendor/sauce/src/__pycache__/sauce.cpython-311.pyc": b"1", "vendor/sauce/.git/HEAD": b"ref: x\n", "vendor/sauce/old.pyc": b"2"}
    os.umask(0o077)
    try:
        same = sauce(lock("path: vendor/sauce", files={**dict(reversed(SOURCES.items())), **left}))
    finally:
        os.umask(0o022)
    assert same == pin, (same, pin)
    other = sauce(lock("path: vendor/sauce", files={**SOURCES, "vendor/sauce/src/sauce.py": b"x = 2\n"}))
    assert other["files"][0]["sha256"] != pin["files"][0]["sha256"] and other["version"] == "1.5", other


def case_bad_folders():
    bad = [({"vendor/sauce/README": b"x"}, (), "recipes/python.yaml:4:40: error: 'vendor/sauce' is a folder with neither pyproject.toml nor setup.py"),
           ({**SOURCES, "vendor/sauce/pyproject.toml": PYPROJECT.replace("'sauce'", "'evil'").encode()}, (),
            "is said to be of package 'sauce', but its pyproject.toml says 'evil'"),
           ({**SOURCES, "vendor/sauce/pyproject.toml": b"[build-system\n"}, (), "its pyproject.toml is not TOML"),
           (SOURCES, [("out", "../../../etc/passwd")], "a link that leads out of it"),
           (SOURCES, [("root", "/etc")], "a link that leads out of it"),
           ({**SOURCES, "vendor/sauce/a\x1b[31mb.py": b"x"}, (), "'a\\x1b[31mb.py' in "),
           (SOURCES, ["pipe"], "'pipe' in ")]
    for files, more, text in bad:
        said = lock("path: vendor/sauce", files=files, expect=1, make=("vendor/sauce", more))
        assert text in said and "\x1b" not in said, (text, said)
    # A link that stays inside is kept as one.
    pin = sauce(lock("path: vendor/sauce", files=SOURCES, make=("vendor/sauce", [("inside", "src/sauce.py")])))
    assert pin["version"] == "1.5", pin
    # The folder itself may not lead out of the project.
    outside = tempfile.mkdtemp(dir=WORK)
    said = lock("path: vendor/sauce", files={"vendor/x": b""}, expect=1, make=("vendor", [("sauce", outside)]))
    assert "'vendor/sauce' leads out of the project" in said, said


cases.run(globals(), finish=lambda: shutil.rmtree(WORK))

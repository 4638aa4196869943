#!/usr/bin/env python3
"""Real builders read every word of a rendered Dockerfile as the database has it, and run none of them: buildah, and docker with BuildKit where it can start."""
import json
import os
import subprocess
import sys

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import nasty_project as nasty  # noqa: E402  pylint: disable=wrong-import-position


def run(*argv, env=None):
    done = subprocess.run(argv, capture_output=True, check=False, env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{argv}: {done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout


class Buildah:
    def __init__(self):
        self.env = {"CONTAINERS_STORAGE_CONF": os.path.abspath("storage.conf"), "BUILDAH_ISOLATION": "chroot"}
        driver = "vfs"
        with open("storage.conf", "w", encoding="utf-8") as f:
            f.write(f'[storage]\ndriver = "{driver}"\ngraphroot = "{os.path.abspath("storage")}"\nrunroot = "{os.path.abspath("storage-run")}"\n')

    def build(self, dockerfile, context):
        run("buildah", "bud", "--quiet", "-t", "localhost/nasty", "-f", dockerfile, context, env=self.env)

    def config(self):
        return json.loads(run("buildah", "inspect", "--type", "image", "localhost/nasty", env=self.env))["OCIv1"]["config"]

    def read(self, *argv):
        container = run("buildah", "from", "--quiet", "localhost/nasty", env=self.env).decode().strip()
        try:
            return run("buildah", "run", "--network=none", container, "--", *argv, env=self.env)
        finally:
            run("buildah", "rm", container, env=self.env)

    def close(self):
        pass


class Docker:
    def __init__(self):
        self.folder = os.path.abspath("dockerd")
        done = subprocess.run([os.path.join(ROOT, "tests/engine/dockerd.sh"), "start", self.folder], capture_output=True, text=True, check=False)
        if done.returncode == 77:
            raise FileNotFoundError(done.stdout.strip())
        self.env = {"DOCKER_HOST": done.stdout.strip().split("\n")[-1], "DOCKER_BUILDKIT": "1"}

    def build(self, dockerfile, context):
        run("/usr/bin/docker", "build", "--network=host", "-t", "nasty", "-f", dockerfile, context, env=self.env)

    def config(self):
        return json.loads(run("/usr/bin/docker", "inspect", "nasty", env=self.env))[0]["Config"]

    def read(self, *argv):
        return run("/usr/bin/docker", "run", "--rm", "--network=none", "nasty", *argv, env=self.env)

    def close(self):
        run(os.path.join(ROOT, "tests/engine/dockerd.sh"), "stop", self.folder)


def same(what, seen, expected):
    assert seen == expected, f"{what}\nseen     {seen!r}\nexpected {expected!r}"


def try_engine(engine):
    engine.build("containers/nasty/Dockerfile", "context")
    config = engine.config()
    variables = dict(v.split("=", 1) for v in config["Env"])
    same("ENV of a layer", variables["NASTY_LAYER"], nasty.ENV_LAYER)
    same("ENV that adds to another", variables["NASTY_BOTH"], nasty.ENV_LAYER * 2)
    same("ENV of the container", variables["NASTY_CONTAINER"], nasty.ENV_CONTAINER)
    same("PATH", variables["PATH"], "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/added")
    same("LABEL", config["Labels"]["org.opencontainers.image.description"], nasty.DESCRIPTION)
    same("WORKDIR", config["WorkingDir"], nasty.PATH + "/work")
    same("USER", config["User"], "1234:4321")
    same("FILE", engine.read("cat", nasty.PATH + "/plain").decode(), nasty.FILE_PLAIN)
    same("LINK", engine.read("readlink", nasty.PATH + "/link").decode(), nasty.PATH + "/plain\n")
    same("FILE with control characters", engine.read("cat", "/control").decode(), nasty.FILE_CONTROL)
    same("empty FILE", engine.read("cat", "/empty"), b"")
    same("mode of a FILE", engine.read("sh", "-c", 'test -x "$1" && test ! -x /control && echo yes', "sh", nasty.PATH + "/plain"), b"yes\n")
    same("RUN", engine.read("cat", "/argv").decode(), "".join(a + "." for a in nasty.ARGV))
    same("as the user, in the folder, which is its own", engine.read("sh", "-c", "id -u; touch mine && echo yes"), b"1234\nyes\n")
    same("nothing ran that was a word", engine.read("sh", "-c", "ls / | head -n 40").decode().count("pwned"), 0)


def main():
    nasty.write(".")
    run("lockstep", "render")
    os.mkdir("context")
    run(os.path.join(ROOT, "tests/engine/tiny_base.sh"), "context/base.tar")
    tried = []
    for kind in (Buildah, Docker):
        try:
            engine = kind()
        except FileNotFoundError as e:
            print(f"without {kind.__name__}: {e}")
            continue
        try:
            try_engine(engine)
            tried.append(kind.__name__)
        finally:
            engine.close()
    print("tried:", ", ".join(tried))
    return 0 if tried else 77


sys.exit(main())

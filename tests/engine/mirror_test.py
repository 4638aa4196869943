#!/usr/bin/env python3
"""Debian packages from a mirror like a company's: https with a certificate of its own authority, a user and a password. What it serves is this machine's real
mirror. mmdebstrap and the apt steps of both engines reach it; nothing of the secrets is left anywhere."""
import base64, http.server, json, os, re, shutil, ssl, subprocess, sys, threading, time, urllib.error, urllib.request

ROOT, WORK = os.environ["ROOT"], os.getcwd()
LOCKSTEP = os.path.join(ROOT, "build/debug/lockstep")
USER, PASSWORD, WRITTEN = "mirror-user", "pa55:w@rd%of#tests", "pa55%3Aw%40rd%25of%23tests"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
undo = []

FILES = {
    "recipes/project.yaml": "name: tiny\nrepository: tiny\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n",
    "recipes/python.yaml": "groups: {}\npackages: {}\n",
    "recipes/bases/bookworm.yaml": """description: Debian
from:
  mmdebstrap: {suite: bookworm, variant: apt, components: [main]}
environment: {python: "3.11", machine: x86_64, libc_version: "2.36"}
""",
    "recipes/layers/hello.yaml": "description: a small package\nsteps:\n  - apt: [hello]\n",
    "containers/ci/container.yaml": "description: the only one\nbase: bookworm\nlayers: [hello]\n",
    "Jenkinsfile": "ci = 'tiny/ci:v0.0'\n",
}


def skip(why):
    print(why)
    sys.exit(77)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def call(*words, **options):
    r = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=600, **options)
    assert r.returncode == 0, (words, r.stdout, r.stderr)
    return r.stdout


def real_mirror():
    """The address of this machine's mirror of bookworm and the key it is signed with."""
    targets = call("apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages", "--no-release-info",
                   "-oDir::State::lists=/nonexistent/")
    for line in targets.split("\n"):
        if line.endswith("|bookworm|main") and re.match(r"https?://[^@]*\|", line):
            address = line.split("|")[0]
            try:
                urllib.request.urlopen(address + "dists/bookworm/InRelease", timeout=30).read()
                return address
            except OSError as e:
                skip(f"this machine's mirror cannot be reached: {e}")
    skip("this machine's apt knows no mirror of bookworm")


def make_certificates():
    call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=The Company's Authority", "-keyout", "ca.key", "-out", "ca.pem",
         "-addext", "keyUsage=keyCertSign")
    call("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    write(WORK + "/server.ext", "subjectAltName=DNS:localhost\n")
    call("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "server.ext", "-out",
         "server.pem")


class Mirror(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.refused, self.served = upstream, 0, 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(WORK + "/server.pem", WORK + "/server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.headers.get("Authorization") != self.server.wanted:
            self.server.refused += 1
            return self.answer(401, {"WWW-Authenticate": 'Basic realm="mirror"'})
        try:
            with urllib.request.urlopen(self.server.upstream + self.path.removeprefix("/debian/"), timeout=120) as r:
                body = r.read()
                self.server.served += 1
                return self.answer(200, {k: v for k, v in r.headers.items() if k in ("Last-Modified", "Content-Type")}, body)
        except urllib.error.HTTPError as e:
            return self.answer(e.code, {})

    def log_message(self, *args):
        pass


class Watch(threading.Thread):
    """Looks at the arguments of all processes for secrets, all the time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.found, self.looks = set(), 0

    def run(self):
        while True:
            for name in os.listdir("/proc"):
                try:
                    with open(f"/proc/{name}/cmdline", "rb") as f:
                        text = f.read()
                except OSError:
                    continue
                if PASSWORD.encode() in text or WRITTEN.encode() in text:
                    self.found.add(text)
            self.looks += 1
            time.sleep(0.01)


def secrets():
    with open(WORK + "/ca.pem") as f:
        certificate = f.read().split("\n")[3]
    return [s.encode() for s in (PASSWORD, WRITTEN, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(), USER, certificate)]


def expect_clean(folder):
    for path, _, names in os.walk(folder):
        assert not {"98lockstep", "98lockstep.conf", "lockstep-ca", "lockstep-apt-auth"} & set(names), (path, names)
        for name in names:
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as f:
                    content = f.read()
                for secret in secrets():
                    assert secret not in content, (full, secret)


class Machine:
    """A machine whose apt has these sources, settings and passwords; mmdebstrap's temporary files lie in a folder that is looked at."""

    def __init__(self, name, port, user="", conf="", auth=""):
        self.folder = f"{WORK}/machine-{name}"
        write(self.folder + "/sources.list", f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://{user}localhost:{port}/debian bookworm main\n")
        os.makedirs(self.folder + "/auth.conf.d")
        if auth:
            write(self.folder + "/auth.conf.d/mirror.conf", auth, 0o600)
        write(self.folder + "/apt.conf", f'Dir::Etc::sourcelist "{self.folder}/sources.list";\nDir::Etc::sourceparts "/nonexistent";\n'
                                         f'Dir::Etc::netrcparts "{self.folder}/auth.conf.d";\n{conf}')

    def lockstep(self, *words, fails=False, **env):
        env = {"PATH": PATH, "HOME": WORK + "/home", "LANG": "C.UTF-8", "APT_CONFIG": self.folder + "/apt.conf", "TMPDIR": WORK + "/tmp",
               "LOCKSTEP_CACHE": WORK + "/cache", "LOCKSTEP_UV": ROOT + "/.tools/bin/uv", "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": "/dev/null",
               "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/", "CONTAINERS_STORAGE_CONF": WORK + "/storage.conf", "no_proxy": "localhost",
               "LOCKSTEP_SYSTEM_PACKAGES": "unlocked", **env}
        r = subprocess.run([LOCKSTEP, *words], cwd=WORK + "/project", env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
        assert (r.returncode != 0) == fails and "Sanitizer" not in r.stderr, (words, r.stdout, r.stderr)
        for secret in secrets():
            assert secret.decode() not in r.stdout + r.stderr, (secret, r.stdout, r.stderr)
        assert not os.listdir(WORK + "/tmp"), os.listdir(WORK + "/tmp")
        return r


def expect_image(folder, port):
    """The image's files: the package is there, the sources name the mirror, and nothing else of this machine is."""
    assert os.path.exists(folder + "/usr/bin/hello") or os.path.exists(folder + "/usr/bin/ed"), os.listdir(folder + "/usr/bin")
    with open(folder + "/etc/apt/sources.list") as f:
        sources = f.read()
    assert f" https://localhost:{port}/debian" in sources and "@" not in sources, sources
    expect_clean(folder)


def image_of(answer):
    return json.loads(answer.stdout)["images"][0]["image"]


def check(mirror):
    port = mirror.server_address[1]
    project = WORK + "/project"
    for path, text in FILES.items():
        write(f"{project}/{path}", text)
    # All of it in apt's own settings: the address has the password, apt.conf names the certificate. As a user's SSL_CERT_FILE says nothing of it.
    first = Machine("first", port, user=f"{USER}:{WRITTEN}@", conf=f'Acquire::https::CAInfo "{WORK}/ca.pem";\n')
    first.lockstep("lock")
    watch = Watch()
    watch.start()
    image = image_of(first.lockstep("build", "--engine", "buildah", "--format", "json", SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt"))
    assert mirror.served > 20, mirror.served
    env = {**os.environ, "CONTAINERS_STORAGE_CONF": WORK + "/storage.conf"}
    call("buildah", "from", "--pull-never", "--name", "look", image, env=env)
    mounted = call("buildah", "mount", "look", env=env).strip()
    expect_image(mounted, port)
    call("buildah", "umount", "look", env=env)
    call("buildah", "rm", "look", env=env)
    for secret in secrets():
        assert secret.decode() not in call("buildah", "inspect", "--type", "image", image, env=env)

    # The same mirror with the password in auth.conf.d and the certificate in SSL_CERT_FILE only; the tree is the same one.
    second = Machine("second", port, auth=f"machine localhost:{port} login {USER} password {PASSWORD}\n")
    shutil.copy(WORK + "/ca.pem", WORK + "/environment.pem")
    write(project + "/recipes/layers/hello.yaml", "description: another small package\nsteps:\n  - apt: [ed]\n")
    second.lockstep("lock")
    answer = second.lockstep("build", "--engine", "buildah", SSL_CERT_FILE=WORK + "/environment.pem")
    assert "tree-bookworm" not in answer.stderr and "built    layer-hello" in answer.stderr, answer.stderr
    check_docker(second, port)

    # With the wrong password, and without the certificate: said, and the password is not.
    write(project + "/recipes/layers/hello.yaml", "description: a third one\nsteps:\n  - apt: [ed, hello]\n")
    first.lockstep("lock")
    wrong = Machine("wrong", port, user=f"{USER}:{WRITTEN}x@", conf=f'Acquire::https::CAInfo "{WORK}/ca.pem";\n')
    assert "401" in wrong.lockstep("build", "--engine", "buildah", fails=True).stderr
    r = second.lockstep("build", "--engine", "buildah", fails=True)
    assert "certificate" in r.stderr.lower(), r.stderr

    check_locked(mirror, first, second)
    assert watch.looks > 100 and not watch.found, watch.found
    expect_clean(project)
    expect_clean(WORK + "/cache")


def check_locked(mirror, first, second):
    """The same mirror asked by apt before anything is built, and by lockstep itself for the packages; the build needs it no more."""
    locked = {"LOCKSTEP_SYSTEM_PACKAGES": "locked", "LOCKSTEP_CACHE": WORK + "/cache-of-locks"}
    served = mirror.served
    first.lockstep("lock", **locked)
    assert served < mirror.served < served + 10, (served, mirror.served)
    served = mirror.served
    first.lockstep("fetch", **locked)
    assert mirror.served > served + 20, (served, mirror.served)
    shutil.rmtree(WORK + "/cache-of-locks/files")
    second.lockstep("fetch", SSL_CERT_FILE=WORK + "/environment.pem", **locked)
    served = mirror.served
    image = image_of(second.lockstep("build", "--engine", "buildah", "--format", "json", **locked))
    assert mirror.served == served, (served, mirror.served)
    env = {**os.environ, "CONTAINERS_STORAGE_CONF": WORK + "/storage.conf"}
    call("buildah", "from", "--pull-never", "--name", "look", image, env=env)
    expect_image(call("buildah", "mount", "look", env=env).strip(), mirror.server_address[1])
    call("buildah", "umount", "look", env=env)
    call("buildah", "rm", "look", env=env)
    r = second.lockstep("lock", "--upgrade-system", fails=True, SSL_CERT_FILE="", **locked)
    assert "certificate" in r.stderr.lower(), r.stderr
    expect_clean(WORK + "/cache-of-locks")


def check_docker(machine, port):
    folder = WORK + "/dockerd"
    r = subprocess.run([ROOT + "/tests/engine/dockerd.sh", "start", folder], capture_output=True, text=True)
    if r.returncode != 0:
        print(r.stdout.strip())
        return
    undo.append(lambda: subprocess.run([ROOT + "/tests/engine/dockerd.sh", "stop", folder]))
    host = r.stdout.strip()
    image = image_of(machine.lockstep("build", "--engine", "docker", "--format", "json", SSL_CERT_FILE=WORK + "/environment.pem", DOCKER_HOST=host))
    env = {**os.environ, "DOCKER_HOST": host}
    call("/usr/bin/docker", "create", "--name", "look", image, "true", env=env)
    os.makedirs(WORK + "/look")
    subprocess.run("/usr/bin/docker export look | tar -C look -x", shell=True, check=True, env=env, cwd=WORK)
    expect_image(WORK + "/look", port)
    call("/usr/bin/docker", "rm", "look", env=env)
    for secret in secrets():
        assert secret.decode() not in call("/usr/bin/docker", "history", "--no-trunc", image, env=env)


def main():
    for program in ("buildah", "mmdebstrap", "openssl"):
        if not shutil.which(program, path=PATH):
            skip(f"{program} is not installed")
    if os.geteuid() != 0:
        skip("mmdebstrap and buildah's chroot isolation need root here")
    upstream = real_mirror()
    for folder in ("home", "tmp"):
        os.makedirs(f"{WORK}/{folder}")
    os.chmod(WORK, 0o755)
    for driver in ("overlay", "vfs"):
        write(WORK + "/storage.conf", f'[storage]\ndriver = "{driver}"\ngraphroot = "{WORK}/storage"\nrunroot = "{WORK}/storage-run"\n')
        if subprocess.run(["buildah", "info"], env={**os.environ, "CONTAINERS_STORAGE_CONF": WORK + "/storage.conf"}, capture_output=True).returncode == 0:
            break
    make_certificates()
    check(Mirror(upstream))


try:
    main()
finally:
    for step in undo:
        step()
    with open("/proc/mounts") as f:
        mounts = sorted((line.split()[1] for line in f if line.split()[1].startswith(WORK + "/")), reverse=True)
    for mount in mounts:
        subprocess.run(["umount", "-l", mount])

"""Registries for tests: real ones on loopback, each in a folder of its own, and a proxy before one that fails as a case says."""
import hashlib, http.client, http.server, os, shutil, socket, ssl, subprocess, threading, time, urllib.request

TOOLS = os.path.join(os.environ["ROOT"], ".tools/bin")
LOOP = os.path.join(os.environ["ROOT"], "build/debug/tests/oracle/push_loop")
KINDS = {"2.8": "docker-registry", "v3": f"{TOOLS}/registry-v3", "referrers": f"{TOOLS}/registry-referrers"}


def missing(*programs):
    """The first of the programs that is not there, or None."""
    return next((p for p in programs if not shutil.which(p)), None)


def loop(*words, fails=None, store="store", **env):
    """What push_loop (src/registry/ as a program) says; with `fails`, its errors, of which that must be a part."""
    environment = {**os.environ, "LOCKSTEP_CACHE": os.path.abspath(store), "HOME": os.path.abspath("home"), **env}
    done = subprocess.run([LOOP, *words], capture_output=True, text=True, env=environment, errors="backslashreplace")
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done
    if fails is None:
        assert done.returncode == 0, done
        return done.stdout
    assert done.returncode == 1 and fails in done.stderr, done
    return done.stderr


def make(name, length):
    with open(name, "wb") as file:
        file.write(os.urandom(length))
    return name


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_of(name):
    with open(name, "rb") as file:
        return sha256(file.read())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    """A real one: KINDS[kind]. `http` and `auth` are lines of its configuration (YAML in one line, without the braces); the one with the referrers API has none."""
    def __init__(self, kind, folder, http="", auth="", context=None):
        self.kind, self.folder, self.context = kind, os.path.abspath(folder), context
        self.http, self.auth = http, auth
        self.host = f"127.0.0.1:{free_port()}"
        self.process = None
        os.makedirs(self.folder, exist_ok=True)
        self.start()

    def start(self):
        config = os.path.join(self.folder, "config.yml")
        with open(config, "w") as file:
            file.write("version: 0.1\nlog: {level: error}\n"
                       f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}, delete: {{enabled: true}}}}\n"
                       f"http: {{addr: '{self.host}', secret: x{', ' + self.http if self.http else ''}}}\n" + (f"auth: {{{self.auth}}}\n" if self.auth else ""))
        command = [KINDS[self.kind]] + (["-address", self.host] if self.kind == "referrers" else ["serve", config])
        self.log = open(os.path.join(self.folder, "log"), "a")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=self.folder, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"})
        scheme = "https" if self.context else "http"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{scheme}://{self.host}/v2/", context=self.context).read()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                assert self.process.poll() is None, open(os.path.join(self.folder, "log")).read()
                time.sleep(0.1)
        raise AssertionError("the registry does not start")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.log.close()
            self.process = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        server = self.server
        length = int(self.headers.get("Content-Length") or 0)
        with server.lock:
            key = (self.command, self.path.split("?")[0])
            server.counts[key] = server.counts.get(key, 0) + 1
            server.log.append((self.command, self.path, dict(self.headers)))
            self.count = server.counts[key]
        if server.rule and server.rule(self):
            return
        body = self.rfile.read(length) if not getattr(self, "body", None) else self.body
        self.forward(body)

    def fetch(self, body=b"", **changes):
        """What the registry answers: (status, headers, content)."""
        headers = {n: v for n, v in self.headers.items() if n.lower() not in ("connection", "accept-encoding", "content-length")}
        headers.update(changes)
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        connection.request(self.command, self.path, body=body if self.command in ("PUT", "POST", "PATCH") else None, headers=headers)
        got = connection.getresponse()
        content = got.read()
        connection.close()
        return got.status, got.getheaders(), content

    def forward(self, body=b""):
        status, headers, content = self.fetch(body)
        self.give(status, headers, content)

    def give(self, status, headers=(), content=b"", length=None):
        self.send_response(status)
        seen = dict((n.lower(), v) for n, v in headers)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "date", "content-length"):
                self.send_header(name, value)
        if length is None:
            length = seen.get("content-length", len(content)) if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, content=b"", **headers):
        """An answer instead of the registry's; what was sent is read first."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.give(status, [(n.replace("_", "-"), v) for n, v in headers.items()], content)
        return True

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        return True

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Proxy:
    """Before a registry, or before nothing. `rule`, called with the handler of each request, returns True when it has answered; handler.count says how often this
    was asked."""
    def __init__(self, upstream=None, rule=None, context=None):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.upstream, self.server.rule = upstream, rule
        self.server.counts, self.server.log, self.server.lock = {}, [], threading.Lock()
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def log(self):
        return self.server.log

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def certificate(folder):
    """A CA of our own and a certificate for 127.0.0.1: (ca, certificate, key)."""
    folder = os.path.abspath(folder)
    os.makedirs(folder, exist_ok=True)
    ca, key, cert = (os.path.join(folder, name) for name in ("ca.crt", "server.key", "server.crt"))
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=a test", "-keyout", "ca.key", "-out", ca], **quiet)
    subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", "server.csr"], **quiet)
    with open(os.path.join(folder, "names"), "w") as names:
        names.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    subprocess.run(["openssl", "x509", "-req", "-in", "server.csr", "-CA", ca, "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "names", "-out", cert],
                   **quiet)
    return ca, cert, key


def client_context(ca):
    return ssl.create_default_context(cafile=ca)

#!/usr/bin/env python3
"""What pip's and uv's own settings say about indexes reaches the resolver: addresses, credentials, certificates, proxies, find-links; and none of it the lock."""
import http.server, os, shutil, ssl, subprocess, tempfile, threading, urllib.request

import scenarios_test as scenarios
from scenarios_test import fake
import cases

PACKAGES = {"a": {"1.0": ["b"]}, "b": {"1.0": []}}


class Project:
    def __init__(self, work, index, indexes=None, packages=("a",)):
        self.root, self.home = work + "/project", work + "/home"
        os.makedirs(self.root)
        os.makedirs(self.home)
        s = {"packages": {p: {"groups": ["core"]} for p in packages}, "containers": {"ci-a": ["core"]}}
        scenarios.write_project(self.root, {**s, "project": {"indexes": indexes} if indexes else {}}, index.address)
        self.environment = scenarios.environment(work, index, {})
        self.environment.update({"UV_CACHE_DIR": work + "/cache", "HOME": self.home})
        del self.environment["UV_DEFAULT_INDEX"]

    def write(self, path, text):
        path = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)

    def run(self, *arguments, command="lock", **settings):
        return subprocess.run([scenarios.LOCKSTEP, command, "-C", self.root, *arguments], env={**self.environment, **settings}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=90)

    def expect(self, code, *texts, **settings):
        done = self.run(**settings)
        assert done.returncode == code and all(t in done.stdout + done.stderr for t in texts), (done.returncode, done.stdout + done.stderr)
        for secret in ("s3cret", "://"):
            path = os.path.join(self.root, ".lockstep/lock.toml")
            assert secret not in done.stdout and "s3cret" not in done.stderr, done
            assert not os.path.exists(path) or secret not in open(path).read(), secret
        return done

    def lock(self):
        with open(os.path.join(self.root, ".lockstep/lock.toml")) as f:
            return f.read()


def case_pip_conf(work):
    with fake.Index({"packages": PACKAGES}) as index:
        p = Project(work, index)
        p.write(".config/pip/pip.conf", f"[global]\nindex-url = {index.url}\n")
        p.expect(0, "locked: 2 packages")


def case_explicit_index(work):
    """An index that uv's settings call explicit is asked about what is bound to it, whoever looks, and about nothing else."""
    with fake.Index({"packages": {"a": {"1.0": []}}, "indexes": {"inner": {"own": {"1.0": []}, "stray": {"1.0": []}}}}) as index:
        for resolver in ("uv", "pip"):
            p = Project(f"{work}/{resolver}", index)
            s = {"packages": {"a": {"groups": ["core"]}, "own": {"groups": ["core"], "index": "inner"}}, "containers": {"ci-a": ["core"]}, "resolver": resolver,
                 "project": {"indexes": [{"alias": "default"}, {"alias": "inner"}]}}
            p.write(".config/uv/uv.toml", f'[[index]]\nurl = "{index.url}"\ndefault = true\n'
                    f'[[index]]\nname = "inner"\nurl = "{index.address}/inner/simple/"\nexplicit = true\n')
            scenarios.write_project(p.root, s, index.address)
            p.expect(0, "locked: 2 packages")
            s["packages"]["stray"] = {"groups": ["core"]}
            scenarios.write_project(p.root, s, index.address)
            p.expect(1, "package 'stray' does not exist")


def case_credentials_in_address(work):
    with fake.Index({"packages": PACKAGES, "auth": "me@work:s3cret/%"}) as index:
        p = Project(work, index)
        p.expect(0, "locked: 2 packages", PIP_INDEX_URL=index.url.replace("//", "//me%40work:s3cret%2F%25@"))


def case_credentials_in_netrc(work):
    with fake.Index({"packages": PACKAGES, "auth": "me:s3cret"}) as index:
        p = Project(work, index)
        p.expect(1, "answered 401 Unauthorized", "netrc", PIP_INDEX_URL=index.url)
        p.write(".netrc", "machine 127.0.0.1 login me password s3cret\n")
        p.expect(0, "locked: 2 packages", PIP_INDEX_URL=index.url)


def case_credentials_by_name(work):
    """uv's own variables for an index that uv.toml names; lockstep calls it by its alias."""
    with fake.Index({"packages": PACKAGES, "auth": "me:s3cret"}) as index:
        p = Project(work, index)
        p.write(".config/uv/uv.toml", f'[[index]]\nname = "my-mirror"\nurl = "{index.url}"\ndefault = true\n')
        p.expect(0, "locked: 2 packages", UV_INDEX_MY_MIRROR_USERNAME="me", UV_INDEX_MY_MIRROR_PASSWORD="s3cret")
        assert 'index = "default"' in p.lock()


def case_extra_index(work):
    with fake.Index({"packages": {"a": {"1.0": ["b"]}}, "indexes": {"more": {"b": {"3.0": []}}}}) as index:
        p = Project(work, index)
        p.expect(0, "locked: 2 packages", PIP_INDEX_URL=index.url, PIP_EXTRA_INDEX_URL=index.address + "/more/simple/")
        assert 'name = "b"\nversion = "3.0"\nindex = "extra-1"' in p.lock(), p.lock()


def case_project_index_by_user(work):
    """The project names an alias, the user's settings its address."""
    with fake.Index({"packages": {"b": {"1.0": []}}, "indexes": {"more": {"a": {"2.0": ["b"]}}}}) as index:
        p = Project(work, index, indexes=[{"alias": "nightly"}, {"alias": "default"}])
        p.expect(1, "no address is known for index 'nightly'", "UV_INDEX=nightly=<address>", PIP_INDEX_URL=index.url)
        p.expect(0, "locked: 2 packages", PIP_INDEX_URL=index.url, UV_INDEX=f"nightly={index.address}/more/simple/")
        assert 'name = "a"\nversion = "2.0"\nindex = "nightly"' in p.lock(), p.lock()


def case_project_index_in_a_folder(work):
    """As 'lockstep fetch --mirror' makes one: uv gives its address back as a path."""
    with fake.Index({"packages": {"b": {"1.0": []}}}) as index:
        p = Project(work, index, indexes=[{"alias": "nightly"}, {"alias": "default"}])
        simple = work + "/a mirror/simple"
        wheels = scenarios.write_wheels(work, {"a": {"2.0": ["b"]}})
        os.makedirs(simple)
        shutil.copytree(wheels, simple + "/a")
        with open(simple + "/a/index.html", "w") as f:
            f.write("".join(f'<a href="{name}">{name}</a>' for name in os.listdir(wheels)))
        p.expect(0, "locked: 2 packages", PIP_INDEX_URL=index.url, UV_INDEX=f"nightly=file://{simple.replace(' ', '%20')}/")
        assert 'name = "a"\nversion = "2.0"\nindex = "nightly"' in p.lock(), p.lock()
        settings = {"PIP_INDEX_URL": index.url, "UV_INDEX": f"nightly=file://{simple.replace(' ', '%20')}/"}
        done = p.run(command="fetch", **settings)
        assert done.returncode == 0 and "2 files" in done.stdout + done.stderr, done.stdout + done.stderr
        done = p.run("--only", "index", command="verify", **settings)
        assert done.returncode == 0 and "holds: 2 locked files" in done.stdout, done.stdout + done.stderr


def case_find_links_alone(work):
    """pip's no-index with a folder of wheels: nobody is asked."""
    with fake.Index({"packages": PACKAGES}) as index:
        p = Project(work, index)
        folder = scenarios.write_wheels(work, {"a": {"5.0": ["b"]}, "b": {"5.0": []}})
        p.expect(0, "locked: 2 packages", PIP_NO_INDEX="1", PIP_FIND_LINKS=folder, PIP_INDEX_URL=index.url)
        assert 'version = "5.0"' in p.lock() and not index.log, index.log


def case_find_links_missing(work):
    with fake.Index({"packages": PACKAGES}) as index:
        p = Project(work, index)
        p.expect(0, "locked: 2 packages", PIP_FIND_LINKS="/nowhere/at/all", PIP_INDEX_URL=index.url)


def case_offline(work):
    with fake.Index({"packages": PACKAGES}) as index:
        p = Project(work, index)
        p.expect(1, "offline", UV_OFFLINE="1", UV_DEFAULT_INDEX=index.url)
        assert not index.log, index.log
        p.expect(0, "locked", UV_DEFAULT_INDEX=index.url)
        asked = len(index.log)
        p.expect(0, "unchanged", UV_OFFLINE="1", UV_DEFAULT_INDEX=index.url)
        assert len(index.log) == asked, index.log


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.path)
        path = self.path.split("/", 3)[3]
        request = urllib.request.Request(f"{self.server.target}/{path}", headers={"Accept": self.headers.get("Accept", "*/*")})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            body = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def case_proxy(work):
    """The index is at a name that only the proxy knows."""
    with fake.Index({"packages": PACKAGES}) as index:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        server.target, server.seen = index.address, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            p = Project(work, index)
            p.expect(0, "locked: 2 packages", PIP_INDEX_URL="http://index.invalid/simple/", PIP_PROXY=f"http://127.0.0.1:{server.server_address[1]}")
            assert any("index.invalid" in path for path in server.seen), server.seen
        finally:
            server.shutdown()
            server.server_close()


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(folder):
    """ca.pem signs server.pem, for 127.0.0.1, and client.pem."""
    def at(name):
        return os.path.join(folder, name)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=test authority")
    for name, extension in (("server", "subjectAltName=DNS:localhost,IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", at(name + ".key"), "-out", at(name + ".csr"), "-subj", "/CN=" + name)
        with open(at("ext"), "w") as f:
            f.write("basicConstraints=CA:FALSE\n" + extension + "\n")
        openssl("x509", "-req", "-in", at(name + ".csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2", "-out", at(name + ".crt"),
                "-extfile", at("ext"))
        with open(at(name + ".pem"), "w") as out:
            for part in (".crt", ".key"):
                with open(at(name + part)) as f:
                    out.write(f.read())


def over_tls(index, folder, client=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"))
    if client:
        context.load_verify_locations(os.path.join(folder, "ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
    accept = index.server.get_request

    def get_request():
        connection, address = accept()
        connection.settimeout(10)
        try:
            return context.wrap_socket(connection, server_side=True), address
        except (ssl.SSLError, OSError) as e:
            connection.close()
            raise ConnectionError(e)
    index.server.get_request = get_request
    index.address = index.address.replace("http:", "https:")
    index.url = index.url.replace("http:", "https:")


def case_certificates(work):
    if not shutil.which("openssl"):
        return
    make_certificates(work)
    ca = work + "/ca.pem"
    with fake.Index({"packages": PACKAGES}) as index:
        over_tls(index, work)
        p = Project(work, index)
        p.expect(1, "cannot reach index 'default' (from PIP_INDEX_URL)", "ertificate", PIP_INDEX_URL=index.url)
        p.expect(0, "locked: 2 packages", PIP_INDEX_URL=index.url, PIP_CERT=ca)
        p.expect(0, "unchanged", PIP_INDEX_URL=index.url, SSL_CERT_FILE=ca)
        p.expect(0, "unchanged", PIP_INDEX_URL=index.url, PIP_TRUSTED_HOST="127.0.0.1")


def case_client_certificate(work):
    if not shutil.which("openssl"):
        return
    make_certificates(work)
    with fake.Index({"packages": PACKAGES}) as index:
        over_tls(index, work, client=True)
        p = Project(work, index)
        p.expect(1, "cannot reach index 'default'", PIP_INDEX_URL=index.url, PIP_CERT=work + "/ca.pem")
        p.expect(0, "locked: 2 packages", PIP_INDEX_URL=index.url, PIP_CERT=work + "/ca.pem", PIP_CLIENT_CERT=work + "/client.pem")


cases.run(globals(), lambda: tempfile.TemporaryDirectory(prefix="lockstep-settings-"))

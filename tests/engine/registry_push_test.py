#!/usr/bin/env python3
"""Blobs and manifests pushed to a real registry: sent once, then there or mounted; read again by skopeo; a registry that is not there, or cuts, is told of."""
import hashlib, http.server, os, shutil, socket, subprocess, sys, threading, time, urllib.request

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import cases

PUSH = os.path.join(ROOT, "build/debug/tests/oracle/push_loop")
for program in ("docker-registry", "skopeo"):
    if not shutil.which(program):
        print(f"there is no {program}; 'apt-get install {program}' mends that")
        sys.exit(77)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


PORT = free_port()
HOST = f"127.0.0.1:{PORT}"
with open("config.yml", "w") as config:
    config.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {os.getcwd()}/data}}}}\nhttp: {{addr: '{HOST}'}}\nlog: {{level: error}}\n")
server = subprocess.Popen(["docker-registry", "serve", "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(300):
    try:
        urllib.request.urlopen(f"http://{HOST}/v2/").read()
        break
    except OSError:
        time.sleep(0.1)


def push(host, repository, tag, source, *files):
    return subprocess.run([PUSH, host, repository, tag, source, *files], capture_output=True, text=True)


def make(name, length):
    with open(name, "wb") as file:
        file.write(os.urandom(length))
    return name


def case_sent_once_then_there_then_mounted():
    # Above 32 MiB a blob goes in pieces.
    files = [make("large", 70_000_001), make("small", 5000), make("empty", 0)]
    first = push(HOST, "team/one", "v1", "-", *files)
    assert first.returncode == 0 and first.stdout == f"sent 4 mounted 0 there 0 bytes {70_000_001 + 5000 + 2}\n", first
    again = push(HOST, "team/one", "v2", "-", *files)
    assert again.returncode == 0 and again.stdout == "sent 0 mounted 0 there 4 bytes 0\n", again
    mounted = push(HOST, "team/two", "v1", "team/one", *files)
    assert mounted.returncode == 0 and mounted.stdout == "sent 1 mounted 3 there 0 bytes 2\n", mounted
    subprocess.run(["skopeo", "copy", "--src-tls-verify=false", f"docker://{HOST}/team/two:v1", "dir:copied"], check=True, stdout=subprocess.DEVNULL)
    for name in files:
        with open(name, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with open(os.path.join("copied", digest), "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest


def case_no_registry():
    done = push(f"127.0.0.1:{free_port()}", "x", "v1", "-", make("some", 10))
    assert done.returncode == 1 and "Couldn't connect" in done.stderr, done


class Cutting(http.server.BaseHTTPRequestHandler):
    """Stands before the registry and fails each way once for each address: 500, 429, a closed connection."""
    protocol_version = "HTTP/1.1"
    seen = {}

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        count = Cutting.seen[self.command, self.path] = Cutting.seen.get((self.command, self.path), 0) + 1
        if count <= 3:
            if count == 3:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(500 if count == 1 else 429)
            self.send_header("Content-Length", "0")
            self.send_header("Retry-After", "0")
            self.end_headers()
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "accept-encoding")}
        headers["Host"] = self.headers["Host"]
        request = urllib.request.Request(f"http://{HOST}{self.path}", data=body if self.command in ("PUT", "POST", "PATCH") else None, headers=headers, method=self.command)
        try:
            got = urllib.request.urlopen(request)
        except urllib.error.HTTPError as refused:
            got = refused
        content = got.read()
        self.send_response(got.status)
        for name, value in got.headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "date", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", got.headers.get("Content-Length") or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = answer

    def log_message(self, *_):
        pass


def case_failures_that_pass_are_tried_again():
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cutting)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    done = push(f"127.0.0.1:{proxy.server_port}", "team/cut", "v1", "-", make("cut", 100_000))
    proxy.shutdown()
    assert done.returncode == 0 and done.stdout.startswith("sent 2 "), done
    subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{HOST}/team/cut:v1"], check=True, stdout=subprocess.DEVNULL)


def finish():
    server.terminate()
    server.wait()


if __name__ == "__main__":
    cases.run(globals(), finish=finish)

#!/usr/bin/env python3
"""A package index on loopback that serves the real wheels of a folder, for benchmarks: wheel_index.py FOLDER. Says its port on a line, then serves until its standard
input ends. The folder is read anew for each page, so a wheel put into it is there."""
import functools, hashlib, http.server, json, os, re, sys, threading, urllib.parse, zipfile

FOLDER = os.path.abspath(sys.argv[1])


@functools.cache
def known(name, size):
    with open(os.path.join(FOLDER, name), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with zipfile.ZipFile(os.path.join(FOLDER, name)) as archive:
        metadata = next(archive.read(path) for path in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", path))
    return digest, size, metadata


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args):
        super().__init__(*args, directory=FOLDER)

    def log_message(self, *args):
        pass

    def content(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = urllib.parse.unquote(self.path)
        page = re.fullmatch(r"/simple/([^/]+)/", path)
        if page:
            names = [name for name in os.listdir(FOLDER) if name.endswith(".whl") and canonical(name.split("-")[0]) == page[1]]
            if not names:
                self.send_error(404)
                return
            files = []
            for name in sorted(names):
                digest, size, metadata = known(name, os.path.getsize(os.path.join(FOLDER, name)))
                files.append({"filename": name, "url": f"/files/{urllib.parse.quote(name)}", "hashes": {"sha256": digest}, "size": size, "yanked": False,
                              "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()}, "upload-time": "2020-01-01T00:00:00Z"})
            versions = sorted({name.split("-")[1] for name in names})
            self.content(json.dumps({"meta": {"api-version": "1.1"}, "name": page[1], "versions": versions, "files": files}).encode(),
                         "application/vnd.pypi.simple.v1+json")
        elif path.startswith("/files/") and path.endswith(".metadata"):
            name = os.path.basename(path)[:-len(".metadata")]
            self.content(known(name, os.path.getsize(os.path.join(FOLDER, name)))[2], "text/plain")
        elif path.startswith("/files/"):
            self.path = "/" + os.path.basename(self.path)
            super().do_GET()
        else:
            self.send_error(404)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that go away are nobody's concern."""


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()

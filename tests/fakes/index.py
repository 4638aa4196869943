#!/usr/bin/env python3
"""A small package index on loopback for tests: simple pages (PEP 503 HTML, PEP 691 JSON with PEP 700 fields), core metadata (PEP 658/714) and tiny real
wheels made on the fly. Serves what a description says and misbehaves where it is told to.

As a program:   tests/fakes/index.py DESCRIPTION.json [--port N] [--url-file FILE]
    serves until its standard input ends or it is killed; FILE gets the address of the default index once it listens.
As a module:    with Index(description) as index: ... index.url ...

A description:
    {"packages": {NAME: {VERSION: RELEASE}}, "indexes": {OTHER: {NAME: ...}}, "format": "json"|"html", "auth": "user:password", "hashes": true,
     "sizes": true, "upload_times": true, "core_metadata": true, "faults": [FAULT, ...]}
RELEASE is a list of requirements, or an object of which every key may be missing:
    requires: [PEP 508, ...]     requires_python: ">=3.9"      yanked: true or "reason"      uploaded: "2024-05-01" (or a date-time; or {tag: of that wheel})
    tags: ["py3-none-any", ...]  one wheel each, "2-py3-none-any" is build 2; none with []  sdist: true (one more file, an archive of
                                 sources that no build can do with), or what is in it: {files: {path: text}, metadata_version: "2.2", lines: [of PKG-INFO],
                                 requires: [...], name, version, pyproject: text, members: [[name, type, target], ...]}; see backends.py for what builds
    files: {path: text}          further content               padding: bytes of incompressible content, for sizes and cuts
    metadata_requires: [...], metadata_requires_python     what the wheel itself says when the index's metadata file lies
The default index is at /simple/, another at /OTHER/simple/. Files are at /files/<index>/<name>/<file name>, with Range and If-Range.

A FAULT: {"path": prefix of the path (all of it with "exact"), "kind": a name in faults.py, "times": how often (missing: always), ...}. `POST /-/faults` adds one, `DELETE /-/faults`
removes all, `GET /-/log` gives the requests so far as JSON lines of {method, path, status}. `PUT /-/packages` replaces the default index's packages.
"""
import base64, hashlib, html, http.server, io, json, os, random, re, sys, tarfile, threading, urllib.parse, zipfile

from faults import FAULTS

JSON_TYPE, HTML_TYPE = "application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.v1+html"


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def release_of(value):
    return {"requires": value} if isinstance(value, list) else value


def metadata(name, version, release, key="requires"):
    requires = release.get(key, release.get("requires", []))
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Summary: made for a test"]
    python = release.get("metadata_requires_python" if key == "metadata_requires" else "requires_python", release.get("requires_python"))
    if python:
        lines.append(f"Requires-Python: {python}")
    extras = {e for r in requires for e in re.findall(r"""extra\s*==\s*['"]([^'"]+)['"]""", r)} | set(release.get("extras", []))
    lines += [f"Provides-Extra: {e}" for e in sorted(extras)] + [f"Requires-Dist: {r}" for r in requires]
    return ("\n".join(lines) + "\n").encode()


def zip_bytes(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for path, content in members:
            info = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            info.external_attr, info.compress_type, info.create_system = 0o100644 << 16, zipfile.ZIP_DEFLATED, 3
            z.writestr(info, content)
    return out.getvalue()


def quoted(path):
    """As csv writes it: RECORD is that."""
    return '"' + path.replace('"', '""') + '"' if set(path) & set(',"') else path


def wheel(name, version, release, tag):
    """A wheel that pip installs: one module, its metadata and RECORD; the same bytes every time."""
    module = canonical(name).replace("-", "_")
    info = f"{module}-{version}.dist-info"
    members = [(f"{module}/__init__.py", f"__version__ = {version!r}\n".encode())]
    members += [(path, text.encode()) for path, text in sorted(release.get("files", {}).items())]
    if release.get("padding"):
        members.append((f"{module}/padding.bin", random.Random(f"{name}{version}{tag}").randbytes(release["padding"])))
    *build, python, abi, platforms = tag.split("-")
    tags = "".join(f"Tag: {p}-{a}-{f}\n" for p in python.split(".") for a in abi.split(".") for f in platforms.split("."))
    pure = "true" if platforms == "any" else "false"
    members += [(f"{info}/METADATA", metadata(name, version, release, "metadata_requires")),
                (f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {pure}\n{''.join(f'Build: {b}' + chr(10) for b in build)}{tags}".encode())]
    record = "".join(f"{quoted(p)},sha256={base64.urlsafe_b64encode(hashlib.sha256(c).digest()).rstrip(b'=').decode()},{len(c)}\n" for p, c in members)
    members.append((f"{info}/RECORD", (record + f"{info}/RECORD,,\n").encode()))
    return f"{module}-{version}-{tag}.whl", zip_bytes(members)


def sdist(name, version, release):
    module, out = canonical(name).replace("-", "_"), io.BytesIO()
    what = release["sdist"] if isinstance(release["sdist"], dict) else {}
    pkg_info = metadata(what.get("name", name), what.get("version", version), {**release, "requires": what.get("requires", release.get("requires", []))}).decode()
    pkg_info = pkg_info.replace("Metadata-Version: 2.1", "Metadata-Version: " + what.get("metadata_version", "2.2"))
    pkg_info += "".join(line + "\n" for line in what.get("lines", []))
    files = {"PKG-INFO": pkg_info, "pyproject.toml": what.get("pyproject", "[build-system]\nrequires = []\nbuild-backend = 'none'\n"), **what.get("files", {})}
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as t:
        for path, content in files.items():
            if content is not None:
                member = tarfile.TarInfo(f"{module}-{version}/{path}")
                member.size = len(content.encode())
                t.addfile(member, io.BytesIO(content.encode()))
        for path, kind, target in what.get("members", []):
            member = tarfile.TarInfo(path)
            member.type, member.linkname = str(kind).encode(), target
            t.addfile(member)
    content = bytearray(out.getvalue())
    content[4:8] = b"\0\0\0\0"  # gzip's time stamp
    return f"{module}-{version}.tar.gz", bytes(content)


class File:
    def __init__(self, name, content, release, meta, tag=None):
        self.name, self.content, self.metadata = name, content, meta
        self.sha256 = hashlib.sha256(content).hexdigest()
        uploaded = release.get("uploaded", "2024-01-01")
        uploaded = str(uploaded.get(tag, "2024-01-01") if isinstance(uploaded, dict) else uploaded)
        self.uploaded = uploaded if "T" in uploaded else uploaded + "T00:00:00Z"
        self.yanked, self.requires_python = release.get("yanked", False), release.get("requires_python")


def make_files(name, versions):
    files = []
    for version, value in versions.items():
        release = release_of(value)
        meta = metadata(name, version, release)
        for tag in release.get("tags", ["py3-none-any"]):
            files.append(File(*wheel(name, version, release, tag), release, meta, tag))
        if release.get("sdist"):
            files.append(File(*sdist(name, version, release), release, None))
    return files


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "test-index", ""

    def log_message(self, *args):
        pass

    def answer(self):
        index, path = self.server.index, urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path.startswith("/-/"):
            return index.control(self.command, path, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        auth = index.description.get("auth")
        if auth and self.headers.get("Authorization") != "Basic " + base64.b64encode(auth.encode()).decode():
            return 401, {"WWW-Authenticate": 'Basic realm="test"', "Content-Type": "text/plain"}, b"who are you\n"
        page = re.fullmatch(r"/(?:([a-z0-9-]+)/)?simple/(?:([^/]+)/)?", path)
        if page:
            return index.page(page.group(1) or "default", page.group(2), self.headers.get("Accept", ""))
        file = re.fullmatch(r"/files/([a-z0-9-]+)/([^/]+)/([^/]+)", path)
        return index.file(*file.groups(), self.headers) if file else (404, {}, b"no such page\n")

    def send(self, status, headers, body):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        index = self.server.index
        try:
            answer = self.answer()
            spec = None if self.path.startswith("/-/") else index.take_fault(self.path)
            if spec:
                answer = FAULTS[spec["kind"]](self, spec, answer)
            index.note(self.command, self.path, answer[0] if answer else spec["kind"], self.headers)
            if answer:
                self.send(*answer)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Index:
    def __init__(self, description, port=0):
        self.description = description if "packages" in description else {"packages": description}
        self.guard, self.log = threading.Lock(), []
        self.faults = [dict(f) for f in self.description.get("faults", [])]
        self.made = {}
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.index = self
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = self.address + "/simple/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()

    def packages(self, index):
        d = self.description
        found = d["packages"] if index == "default" else d.get("indexes", {}).get(index)
        return None if found is None else {canonical(n): (n, v) for n, v in found.items()}

    def files(self, index, name):
        """All files of a package; None when there is no such package."""
        with self.guard:
            if (index, name) not in self.made:
                found = (self.packages(index) or {}).get(canonical(name))
                self.made[index, name] = make_files(*found) if found else None
            return self.made[index, name]

    def set_packages(self, packages):
        with self.guard:
            self.description["packages"] = packages
            self.made = {}

    def describe(self, description):
        """From here on this is what there is; faults stay."""
        with self.guard:
            if description != self.description:
                self.description, self.made = description, {}

    def add_fault(self, path, kind, times=None, **options):
        with self.guard:
            self.faults.append({"path": path, "kind": kind, "times": times, **options})

    def take_fault(self, path):
        with self.guard:
            for spec in self.faults:
                if (path == spec["path"] if spec.get("exact") else path.startswith(spec["path"])) and spec.get("times") != 0:
                    if spec.get("times"):
                        spec["times"] -= 1
                    return spec
        return None

    def note(self, method, path, status, headers):
        with self.guard:
            self.log.append({"method": method, "path": path, "status": status, "range": headers.get("Range"), "authorization": headers.get("Authorization")})

    def control(self, method, path, body):
        if (method, path) == ("POST", "/-/faults"):
            with self.guard:
                self.faults.append(json.loads(body))
        elif (method, path) == ("DELETE", "/-/faults"):
            with self.guard:
                self.faults.clear()
        elif (method, path) == ("PUT", "/-/packages"):
            self.set_packages(json.loads(body))
        elif (method, path) == ("GET", "/-/log"):
            with self.guard:
                return 200, {"Content-Type": "application/json"}, "".join(json.dumps(e) + "\n" for e in self.log).encode()
        else:
            return 404, {}, b"no such control\n"
        return 200, {}, b""

    def entry(self, index, name, f):
        d = self.description
        e = {"filename": f.name, "url": f"{self.address}/files/{index}/{name}/{urllib.parse.quote(f.name)}",
             "hashes": {"sha256": f.sha256} if d.get("hashes", True) else {}}
        if d.get("sizes", True):
            e["size"] = len(f.content)
        if d.get("upload_times", True):
            e["upload-time"] = f.uploaded
        if f.requires_python:
            e["requires-python"] = f.requires_python
        if f.yanked:
            e["yanked"] = f.yanked
        if f.metadata is not None and d.get("core_metadata", True):
            e["core-metadata"] = {"sha256": hashlib.sha256(f.metadata).hexdigest()}
        return e

    def page(self, index, name, accept):
        if self.packages(index) is None:
            return 404, {}, b"no such index\n"
        as_json = self.description.get("format", "json") == "json" and JSON_TYPE in accept
        kind = {"Content-Type": JSON_TYPE if as_json else HTML_TYPE if HTML_TYPE in accept else "text/html"}
        if name is None:
            names = sorted(self.packages(index))
            if as_json:
                return 200, kind, json.dumps({"meta": {"api-version": "1.1"}, "projects": [{"name": n} for n in names]}).encode()
            return 200, kind, ("<!DOCTYPE html><html><body>" + "".join(f'<a href="{n}/">{n}</a>\n' for n in names) + "</body></html>").encode()
        files = self.files(index, name)
        if files is None:
            return 404, {}, b"no such package\n"
        entries = [self.entry(index, canonical(name), f) for f in files]
        if as_json:
            versions = list(self.packages(index)[canonical(name)][1])
            page = {"meta": {"api-version": "1.1"}, "name": canonical(name), "versions": versions, "files": entries}
            return 200, kind, json.dumps(page).encode()
        return 200, kind, html_page(entries).encode()

    def file(self, index, name, file_name, headers):
        for f in self.files(index, name) or []:
            if f.name == file_name:
                return ranged(f.content, f.sha256, headers)
            if f.metadata is not None and f.name + ".metadata" == file_name and self.description.get("core_metadata", True):
                return 200, {"Content-Type": "text/plain"}, f.metadata
        return 404, {}, b"no such file\n"


def html_page(entries):
    lines = []
    for e in entries:
        attributes = ""
        if "requires-python" in e:
            attributes += f' data-requires-python="{html.escape(e["requires-python"])}"'
        if "yanked" in e:
            attributes += f' data-yanked="{html.escape(e["yanked"] if isinstance(e["yanked"], str) else "")}"'
        if "core-metadata" in e:
            attributes += f' data-core-metadata="sha256={e["core-metadata"]["sha256"]}"'
        fragment = "#sha256=" + e["hashes"]["sha256"] if e["hashes"] else ""
        lines.append(f'<a href="{e["url"]}{fragment}"{attributes}>{e["filename"]}</a><br>\n')
    return f'<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"></head><body>{"".join(lines)}</body></html>'


def ranged(content, sha256, headers):
    kind = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", "ETag": f'"{sha256[:16]}"'}
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("Range", ""))
    if not asked or headers.get("If-Range", kind["ETag"]) != kind["ETag"] or asked.group(1) == asked.group(2) == "":
        return 200, kind, content
    size = len(content)
    if asked.group(1) == "":
        first, last = max(0, size - int(asked.group(2))), size - 1
    else:
        first, last = int(asked.group(1)), min(int(asked.group(2) or size - 1), size - 1)
    if first > last:
        return 416, {"Content-Range": f"bytes */{size}"}, b""
    return 206, {**kind, "Content-Range": f"bytes {first}-{last}/{size}"}, content[first:last + 1]


def main(arguments):
    import argparse
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("description")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--url-file")
    options = parser.parse_args(arguments)
    with open(options.description, encoding="utf-8") as f:
        description = json.load(f)
    with Index(description, options.port) as index:
        print(index.url, flush=True)
        if options.url_file:
            with open(options.url_file + ".new", "w") as f:
                f.write(index.url + "\n")
            os.rename(options.url_file + ".new", options.url_file)
        while sys.stdin.buffer.read(4096):
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

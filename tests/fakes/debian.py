"""An archive of Debian packages for tests: small packages made here, served over http, and a server that can lose, change and refuse them."""
import gzip, hashlib, http.server, io, json, os, shutil, subprocess, sys, tarfile, tempfile, threading

import bump

ESSENTIAL = {"tiny-base": {"essential": True}, "tiny-required": {"priority": "required"}}


def control(name, version, p):
    fields = [("Package", name), ("Version", version), ("Architecture", p.get("architecture", "amd64")), ("Maintainer", "Nobody <nobody@example.org>"),
              ("Priority", p.get("priority", "optional"))]
    fields += [("Essential", "yes")] if p.get("essential") else []
    fields += [(key, p[key.lower()]) for key in ("Depends", "Conflicts", "Provides", "Recommends") if key.lower() in p]
    return "".join(f"{key}: {value}\n" for key, value in [*fields, ("Description", f"{name} for tests")])


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as t:
        for path, text in files.items():
            member = tarfile.TarInfo("./" + path)
            member.size = len(text)
            t.addfile(member, io.BytesIO(text))
    return gzip.compress(out.getvalue(), mtime=0)


def ar_of(members):
    out = b"!<arch>\n"
    for name, data in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def make_deb(name, version, p):
    return ar_of([("debian-binary", b"2.0\n"), ("control.tar.gz", tar_of({"control": control(name, version, p).encode()})),
                  ("data.tar.gz", tar_of({f"usr/share/{name}/version": version.encode()}))])


class Archive:
    """`packages`: name -> {version, depends, ...}, or a list of these. set() replaces what the archive has, as a mirror that moves on."""

    def __init__(self, packages, suite="bookworm"):
        self.suite, self.files, self.requests, self.answers, self.pool = suite, {}, [], {}, {}
        self.set(packages)
        archive = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.replace("%2b", "+").replace("%7e", "~").replace("%3a", ":").lstrip("/")
                archive.requests.append(path)
                status, body = archive.answers.get(path) or ((200, archive.files[path]) if path in archive.files else (404, b""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def set(self, packages, stanza=lambda name, text: text):
        lists, files, self.pool = [], {}, {}
        for name, versions in {**ESSENTIAL, **packages}.items():
            for p in versions if isinstance(versions, list) else [versions]:
                version = p.get("version", "1.0")
                path, data = f"pool/main/{name}_{version.replace(':', '')}_{p.get('architecture', 'amd64')}.deb", make_deb(name, version, p)
                files[path] = data
                self.pool[name] = path
                lists.append(stanza(name, control(name, version, p) + f"Filename: {path}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"))
        text = "\n".join(lists).encode()
        packages_path = "main/binary-amd64/Packages"
        release = f"Origin: tests\nSuite: {self.suite}\nCodename: {self.suite}\nComponents: main\nArchitectures: amd64\n"
        release += f"SHA256:\n {hashlib.sha256(text).hexdigest()} {len(text)} {packages_path}\n"
        files[f"dists/{self.suite}/{packages_path}"] = text
        files[f"dists/{self.suite}/Release"] = release.encode()
        self.files = files

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def machine(self, folder):
        """Environment of a machine whose apt knows this archive and no other."""
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/sources.list", "w") as f:
            f.write(f"deb [trusted=yes] {self.url} {self.suite} main\n")
        with open(folder + "/apt.conf", "w") as f:
            f.write(f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "/nonexistent";\nDir::Etc::netrcparts "/nonexistent";\n')
        return {"APT_CONFIG": folder + "/apt.conf", "LOCKSTEP_SYSTEM_PACKAGES": "locked"}


def need_apt():
    for program in ("apt-get", "apt-config"):
        if not shutil.which(program):
            print(f"{program} is not on this machine")
            sys.exit(77)


class Project:
    """A project folder in a work folder of its own, whose machine knows one archive. The test's own Project adds its files and its environment."""

    def __init__(self, packages, files):
        self.work = tempfile.mkdtemp(dir=os.getcwd())
        self.root, self.cache = self.work + "/project", self.work + "/cache"
        for path, text in files.items():
            self.write(path, text)
        self.packages = json.loads(json.dumps(packages))
        self.archive = Archive(self.packages)
        self.env = {**bump.bare_environment(self.work), "LOCKSTEP_CACHE": self.cache, "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/"}
        self.err = ""

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.archive.close()

    def write(self, path, text):
        os.makedirs(os.path.dirname(f"{self.root}/{path}"), exist_ok=True)
        with open(f"{self.root}/{path}", "w") as f:
            f.write(text)

    def run(self, *words, fails=False, **env):
        """Its stdout; where it must fail, what it said on both."""
        r = subprocess.run([bump.LOCKSTEP, words[0], "-C", self.root, *words[1:]], env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=300)
        assert "Sanitizer" not in r.stderr and r.returncode == (1 if fails else 0), (words, r.returncode, r.stdout, r.stderr)
        self.err = r.stderr
        return r.stderr + r.stdout if fails else r.stdout

    def move_on(self, **versions):
        """The archive has new versions of these, and no longer the old ones."""
        for name, version in versions.items():
            self.packages[name]["version"] = version
        self.archive.set(self.packages)

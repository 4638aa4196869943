#!/usr/bin/env python3
"""What pip freeze writes, beside pip's own code for it: each form is made by pip from what is known of a package, and lockstep must find that again, and write the
same bytes. LOCKSTEP_ORACLE_CASES, LOCKSTEP_ORACLE_SEED, LOCKSTEP_ORACLE_BUILD as in beside.py."""
import logging, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside
beside.enter_venv()

from pip._internal.models.direct_url import ArchiveInfo, DirInfo, VcsInfo
from pip._vendor.packaging.version import InvalidVersion, Version
from pip._internal.exceptions import BadCommand, InstallationError
from pip._internal.models.direct_url import DirectUrl
from pip._internal.operations.freeze import FrozenRequirement
from pip._internal.vcs import RemoteNotFoundError, RemoteNotValidError, vcs
from pip._internal.vcs.bazaar import Bazaar
from pip._internal.vcs.git import Git
from pip._internal.vcs.mercurial import Mercurial
from pip._internal.vcs.subversion import Subversion
import python_cases as make

logging.disable(logging.CRITICAL)
NAMES = ["a", "numpy", "Foo.Bar", "x_y", "zope-interface", "A--b", "_x", "a.-", "é"]
LEGACY = ["1.0-foo-bar", "unknown", "2004d-x", "1.0.x", "é", "a==b", "1=2", "=x"]
PATHS = ["/src/x", "/", "/a b/c", "/é", "/x#egg=y", "/git+x@1#egg=z", "/a/b@c", "/p'q\"", "/src/x#subdirectory=y", "/a @ b"]
URLS = ["https://h/x", "https://u:p@h/x.git", "ssh://git@h/x", "file:///x", "https://h:80/x@y/z", "https://h/é", "https://${U}:${P}@h/x", "https://h/a+b", "git://h/x@y"]
SUBDIRECTORIES = [None, None, "s", "a/b", "é", "a&b", "subdirectory=x"]


class Dist:
    """What pip knows of an installed package."""
    direct_url, editable_project_location = None, None

    def __init__(self, name, version):
        self.raw_name, self.raw_version = name, version

    @property
    def version(self):
        return Version(self.raw_version)

    @property
    def editable(self):
        return self.editable_project_location is not None


def version(r):
    return make.version(r, False) if r.random() < .8 else r.choice(LEGACY)


def shown_version(text):
    try:
        return {"version": str(Version(text))}
    except InvalidVersion:
        return {"version": text, "arbitrary": True}


def kept(d):
    return {k: v for k, v in d.items() if v is not None}


def plain(r):
    name, raw = r.choice(NAMES), version(r)
    return Dist(name, raw), {"kind": "version", "name": name, **shown_version(raw)}


def direct(r):
    d = Dist(r.choice(NAMES), "1.0")
    url, subdirectory, kind = r.choice(URLS), r.choice(SUBDIRECTORIES), r.choice(["vcs", "archive", "folder"])
    expected = {"kind": "direct", "name": d.raw_name, "url": url, "subdirectory": subdirectory}
    if kind == "vcs":
        known, commit = r.choice(["git", "hg", "bzr", "svn"]), r.choice(["0" * 40, "12", "a/b", "main"])
        d.direct_url = DirectUrl(url=url, vcs_info=VcsInfo(vcs=known, commit_id=commit), subdirectory=subdirectory)
        expected |= {"vcs": known, "revision": commit}
    elif kind == "archive":
        hashes = r.choice([None, {"sha256": "a" * 64}, {"md5": "x", "sha256": "y"}, {"sha512": "1=2"}])
        d.direct_url = DirectUrl(url=url, archive_info=ArchiveInfo(hashes=hashes), subdirectory=subdirectory)
        if hashes:
            expected["algorithm"], expected["digest"] = next(iter(hashes.items()))
    else:
        url = "file://" + r.choice(["/x", "/a%20b", "/", "/é"])
        d.direct_url = DirectUrl(url=url, dir_info=DirInfo(editable=r.choice([None, False])), subdirectory=subdirectory)
        expected["url"] = url
    return d, kept(expected)


def checkout(r, d, Backend):
    """Of a repository whose remote pip knows."""
    url = r.choice(URLS + [f"{Backend.name}://h/x"])
    revision, subdirectory = r.choice(["0" * 40, "12", "a/b"]), r.choice([None, None, "s", "a/b"])

    class Known(Backend):
        get_remote_url = classmethod(lambda cls, location: url)
        get_requirement_revision = classmethod(lambda cls, location: revision)
        get_subdirectory = classmethod(lambda cls, location: subdirectory)

    return Known(), {"kind": "editable", "name": d.raw_name.replace("-", "_"), "vcs": Backend.name, "url": url, "revision": revision, "subdirectory": subdirectory}


def failing(Backend, error):
    def get_src_requirement(cls, repo_dir, project_name):
        raise error

    # By its name pip calls the kind of repository.
    return type(Backend.__name__, (Backend,), {"get_src_requirement": classmethod(get_src_requirement)})()


def editable(r):
    raw = version(r)
    d = Dist(r.choice(NAMES), raw)
    d.editable_project_location = r.choice(PATHS)
    path = os.path.abspath(d.editable_project_location)
    Backend = r.choice([Git, Git, Mercurial, Bazaar, Subversion])
    named = {"kind": "editable", "name": d.raw_name, **shown_version(raw), "path": path}
    kind = r.choice(["none", "remote", "no remote", "bad remote", "no command", "error"])
    if kind == "none":
        backend, expected = None, named | {"reason": "no vcs"}
    elif kind == "remote":
        backend, expected = checkout(r, d, Backend)
    elif kind == "no remote":
        backend, expected = failing(Backend, RemoteNotFoundError()), named | {"reason": "no remote", "repository": Backend.__name__}
    elif kind == "bad remote":
        remote = r.choice(["/gone", "x:y", "", "it's", "é"])
        backend, expected = failing(Backend, RemoteNotValidError(remote)), named | {"reason": "bad remote", "repository": Backend.__name__, "remote": remote}
    elif kind == "no command":
        backend, expected = failing(Backend, BadCommand("x")), {"kind": "editable", "path": path}
    else:
        backend, expected = failing(Backend, InstallationError("x")), {"kind": "editable", "path": path, "reason": "unknown"}
    vcs.get_backend_for_dir = lambda location: backend
    return d, kept(expected)


def given(r):
    """Lines that pip freeze passes on from files it was given."""
    text = r.choice(["", "# comment", "-r x.txt", "--index-url https://h", "-f ./x", "--pre", "## The following requirements were added by pip freeze:", "   ", "--trusted-host h", "  # c",
                     "# Editable", "# 'x'", "# Editable x install (y) z", "# Editable install with no version control ()"])
    kind = "blank" if not text.strip() else "comment" if text.strip()[0] == "#" else "option"
    return text, {"kind": kind, "text": text}


def ask_freeze(r):
    text, entries, line = "", [], 0
    for _ in range(r.choice([1, 1, 2, 3, 5])):
        if r.random() < .2:
            piece, expected = given(r)
        else:
            d, expected = r.choice([plain, plain, direct, editable, editable])(r)
            piece = str(FrozenRequirement.from_dist(d)).rstrip()
        line += piece.count("\n") + 1
        text += piece + "\n"
        entries.append(expected | {"line": line})
    if r.random() < .1 and not text.endswith("\n\n") and text != "\n":
        text = text[:-1]
    return ["freeze", text], {"same": True, "entries": entries}


def ask_noise(r):
    """Anything comes back as it was."""
    _, text = ask_freeze(r)[0]
    for _ in range(r.randint(1, 4)):
        at = r.randint(0, len(text))
        text = text[:at] + r.choice(["\n", "\r", " ", "#", "=", "==", " @ ", "-e ", "@", "&", "+", "'", "(", ")", "\0", "é", "\x7f", "# ", "#egg=", "subdirectory=", "", ""]) + text[at + r.randint(0, 3):]
    if r.random() < .2:
        text = "".join(r.choice(["-e ", "git+", "x", "@", "#egg=", "#", "&subdirectory=", " @ ", "==", "=", "\n", "# Editable ", "install (", ")", "'", " ", "\r\n", "\0"]) for _ in range(r.randint(0, 12)))
    return ["noise", text], {"same": True}


def same(seen, expected):
    return seen["same"] is True and ("entries" not in expected or seen["entries"] == expected["entries"])


if __name__ == "__main__":
    sys.exit(beside.main("freeze_oracle", [(ask_freeze, 3), (ask_noise, 1)], same=same))

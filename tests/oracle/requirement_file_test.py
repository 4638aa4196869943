#!/usr/bin/env python3
"""Requirement files beside pip's own reader: lines, their options and what all of them come to. LOCKSTEP_ORACLE_CASES, LOCKSTEP_ORACLE_SEED, LOCKSTEP_ORACLE_BUILD as in
beside.py.

Where pip goes by the locale, that is UTF-8 here, as lockstep has it everywhere. No text of lockstep's holds a NUL."""
import io, json, logging, optparse, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside
beside.enter_venv()

from packaging.requirements import InvalidRequirement, Requirement
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.release_control import ReleaseControl
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.req import req_file
import requirement_file_cases as cases

logging.disable(logging.CRITICAL)
for name in cases.VARIABLES:
    os.environ[name] = cases.VARIABLES[name]
FOLDER = "/nowhere/project"
FILES = {}  # of the case at work
SEEN = []   # the texts that were read


class Response:
    status_code, reason = 200, ""

    def __init__(self, url):
        if url not in FILES:
            self.status_code = 404
            raise OSError(url)
        self.url, self.text = url, FILES[url].decode()


class Session:
    def __init__(self):
        self.hosts = []

    def get(self, url):
        return Response(url)

    def update_index_urls(self, urls):
        pass

    def add_trusted_host(self, host, source=None):
        self.hosts.append(host)


def open_file(place, mode):
    place = os.path.abspath(place)
    if place not in FILES:
        raise OSError(place)
    return io.BytesIO(FILES[place])


def get_file_content(*arguments, **named):
    found = original(*arguments, **named)
    SEEN.append(found[1])
    return found


def build_parser():
    parser = build()
    # pip has one list for all lines of all files there, so that features said on a line are said on all that are read after it: an accident.
    parser.defaults["features_enabled"] = []
    return parser


build, req_file.build_parser = req_file.build_parser, build_parser
optparse.OptionParser.print_usage = lambda self, file=None: None
original, req_file.get_file_content, req_file.open = req_file.get_file_content, get_file_content, open_file
req_file.get_locale_encoding = lambda: "utf-8"
os.getcwd = lambda: FOLDER  # what os.path.abspath() goes by


def lists(d):
    return {k: v for k, v in d.items() if v}


def controls(binary, releases):
    return {"only-binary": sorted(binary.only_binary), "no-binary": sorted(binary.no_binary), "all-releases": sorted(releases.all_releases), "only-final": sorted(releases.only_final)}


def options(o):
    d = {"extra-index-urls": o.extra_index_urls, "find-links": o.find_links, "trusted-hosts": o.trusted_hosts, "features": o.features_enabled, "requirements": o.requirements,
         "constraints": o.constraints, "editables": o.editables, "no-index": o.no_index, "prefer-binary": o.prefer_binary, "require-hashes": o.require_hashes,
         "no-require-hashes": o.no_require_hashes, "pre": o.pre, **controls(o.format_control, o.release_control)}
    d |= {f"hash {k}": v for k, v in (o.hashes or {}).items()}
    d |= {f"setting {k}": v if isinstance(v, list) else [v] for k, v in (o.config_settings or {}).items()}
    return lists(d) | ({} if o.index_url is None else {"index-url": o.index_url})


def pep_508(text):
    try:
        return Requirement(text).name if text is not None else None
    except InvalidRequirement:
        return None


def read(name, constraint):
    """All lines with their options; then again as pip does it, for what they come to."""
    parser = req_file.RequirementsFileParser(Session(), req_file.get_line_parser(None))
    lines = [[x.filename, x.lineno, x.requirement, x.is_editable, x.constraint, pep_508(x.requirement), options(x.opts)] for x in parser.parse(name, constraint)]
    session, whole = Session(), optparse.Values({"require_hashes": False, "no_require_hashes": False, "features_enabled": []})
    finder = PackageFinder.create(link_collector=LinkCollector(session=session, search_scope=SearchScope.create([], ["DEFAULT"], False)),
                                  selection_prefs=SelectionPreferences(allow_yanked=True, release_control=ReleaseControl(set(), set())))
    found = list(req_file.parse_requirements(name, session, finder, whole, constraint))
    assert [(f.requirement, f.is_editable, f.constraint) for f in found] == [(x[2], x[3], x[4]) for x in lines if x[2] is not None]
    scope = finder.search_scope
    d = {"find-links": scope.find_links, "trusted-hosts": session.hosts, "features": whole.features_enabled, "no-index": scope.no_index, "prefer-binary": finder.prefer_binary,
         "require-hashes": whole.require_hashes, "no-require-hashes": whole.no_require_hashes, **controls(finder.format_control, finder.release_control)}
    return {"lines": lines, "whole": lists(d) | {"index-urls": scope.index_urls}}


PLACES = {"b.txt": f"{FOLDER}/b.txt", "sub/c.txt": f"{FOLDER}/sub/c.txt", "../d.txt": "/nowhere/d.txt", "/abs/e.txt": "/abs/e.txt", "http://h/p/r.txt": "http://h/p/r.txt", "s.txt": "https://h/p/s.txt",
          "HTTP://h/p/t.txt": "HTTP://h/p/t.txt", "file:///abs/e.txt": "file:///abs/e.txt", "../q/u.txt": "http://h/q/u.txt", "a b.txt": f"{FOLDER}/a b.txt", "é.txt": f"{FOLDER}/é.txt",
          "//abs/e.txt": "//abs/e.txt", "//i/z.txt": "http://i/z.txt", "value.txt": f"{FOLDER}/value.txt", "../../x.txt": "/x.txt", "y.txt": "/y.txt"}


def ask_file(r):
    FILES.clear()
    SEEN.clear()
    outermost = r.choice(["a.txt", "a.txt", "./a.txt", f"{FOLDER}/a.txt", "sub/../a.txt", "http://h/p/a.txt"])
    FILES["http://h/p/a.txt" if ":" in outermost else f"{FOLDER}/a.txt"] = b""
    named = r.sample(list(PLACES), r.choice([0, 0, 1, 2, 4]))
    for name in named:
        FILES[PLACES[name]] = b""
        FILES.setdefault("/nowhere/project/sub/b.txt", b"x\n") if r.random() < .1 else None
    for place in FILES:
        content = cases.text(r, named)
        try:
            FILES[place] = cases.encoded(r, content) if place[0] == "/" else content.encode()
        except UnicodeEncodeError:
            FILES[place] = content.encode("utf-8", "ignore")
    constraint = r.random() < .2
    fields = ["file", outermost, FOLDER, "c" if constraint else "r", str(len(FILES)), *[f for item in FILES.items() for f in item], str(len(cases.VARIABLES)),
              *[f for item in cases.VARIABLES.items() for f in item]]
    try:
        expected = read(outermost, constraint)
    except Exception:
        return fields, None
    return fields, None if any("\0" in text for text in SEEN) else expected


def folded(v):
    return "".join(c if c.isascii() else c.lower() for c in json.dumps(v, ensure_ascii=False, sort_keys=True))


def same(seen, expected):
    # Beyond ASCII, canonical names keep their case in lockstep; no valid name has such letters.
    return seen == expected or folded(seen) == folded(expected)


if __name__ == "__main__":
    sys.exit(beside.main("requirement_file_oracle", [(ask_file, 1)], same=same))

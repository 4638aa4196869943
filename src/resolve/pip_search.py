"""Searches with pip's own resolver, for environments other than the one it runs in.

Reads a question as JSON from stdin, writes an answer as JSON to the file named by its only argument (pip writes to stdout as it likes):

    {"arguments": [...], "indexes": [{"alias", "url", "explicit"}], "bound": {name: alias}, "before": RFC 3339 or null, "dropped": [[name, version or null, required name]],
     "preferred": {name: [version]},
     "runs": [{"python": "3.11", "markers": [{variable: value}, ...], "tags": ["cp311-cp311-linux_x86_64", ...], "requirements": [...], "constraints": [...]}]}
    {"runs": [{"packages": [{"name", "version", "index", "requires", "requires_python", "extras", "files": [{"name", "url", "sha256", "size"}]}]}]}
    {"refused": {"text", "missing": [name], "no_wheel": bool, "no_version": bool}}
    {"failed": {"index": alias or null, "url", "status": null or HTTP's ("404 Not Found"), "text"}}

pip has options for the tags of another environment, but evaluates markers for its own, and asks all indexes alike. So a few of its functions are wrapped here:
what they are given is the environment of the run, and the first index that has a name (or the one it is bound to) is the only one that is heard about it;
an explicit one is heard about what is bound to it alone.
"""
import contextlib, http.client, json, os, re, sys, tempfile

from pip._internal import exceptions
from pip._internal.cli.main import main as pip_main
from pip._internal.index import collector, package_finder
from pip._internal.metadata.importlib import _dists as importlib_dists
from pip._internal.models import target_python
from pip._internal.resolution.resolvelib import factory
from pip._vendor.packaging import markers, tags
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version


class Unreachable(Exception):
    """An index could not be asked: pip would go on without it, and find less than there is."""


def cause_of(failure):
    """What is at the bottom of a failed request: "Connection refused"."""
    while failure.__cause__ or failure.__context__:
        failure = failure.__cause__ or failure.__context__
    return getattr(failure, "strerror", None) or str(failure) or type(failure).__name__


class Search:
    """What the wrapped functions look at: the question, and what one run has seen so far."""

    def __init__(self, question):
        self.question = question
        self.indexes = [(i["alias"], i["url"].rstrip("/") + "/") for i in question["indexes"]]
        self.explicit = {i["alias"] for i in question["indexes"] if i["explicit"]}
        self.preferred = {n: [Version(v) for v in versions] for n, versions in question["preferred"].items()}
        self.dropped = {(p, v, r) for p, v, r in question["dropped"]}
        self.run = None
        self.failure = None
        self.causes = ()

    def begin(self, run):
        self.run = run
        self.tags = [tag for text in run["tags"] for tag in tags.parse_tag(text)]
        self.home = {}      # name -> alias of the first index that has a page of it
        self.seen = {}      # name -> {version: [candidate]}
        self.asked = set()  # names
        self.skipped = {}   # name -> {why pip passed over a file: [its words]}
        self.causes = ()
        self.page_is_there = False

    def fail(self, url, status, why):
        status = status or int((re.search(r"too many (\d+) error responses", str(why)) or [0, 0])[1])
        phrase = http.client.responses.get(status)
        self.failure = {"index": self.alias_of(url), "url": url, "status": f"{status} {phrase}" if phrase else str(status) if status else None, "text": cause_of(why)}
        return Unreachable(str(why))

    def alias_of(self, url):
        """Of an index, by a page's address; a user and password in it do not count."""
        url = re.sub(r"^([a-z+]+://)[^/?#]*@", r"\1", url)
        return next((alias for alias, address in self.indexes if url.startswith(address)), None)


search = None


# --- markers: for the run's environment. Several sets of values: what holds in one of them holds, as the patch release of a base may move.
plain_evaluate = markers.Marker.evaluate


def evaluate(marker, environment=None, *rest, **more):
    if search is None or search.run is None:
        return plain_evaluate(marker, environment, *rest, **more)
    given = environment or {}
    return any(plain_evaluate(marker, {**values, **given}, *rest, **more) for values in search.run["markers"])


markers.Marker.evaluate = evaluate


# --- tags: exactly those of the run.
target_python.TargetPython.get_sorted_tags = lambda self: search.tags
target_python.TargetPython.get_unsorted_tags = lambda self: set(search.tags)


# --- indexes: the first one that has a name, or the one it is bound to.
plain_page = package_finder.PackageFinder.process_project_url


def process_project_url(finder, project_url, link_evaluator):
    name = canonicalize_name(link_evaluator.project_name)
    alias = search.alias_of(project_url.url)
    bound = search.question["bound"].get(name)
    if alias is None:  # a page of find-links
        return plain_page(finder, project_url, link_evaluator) if bound is None else []
    if search.home.get(name, bound or alias) != alias or (alias in search.explicit and bound != alias):
        return []
    search.page_is_there = False
    found = plain_page(finder, project_url, link_evaluator)
    if search.page_is_there:
        search.home[name] = alias
    return found


package_finder.PackageFinder.process_project_url = process_project_url
plain_parse_links = package_finder.parse_links


def parse_links(page):
    links = list(plain_parse_links(page))
    search.page_is_there = search.page_is_there or bool(links)
    return links


package_finder.parse_links = parse_links
plain_content = collector._get_simple_response


# pip takes an index that fails for one that has nothing; only "not found" means that.
def get_simple_response(url, *rest, **more):
    try:
        return plain_content(url, *rest, **more)
    except exceptions.NetworkConnectionError as failure:
        status = failure.response.status_code if failure.response is not None else 0
        if status not in (404, 410):
            raise search.fail(url, status, failure) from None
        raise
    except (collector._NotHTTP, collector._NotAPIContent):
        raise
    except Exception as failure:
        raise search.fail(url, 0, failure) from None


collector._get_simple_response = get_simple_response
plain_candidates = package_finder.PackageFinder.find_all_candidates


def find_all_candidates(finder, project_name):
    name = canonicalize_name(project_name)
    found = plain_candidates(finder, project_name)
    if search.question["bound"].get(name) is not None:
        found = [c for c in found if search.alias_of(str(c.link.comes_from)) is not None or not c.link.is_file]
    for candidate in found:  # what was locked before it was yanked stays
        if candidate.version in search.preferred.get(name, []):
            candidate.link.yanked_reason = None
    search.asked.add(name)
    if name not in search.seen:
        search.seen[name] = {}
        for candidate in found:
            search.seen[name].setdefault(candidate.version, []).append(candidate)
    return found


package_finder.PackageFinder.find_all_candidates = find_all_candidates
plain_evaluate_link = package_finder.LinkEvaluator.evaluate_link


def evaluate_link(evaluator, link):
    result, detail = plain_evaluate_link(evaluator, link)
    # A folder's sdists are looked at under every name; a wheel says whose it is.
    about = link.is_wheel or search.alias_of(str(link.comes_from or "")) is not None
    if about and result not in (package_finder.LinkType.candidate, package_finder.LinkType.different_project):
        search.skipped.setdefault(canonicalize_name(evaluator.project_name), {}).setdefault(result.name, []).append(detail)
    return result, detail


package_finder.LinkEvaluator.evaluate_link = evaluate_link


# --- preference: the versions of the last lock before newer ones, as long as they may be.
plain_sort_key = package_finder.CandidateEvaluator._sort_key


def sort_key(evaluator, candidate):
    preferred = search.preferred.get(canonicalize_name(candidate.name), [])
    place = preferred.index(candidate.version) if candidate.version in preferred else len(preferred)
    return (-place, plain_sort_key(evaluator, candidate))


package_finder.CandidateEvaluator._sort_key = sort_key


# --- waivers: requirements that are said not to be true.
def without_dropped(plain):
    def iter_dependencies(distribution, *rest, **more):
        name, version = canonicalize_name(distribution.raw_name), distribution.version
        for requirement in plain(distribution, *rest, **more):
            if not is_dropped(name, version, canonicalize_name(requirement.name)):
                yield requirement

    return iter_dependencies


def is_dropped(name, version, required):
    return not search.dropped.isdisjoint({(name, None, required), (name, str(version), required)})


importlib_dists.Distribution.iter_dependencies = without_dropped(importlib_dists.Distribution.iter_dependencies)

plain_error = factory.Factory.get_installation_error


def get_installation_error(self, failure, constraints):
    search.causes = list(failure.causes)
    return plain_error(self, failure, constraints)


factory.Factory.get_installation_error = get_installation_error


def write_lines(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write("".join(line + "\n" for line in lines))
    return path


def files_of(name, version):
    for candidate in search.seen.get(name, {}).get(version, []):
        link = candidate.link
        hashes = link._hashes or {}
        yield {"name": link.filename, "url": link.url_without_fragment, "sha256": hashes.get("sha256"), "size": 0}


def package_of(entry):
    metadata = entry["metadata"]
    name, version = canonicalize_name(metadata["name"]), Version(metadata["version"])
    requires = [r for r in metadata.get("requires_dist", []) if not is_dropped(name, version, canonicalize_name(Requirement(r).name))]
    files = list(files_of(name, version))
    if not files:  # a direct reference
        archive = entry["download_info"].get("archive_info") or {}
        url = entry["download_info"]["url"]
        files = [{"name": os.path.basename(url), "url": url, "sha256": archive.get("hashes", {}).get("sha256"), "size": 0}]
    return {"name": name, "version": str(version), "index": search.home.get(name) or search.question["bound"].get(name), "requires": requires,
            "requires_python": metadata.get("requires_python"), "extras": [canonicalize_name(e) for e in metadata.get("provides_extra", [])],
            "files": files}


def answer_run(run, folder):
    """A run's packages, or None when there is no answer."""
    search.begin(run)
    if not run["requirements"]:
        return []
    report = os.path.join(folder, "report.json")
    arguments = ["install", "--dry-run", "--ignore-installed", "--isolated", "--no-input", "--disable-pip-version-check", "--no-color", "--quiet",
                 "--only-binary", ":all:", "--python-version", run["python"], "--implementation", "cp", "--platform", "any", "--target", os.path.join(folder, "none"),
                 "--report", report, *search.question["arguments"], "-c", write_lines(folder, "constraints.txt", run["constraints"])]
    if search.question["before"]:
        arguments += ["--uploaded-prior-to", search.question["before"]]
    arguments += run["requirements"]
    if os.path.exists(report):
        os.unlink(report)
    with contextlib.redirect_stderr(sys.stdout):
        status = pip_main(arguments)
    if status:
        return None
    with open(report, encoding="utf-8") as f:
        packages = [package_of(entry) for entry in json.load(f)["install"]]
    for package in packages:  # the next environment takes the same where it can
        versions = search.preferred.setdefault(package["name"], [])
        if Version(package["version"]) not in versions:
            versions.append(Version(package["version"]))
    return packages


def words_of(cause):
    requirement = cause.requirement.format_for_error()
    if cause.parent is None:
        return f"{requirement} is asked for"
    return f"{cause.parent.name} {cause.parent.version} depends on {requirement}"


def refusal():
    """Why there is no answer: what pip could not bring together at last."""
    named = sorted({canonicalize_name(c.requirement.project_name) for c in search.causes if getattr(c.requirement, "project_name", None)})
    empty = [n for n in named if not search.seen.get(n)]
    missing = sorted(n for n in search.asked if not search.seen.get(n) and n not in search.home and n not in search.skipped)
    text = sorted({words_of(c) for c in search.causes})
    for name in empty:
        skipped = search.skipped.get(name, {}).get("requires_python_mismatch", [])
        text += [f"{name} {detail}".replace("Requires-Python ", "needs Python") for detail in skipped]
    if not any("requires_python_mismatch" in search.skipped.get(n, {}) for n in empty):
        no_wheel = any(n not in missing for n in empty)
    else:
        no_wheel = False
    if no_wheel:
        text.append("where there is no wheel, only uv can be asked for what could be built from source: see 'resolver' in recipes/project.yaml")
    return {"text": "\n".join(text), "missing": missing, "no_wheel": no_wheel, "no_version": len(search.causes) == 1 and not empty}


def main(answer_path):
    global search
    search = Search(json.load(sys.stdin))
    answer = {"runs": []}
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "said"), "w+", encoding="utf-8") as said, contextlib.redirect_stdout(said):
        for run in search.question["runs"]:
            said.seek(0)
            said.truncate()
            packages = answer_run(run, folder)
            if packages is None:
                said.seek(0)
                text = said.read()
                answer = {"refused": refusal()} if search.causes else {"failed": search.failure or {"index": None, "status": None, "text": text.strip()}}
                break
            answer["runs"].append({"packages": packages})
    with open(answer_path, "w", encoding="utf-8") as f:
        json.dump(answer, f)


if __name__ == "__main__":
    main(sys.argv[1])

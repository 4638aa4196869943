#!/usr/bin/env python3
"""The Groovy scanner of release/groovy.c beside Groovy's own lexer (2.4, the one Jenkins uses) on generated files: the same texts and the same names at the same
places. Whatever Groovy refuses is left out: it says nothing about where texts are. Needs java and, to get the library, mvn; skipped (77) without them.
LOCKSTEP_TEST_GROOVY_JAR names the library where it is at hand."""
import os
import random
import shutil
import subprocess
import sys

ROOT = os.environ["ROOT"]
ARTIFACT = "org.codehaus.groovy:groovy-all:2.4.21"
FILES, SEED = 3000, 7


def find_library():
    path = os.environ.get("LOCKSTEP_TEST_GROOVY_JAR", os.path.join(ROOT, ".tools/groovy-all-2.4.21.jar"))
    if os.path.exists(path):
        return path
    if not shutil.which("java") or not shutil.which("mvn"):
        print("java or mvn is missing, so there is no Groovy to compare with")
        sys.exit(77)
    repository = os.path.join(os.environ["HOME"], "maven")
    try:
        subprocess.run(["mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", "dependency:get", f"-Dartifact={ARTIFACT}"], timeout=240,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except subprocess.TimeoutExpired:
        pass
    path = os.path.join(repository, "org/codehaus/groovy/groovy-all/2.4.21/groovy-all-2.4.21.jar")
    if not os.path.exists(path):
        print(f"mvn cannot get {ARTIFACT} here")
        sys.exit(77)
    return path


NAMES = ["ci_cpu", "x", "env", "def", "return", "in", "String", "foo2", "a$b", "_", "if", "it", "true"]
SIGNS = ["=", "==", "=~", "==~", "+", "-", "*", "/", "/", "/=", "%", ".", "?.", "?:", "?", ":", ",", ";", "++", "--", "->", "<", ">", "&&", "||", "!", "**", "..", "<<"]
WILD = ["'", '"', "/", "\\", "$", "*", "{", "}", "(", ")", "[", "]", " ", "\n", "=", "a", "1", "'''", '"""', "${", "//", "/*", "*/", "$/", "/$", "\\'", "b "]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, choices):
        return self.random.choice(choices)

    def some(self, choices, most=6):
        return "".join(self.pick(choices) for _ in range(self.random.randrange(most)))

    def value(self, depth):
        kind = self.random.randrange(4)
        if kind == 0:
            return "$" + self.pick(["x", "env.ci_cpu", "a.b.c"])
        return "${" + self.code(depth + 1, 3, inner=True) + "}"

    def text(self, depth):
        plain = ["a", " ", "1", "{", "}", "#", "//", "/*", "ci_cpu = ", "\\\\", "\\n", "%"]
        gstring = self.random.randrange(3) == 0 and depth < 3
        kind = self.random.randrange(6)
        middle = self.value(depth) if gstring else ""
        if kind == 0:
            return "'" + self.some([*plain, '"', "\\'", "$", "/"]) + "'"
        if kind == 1:
            return '"' + self.some([*plain, "'", '\\"', "\\$", "/"]) + middle + self.some([*plain, "'", '\\"', "/"]) + '"'
        if kind == 2:
            return "'''" + self.some([*plain, '"', "\\'", "$", "/", "\n", "' ", "'' "]) + "x'''"
        if kind == 3:
            return '"""' + self.some([*plain, "'", '\\"', "\n", '" ', '"" ']) + middle + self.some([*plain, "'", "\n"]) + 'x"""'
        if kind == 4:
            return "/" + self.pick(["a", "[", "'", '"', "\\d", "=", " "]) + self.some(["a", "'", '"', "\\/", "\\s", "$ ", "* ", "\n", "{", "}"]) + middle + self.some(["'", "b"]) + "/"
        return "$/" + self.pick(["a", " "]) + self.some(["'", '"', "/ ", "$$", "$/", "\\", "\n", "{"]) + " " + middle + self.some(["'", "b "]) + " /$"

    def comment(self):
        if self.random.randrange(2):
            return "//" + self.some(["'", '"', "a", "/*", "${", " ", "\xe9"]) + "\n"
        return "/*" + self.some(["'", '"', "a", "//", "${", " ", "\n", "* ", "\xfc"]) + " */"

    def code(self, depth=0, most=25, inner=False):
        out = ""
        for _ in range(self.random.randrange(1, most)):
            kind = self.random.randrange(12)
            if kind < 3:
                out += self.pick(NAMES)
            elif kind < 5:
                out += self.pick(SIGNS)
            elif kind < 8:
                out += self.pick(["= ", "(", " + ", "\n", ", ", "return ", ""]) + self.text(depth)
            elif kind == 8:
                out += self.pick(["1", "0x1F", "1.5", "10L", "1e3"])
            elif kind == 9 and depth < 4:
                brackets = self.pick(["()", "[]", "{}"])
                out += brackets[0] + self.code(depth + 1, 5) + brackets[1]
            elif kind == 10:
                out += self.comment()
            else:
                out += self.pick(["\n", "\r\n", "\n\n", "\t", "\\\n"]) if not inner else " "
            out += self.pick(["", " ", " ", "\n"]) if not inner else self.pick(["", " "])
        return out

    def file(self):
        if self.random.randrange(8) == 0:
            return "".join(self.pick(WILD) for _ in range(self.random.randrange(2, 14)))
        return self.pick(["", "", "", "#!/usr/bin/env groovy '\n"]) + self.code()


def sections(output):
    found = {}
    for part in output.split("== ")[1:]:
        name, _, rest = part.partition("\n")
        found[name] = rest
    return found


def main():
    library = find_library()
    names = []
    for number in range(FILES):
        name = f"f{number}.groovy"
        with open(name, "w", encoding="latin-1", newline="") as file:
            file.write(Generator(SEED + number).file())
        names.append(name)
    reference = subprocess.run(["java", "-cp", library, "groovy.ui.GroovyMain", os.path.join(ROOT, "tests/oracle/groovy_tokens.groovy"), *names],
                               stdout=subprocess.PIPE, text=True, encoding="latin-1", check=True)
    ours = subprocess.run([os.path.join(ROOT, "build/debug/tests/oracle/groovy_tokens"), *names], stdout=subprocess.PIPE, text=True, check=True)
    wanted, seen = sections(reference.stdout), sections(ours.stdout)
    assert len(wanted) == len(seen) == FILES
    compared = bad = 0
    for name in names:
        if "error" in wanted[name]:
            continue
        compared += 1
        if wanted[name] != seen[name]:
            bad += 1
            if bad <= 5:
                print(f"{name}: {open(name, encoding='latin-1', newline='').read()!r}\nGroovy:\n{wanted[name]}lockstep:\n{seen[name]}")
    print(f"{compared} of {FILES} files compared, {bad} differ")
    return 1 if bad or compared < FILES // 3 else 0


sys.exit(main())

"""A project whose every text tries to be more than text: quotes, command substitutions, line ends, comment signs, here-documents, control characters.

write(folder) makes it there. The other names say what a builder must find in the image, or a parser in the rendered file.
"""
import json
import os

WORD = """a 'b' "c" $(touch /pwned) `touch /pwned` $HOME ${} $$ \\ \\n # ; & | > < <<EOF ! * ~ %s {} é \u2028 \\"""
PATH = """/we ird/$(touch pwned)/'q'"d"/`b`/#h \\s\\/$HOME\\"""
FILE_PLAIN = f"{WORD}\n# looks like a comment\nFROM scratch\n  EOF\n\n'\n\"\n\\\n\ttab \nRUN touch /pwned\n%s %d \\0101\\c\n{WORD}\n"
FILE_CONTROL = f"bell \x07 and return \r\nescape \x1b[31m \x7f\n{WORD}\n\\\n no end \\"
ARGV = ["", WORD, "two\nlines\n", '["json"]', "-n", "\\", "\t\x01\r", "${HOME}", "'", '"', "#", "<<EOF"]
PRINT_ARGV = "for a; do printf '%s.' \"$a\"; done > /argv"
ENV_LAYER = """ a 'b' "c" $(touch /pwned) `touch /pwned` $HOME $$ \\ \\\\ \\$ \\" # end\\"""
ENV_CONTAINER = ENV_LAYER + " ${HOME} ${HOME:-x} \\"
DESCRIPTION = f"syntax=docker/dockerfile:1 escape=` hadolint ignore=DL3000 {WORD}"
WHY = f"# escape=` {WORD} FROM scratch \\"


def literal(text):
    """Text in a layer recipe: ${ would name an option."""
    return text.replace("${", "$${")


def quoted(text):
    """A YAML double-quoted scalar."""
    return json.dumps(text).replace("\u2028", "\\u2028").replace("\x7f", "\\x7f")


def write(folder, user="1234:4321"):
    argv = "[" + ", ".join(quoted(literal(a)) for a in ["sh", "-c", PRINT_ARGV, "sh"] + ARGV) + "]"
    files = {
        "recipes/project.yaml": "name: nasty\n",
        "recipes/python.yaml": "groups: {}\npackages: {}\n",
        "recipes/bases/tiny.yaml": "from: {mmdebstrap: {suite: bookworm}}\nenvironment: {python: '3.11', machine: x86_64, libc_version: '2.36'}\n",
        "recipes/layers/nasty.yaml": f"""description: {quoted(DESCRIPTION)}
steps:
  - file: {{path: {quoted(literal(PATH) + "/plain")}, content: {quoted(literal(FILE_PLAIN))}, mode: "0755"}}
    why: {quoted(WHY)}
  - file: {{path: "/control", content: {quoted(literal(FILE_CONTROL))}}}
  - file: {{path: "/empty", content: ""}}
  - link: {{path: {quoted(literal(PATH) + "/link")}, target: {quoted(literal(PATH) + "/plain")}}}
  - run: {argv}
    why: {quoted(WHY)}
  - env: {{NASTY_LAYER: {quoted(ENV_LAYER)}}}
  - env: {{NASTY_BOTH: {quoted("${env:NASTY_LAYER}" + ENV_LAYER)}}}
    why: {quoted(WHY)}
""",
        "containers/nasty/container.yaml": f"""description: {quoted(DESCRIPTION)}
base: tiny
layers: [nasty]
env: {{NASTY_CONTAINER: {quoted(ENV_CONTAINER)}, PATH: "${{env:PATH}}:/added"}}
workdir: {quoted(PATH + "/work")}
user: "{user}"
""",
    }
    for path, text in files.items():
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as f:
            f.write(text)

"""Says as JSON where the Python that runs it installs wheels to, as pip does it in a virtual environment, and which Python it is.

Folders are real ones: a layer that names a link on the way to them would put a folder in its place. Python 3.6 and later.
"""
import importlib.util
import json
import os
import platform
import sys
import sysconfig


def main():
    place = {name: os.path.realpath(sysconfig.get_path(name)) for name in ("purelib", "platlib", "scripts", "data")}
    place["headers"] = os.path.join(os.path.realpath(sys.prefix), "include", "site", "python%d.%d" % sys.version_info[:2])
    place["python"] = sys.executable
    place["interpreter"] = " ".join([platform.python_implementation(), sys.implementation.cache_tag or "-", importlib.util.MAGIC_NUMBER.hex(),
                                     " ".join(sys.version.split())])
    json.dump(place, sys.stdout)


main()

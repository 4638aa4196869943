"""What a container's Python says of itself, as JSON: where it installs to, and everything that can make it compile a source to other bytes."""
import json
import os
import platform
import sys
import sysconfig
import zlib
from importlib.util import MAGIC_NUMBER


def real(path):
    """A layer that had a folder where there is a link would put it in the link's place."""
    return os.path.realpath(path)


def paths():
    """As pip has them: in a virtual environment headers lie in a folder of their own."""
    preferred = getattr(sysconfig, "get_preferred_scheme", None)
    found = sysconfig.get_paths(scheme=preferred("prefix")) if preferred else sysconfig.get_paths()
    version = "%d.%d" % sys.version_info[:2]
    if sys.prefix != sys.base_prefix:
        found["include"] = sys.prefix + "/include/site/python" + version
    lib64 = found["data"] + "/lib64"
    return {"purelib": real(found["purelib"]), "platlib": real(found["platlib"]), "scripts": real(found["scripts"]), "data": real(found["data"]),
            "headers": real(found["include"]), "lib64": real(lib64) if os.path.islink(lib64) else None, "python": sys.executable, "version": version}


json.dump({"place": paths(),
           "identity": [sys.implementation.name, sys.implementation.cache_tag or "", sys.version, MAGIC_NUMBER.hex(), sys.byteorder, platform.machine(),
                        zlib.ZLIB_RUNTIME_VERSION]}, sys.stdout)

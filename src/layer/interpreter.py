"""What a container's Python says of itself, as JSON: where it installs to, and everything that can make it compile a source to other bytes."""
import json
import platform
import sys
import sysconfig
import zlib
from importlib.util import MAGIC_NUMBER


def paths():
    """As pip has them: in a virtual environment headers lie in a folder of their own."""
    preferred = getattr(sysconfig, "get_preferred_scheme", None)
    found = sysconfig.get_paths(scheme=preferred("prefix")) if preferred else sysconfig.get_paths()
    version = "%d.%d" % sys.version_info[:2]
    if sys.prefix != sys.base_prefix:
        found["include"] = sys.prefix + "/include/site/python" + version
    return {"purelib": found["purelib"], "platlib": found["platlib"], "scripts": found["scripts"], "data": found["data"], "headers": found["include"],
            "python": sys.executable, "version": version}


json.dump({"place": paths(),
           "identity": [sys.implementation.name, sys.implementation.cache_tag or "", sys.version, MAGIC_NUMBER.hex(), sys.byteorder, platform.machine(),
                        zlib.ZLIB_RUNTIME_VERSION]}, sys.stdout)

# The head of the one-file program (see one_file.py): any Python may read it, and only until the
# file is unpacked. What the file is built for stands before it: PYTHON, PLATFORM.
import os
import platform
import sys

here = "%d.%d" % sys.version_info[:2], sys.platform + "-" + platform.machine()  # noqa: UP031
if here != (PYTHON, PLATFORM):  # noqa: F821
    sys.stderr.write(
        "error: this file runs with Python %s on %s; found: Python %s on %s (%s). "  # noqa: UP031
        "Have python%s in your PATH, or install prefprop with pip\n"
        % (PYTHON, PLATFORM, here[0], here[1], sys.executable, PYTHON)  # noqa: F821
    )
    sys.exit(2)
# Not in the processes that unpack side by side, nor where PEX starts itself anew or is told to do
# something else.
of_pex = [name for name in os.environ if name.lstrip("_").startswith("PEX_")]
if __name__ == "__main__" and not set(of_pex) - {"PEX_ROOT"}:
    folder = os.environ.get("PEX_ROOT", "~/.cache/pex")
    sys.stderr.write("prefprop: unpacking into %s, once, some 15 s ...\n" % folder)  # noqa: UP031
    sys.stderr.flush()

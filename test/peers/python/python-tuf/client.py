"""Refreshes a TUF repository and downloads one target with python-tuf's own client.

python-tuf METADATA_URL TARGETS_URL ROOT STATE_DIR TARGET OUT_FILE

STATE_DIR holds what was accepted before; ROOT is trusted where it is empty.
"""

import importlib.metadata
import os
import sys

from tuf.ngclient import Updater


def run(metadata_url, targets_url, root, state, target, out):
    bootstrap = None
    if not os.path.exists(os.path.join(state, "root.json")):
        with open(root, "rb") as file:
            bootstrap = file.read()
    updater = Updater(state, metadata_url, os.path.dirname(out), targets_url, bootstrap=bootstrap)
    updater.refresh()
    info = updater.get_targetinfo(target)
    if info is None:
        raise LookupError(f"{target} is not listed")
    updater.download_target(info, out)


if sys.argv[1:] == ["--version"]:
    print(importlib.metadata.version("tuf"))
else:
    try:
        run(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")

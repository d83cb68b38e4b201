"""secretgate for mitmproxy: `mitmdump -s secretgate_addon.py`.

In a checkout, the three packages are found relative to this file; otherwise the installed
distribution is imported.
"""

import gc
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("secretgate") is None:
    root = Path(__file__).resolve().parent.parent
    sys.path[:0] = [str(root / folder) for folder in ("addon", "rules", "certs")]

if gc.isenabled():
    # mitmproxy's objects stay alive: exclude them from the garbage collections while our modules load.
    gc.freeze()

try:
    from secretgate.gate import Gate
    from secretgate.gateway.drain import Drain
    from secretgate.views.addon import Views
    from secretgate.web.addon import addons as before
except ModuleNotFoundError as error:
    raise ImportError(
        f"secretgate needs the package {error.name}, which is not in the environment of this mitmproxy "
        f"({sys.executable}). Install secretgate into the same environment, or use `secretgate proxy`."
    ) from None

gate = Gate()
addons = [*before(gate), gate, Views(gate), Drain(gate)]

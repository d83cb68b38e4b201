"""The local CA and the trust stores, independent of what the proxy does with them.

ca = ensure_ca(default_confdir(), ["api.anthropic.com", "*.githubcopilot.com"])
if ca.missing(["api.mistral.ai"]):
    ca = rotate(ca.confdir, [*domains, "api.mistral.ai"])
bundle = write_bundle(ca, inherited=os.environ)
child_env = {**os.environ, **environment(bundle, ca.ca_cert, os.environ)}
leaf = Leaves(ca).leaf(["api.anthropic.com"])
"""

from secretgate_ca.authority import Authority, default_confdir, ensure_ca, load_ca, rotate
from secretgate_ca.bundle import write_bundle
from secretgate_ca.environment import VARIABLES, environment
from secretgate_ca.files import CAError
from secretgate_ca.leaves import Leaves

__all__ = [
    "VARIABLES",
    "Authority",
    "CAError",
    "Leaves",
    "default_confdir",
    "ensure_ca",
    "environment",
    "load_ca",
    "rotate",
    "write_bundle",
]

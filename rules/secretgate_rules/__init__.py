"""Detection of secrets in text: text in, findings out.

    detector = load_default()
    for finding in detector.find(text):
        print(finding.rule, finding.start, finding.end)
    hiding = load_default(enable=())  # without public data, such as certificates
    clean = redact(text, hiding.find(text), lambda finding, part: b"***")

Rules are YAML files in `packs/`, which `load` compiles, with those of `users`. The `engine` has `reader`
find where rules may match (in two passes, with the `database`s of `table`); there it matches each rule
exactly, and what passes the rule's checks (`validators`, `allow`, `randomness`) are `candidates`. It
does the same in what `views`, `disguises` and `frames` hide. Context rules (`context`) find secrets by what
stands beside them: `assignments`, `sentences` and `columns` (tables) find values, and `names`,
`standins`, `values` and `judging` say which are secrets. Values that are known already are `literals`; `known`
reads them from the environment and from files. This package depends on neither HTTP nor mitmproxy.
"""

from .database import EVERY, TooMany
from .engine import Detector
from .literals import Literals
from .load import load_default
from .memo import forget
from .model import Finding, Part, Rule, RuleError
from .redaction import redact, rewritten, runs

__all__ = [
    "EVERY",
    "Detector",
    "Finding",
    "Literals",
    "Part",
    "Rule",
    "RuleError",
    "TooMany",
    "forget",
    "load_default",
    "redact",
    "rewritten",
    "runs",
]

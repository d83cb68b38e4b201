"""Placeholders: what a secret is called in a request, and how its name is found in an answer.

`templates` spells and recognises them, `issued` knows which of them an answer may have restored,
and `beginnings` finds where in a stream one may begin.
"""

from secretgate.placeholders.issued import Issued
from secretgate.placeholders.templates import (
    DEFAULT_TEMPLATE,
    ID_LENGTH,
    Namer,
    Template,
    plain_spelling,
    slug,
    template_of,
)

__all__ = [
    "DEFAULT_TEMPLATE",
    "ID_LENGTH",
    "Issued",
    "Namer",
    "Template",
    "plain_spelling",
    "slug",
    "template_of",
]

"""Dialects: one table per family of APIs.

Every `Dialect` in a module of this package is registered in `DIALECTS` under its name, unless its
name in the module is private.
"""

from importlib import import_module
from pkgutil import iter_modules

from secretgate.providers.base import Dialect, Piece, kind_of, value_at, values_at

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for module in iter_modules(__path__, f"{__name__}.")
    for name, dialect in vars(import_module(module.name)).items()
    if isinstance(dialect, Dialect) and not name.startswith("_")
}

__all__ = ["DIALECTS", "Dialect", "Piece", "kind_of", "value_at", "values_at"]

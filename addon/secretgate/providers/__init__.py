"""One table a family of APIs. A module here that holds a `Dialect` is found by being here;
`DIALECTS` has them by name, those whose name in the module is private aside."""

from importlib import import_module
from pkgutil import iter_modules

from secretgate.providers.base import Dialect, Piece, value_at

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for module in iter_modules(__path__, f"{__name__}.")
    for name, dialect in vars(import_module(module.name)).items()
    if isinstance(dialect, Dialect) and not name.startswith("_")
}

__all__ = ["DIALECTS", "Dialect", "Piece", "value_at"]

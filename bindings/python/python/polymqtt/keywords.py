"""Options that many functions take, in `help()` and completion as if each had written them out."""

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

__all__ = ["LEFT_OUT", "spelled_out"]

Function = TypeVar("Function", bound=Callable[..., object])


class _LeftOut:
    def __repr__(self) -> str:
        return "..."


LEFT_OUT: Final = _LeftOut()
"""Stands for the engine's default, which the documentation tells."""


def spelled_out(function: Function) -> Function:
    """Shows each name of `**options: Unpack[Options]` where a program looks at the function.

    Type checkers see them anyway.
    """
    signature = inspect.signature(function)
    *parameters, options = signature.parameters.values()
    named: dict[str, Any] = options.annotation.__args__[0].__annotations__
    for name, kind in named.items():
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, keyword, default=LEFT_OUT, annotation=kind))
    function.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return function

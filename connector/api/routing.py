"""The rules of routes."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

from werkzeug.routing import Rule


class Route(Rule):
    """A rule that compiles the functions that build its URLs when the first one is built.

    Few routes of the APIs are ever linked to, and compiling these functions was half of the CPU time that an
    application takes to be created.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_builder = super()._compile_builder

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            compiled: Callable[..., tuple[str, str]] = MethodType(compile_builder(append_unknown), rule)
            setattr(rule, "_build_unknown" if append_unknown else "_build", compiled)  # instead of this function
            return compiled(**values)

        return build

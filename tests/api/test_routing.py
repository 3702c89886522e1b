"""The rules of routes build the same URLs as werkzeug's, but compile the functions for it with the first URL."""

from __future__ import annotations

import gc
from types import FunctionType

import pytest
from werkzeug.routing import BuildError, Map, Rule

from connector.api.routing import Route

RULES = ("/only-here/", "/only-here/<user_id>", "/only-here/<int:number>/of/<path:place>")
VALUES: tuple[dict[str, object], ...] = (
    {},
    {"q": "1 & 2"},
    {"user_id": "a b/c"},
    {"number": 7, "place": "x/y z", "q": ["1", "2"]},
)


def built(kind: type[Rule]) -> list[str]:
    """Return what rules of a kind build from each of the values."""
    urls = Map([kind(rule, endpoint="there") for rule in RULES]).bind("localhost")
    return [urls.build("there", values) for values in VALUES]


def builders() -> list[str]:
    """Return the names of the functions that build URLs of these rules, compiled since the last collection.

    To look at all objects of the tests' process would take seconds.
    """
    functions = (each for each in gc.get_objects(generation=0) if isinstance(each, FunctionType))
    return [each.__name__ for each in functions if each.__name__.startswith("<builder:'/only-here")]


def test_urls_are_those_of_werkzeugs_rules() -> None:
    assert built(Route) == built(Rule)


def test_a_url_without_its_values_is_refused() -> None:
    urls = Map([Route("/only-here/<user_id>", endpoint="there")]).bind("localhost")
    with pytest.raises(BuildError):
        urls.build("there", {})


def test_no_function_is_compiled_before_the_first_url() -> None:
    gc.collect(generation=0)
    assert builders() == []
    urls = Map([Route("/only-here/<user_id>", endpoint="there")]).bind("localhost")
    assert urls.match("/only-here/ann") == ("there", {"user_id": "ann"})
    assert builders() == []
    urls.build("there", {"user_id": "ann"})
    assert builders() == ["<builder:'/only-here/<user_id>'>"]

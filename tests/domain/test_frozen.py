"""Frozen dataclasses: they behave as the standard library's, apart from assignments, which the type checker refuses."""

from __future__ import annotations

import pickle
import subprocess
import sys
from copy import copy, deepcopy
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import pytest

from connector.domain.frozen import frozen

T = TypeVar("T")


@frozen
class Point:
    x: int
    y: int = 0
    kind: ClassVar[str] = "point"


@frozen
class Named(Point):
    name: str = ""


@frozen
class Other:
    x: int
    y: int = 0


@frozen
class Empty:
    pass


@frozen
class Box(Generic[T]):
    content: T


@frozen
class Login:
    user: str
    password: str = field(repr=False)
    note: str = field(default="", compare=False)
    scopes: list[str] = field(default_factory=list)


@frozen
class Masked:
    secret: str

    def __repr__(self) -> str:
        return "Masked(...)"


class Undecorated(Point):
    pass


@dataclass(frozen=True)
class Standard:
    user: str
    age: int | None = None
    tags: tuple[str, ...] = ()


@frozen
class Ours:
    user: str
    age: int | None = None
    tags: tuple[str, ...] = ()


def test_objects_of_one_class_with_equal_fields_are_equal() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert Empty() == Empty()
    assert Box([1]) == Box([1])


@pytest.mark.parametrize("other", [Other(1, 2), Named(1, 2), Undecorated(1, 2), (1, 2), None, 1], ids=repr)
def test_objects_of_different_classes_are_never_equal(other: object) -> None:
    assert Point(1, 2) != other
    assert other != Point(1, 2)


def test_fields_of_a_base_class_are_compared() -> None:
    assert Named(1, 2, "a") == Named(1, 2, "a")
    assert Named(1, 2, "a") != Named(1, 3, "a")
    assert Named(1, 2, "a") != Named(1, 2, "b")


def test_a_field_excluded_from_comparison_is_not_compared() -> None:
    assert Login("ann", "s", "a") == Login("ann", "s", "b")
    assert Login("ann", "s") != Login("ann", "t")


def test_equal_objects_have_one_hash_and_serve_as_keys() -> None:
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert {Point(1, 2), Point(1, 2), Named(1, 2), Other(1, 2), Empty(), Empty()} == {
        *(Point(1, 2), Named(1, 2), Other(1, 2), Empty())
    }


def test_an_object_with_an_unhashable_field_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Login("ann", "s"))


@pytest.mark.parametrize("values", [("ann",), ("o'hara", 3), ("ann", None, ("a", "b"))])
def test_the_repr_is_the_standard_librarys(values: tuple[str, int | None, tuple[str, ...]]) -> None:
    assert repr(Ours(*values)) == repr(Standard(*values)).replace("Standard", "Ours")


def test_a_field_excluded_from_the_repr_is_not_shown() -> None:
    assert repr(Login("ann", "hunter2")) == "Login(user='ann', note='', scopes=[])"
    assert "hunter2" not in str([Box(Login("ann", "hunter2"))])


def test_a_method_that_the_class_has_itself_is_kept() -> None:
    assert repr(Masked("hunter2")) == "Masked(...)"
    assert Masked("a") == Masked("a")


def test_defaults_are_created_for_each_object() -> None:
    assert Login("ann", "s").scopes is not Login("ann", "s").scopes


@pytest.mark.parametrize("given", [{}, {"x": 1, "z": 2}, {"y": 1}])
def test_the_constructor_accepts_only_the_fields(given: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="argument"):
        Point(**given)


@pytest.mark.parametrize("original", [Point(1, 2), Named(1, 2, "a"), Empty(), Login("ann", "s", "n", ["a"])], ids=repr)
def test_copies_and_pickles_are_equal_to_the_original(original: object) -> None:
    for made in (copy(original), deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert made == original
        assert made is not original
        assert type(made) is type(original)


def test_the_functions_of_dataclasses_accept_objects() -> None:
    assert replace(Named(1, 2, "a"), y=3) == Named(1, 3, "a")
    assert asdict(Box(Point(1, 2))) == {"content": {"x": 1, "y": 2}}
    assert [each.name for each in fields(Named)] == ["x", "y", "name"]


def test_an_object_is_matched_by_its_fields() -> None:
    match Named(1, 2, "a"):
        case Named(1, y, name):
            assert (y, name) == (2, "a")
        case _:
            pytest.fail("it was not matched")


CHECKED = """
from dataclasses import replace
from connector.domain.frozen import frozen
@frozen
class Point:
    x: int
accepted = replace(Point(1), x=2)
Point(1).x = 2
Point("1")
replace(Point(1), z=2)
"""


def test_the_type_checker_refuses_assignments_and_wrong_arguments(tmp_path: Path) -> None:
    (tmp_path / "checked.py").write_text(CHECKED, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(tmp_path / "checked.py")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line.partition(" error: ")[2] for line in checked.stdout.splitlines()[:-1]] == [
        'Property "x" defined in "Point" is read-only  [misc]',
        'Argument 1 to "Point" has incompatible type "str"; expected "int"  [arg-type]',
        'Unexpected keyword argument "z" for "replace" of "Point"  [call-arg]',
    ]

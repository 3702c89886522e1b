"""The guides to identity providers agree with their settings files, the dialects and the code."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from connector.settings import load
from connector.shipped import dialects, directory_dialect
from tests.identity.product_files import FOLDER, PRODUCTS, settings_file

MAX_LINES = 120
ROOT = FOLDER.parent.parent
INDEX = "README"
KINDS = {"scim": "scim", "keycloak": "keycloak", "userinfo": "oidc"}  # the usual dialects
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LEAST = 3  # words of a sentence

each_product = pytest.mark.parametrize("product", PRODUCTS)
each_guide = pytest.mark.parametrize("guide", [INDEX, *PRODUCTS])


def text_of(guide: str) -> str:
    return (FOLDER / f"{guide}.md").read_text(encoding="utf-8")


def directory_of(product: str) -> Any:
    return load(FOLDER / f"{product}.toml", {}).tenants[0].directory


def dialect_of(product: str) -> dict[str, Any]:
    """Return the part of the dialect that is for the product's directory."""
    directory = directory_of(product)
    name = directory.dialect or KINDS[directory.kind]
    return dict(tomllib.loads(directory_dialect(name).read_text(encoding="utf-8"))[directory.kind])


@cache
def sentences_of_the_code() -> str:
    """Return every text of the code, with … in place of parameters."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "connector").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join([*plain, *("".join(map(_part, node.values)) for node in nodes if isinstance(node, ast.JoinedStr))])


def _part(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else "…"


def possible(sentence: str) -> Iterator[str]:
    """Yield a sentence, and its variants with … in place of consecutive words."""
    yield sentence
    words = sentence.split(" ")
    for begin in range(len(words)):
        for end in range(begin + 1, len(words) + 1):
            if len(words) - (end - begin) >= LEAST - 1:
                yield " ".join([*words[:begin], "…", *words[end:]])


def quoted(guide: str) -> list[str]:
    """Return the sentences in the guides' tables of failures."""
    rows = [line.split("|") for line in text_of(guide).splitlines() if line.startswith("|")]
    cells = [cell for row in rows for cell in row[1:3]]
    spans = [span for cell in cells for span in SPAN.findall(cell)]
    return [span for span in spans if len(span.split()) >= LEAST and "=" not in span]


@each_guide
def test_a_product_guide_is_short(guide: str) -> None:
    assert text_of(guide).count("\n") <= MAX_LINES


@each_guide
def test_every_message_explained_in_a_guide_exists_in_the_code(guide: str) -> None:
    sentences = quoted(guide)
    assert sentences or guide == "generic", "the tables were not read"
    assert [each for each in sentences if not any(form in sentences_of_the_code() for form in possible(each))] == []


@each_product
def test_a_guide_names_its_settings_file_and_the_index_names_both(product: str) -> None:
    assert f"[{product}.toml]({product}.toml)" in text_of(product)
    assert f"`connector example settings-{product}`" in text_of(product)
    assert {f"({product}.md)", f"({product}.toml)"} <= set(re.findall(r"\([\w.]+\)", text_of(INDEX)))


@each_product
def test_a_guide_sets_every_secret_that_the_settings_name(product: str) -> None:
    for name in re.findall(r'"env:(\w+)"', settings_file(product)):
        assert re.search(rf"^export .*\b{name}=", text_of(product), re.MULTILINE), name


@each_product
def test_a_guide_checks_the_settings_and_makes_a_call(product: str) -> None:
    commands = "\n".join(FENCED.findall(text_of(product)))
    for command in ("connector check-settings", "connector token check", "/api/users/v1/me/idv/claims"):
        assert command in commands
    for heading in ("Check it", "A first token and the first call", "When it fails", "What was tested"):
        assert f"\n## {heading}\n" in text_of(product)


@each_product
def test_the_provider_maps_the_claims_that_the_directory_has(product: str) -> None:
    [mapped] = re.findall(r"connector provider add .*--claims (\w+)", text_of(product))
    if directory_of(product).kind == "local":
        return
    assert set(dialect_of(product)["claims"]) == set(dialects()[mapped])


@each_product
def test_a_guide_lists_the_attributes_to_which_the_status_is_written(product: str) -> None:
    section = text_of(product).partition("\n## The status, written back\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    status = {} if directory_of(product).kind == "local" else dialect_of(product).get("status", {})
    paths = [path if isinstance(path, str) else path["path"] for path in status.values()]
    assert listed == [re.split(r"[:.]", path)[-1] for path in paths]
    assert ("#writes_status = true\n" in settings_file(product)) is bool(listed)


@each_product
def test_a_guide_names_only_example_hosts_and_those_of_the_product(product: str) -> None:
    own = r"[\w.]*example(\.com)?|acme\.okta\.com|acme\.eu\.auth0\.com|login\.microsoftonline\.com|api\.asgardeo\.io"
    for host in re.findall(r"https://([\w.-]+)", text_of(product) + settings_file(product)):
        assert re.fullmatch(own, host), host

"""Reading and printing phrases, and the errors that point into them."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.space.constraints import Phrase, PhraseError, Vocabulary, parse
from engine.space.constraints import syntax as s
from engine.space.graph import Graph
from tests.space.spaces import expressions

DML = Graph(("resnet32", "wrn28-2", "wrn28-2"), ("through",) * 9)


@given(st.integers(2, 5).flatmap(expressions))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_print_then_parse_is_the_identity(expression: s.Expression) -> None:
    assert parse(str(expression)) == Phrase(expression)


@pytest.mark.parametrize(
    ("text", "long"),
    [
        ("m2 = wrn28-2", "m[2] = wrn28-2"),
        ("Ly2=through", "L[y,2] = through"),
        ("L21 = L31", "L[2,1] = L[3,1]"),
        ("m2=m3 = wrn28-2", "m[2] = m[3] = wrn28-2"),
        ("L[ 2 , 1 ]=L[3,1] in{through,linear}", "L[2,1] = L[3,1] in {through, linear}"),
        ("L[aux,1] not  in {cutoff, cutoff}", "L[aux,1] not in {cutoff}"),
        ("((taught))", "taught"),
        ("taught and pretrained = node 2 or taught", "taught and pretrained = node 2 or taught"),
        ("taught and (pretrained=node 2 or taught)", "taught and (pretrained = node 2 or taught)"),
        ("not(taught or pretrained!=some)", "not (taught or pretrained != some)"),
        ("count(L[*,*]=cutoff)<=4", "count(L[*,*] = cutoff) <= 4"),
        ("any of m[aux]=m[1]", "any of m[aux] = m[1]"),
        ("none of L[aux,1] != L[y,1]", "none of L[aux,1] != L[y,1]"),
        ("m[1] = torchvision:resnet18", "m[1] = torchvision:resnet18"),
        ('m[1] = "resnet32"', "m[1] = resnet32"),
    ],
)
def test_short_forms_and_spacing(text: str, long: str) -> None:
    assert str(parse(text)) == long
    assert parse(long) == parse(text)


def test_names_that_are_words_of_the_language_are_quoted() -> None:
    words = Vocabulary(3, ("count", "m2", "my model"), ("in", "none"))
    for text in ('m[2] = "count"', 'm[2] = "m2"', 'm[2] in {"my model", "count"}', 'L[2,1] = "in"', 'L[2,1] != "none"'):
        assert str(parse(text, words)) == text


@pytest.mark.parametrize(
    ("text", "changed", "holds"),
    [
        ("L[aux,1] = through", {}, True),
        ("L[aux,1] = through", {(2, 1): "linear"}, False),
        ("any of L[aux,1] = through", {(2, 1): "linear"}, True),
        ("none of L[aux,1] = linear", {(2, 1): "linear"}, False),
        ("L[*,1] = through", {(0, 1): "linear"}, False),
        ("L[y,*] = through", {(2, 1): "linear"}, True),
        ("L[aux,aux] = through", {(2, 1): "linear", (1, 2): "linear", (0, 3): "cutoff"}, True),
        ("L[aux,aux] = through", {(3, 2): "linear"}, False),
        ("count(L[*,*] = cutoff) <= 1", {(2, 1): "cutoff"}, True),
        ("count(L[*,*] = cutoff) < 1", {(2, 1): "cutoff"}, False),
        ("pretrained = node 2", {(0, 2): "cutoff", (1, 2): "cutoff", (3, 2): "cutoff"}, True),
        ("pretrained = none", {(0, 2): "cutoff", (1, 2): "cutoff", (3, 2): "cutoff"}, False),
        ("pretrained = some", {(0, 2): "cutoff", (1, 2): "cutoff"}, False),
        ("taught", {(0, 1): "cutoff", (0, 2): "cutoff", (0, 3): "cutoff"}, False),
        ("taught", {(0, 1): "cutoff", (0, 2): "cutoff"}, True),
        ("m[2] = m[3] and m[1] != m[2]", {}, True),
        ("L[aux,1] = L[y,1]", {(0, 1): "linear"}, False),
        ("count(L[*,1] = L[2,1] = L[3,1] = through) = 3", {}, True),
    ],
)
def test_meaning(text: str, changed: dict[tuple[int, int], str], holds: bool) -> None:
    gates = tuple(changed.get(tuple(edge), gate) for edge, gate in DML.items())
    assert parse(text).holds(Graph(DML.models, gates)) is holds


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 0, "expected a condition"),
        ("   ", 3, "expected a condition"),
        ("L[aux,1] = throgh", 11, "unknown gate 'throgh'; did you mean 'through'?"),
        ("m[2] = wrn28-3x", 7, "unknown model 'wrn28-3x'; did you mean 'wrn28-2'?"),
        ("m[2] = through", 7, "m[2] takes a model, and 'through' is a gate"),
        ("L[2,1] = resnet32", 9, "L[2,1] takes a gate, and 'resnet32' is a model"),
        ("L[2,1] = ", 9, "expected a gate, but got the end of the phrase"),
        ("L[2,1]", 6, "expected '=', '!=', 'in' or 'not in' after L[2,1]"),
        ("L[2,1", 5, "expected ']'"),
        ("L[2]", 3, "expected ','"),
        ("L[2,2] = through", 0, "a node does not teach itself"),
        ("L[2,y] = through", 4, "y is the label: nothing flows into it"),
        ("m[y] = resnet32", 2, "y is the label: it has no model"),
        ("m[yy] = resnet32", 2, "expected a node's number"),
        ("m[4] = resnet32", 2, "there is no node 4; nodes are 1 to 3"),
        ("m[0] = resnet32", 2, "there is no node 0"),
        ("L[99999999999999999999,1] = through", 2, "there is no node"),
        ("m[axu] = resnet32", 2, "did you mean 'aux'?"),
        ("through = L[2,1]", 0, "the variable comes first"),
        ("m[2] = wrn28-2 = m[3]", 15, "a value ends a chain"),
        ("m[2] = m[3] != m[1]", 12, "'!=' compares two variables, not a chain"),
        ("m[2] = L[2,1]", 7, "cannot be compared: one is a model, the other a gate"),
        ("L[y,aux] = L[aux,1]", 11, "spell it out: L[y,2] = L[2,1] and L[y,3] = L[3,1]"),
        ("L[aux,1] != L[y,aux]", 12, "two groups in one tie"),
        ("L[2,1] in through", 10, "expected '{'"),
        ("L[2,1] in {}", 11, "expected a gate"),
        ("L[2,1] in {through linear}", 19, "expected ',' or '}'"),
        ("L[2,1] not through", 7, "expected '=', '!=', 'in' or 'not in'"),
        ("L[2,1] = through L[3,1] = through", 17, "expected 'and', 'or' or the end"),
        ("taught AND taught", 7, "did you mean 'and'?"),
        ("taught and", 10, "expected a condition"),
        ("tought", 0, "did you mean 'taught'?"),
        ("(taught", 7, "expected ')'"),
        ("taught)", 6, "expected 'and', 'or' or the end"),
        ("any L[aux,1] = through", 0, "expected a condition"),
        ("any of L[2,1] = through", 7, "'any of' needs a group"),
        ("none of taught", 8, "expected a comparison after 'none of', but got 'taught'; such as L[aux,1] = through"),
        ("count(taught) > 1", 6, "expected a comparison after 'count'"),
        ("untaught", 0, "write not taught"),
        ("all of L[aux,1] = through", 0, "a group means each of its members"),
        ("at least 2 of L[aux,1] = through", 0, "write count("),
        ("1 <= count(L[*,*] = cutoff)", 0, "a count comes before its number"),
        ("L[2,1] = through or linear", 20, "to allow either write in {through, linear}"),
        ("m[1] = resnet32 or wrn28-2", 19, "to allow either write in {resnet32, wrn28-2}"),
        ("pretrained = node 2 and node 3", 24, "write pretrained = node 2"),
        ("L[2,1] == through", 8, "expected a gate, but got '='; one = is enough"),
        ("L[2,1] is through", 7, "but got 'is'; write ="),
        ("L[2,1] IN {through}", 7, "did you mean 'in'?"),
        ("L[2->1] = through", 3, "an edge is written L[2,1]"),
        ("m[target] = resnet32", 2, "the target is node 1"),
        ("L21 = through => L31 = through", 14, "'=>' is not part of the language; write not (one) or (other)"),
        ("L21 = none", 6, "expected a gate, but got 'none'"),
        ("count(L[2,1] = through) > 1", 6, "'count' needs a group"),
        ("count(L[*,1] = through) 4", 24, "expected '=', '!='"),
        ("count(L[*,1] = through) < x", 26, "expected a number"),
        ("count(L[*,1] = through) < 99999", 26, "expected a number"),
        ("count L[*,1] = through < 2", 6, "expected '('"),
        ("pretrained", 10, "expected '=', but got the end of the phrase; pretrained = none, some or node 2"),
        ("pretrained = all", 13, "expected 'none', 'some' or 'node 2'"),
        ("pretrained = node 1", 18, "node 1 is the target"),
        ("pretrained = node 7", 18, "there is no node 7"),
        ("ｍ[2] = wrn28-2", 0, "(U+FF4D) is not part of the language; write m instead"),
        ("m[２] = wrn28-2", 2, "write 2 instead"),
        ("L[y,2] ≠ cutoff", 7, "write != instead"),
        ("m[2] = “wrn28-2”", 7, 'write " instead'),
        ('m[2] = "wrn28-2', 7, "a quotation that does not end"),
        ("m[2] = wrn28-2;", 14, "';' is not part of the language"),
        ("m[2] = wrn28-2\x00", 14, "is not part of the language"),
        ("L[aux,aux] = through", 0, "L[aux,aux] has no member in a space of 2 nodes"),
        ("m9 = resnet32", 0, "there is no node 9"),
        ("L29 = through", 0, "there is no node 9"),
    ],
)
def test_errors_point(text: str, column: int, said: str) -> None:
    nodes = 2 if "2 nodes" in said else 3
    with pytest.raises(PhraseError) as caught:
        parse(text, Vocabulary(nodes), where="constraint 4")
    error = caught.value
    assert error.column == column
    assert said in str(error)
    first, shown, caret = str(error).split("\n")
    assert first.startswith("constraint 4: ")
    assert caret.rstrip().endswith("^")
    assert len(caret) - 1 == column + 2
    assert shown.strip() == "".join(c if c.isprintable() else " " for c in text).strip()


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000 + "taught" + ")" * 10_000, "not " * 900 + "taught", "(" * 41 + "taught" + ")" * 41, "x" * 1_000_000,
     "m[2] = resnet32 and " * 200 + "taught", "🙂" * 4_001],
    ids=["10,000 parentheses", "900 nots", "41 parentheses", "1 MB", "4,006 characters", "4,001 faces"],
)
def test_monsters_are_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(PhraseError, match=r"at most (40 deep|4,000 characters)"):
        parse(text)
    assert time.process_time() - began < 1.0


def test_the_caret_stands_under_the_place_in_a_long_phrase() -> None:
    text = "m[2] = resnet32 and " * 100 + "m[2] = resnet33 and " + "m[2] = resnet32 and " * 50 + "taught"
    with pytest.raises(PhraseError) as caught:
        parse(text)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 90
    assert shown[caret.index("^") :].startswith("resnet33")


def test_two_hundred_damaged_phrases_each_give_one_clear_error() -> None:
    """Whole phrases with characters dropped, doubled, swapped or replaced: an error that points, or another phrase."""
    whole = [
        "L[aux,1] in {through, linear} and not (m[2] = m[3] or pretrained = node 2)",
        "count(L[*,*] = cutoff) <= 4 or any of L[y,aux] != cutoff",
        "L[2,1] = L[3,1] = through and taught and none of m[aux] = m[1]",
    ]
    chance = random.Random(5)
    refused: list[tuple[str, PhraseError]] = []
    while len(refused) < 200:
        text = chance.choice(whole)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(text))
            middle = chance.choice(["", text[place] * 2, chance.choice("[](){},=!<>*yLm29ж ≤"), text[place].upper()])
            text = text[:place] + middle + text[place + 1 :]
        try:
            phrase = parse(text)
        except PhraseError as error:
            refused.append((text, error))
        else:
            assert parse(str(phrase)) == phrase
    for text, error in refused:
        assert 0 <= error.column <= len(text)
        assert error.reason
        assert str(error).count("\n") == 2

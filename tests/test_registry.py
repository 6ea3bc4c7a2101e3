from __future__ import annotations

import importlib
import pickle
import sys

import pytest

from rnn_explorer.registry import Registry, UnknownName


def make(module: str, name: str = "Thing") -> type:
    return type(name, (), {"__module__": module, "__qualname__": name})


def test_keeps_the_order_of_registration():
    registry: Registry[type] = Registry("thing")
    for name in ("zebra", "ant", "mole"):
        assert registry.register(name)(made := make(f"animals.{name}")) is made
    assert registry.names() == ("zebra", "ant", "mole")
    assert [name for name, _ in registry.items()] == ["zebra", "ant", "mole"]
    assert len(registry) == 3 and "ant" in registry and "bee" not in registry


def test_a_key_decides_the_order_and_equals_keep_that_of_registration():
    registry: Registry[type] = Registry("thing", lambda thing: thing.place)
    for name, place in (("zebra", 2), ("ant", 1), ("mole", 2), ("bee", 1)):
        thing = make(f"animals.{name}")
        thing.place = place
        registry.register(name)(thing)
    assert registry.names() == ("ant", "bee", "zebra", "mole")


def test_a_reloaded_definition_takes_the_place_of_the_old_one():
    registry: Registry[type] = Registry("thing")
    old, other, new = make("one"), make("two"), make("one")
    registry.register("a")(old)
    registry.register("b")(other)
    registry.register("a")(new)
    assert registry.get("a") is new
    assert registry.names() == ("a", "b")


def test_another_thing_under_the_same_name_is_refused():
    registry: Registry[type] = Registry("thing")
    registry.register("a")(make("one"))
    with pytest.raises(ValueError, match=r"thing 'a' is already registered by one\.Thing"):
        registry.register("a")(make("two"))
    with pytest.raises(ValueError):
        registry.register("a")(make("one", "Other"))


def test_an_unknown_name_is_told_with_the_nearest_and_all():
    registry: Registry[type] = Registry("cell")
    registry.register("lstm")(make("one"))
    registry.register("gru")(make("two"))
    with pytest.raises(UnknownName) as caught:
        registry.get("lstn")
    assert str(caught.value) == "There is no cell 'lstn'. Did you mean 'lstm'? There are: lstm, gru."
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(UnknownName, match=r"^There is no cell 'xyz'\. There are: lstm, gru\.$"):
        registry.get("xyz")


def test_importing_the_cells_again_registers_them_anew():
    from rnn_explorer.cells import CELLS

    before, home = CELLS.get("gru"), sys.modules["rnn_explorer.cells.gru.facts"]
    try:
        importlib.reload(home)
        assert CELLS.names() == ("rnn", "lstm", "gru")
        assert CELLS.get("gru") is not before
    finally:
        CELLS.register("gru")(before)
        home.GRUFacts = before

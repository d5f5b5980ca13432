"""A proxy behaves as its value, carries its artifact, and pickles by id."""

from __future__ import annotations

import copy
import operator
import pickle
import threading
import time

import numpy as np
import pytest

import provenance as p


def stored(value, **options):
    """A proxy that is not loaded yet."""
    made = p.provenance(name="stored", **options)(lambda value: value)(value)
    return p.load_proxy(made.artifact.id)


def test_what_does_not_load_the_value():
    proxy = stored([1, 2])
    type(proxy), id(proxy), callable(proxy), p.is_proxy(proxy), p.hash(proxy), pickle.dumps(proxy), proxy.artifact
    assert isinstance(proxy, p.ArtifactProxy)
    assert not proxy.is_loaded
    assert not callable(proxy)
    assert proxy == [1, 2]
    assert proxy.is_loaded


def test_it_behaves_as_the_value():
    xs = stored([3, 1, 2])
    assert isinstance(xs, list)
    assert (len(xs), sorted(xs), xs[0], 1 in xs, list(reversed(xs))) == (3, [1, 2, 3], 3, True, [2, 1, 3])
    assert xs + [4] == [3, 1, 2, 4]  # noqa: RUF005  the operator is the point
    assert [0, *xs] == [0, 3, 1, 2]
    assert xs == stored([3, 1, 2])
    n = stored(5)
    assert (n + 1, 1 + n, -n, n**2, divmod(n, 2), round(n), [0] * n) == (6, 6, -5, 25, (2, 1), 5, [0] * 5)
    assert range(10)[n] == 5
    assert operator.index(n) == int(n) == float(n) == 5
    assert f"{n:>3}" == "  5"
    assert str(n) == "5"
    assert hash(n) == hash(5)
    assert {5: "five"}[n] == "five"
    assert not stored([])
    assert stored("text").upper() == "TEXT"
    assert stored({"a": 1})["a"] == 1
    assert {**stored({"a": 1})} == {"a": 1}


def test_the_representation_names_the_artifact_and_shows_the_value():
    proxy = stored([1])
    assert repr(proxy) == f"<ArtifactProxy {proxy.artifact.id[:12]} [1]>"


def test_only_proxies_of_callables_can_be_called():
    fn = stored(operator.neg, serializer="cloudpickle")
    assert callable(fn)
    assert not fn.is_loaded
    assert fn(3) == -3
    assert callable(pickle.loads(pickle.dumps(fn)))
    with pytest.raises(TypeError):
        stored(3)()


def test_it_pickles_by_id():
    proxy = stored(np.arange(100_000))
    data = pickle.dumps(proxy)
    assert len(data) < 400
    assert proxy.artifact.id.encode() in data
    again = pickle.loads(data)
    assert not again.is_loaded
    assert again.artifact == proxy.artifact
    np.testing.assert_array_equal(p.unwrap(again), np.arange(100_000))
    assert pickle.loads(pickle.dumps(again)).artifact_id == proxy.artifact.id


def test_a_transformed_proxy_pickles_with_its_function():
    proxy = stored([1, 2, 3]).transform_value(tuple).transform_value(len)
    again = pickle.loads(pickle.dumps(proxy))
    assert again == 3
    assert again.artifact == proxy.artifact


def test_an_unknown_id_is_said_when_the_artifact_is_asked_for():
    proxy = stored([1])
    data = pickle.dumps(proxy).replace(proxy.artifact.id.encode(), b"0" * 64)
    again = pickle.loads(data)
    with pytest.raises(p.ArtifactNotFoundError, match="0" * 64):
        again.artifact  # noqa: B018


def test_copies_are_plain_values_of_their_own():
    proxy = stored([[1]])
    shallow, deep = copy.copy(proxy), copy.deepcopy(proxy)
    assert type(shallow) is type(deep) is list
    deep[0].append(2)
    assert proxy == [[1]]


@pytest.mark.parametrize("name", ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow"])
def test_in_place_operators_give_plain_values(name):
    proxy = stored(6)
    result = getattr(operator, name)(proxy, 4)
    assert type(result) in {int, float}
    assert result == getattr(operator, name)(6, 4)
    assert proxy == 6


def test_numpy_functions_see_the_array():
    proxy = stored(np.arange(5.0))
    assert isinstance(np.sqrt(proxy), np.ndarray)
    assert type(proxy + np.ones(5)) is np.ndarray
    assert np.add.reduce(proxy) == 10
    assert np.sum(proxy) == 10
    out = np.zeros(5)
    np.add(1, proxy, out=out)
    assert out.tolist() == [1, 2, 3, 4, 5]
    assert np.asarray(proxy).dtype == float


def test_a_path_value_can_be_opened(tmp_path):
    (tmp_path / "x").write_text("1")
    with open(stored(str(tmp_path / "x"))) as file:
        assert file.read() == "1"


def test_threads_load_the_value_once(monkeypatch):
    proxy = stored([1])
    loads, entered, values = [], [], []
    all_entered = threading.Event()

    def load_slowly(self, record):
        all_entered.wait(timeout=30)
        time.sleep(0.05)  # the others come to wait for the value
        loads.append(1)
        return [1]

    monkeypatch.setattr(type(proxy.artifact.repo), "load_value", load_slowly)

    def use():
        entered.append(1)
        if len(entered) == 8:
            all_entered.set()
        values.append(p.unwrap(proxy))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]
    assert len({id(value) for value in values}) == 1


def test_two_callers_never_share_a_mutable_value():
    f = p.provenance(name="shared")(lambda: [1])
    first, second = f(), f()
    first.append(2)
    assert second == [1]
    assert f() == [1]


def test_unwrap_reaches_into_containers():
    a = stored([1])
    assert type(p.unwrap(a)) is list
    nested = {"k": [a, (a, 1)], "s": {2}}
    plain = p.unwrap(nested)
    assert plain == {"k": [[1], ([1], 1)], "s": {2}}
    assert type(plain["k"][0]) is list
    untouched = [1, {"a": (2,)}]
    assert p.unwrap(untouched) is untouched


def test_proxies_and_artifacts_hash_as_the_laws_say():
    value = {"a": [1, 2.5], "b": "text"}
    proxy = stored(value)
    assert p.hash(proxy) == p.hash(value) == proxy.artifact.value_id
    assert p.hash([proxy, 1]) == p.hash([value, 1])
    assert p.hash(proxy.artifact) != p.hash(proxy)
    assert p.hash(proxy.artifact) != p.hash(stored(value, version=1).artifact), "artifacts hash by their id"
    assert not proxy.is_loaded


def test_artifacts_compare_and_pickle_by_id():
    artifact = stored([1]).artifact
    again = pickle.loads(pickle.dumps(artifact))
    assert again == artifact
    assert hash(again) == hash(artifact)
    assert again.repo is artifact.repo
    assert artifact != artifact.id
    assert artifact.proxy() == [1]


def test_dask_tokens_follow_the_value():
    from dask.tokenize import tokenize

    assert tokenize(stored([1])) == tokenize(stored([1], version=1)) != tokenize(stored([2], version=2))


@pytest.mark.parametrize("bad", ["abc", "", "A" * 64, 3, None, b"0" * 64, "0" * 63 + "\n"])
def test_an_id_that_is_none_is_refused(bad):
    with pytest.raises(p.InvalidIdError, match="id"):
        p.load_artifact(bad)
    with pytest.raises(p.InvalidIdError):
        p.load_set_by_id(bad)


def test_loading_what_is_not_there():
    with pytest.raises(p.ArtifactNotFoundError):
        p.load_proxy("0" * 64)
    with pytest.raises(p.SetNotFoundError):
        p.load_set_by_id("0" * 64)

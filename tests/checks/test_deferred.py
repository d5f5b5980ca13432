"""What a first hit does not need is imported when it is first used, and nobody can tell otherwise."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from provenance._util.deferred import Deferred, defer_package
from provenance._util.log import Log


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write modules, by name, into a folder that is imported from; they are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(**modules):
        for name, text in modules.items():
            file = tmp_path / f"{name.replace('__in__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_is_imported_when_something_in_it_is_asked_for(written):
    written(later_module="value = 1\ndef double(): return 2 * value\n")
    later = Deferred("later_module")
    assert "later_module" not in sys.modules
    assert later.double() == 2
    assert "later_module" in sys.modules


def test_it_shares_its_names_with_the_module(written):
    written(shared_module="value = 1\ndef double(): return 2 * value\n")
    later = Deferred("shared_module")
    assert later.value == 1
    sys.modules["shared_module"].value = 2
    assert later.value == 2
    later.value = 3
    assert later.double() == 6


def test_a_name_that_is_not_there_is_an_attribute_error_of_the_module(written):
    written(small_module="")
    for _ in range(2):
        with pytest.raises(AttributeError, match="small_module"):
            _ = Deferred("small_module").missing


def test_a_module_that_cannot_be_imported_says_why_each_time(written):
    written(broken_module="raise RuntimeError('not today')\n")
    later = Deferred("broken_module")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="not today"):
            _ = later.value


def test_modules_of_a_deferred_package_do_not_run_its_own_code(written):
    written(
        lazy__in____init__="from lazy.heavy import weight\n",
        lazy__in__heavy="weight = 7\n",
        lazy__in__light="mass = 1\n",
    )
    defer_package("lazy")
    import lazy.light

    assert lazy.light.mass == 1
    assert "lazy.heavy" not in sys.modules
    assert lazy.weight == 7
    assert lazy.heavy.weight == 7
    with pytest.raises(AttributeError, match="missing"):
        _ = lazy.missing


def test_its_own_code_runs_once_however_many_threads_ask(written):
    written(
        slow__in____init__="import time\nfrom slow import counted\ncounted.runs += 1\ntime.sleep(0.05)\nvalue = 5\n"
    )
    written(slow__in__counted="runs = 0\n")
    defer_package("slow")
    import slow.counted

    found = []
    threads = [threading.Thread(target=lambda: found.append(slow.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    assert (found, slow.counted.runs) == ([5] * 4, 1)


def test_its_own_code_may_fail_and_be_tried_again(written):
    written(
        shaky__in____init__="from shaky import state\nif not state.works: raise RuntimeError('not yet')\nvalue = 5\n"
    )
    written(shaky__in__state="works = False\n")
    defer_package("shaky")
    import shaky.state

    with pytest.raises(RuntimeError, match="not yet"):
        _ = shaky.value
    shaky.state.works = True
    assert shaky.value == 5


def test_packages_that_are_imported_or_missing_are_left_alone():
    defer_package("pytest")
    defer_package("no_such_package_anywhere")
    assert sys.modules["pytest"] is pytest
    assert "no_such_package_anywhere" not in sys.modules


@pytest.mark.parametrize("first", ["import wrapt", "import provenance.artifacts.proxy"])
def test_a_proxy_is_an_object_proxy_of_wrapt_whichever_was_imported_first(first):
    code = (
        f"{first}\n"
        "from provenance.artifacts.proxy import ArtifactProxy\n"
        "import wrapt, wrapt.decorators\n"
        "assert issubclass(ArtifactProxy, wrapt.BaseObjectProxy)\n"
        "assert type(wrapt.ObjectProxy(5) + 1) is int and wrapt.decorators.decorator is wrapt.decorator\n"
        "from wrapt import *\n"
        "assert wrapt.exceptions.WrapperNotInitializedError is WrapperNotInitializedError\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_logging_is_imported_when_there_is_something_to_say():
    code = (
        "import sys\n"
        "from provenance._util.log import Log\n"
        "log = Log('quiet')\n"
        "log.info('nobody asked')\n"
        "assert 'logging' not in sys.modules\n"
        "log.warning('%s is said', 'this')\n"
        "assert 'logging' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr == "this is said\n"


def test_messages_come_from_where_they_are_said(caplog):
    caplog.set_level("INFO", "loud")
    Log("loud").info("%d things", 2)
    Log("loud").warning("and more")
    assert [(one.levelname, one.getMessage(), one.filename) for one in caplog.records] == [
        ("INFO", "2 things", "test_deferred.py"),
        ("WARNING", "and more", "test_deferred.py"),
    ]

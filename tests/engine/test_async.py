"""Coroutine functions."""

from __future__ import annotations

import asyncio

import provenance as p


def test_awaiting_gives_a_proxy_and_the_body_runs_once(calls):
    @p.provenance()
    async def fetch(n):
        await asyncio.sleep(0)
        calls.append(n)
        return [n]

    async def main():
        return [await fetch(1), await fetch(1), *await asyncio.gather(fetch(2), fetch(3))]

    results = asyncio.run(main())
    assert results == [[1], [1], [2], [3]]
    assert all(map(p.is_proxy, results))
    assert sorted(calls) == [1, 2, 3]


def test_nested_calls_and_captures_follow_the_task(repo):
    @p.provenance()
    async def inner(n):
        await asyncio.sleep(0)
        return n

    @p.provenance()
    async def outer(n):
        return await inner(n) + 1

    async def job(n):
        with p.capture_set(f"job{n}") as captured:
            await outer(n)
            await asyncio.to_thread(sync, n)
        return captured[0]

    @p.provenance()
    def sync(n):
        return n

    async def main():
        return await asyncio.gather(*(job(n) for n in range(4)))

    sets = asyncio.run(main())
    for n, captured in enumerate(sets):
        names = sorted(p.load_artifact(key).name for key in captured)
        assert names == ["inner", "outer", "sync"]
        assert captured.labels == {"name": f"job{n}"}
        assert all(p.load_artifact(key).inputs["kargs"] == {"n": n} for key in captured)


def test_ensure_proxies_on_a_coroutine_function():
    @p.ensure_proxies("x")
    @p.provenance()
    async def f(x):
        return x

    async def main():
        good = p.provenance(name="good")(lambda: 1)()
        assert await f(good) == 1
        try:
            await f(2)
        except p.InvalidInputsError:
            return True
        return False

    assert asyncio.run(main())


def test_provenance_set_on_a_coroutine_function():
    @p.provenance_set("coro")
    async def job():
        return p.provenance(name="one")(lambda: 1)()

    artifact_set = asyncio.run(job())
    assert len(artifact_set) == 1
    assert p.load_set_by_name("coro") == artifact_set

"""A TCP proxy that makes a server seem far away: what is sent arrives later, in each direction."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.servers.processes import HOST

_AT_ONCE = 1 << 16


@dataclass
class Delaying:
    """A running proxy.

    Attributes
    ----------
    port : int
        Where it listens.
    waiting, most_waiting : int
        Connections whose client waits for an answer, now and at most so far.
    """

    target: int
    seconds: float
    port: int = 0
    waiting: int = 0
    most_waiting: int = 0

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, until either side ends it."""
        far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        asked = [False]
        try:
            # The proxy may be stopped before its clients hang up.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(
                    self._carry(reader, far_writer, asked, is_question=True),
                    self._carry(far_reader, writer, asked, is_question=False),
                )
        finally:
            self._note(asked, is_question=False)
            for each in (writer, far_writer):
                each.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: list[bool], *, is_question: bool
    ) -> None:
        """Whatever arrives is sent on a while later; what arrives next does not wait for it."""
        loop = asyncio.get_running_loop()
        on_its_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await on_its_way.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
                if not is_question:
                    self._note(asked, is_question=False)
            with contextlib.suppress(OSError):
                writer.write_eof()

        delivering = loop.create_task(deliver())
        data = b"?"
        while data:
            try:
                data = await reader.read(_AT_ONCE)
            except OSError:
                data = b""
            if data and is_question:
                self._note(asked, is_question=True)
            on_its_way.put_nowait((loop.time() + self.seconds, data))
        with contextlib.suppress(OSError):
            await delivering

    def _note(self, asked: list[bool], *, is_question: bool) -> None:
        self.waiting += is_question - asked[0]
        asked[0] = is_question
        self.most_waiting = max(self.most_waiting, self.waiting)


@contextmanager
def delaying(target: int, seconds: float) -> Iterator[Delaying]:
    """Start a proxy in front of the server at the port `target`; what is sent takes `seconds` longer, each way."""
    proxy = Delaying(target, seconds)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy.relay, HOST, 0))
    proxy.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="delaying", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_end_all())
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

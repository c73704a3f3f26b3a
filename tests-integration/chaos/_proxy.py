"""The link between workers and one viewer, which can be cut or fall silent while both live."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine

CHUNK = 1 << 16
HOST = "127.0.0.1"


class Channel:
    """One port of a viewer, seen through the proxy; all methods run in the proxy's thread."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._ends: set[asyncio.StreamWriter] = set()

    async def listen(self) -> asyncio.Server:
        """Take connections from now on."""
        server = await asyncio.start_server(self._connect, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def cut(self) -> None:
        """Drop all connections, and every new one."""
        self._is_cut = True
        self._drop()

    def fall_silent(self) -> None:
        """Take bytes in, up to what the system buffers, and pass none on."""
        self._flows.clear()

    def heal(self) -> None:
        """Take connections again and pass on what waited."""
        self._is_cut = False
        self._flows.set()

    def _drop(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._ends |= ends
        try:
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()


class Proxy:
    """Both channels of one viewer, in a thread of their own."""

    def __init__(self, data_port: int, control_port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-proxy", daemon=True)
        self._thread.start()
        self.data, self.control = Channel(data_port), Channel(control_port)
        self._await(self._listen())

    def point_to(self, data_port: int, control_port: int) -> None:
        """Pass on to these ports from now on: the viewer's next life may have others."""
        self.data.target, self.control.target = data_port, control_port

    def do(self, *acts: Callable[[], None]) -> None:
        """Do these things to channels, all at once."""

        async def all_at_once() -> None:
            for act in acts:
                act()

        self._await(all_at_once())

    def close(self) -> None:
        """Drop everything."""
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._servers = [await channel.listen() for channel in (self.data, self.control)]

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _await(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

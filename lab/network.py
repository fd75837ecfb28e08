"""A network between an operator and the API server that can be cut, as when a node loses its connection to the control plane."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import yaml

HOST = "127.0.0.1"


class Line:
    """Passes on the bytes of TCP connections to the API server. While it is cut they go nowhere, and connections stay open:
    nobody is told, as when packets are dropped."""

    def __init__(self, server: str) -> None:
        """`server` is the URL of the API server."""
        url = urlsplit(server)
        self._host, self._port = url.hostname or HOST, url.port or 443
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._listening: asyncio.Server
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.start_server(self._serve, HOST, 0)
        self._listening = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self._listening.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._open.clear)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._open.set)

    def kubeconfig(self, original: Path, made: Path) -> Path:
        """A kubeconfig that leads through this line. The server's certificate is for the same host."""
        content = yaml.safe_load(original.read_text())
        for each in content["clusters"]:
            each["cluster"]["server"] = f"https://{HOST}:{self.port}"
        made.write_text(yaml.safe_dump(content))
        return made

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # asyncio would print one that was cancelled (Python 3.11)
            onward_reader, onward_writer = await asyncio.open_connection(self._host, self._port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, onward_writer))
                group.create_task(self._pass_on(onward_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            return  # one end is gone: the other is closed below
        finally:
            writer.close()

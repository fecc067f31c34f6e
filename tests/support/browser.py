"""Headless Chromium for tests, by its DevTools protocol: open a page, run scripts on it, hear its complaints."""

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
PATIENCE = 400  # seconds: MLflow's pages take ten of a core to show, minutes where others want it too
HARMLESS = ("ResizeObserver loop", "AG Grid: since", "preload", "mlflow/users/current")  # MLflow's own pages'


class Tab:
    """One page. `said`: warnings and errors of its console, and of requests that failed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket):
        self._loop, self._socket, self._count = loop, socket, 0
        self.said: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params) -> dict:
        """A command of the DevTools protocol and its result."""
        return self._loop.run_until_complete(self._call(method, params))

    def visit(self, address: str, *, until: str = "true", seconds: float = PATIENCE) -> float:
        """Open a page and wait until a JavaScript expression holds -> seconds from navigation to that."""
        started = time.perf_counter()
        self.call("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && ({until})", seconds=seconds)
        return time.perf_counter() - started

    def wait(self, expression: str, *, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not self.run(expression):
            assert time.monotonic() < deadline, f"not in {seconds:g} s: {expression}; the page said {self.said}"
            time.sleep(0.02)

    def run(self, expression: str):
        """The value of a JavaScript expression, awaited if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"].get("exception", answer["exceptionDetails"]))
        return answer["result"].get("value")

    def save(self, path: Path, *, pdf: bool = False) -> None:
        """A screenshot of the whole page, or the page as it would be printed."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        answer = (
            self.call("Page.printToPDF", printBackground=True)
            if pdf
            else self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        )
        Path(path).write_bytes(base64.b64decode(answer["data"]))

    async def _call(self, method: str, params: dict) -> dict:
        self._count += 1
        mine = self._count
        await self._socket.send_str(json.dumps({"id": mine, "method": method, "params": params}))
        while True:
            message = json.loads((await asyncio.wait_for(self._socket.receive(), 120)).data)
            self._hear(message)
            if message.get("id") == mine:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]

    def _hear(self, message: dict) -> None:
        params = message.get("params", {})
        texts = {
            "Runtime.consoleAPICalled": lambda: (
                params["type"] in ("error", "warning", "assert")
                and " ".join(str(part.get("value", part.get("description"))) for part in params["args"])
            ),
            "Runtime.exceptionThrown": lambda: params["exceptionDetails"].get("exception", {}).get("description", "?"),
            "Log.entryAdded": lambda: (
                params["entry"]["level"] == "error" and f"{params['entry']['text']} {params['entry'].get('url', '')}"
            ),
        }
        text = texts.get(message.get("method"), lambda: False)()
        if text and not any(words in text for words in HARMLESS):
            self.said.append(text)


@contextlib.contextmanager
def browser(folder: Path, *, width: int = 1400, height: int = 1000) -> Iterator[Tab]:
    """A tab of a fresh Chromium whose profile lies in `folder`; skips the test where there is none."""
    import aiohttp

    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    profile = Path(folder) / "profile"
    process = subprocess.Popen(
        [found, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", *QUIET,
         f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    loop = asyncio.new_event_loop()

    async def connect():
        deadline = time.monotonic() + 60
        place = profile / "DevToolsActivePort"
        while not (place.exists() and (words := place.read_text().split())):  # it is written after it is there
            assert process.poll() is None and time.monotonic() < deadline, "the browser does not start"
            await asyncio.sleep(0.05)
        port = words[0]
        session = aiohttp.ClientSession()
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [page for page in await answer.json(content_type=None) if page["type"] == "page"]
        return session, await session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)

    session = None
    try:
        session, socket = loop.run_until_complete(connect())
        yield Tab(loop, socket)
    finally:
        if session:
            loop.run_until_complete(session.close())
        loop.close()
        process.terminate()
        process.wait(timeout=30)

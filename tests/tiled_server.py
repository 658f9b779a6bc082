"""A Tiled server in a process of its own, which tests may kill and start again.

    python tests/tiled_server.py FOLDER PORT KEY [public] [quiet]

`public`: anyone may read; `quiet`: it offers no subscriptions.
"""

import copy
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class TiledServer:
    """Start, stop and kill a server; `client` writes into it."""

    def __init__(self, folder, *words):
        self.folder, self.words = Path(folder), words
        self.port, self.key = free_port(), f"key{secrets.token_hex(12)}"
        self.url = f"http://127.0.0.1:{self.port}/api/v1"
        self.process = None
        self.start()

    def start(self):
        import httpx

        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(HERE), str(self.folder), str(self.port), self.key]
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen([*command, *self.words], stdout=log, stderr=log)
        while True:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def client(self):
        from tiled.client import from_uri

        return from_uri(self.url, api_key=self.key)


def serve(folder, port, key, words):
    import uvicorn
    from tiled.catalog import from_uri
    from tiled.commandline._catalog import init
    from tiled.config import Authentication, StreamingCacheConfig
    from tiled.server.app import build_app
    from tiled.server.logging_config import LOGGING_CONFIG

    database = f"sqlite:///{folder}/catalog.db"
    if not (folder / "catalog.db").exists():
        init(database, if_not_exists=True)
    (folder / "data").mkdir(exist_ok=True)
    cache = None if "quiet" in words else StreamingCacheConfig(uri="memory").model_dump()
    catalog = from_uri(
        database,
        writable_storage=[folder / "data", f"sqlite:///{folder}/tables.db"],
        cache_config=cache,
    )
    access = Authentication(single_user_api_key=key, allow_anonymous_access="public" in words)
    app = build_app(catalog, authentication=access)
    log = copy.deepcopy(LOGGING_CONFIG)
    uvicorn.run(app, port=port, log_config=log, loop="asyncio")


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    serve(Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3], sys.argv[4:])

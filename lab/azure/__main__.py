"""`python -m lab.azure --dir DIR`: runs all of Azure in the foreground, until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from lab.azure import seeded
from lab.azure.azurite import Azurite, CannotStartError, blob_service
from lab.azure.blob.service import BlobService
from lab.azure.calls import CallLog
from lab.azure.certificates import Certificates
from lab.azure.control_api import ControlApi
from lab.azure.dispatcher import Dispatcher
from lab.azure.entra.issuers import Issuers
from lab.azure.entra.service import Entra
from lab.azure.faults import Faults
from lab.azure.proxy import Proxy
from lab.azure.resource_manager.service import ResourceManager
from lab.azure.seed import seed, seed_blobs
from lab.azure.settings import Settings
from lab.azure.state import AzureState
from lab.azure.tokens import SigningKey

REPOSITORY = Path(__file__).resolve().parents[2]
AZURITE = Path(os.environ.get("LAB_AZURITE") or REPOSITORY / "node_modules" / ".bin" / "azurite")
KEEP_ALIVE = 600
"""Seconds that an idle connection is kept. A client may use it again at its next resync."""


async def run(folder: Path, azurite_program: Path) -> None:
    """Start every part, write their addresses to azure.json, and run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    certificates = Certificates(folder)
    # Azurite takes the longest by far. Everything else is set up while it starts.
    starting = asyncio.create_task(Azurite.start(azurite_program, folder, certificates))
    key = await asyncio.to_thread(SigningKey)
    state = AzureState(Settings())
    seed(state)
    calls, faults, issuers = CallLog(), Faults(), Issuers(state.settings, state.clock)
    azurite = await starting
    try:
        await seed_blobs(azurite)
        arm = ResourceManager(state, key, azurite)
        clients: dict[object, str] = {}
        dispatcher = Dispatcher(
            state, arm, Entra(state, key, issuers), BlobService(state, key, azurite), issuers, calls, faults, clients
        )
        server = web.Server(dispatcher.handle, keepalive_timeout=KEEP_ALIVE, access_log=None)
        listener = await Proxy(certificates, server, dispatcher.refusal_for, clients).start()
        control = ControlApi(state, key, issuers, calls, faults, arm.throttle)
        runner = web.AppRunner(control.application(), access_log=None, keepalive_timeout=KEEP_ALIVE)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _announce(folder, certificates.ca_file, listener.sockets[0].getsockname()[1], runner.addresses[0][1])
        await stop.wait()
        listener.close()
        faults.clear()
        await asyncio.gather(server.shutdown(timeout=0.2), runner.cleanup(), arm.close())
    finally:
        (folder / "azure.json").unlink(missing_ok=True)
        await azurite.stop()


def _announce(folder: Path, ca_file: Path, proxy: int, control: int) -> None:
    about = {
        "pid": os.getpid(),
        "proxy": f"http://127.0.0.1:{proxy}",
        "control": f"http://127.0.0.1:{control}",
        "ca": str(ca_file),
        "tenant": seeded.TENANT,
        "subscription": seeded.SUBSCRIPTION,
        "issuer": seeded.ISSUER,
        "operator_client_id": seeded.OPERATOR_CLIENT,
    }
    partial = folder / "azure.json.partial"
    partial.write_text(json.dumps(about, indent=2) + "\n")
    partial.replace(folder / "azure.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.azure", description="Azure on one machine, until SIGTERM.")
    parser.add_argument("--dir", type=Path, required=True, help="where ca.pem and azure.json go")
    parser.add_argument(
        "--azurite", type=Path, default=AZURITE, help="the azurite program (LAB_AZURITE; default: node_modules/.bin)"
    )
    arguments = parser.parse_args()
    folder: Path = arguments.dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "azure.json").unlink(missing_ok=True)
    try:
        asyncio.run(run(folder, blob_service(arguments.azurite)))
    except CannotStartError as error:
        sys.exit(f"Azure cannot start: {error}")


if __name__ == "__main__":
    main()

"""The web server of `cryoaniso serve`: Voila, with a page, a token and a limit."""

from __future__ import annotations

import errno
import json
import logging
import socket
import tempfile
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Int, Unicode
from traitlets.config import Config
from voila.app import Voila

from ..errors import SettingsError
from ..results.system import reason

__all__ = ["free_port", "serve"]

IDLE_SECONDS = 600  # after which the kernel of a page that nobody looks at any more ends
LOOK_SECONDS = 30

PAGE: dict[str, Any] = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "explore",
            "metadata": {},
            "outputs": [],
            "source": "import cryoaniso_nb as ca\n\nca.explore()",
        }
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "title": "Anisotropy of cryo-EM maps",
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


class Kernels(AsyncMappingKernelManager):
    """A kernel for each visitor, in the folder that is shown, up to a limit."""

    visitors = Int(4).tag(config=True)
    folder = Unicode().tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._starting = 0

    async def start_kernel(  # type: ignore[override]
        self, *, path: str | None = None, **options: Any
    ) -> str:
        """Start one, unless all places are taken."""
        if len(self.list_kernel_ids()) + self._starting >= self.visitors:
            places = "The only place is" if self.visitors == 1 else f"All {self.visitors} places are"
            raise HTTPError(503, reason=f"{places} taken. Try again when somebody has left")
        self._starting += 1
        try:
            return str(await super().start_kernel(**{**options, "cwd": self.folder}))
        finally:
            self._starting -= 1


def free_port(host: str, port: int) -> int:
    """See that a port can be listened at.

    Parameters
    ----------
    host : str
        Address to listen at.
    port : int
        0 for any.

    Returns
    -------
    int
        The port.

    Raises
    ------
    SettingsError
        When it is taken, or forbidden, or the address isn't this machine's.
    """
    if not 0 <= port < 65536:
        raise SettingsError(f"--port is {port}, but it must lie between 0 and 65535.")
    try:
        with socket.create_server((host, port)) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        taken = "another program has it" if error.errno == errno.EADDRINUSE else reason(error)
        raise SettingsError(f"Can't listen at {host}:{port}: {taken}; choose another --port or --host.") from error


def serve(folder: Path, host: str, port: int, *, token: str, visitors: int) -> None:
    """Serve until the process is told to end; all kernels end with it.

    Parameters
    ----------
    folder : Path
        Where kernels run.
    host : str
        Address to listen at.
    port : int
        That `free_port` gave.
    token : str
        What a visitor must know.
    visitors : int
        Kernels at the same time, at most.
    """
    with tempfile.TemporaryDirectory(prefix="cryoaniso-") as place:
        page = Path(place, "explorer.ipynb")
        page.write_text(json.dumps(PAGE), encoding="utf-8")
        config = Config()
        config.Voila.ip, config.Voila.port, config.Voila.port_retries = host, port, 0
        config.Voila.open_browser, config.Voila.token, config.Voila.root_dir = False, token, place
        config.Voila.log_level = logging.ERROR
        config.VoilaConfiguration.multi_kernel_manager_class = Kernels
        config.VoilaConfiguration.file_allowlist = []
        config.KernelManager.transport = "ipc"  # other users of this machine can't reach a kernel
        config.Kernels.visitors, config.Kernels.folder = visitors, str(folder)
        config.Kernels.cull_idle_timeout, config.Kernels.cull_interval = IDLE_SECONDS, LOOK_SECONDS
        server = Voila(config=config)
        server.initialize([str(page)])
        server.start()

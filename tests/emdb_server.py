"""A server like EMDB's on this machine, with the faults of networks and servers."""

from __future__ import annotations

import http.server
import json
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

import cryoaniso_nb as ca

Handler = http.server.BaseHTTPRequestHandler
Fault = Callable[[Handler, bytes], None]


def record(number: int = 8731, **changes: Any) -> dict[str, Any]:
    """A record of the shape EMDB gives."""
    final = {
        "resolution": {"valueOf_": "4.2", "units": "Å", "res_type": "BY AUTHOR"},
        "applied_symmetry": {"point_group": "C3"},
    }
    return {
        "emdb_id": f"EMD-{number:04d}",
        "admin": {"title": "A trimer, tilted"},
        "map": {
            "file": f"emd_{number:04d}.map.gz",
            "pixel_spacing": {"x": {"units": "Å", "valueOf_": "1.31"}},
            "contour_list": {"contour": [{"primary": False, "level": 0.9}, {"primary": True, "level": 0.021}]},
        },
        "structure_determination_list": {
            "structure_determination": [{"image_processing": [{"final_reconstruction": final}]}]
        },
        "interpretation": {
            "half_map_list": {"half_map": [{"file": f"emd_{number:04d}_half_map_{i}.map.gz"} for i in (1, 2)]},
            "segmentation_list": {"segmentation": [{"file": f"emd_{number:04d}_msk_1.map"}]},
        },
        **changes,
    }


class EmdbServer:
    """EMDB's hosts as one folder on 127.0.0.1; answers in HTTP/1.1, with ranges.

    ``faults[end of a path]`` holds what is done in place of the next answers for it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str]] = []  # path and range asked for
        self.faults: dict[str, deque[Fault]] = {}
        self.stopping = threading.Event()
        server = self

        class Answers(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append((self.path, self.headers.get("Range", "")))
                path = folder / unquote(self.path).lstrip("/")
                content = path.read_bytes() if path.is_file() else b""
                for end, faults in server.faults.items():
                    if self.path.endswith(end) and faults:
                        faults.popleft()(self, content)
                        return
                if not path.is_file():
                    self.send_error(404)
                    return
                answer(self, content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.stopping.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def put_record(self, data: dict[str, Any] | bytes, number: int = 8731) -> None:
        (self.folder / "api").mkdir(parents=True, exist_ok=True)
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        (self.folder / "api" / f"EMD-{number:04d}").write_bytes(content)

    def put_entry(self, number: int, maps: ca.HalfMaps, mask: Any = None) -> None:
        """An entry with its half maps and, if there is one, mask."""
        entry = self.folder / "structures" / f"EMD-{number:04d}"
        (entry / "other").mkdir(parents=True)
        (entry / "masks").mkdir()
        for i, half in enumerate((maps.half1, maps.half2), 1):
            path = entry / "other" / f"emd_{number:04d}_half_map_{i}.map.gz"
            ca.write_map(path, np.asarray(half, np.float32), maps.voxel_size)
        data = record(number)
        if mask is None:
            del data["interpretation"]["segmentation_list"]
        else:
            ca.write_map(entry / "masks" / f"emd_{number:04d}_msk_1.map", np.asarray(mask, np.float32), maps.voxel_size)
        self.put_record(data, number)

    def path_of(self, name: str, number: int = 8731) -> Path:
        kind = "masks" if "_msk_" in name else "other"
        return self.folder / "structures" / f"EMD-{number:04d}" / kind / name

    def next(self, end: str, *faults: Fault) -> None:
        """What is done in place of the next answers for paths with this end."""
        self.faults.setdefault(end, deque()).extend(faults)

    def options(self, cache: Path) -> dict[str, Any]:
        return {"cache": cache, "api": f"{self.url}/api", "files": f"{self.url}/structures"}


# --- answers -----------------------------------------------------------------------------


def answer(handler: Handler, content: bytes, *, etag: str = '"1"', length: int | None = None) -> None:
    """The content as a server gives it, or the part that was asked for."""
    start = 0
    asked = handler.headers.get("Range", "")
    if asked and handler.headers.get("If-Range") == etag:
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        handler.send_response(200)
    handler.send_header("ETag", etag)
    handler.send_header("Content-Length", str(len(content) - start if length is None else length))
    handler.end_headers()
    handler.wfile.write(content[start:])


def status(code: int) -> Fault:
    """An error."""
    return lambda handler, content: handler.send_error(code)


def cut(share: float = 0.5) -> Fault:
    """Only the first part of what is left, then a closed connection."""

    def fault(handler: Handler, content: bytes) -> None:
        start = 0
        if handler.headers.get("If-Range") == '"1"':
            start = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
        stop = start + int(share * (len(content) - start))
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("ETag", '"1"')
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start:stop])
        handler.wfile.flush()
        handler.close_connection = True

    return fault


def instead(content: bytes, **options: Any) -> Fault:
    """Something else with status 200."""
    return lambda handler, _content: answer(handler, content, **options)


def leads_to(location: str) -> Fault:
    """A redirect."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return fault


def hang_up(handler: Handler, content: bytes) -> None:
    """No answer at all."""
    handler.close_connection = True


def drip(server: EmdbServer) -> Fault:
    """A byte now and then, until the server is closed."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for place in range(len(content)):
            if server.stopping.wait(0.01):
                break
            try:
                handler.wfile.write(content[place : place + 1])
            except OSError:
                break
        handler.close_connection = True

    return fault

"""What only the page can do: hand over a file, copy a text."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import anywidget

__all__ = ["Page"]


class Page(anywidget.AnyWidget):
    """Hands files and texts over to the browser; keeps nothing, so that saved notebooks stay small."""

    _esm = """
    function render({ model, el }) {
      el.style.display = "none";
      const hear = (message, buffers) => {
        if (message.copy !== undefined) {
          navigator.clipboard.writeText(message.copy).catch(() => window.prompt("Copy", message.copy));
          return;
        }
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([buffers[0]], { type: "application/octet-stream" }));
        link.download = message.download;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      };
      model.on("msg:custom", hear);
      return () => model.off("msg:custom", hear);
    }
    export default { render };
    """

    def download(self, path: Path) -> None:
        """Let the browser save a file, or a folder as a ZIP archive.

        Parameters
        ----------
        path : Path
            Where it is on the kernel's machine.
        """
        if path.is_dir():
            self.send({"download": f"{path.name}.zip"}, [_zipped(path)])
        else:
            self.send({"download": path.name}, [path.read_bytes()])

    def copy_text(self, text: str) -> None:
        """Put a text into the browser's clipboard.

        Parameters
        ----------
        text : str
            What to copy.
        """
        self.send({"copy": text})


def _zipped(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                archive.write(path, Path(folder.name) / path.relative_to(folder))
    return stream.getvalue()

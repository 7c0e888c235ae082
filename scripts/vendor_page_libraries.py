"""Take the web page's libraries from npm into the package: pinned versions, checked digests, licences kept.

Run it after changing a version here; what it writes is committed, so neither a build nor a run needs npm.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src" / "leanpix" / "web" / "page" / "vendor"


@dataclass(frozen=True)
class Library:
    """An npm package: its digest as the registry gives it, and which of its files are taken under which names."""

    name: str
    version: str
    integrity: str
    files: dict[str, str]


LIBRARIES = [
    Library(
        "client-zip",
        "2.5.1",
        "sha512-yOvNSBsQX1B7wtdvIVXJEIIShrlPiX+adhli7sWvQhsx3nX1DjvpSt+AwOxaX+3DCsT/Yx0nRy5hIjRLIYfebw==",
        {"index.js": "client-zip.js", "LICENSE.txt": "client-zip.LICENSE.txt"},
    ),
    Library(
        "swagger-ui-dist",
        "5.35.0",
        "sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        {
            "swagger-ui-bundle.js": "swagger-ui.js",
            "swagger-ui.css": "swagger-ui.css",
            "LICENSE": "swagger-ui.LICENSE.txt",
            "NOTICE": "swagger-ui.NOTICE.txt",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui.parts.LICENSE.txt",
        },
    ),
    Library(
        "img-comparison-slider",
        "8.0.7",
        "sha512-BALViPtL2FgcCa9K8KkrmhWuyeDkVu6XVwBoRm9pU8Y6P1rjw31zujuEMBWTz2w6W30zzdQZNTccvg7J9Gf/LQ==",
        # Its npm package holds no licence text: img-comparison-slider.LICENSE.txt is its repository's.
        {"dist/index.js": "img-comparison-slider.js"},
    ),
    Library(
        "thumbhash",
        "0.1.1",
        "sha512-kH5pKeIIBPQXAOni2AiY/Cu/NKdkFREdpH+TLdM0g6WA7RriCv0kPLgP731ady67MhTAqrVG/4mnEeibVuCJcg==",
        # Its npm package holds no licence text either: thumbhash.LICENSE.txt is its repository's.
        {"thumbhash.js": "thumbhash.js"},
    ),
]


def main() -> int:
    """Write every library's files."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for library in LIBRARIES:
        with tempfile.TemporaryDirectory() as folder:
            take(library, download(library, Path(folder)))
        print(f"{library.name} {library.version}: {', '.join(library.files.values())}")
    return 0


def download(library: Library, folder: Path) -> Path:
    """The package's archive, checked against its digest; SystemExit where it differs."""
    command = ["npm", "pack", "--silent", f"{library.name}@{library.version}"]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603 - a fixed command
    archive = next(folder.glob("*.tgz"))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != library.integrity:
        raise SystemExit(f"{library.name} {library.version} has the digest sha512-{digest}: not the pinned one")
    return archive


def take(library: Library, archive: Path) -> None:
    """Write the files that are wanted, with a first line that says where they come from."""
    with tarfile.open(archive) as members:
        for source, name in library.files.items():
            file = members.extractfile(f"package/{source}")
            if file is None:
                raise SystemExit(f"{library.name} {library.version} has no file {source}")
            (TARGET / name).write_bytes(origin(library, name) + without_source_map(file.read()))


def origin(library: Library, name: str) -> bytes:
    """A comment for scripts and styles, nothing for licences."""
    is_code = name.endswith((".js", ".css"))
    return f"/* {library.name} {library.version}, from npm, unchanged */\n".encode() if is_code else b""


def without_source_map(content: bytes) -> bytes:
    """Source maps are not shipped: a browser's tools would ask for a file that is not there."""
    lines = content.splitlines(keepends=True)
    maps = (b"//# sourceMappingURL=", b"/*# sourceMappingURL=")
    return b"".join(line for line in lines if not line.startswith(maps))


if __name__ == "__main__":
    sys.exit(main())

"""Put a pinned uv into .tools/ with nothing but the standard library.

Debian's bare python3 has neither pip nor ensurepip, so the wheel is taken from the package index directly
and checked against the digest below. A machine that reaches its index only through pip's own settings
(a mirror, a proxy) is served by the first attempt, which asks pip where there is one.
"""

import hashlib
import io
import json
import platform
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

VERSION = "0.13.9"
INDEX = f"https://pypi.org/pypi/uv/{VERSION}/json"
WHEELS = {
    ("x86_64", "glibc"): "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ("aarch64", "glibc"): "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ("x86_64", ""): "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    ("aarch64", ""): "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
}
TOOLS = Path(__file__).resolve().parent.parent / ".tools"


def main() -> int:
    """Install uv unless the pinned version is already there."""
    target = TOOLS / "uv"
    if target.exists():
        return 0
    TOOLS.mkdir(exist_ok=True)
    if not by_pip(target):
        by_download(target)
    print(f"uv {VERSION} is in {target}")
    return 0


def by_pip(target: Path) -> bool:
    """Ask pip, which knows this machine's mirrors; False where there is no pip or it fails."""
    home = TOOLS / "uv-package"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(home),
        f"uv=={VERSION}",
    ]
    done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a fixed command
    binary = home / "bin" / "uv"
    if done.returncode != 0 or not binary.exists():
        return False
    target.symlink_to(binary.relative_to(TOOLS))
    return True


def by_download(target: Path) -> None:
    """Fetch the wheel of this platform, check its digest and unpack the one binary."""
    libc = platform.libc_ver()[0]
    digest = WHEELS.get((platform.machine(), libc))
    if digest is None:
        raise SystemExit(
            f"no uv wheel is pinned for {platform.machine()} {libc or 'musl'}: install uv {VERSION} yourself"
        )
    with urllib.request.urlopen(INDEX, timeout=60) as answer:
        files = json.load(answer)["urls"]
    url = next(f["url"] for f in files if f["digests"]["sha256"] == digest)
    with urllib.request.urlopen(url, timeout=300) as answer:  # noqa: S310 - the index's own https address
        wheel = answer.read()
    if hashlib.sha256(wheel).hexdigest() != digest:
        raise SystemExit("the downloaded uv wheel does not match its pinned digest")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        target.write_bytes(archive.read(member))
    target.chmod(0o755)


if __name__ == "__main__":
    raise SystemExit(main())

"""What a process loads: a server at rest is made of its imports, and each child of its zygote's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Of a machine by itself, and why it may not be loaded by what serves.
NOT_IN_A_SERVER = {
    "numpy": "pictures are for locked processes alone",
    "pyvips": "the same",
    "leanpix.engine": "the same",
    "rich": "structlog would colour tracebacks with it that are text by then",
    "pygments": "rich's",
    "alembic": "a new file is made as it is today",
    "mako": "alembic's",
    "sqlalchemy.dialects.postgresql": "the database of many machines",
    "psycopg": "the same",
    "procrastinate": "the same",
    "obstore": "the file store of many machines",
    "pydantic_settings": "settings are read by hand",
    "httpx": "the command line's client",
    "idna": "names of hosts that are not ASCII",
    "brotli": "coded bodies from elsewhere",
    "backports.zstd": "the same",
    "opentelemetry": "an extra that is set",
    "leanpix.cli.sync": "another command",
    "leanpix.cli.batch": "the same",
    "leanpix.client": "the same",
    "leanpix.web.openapi": "a document that is made when it is asked for",
}
# Of a process that decodes.
NOT_IN_A_DECODER = {
    "numpy.ma": "np.unique would load it",
    "pydantic": "answers are checked by those who get them",
    "structlog": "it logs nothing",
    "sqlalchemy": "it has no database",
    "asyncio": "it has no event loop",
    "ssl": "it has no network",
    "leanpix.web": "it serves nothing",
}

SERVER = """
import sys
from pathlib import Path
from threading import Event
import leanpix.cli, leanpix.cli.serve, leanpix.cli.serving
from leanpix.bootstrap.api import make_api
from leanpix.bootstrap.companions import make_companions
from leanpix.bootstrap.pools import make_pool
from leanpix.bootstrap.stores import open_stores
from leanpix.bootstrap.telemetry import make_telemetry
from leanpix.bootstrap.workers import make_worker
from leanpix.settings import read_settings
stores = open_stores(read_settings(data_dir=Path(sys.argv[1])), serves=True, works=True)
stores.admin.ensure_owner()
pool = make_pool(stores.settings)
telemetry = make_telemetry(stores, pool)
make_api(stores, pool, telemetry, Event(), Event())
make_worker(stores, pool, telemetry)
make_companions(stores, telemetry)
stores.close()
"""
DECODER = """
import io, sys
from leanpix.worker.children.picture_job import compress_within_budget
from leanpix.worker.children.zygote import ENGINE_MODULES, prepare
for name in ENGINE_MODULES:
    prepare(name)
from PIL import Image
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
picture = Image.radial_gradient("L").convert("RGB")
for kind in ("JPEG", "PNG", "WEBP"):
    source = io.BytesIO()
    picture.save(source, kind)
    for format in OutputFormat.JPG, OutputFormat.PNG, OutputFormat.WEBP:
        compress_within_budget(source.getvalue(), CompressionOptions(format=format, quality=80))
"""
LOADED = "print('loaded', *sorted(sys.modules))"


def loaded(code: str, *arguments: str | Path) -> set[str]:
    words = [sys.executable, "-c", f"{code}\n{LOADED}", *arguments]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    return set(told.split())


@pytest.fixture(scope="module")
def of_server(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return loaded(SERVER, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def of_decoder() -> set[str]:
    return loaded(DECODER)


@pytest.mark.parametrize("name", NOT_IN_A_SERVER)
def test_a_server_of_one_machine_holds_no(name: str, of_server: set[str]) -> None:
    assert name not in of_server, NOT_IN_A_SERVER[name]


@pytest.mark.parametrize("name", NOT_IN_A_DECODER)
def test_a_process_that_decodes_holds_no(name: str, of_decoder: set[str]) -> None:
    assert name not in of_decoder, NOT_IN_A_DECODER[name]


def test_what_is_looked_at_is_a_server_and_a_decoder(of_server: set[str], of_decoder: set[str]) -> None:
    assert {"uvicorn", "starlette", "sqlalchemy", "structlog"} <= of_server
    assert {"numpy", "pyvips", "leanpix.engine.compress"} <= of_decoder

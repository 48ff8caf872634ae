"""What settings cost beside other libraries: a cold process, a warm reading and its parts, and the rules alone.

Every variant reads the same seven variables from the same `.env` file (`os.getenv` has them exported, since it
reads no file) and makes the same choice of a database's URL. `python -m benchmarks settings` prints all tables.
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Final
from unittest.mock import patch

from benchmarks.measure import Sample, ratio, table
from settings import Settings
from settings.envfile import parse, process_candidates, process_sources
from settings.gitindex import is_tracked
from settings.notices import notices
from settings.reading import Reading, Sources
from settings.rules import decide

PROJECT: Final = Path(__file__).parent.parent
ROUNDS: Final = 15
CALLS: Final = 100
VALUES: Final = {
    "DATABASE_TARGET": "render_dev",
    "DATABASE_CONNECTION_STRING": "postgresql://user:password@localhost:5432/local",
    "RENDER_DEV_EXTERNAL_DB_URL": "postgresql://user:password@dpg-dev-a.oregon-postgres.render.com:5432/dev",
    "RENDER_DEV_INTERNAL_DB_URL": "postgresql://user:password@dpg-dev-a:5432/dev",
    "RENDER_EXTERNAL_DB_URL": "postgresql://user:password@dpg-prod-a.oregon-postgres.render.com:5432/prod",
    "RENDER_INTERNAL_DB_URL": "postgresql://user:password@dpg-prod-a:5432/prod",
}
SHELL: Final = {f"SHELL_VARIABLE_{number}": f"/usr/share/value/{number}" for number in range(40)}
CHOICE: Final = """
def choose(read):
    target = (read("DATABASE_TARGET") or "local").lower()
    return read({"local": "DATABASE_CONNECTION_STRING", "render_dev": "RENDER_DEV_EXTERNAL_DB_URL",
                 "render_prod": "RENDER_EXTERNAL_DB_URL"}[target])
"""
MINIMAL: Final = "pydantic-settings, minimal class"
OURS: Final = "this project"
CHANGED: Final = "this project, when something changed each time"
FIELDS: Final = """
    target: Literal["local", "render_dev", "render_prod"] = Field("local", alias="DATABASE_TARGET")
    render: bool = Field(False, alias="RENDER")
    local: SecretStr | None = Field(None, alias="DATABASE_CONNECTION_STRING")
    dev_external: SecretStr | None = Field(None, alias="RENDER_DEV_EXTERNAL_DB_URL")
    dev_internal: SecretStr | None = Field(None, alias="RENDER_DEV_INTERNAL_DB_URL")
    prod_external: SecretStr | None = Field(None, alias="RENDER_EXTERNAL_DB_URL")
    prod_internal: SecretStr | None = Field(None, alias="RENDER_INTERNAL_DB_URL")
def choose(read):
    return {"local": read.local, "render_dev": read.dev_external, "render_prod": read.prod_external}[
        read.target].get_secret_value()
"""
VARIANTS: Final[dict[str, str]] = {
    OURS: """
from settings import Settings
def load():
    return Settings().database.active_url.get_secret_value()
""",
    MINIMAL: """
from typing import Literal
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
class Minimal(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore")
"""
    + FIELDS
    + "def load():\n    return choose(Minimal())\n",
    "os.getenv by hand": "import os\n" + CHOICE + "def load():\n    return choose(os.getenv)\n",
    "python-decouple": CHOICE
    + """
from decouple import Config, RepositoryEnv
def load():
    read = Config(RepositoryEnv(".env"))
    return choose(lambda name: read(name, default=None))
""",
    "django-environ": CHOICE
    + """
import environ
def load():
    read = environ.Env()
    environ.Env.read_env(".env")
    return choose(lambda name: read.str(name, default=""))
""",
    "environs": CHOICE
    + """
from environs import Env
def load():
    read = Env()
    read.read_env(".env")
    return choose(lambda name: read.str(name, None))
""",
    "typed-settings": CHOICE
    + """
import typed_settings as ts
@ts.settings
class Typed:
    database_target: str = "local"
    render: bool = False
    database_connection_string: ts.SecretStr = ts.secret(default="")
    render_dev_external_db_url: ts.SecretStr = ts.secret(default="")
    render_dev_internal_db_url: ts.SecretStr = ts.secret(default="")
    render_external_db_url: ts.SecretStr = ts.secret(default="")
    render_internal_db_url: ts.SecretStr = ts.secret(default="")
def load():
    read = ts.load_settings(Typed, loaders=[ts.loaders.DotEnvLoader("", ".env"), ts.loaders.EnvLoader("")])
    return str(choose(lambda name: getattr(read, name.lower())))
""",
    "goodconf": """
from typing import Literal
from goodconf import GoodConf
from pydantic import Field, SecretStr
class Good(GoodConf):
    model_config = {"env_file": ".env", "extra": "ignore"}
"""
    + FIELDS
    + "def load():\n    return choose(Good(load=True))\n",
    "dynaconf": CHOICE
    + """
from dynaconf import Dynaconf
def load():
    read = Dynaconf(envvar_prefix=False, load_dotenv=True, dotenv_path=".env", dotenv_override=False)
    return choose(lambda name: read.get(name, None))
""",
}
WARM_ONLY: Final[dict[str, str]] = {
    CHANGED: """
import itertools, os
from settings import Settings
number = itertools.count()
def load():
    os.environ["CHANGED"] = str(next(number))
    return Settings().database.active_url.get_secret_value()
""",
}
READS_NO_FILE: Final = ("os.getenv by hand",)
COMMANDS: Final = {
    "dance --help": [sys.executable, "-m", "app", "--help"],
    "dance config": [sys.executable, "-m", "app", "config"],
    "import typer (and nothing else)": [sys.executable, "-c", "import typer"],
}
WARM: Final = f"""
import time
load()
times = []
for _ in range({CALLS}):
    began = time.perf_counter()
    load()
    times.append(time.perf_counter() - began)
import statistics, sys
print(statistics.median(times))
"""


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / ".env").write_text("".join(f'{name}="{value}"\n' for name, value in VALUES.items()))
        (place / ".env").chmod(0o600)
        _cold(place)
        _warm(place)
        with chdir(place), patch.dict(os.environ, {"PATH": os.environ["PATH"]}, clear=True):
            _parts()
    _rules()


def _cold(place: Path) -> None:
    """A new process that loads the settings once."""
    commands = {
        name: [sys.executable, "-c", f"{code}\nprint(load())"] for name, code in VARIANTS.items()
    } | COMMANDS
    answers = {_run(commands[name], name, place).stdout.strip().rpartition("://")[2] for name in VARIANTS}
    assert {answer.removesuffix("?sslmode=require") for answer in answers} == {
        VALUES["RENDER_DEV_EXTERNAL_DB_URL"].rpartition("://")[2],
    }, answers
    walls: dict[str, list[float]] = {name: [] for name in commands}
    cpus: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(ROUNDS + 1):
        for name, command in commands.items():
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            _run(command, name, place)
            wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            if turn:
                walls[name].append(wall)
                cpus[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"Cold start: a new process, one reading; medians of {ROUNDS} turns.\n")
    rows = []
    for name in commands:
        wall_sample, cpu_sample, reference = Sample(walls[name]), Sample(cpus[name]), Sample(cpus[MINIMAL])
        turns = [own / theirs for own, theirs in zip(cpus[name], cpus[MINIMAL], strict=True)]
        rows.append(
            [
                name,
                f"{wall_sample.median * 1e3:.1f}",
                f"{cpu_sample.median * 1e3:.1f}",
                f"{ratio(cpu_sample, reference):.2f}",
                f"{min(turns):.2f} to {max(turns):.2f}",
            ],
        )
    print(table(["variant", "wall, ms", "CPU, ms", "CPU to the minimal class", "spread over turns"], rows))
    print()


def _warm(place: Path) -> None:
    """The same again in a process that has it imported; the file is read each time."""
    variants = VARIANTS | WARM_ONLY
    bare: dict[str, list[float]] = {name: [] for name in variants}
    shell: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS // 3):
        for name, code in variants.items():
            command = [sys.executable, "-c", code + WARM]
            bare[name].append(float(_run(command, name, place).stdout))
            shell[name].append(float(_run(command, name, place, SHELL).stdout))
    print(
        f"Warm: one more reading in the same process; medians of {ROUNDS // 3} processes of {CALLS} readings, "
        f"in an almost empty environment and in one with {len(SHELL)} more variables, as in a shell.\n"
    )
    reference = Sample(bare[MINIMAL])
    rows = []
    for name in variants:
        sample, full = Sample(bare[name]), Sample(shell[name])
        rows.append(
            [
                name,
                f"{sample.median * 1e6:.0f}",
                f"{ratio(sample, reference):.2f}",
                f"{sample.spread[0] * 1e6:.0f} to {sample.spread[1] * 1e6:.0f}",
                f"{full.median * 1e6:.0f}",
            ],
        )
    heads = ["variant", "microseconds", "to the minimal class", "spread", "with a shell's variables"]
    print(table(heads, rows))
    print()


def _parts() -> None:
    """Where a warm reading's time goes, each part by itself."""
    path = str(Path.cwd() / ".env")
    text = Path(path).read_text()
    Settings()
    one, other = process_sources(), process_sources()
    reading = Settings.reading(one)
    known = frozenset(Settings.known)
    database = Settings().database
    parts: dict[str, Callable[[], object]] = {
        "the whole": Settings,
        "- the environment as a dictionary": lambda: dict(os.environ),
        "- the first place of a file": lambda: next(iter(process_candidates())),
        "- open, read, its permissions": lambda: _read(path),
        "- whether git tracks it, three directories up": lambda: is_tracked(path),
        "- compare with last time": lambda: one == other,
        "its `active_url`": lambda: database.active_url,
        "when something changed, also: the file's lines": lambda: parse(text),
        "- the rules for databases": lambda: decide(reading),
        "- near misses and other notices": lambda: list(notices(reading, known)),
        "- all groups, the rules included": lambda: Settings.__new__(Settings).load(reading, []),
    }
    rows = []
    for name, part in parts.items():
        seconds = min(timeit.repeat(part, number=CALLS, repeat=10 * ROUNDS)) / CALLS
        rows.append([name, f"{seconds * 1e6:.1f}"])
    print("Where a warm reading's time goes; the least of many times, each part by itself.\n")
    print(table(["part", "microseconds"], rows))
    print()


def _read(path: str) -> tuple[bytes, int]:
    """The file operations that cannot be saved."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (as settings/envfile.py does)
        return file.read(), os.fstat(file.fileno()).st_mode


def _rules() -> None:
    """The pure rules over many environments, without pydantic and without any input."""
    generator = random.Random(1)  # noqa: S311  (a repeatable measurement)
    environments = [
        {name: text for name, text in {**VALUES, "RENDER": "true"}.items() if generator.random() < 0.8}
        for _ in range(2_000)
    ]
    rates = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for environ in environments:
            decide(Reading(Sources(environ)))
        rates.append(len(environments) / (time.process_time() - began))
    rates.sort()
    middle = rates[len(rates) // 2]
    print(
        f"The rules alone: {middle:,.0f} evaluations a second of CPU ({rates[0]:,.0f} to {rates[-1]:,.0f})."
    )


def _run(
    command: list[str], variant: str, place: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environ = (VALUES if variant in READS_NO_FILE else {}) | dict(more or {})
    return subprocess.run(
        command,
        cwd=place,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **environ},
        capture_output=True,
        text=True,
        check=True,
    )

"""docs/operations.md, command by command: on databases that begin as empty as Render's."""

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import uvicorn
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app.database.embedded import EmbeddedServer
from settings import Settings
from tests.commands import verb
from tests.postgres import Servers

_REFUSED = 77


@dataclass
class Laptop:
    """Who follows the page: one directory with a .env file, one terminal.

    Attributes:
        home: the directory.
        server: where the databases are that stand for Render's.
        said: everything that commands printed.
    """

    home: Path
    server: EmbeddedServer
    said: list[str] = field(default_factory=list)

    def configure(self, **variables: str) -> None:
        """Write .env."""
        lines = [f"{name}={text}\n" for name, text in variables.items()]
        (self.home / ".env").write_text("".join(lines), encoding="utf-8")

    def dance(self, arguments: Sequence[str], variables: Mapping[str, str] = {}) -> int:
        """Run `dance` in this process and give its exit status; what it printed is the last of `said`."""
        done = CliRunner().invoke(verb(arguments[0]), arguments[1:], env=variables)
        error = done.exception
        status = int(getattr(error, "exit_status", done.exit_code))
        self.said.append(done.output + ("" if error is None else str(error)))
        return status

    def type(self, lines: list[str]) -> None:
        """Type the lines of a section, one after the other.

        A consent on the page is an example: the one that the command before it asked for is typed instead.
        A command whose next line is itself with a consent has to be refused.
        """
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            words = shlex.split(os.path.expandvars(line), comments=True)
            given = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
            program, *arguments = words[len(given) :]
            if program != "dance":
                dump = str(self.server.data / "production.dump")
                self.server.run(program, *(part.replace("production.dump", dump) for part in arguments))
                continue
            if "--confirm" in arguments:
                (consent,) = {*re.findall(r"(?m)(?:--confirm|^Plan|^Rollback) (\S+)$", self.said[-1])}
                arguments[arguments.index("--confirm") + 1] = consent
            asks = following.startswith(f"{line.split('#')[0].strip()} --confirm")
            assert self.dance(arguments, given) == (_REFUSED if asks else 0), (
                line,
                self.said[-1],
            )


def _section(project: Path, title: str) -> str:
    page = (project / "docs/operations.md").read_text(encoding="utf-8")
    return page.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _lines(text: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.split("$ ", 1)[1] for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def laptop(
    servers: Servers, tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Laptop]:
    """A checkout, Render's two databases and one to restore to, all of them empty."""
    server = servers.get(18)
    names = {name: f"operations_{name}_{os.getpid()}" for name in ("production", "development", "restored")}
    for name in names.values():
        server.sql(f'CREATE DATABASE "{name}"')
    for variable in Settings.known:
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "samples").symlink_to(project / "samples")
    monkeypatch.chdir(tmp_path)
    where = Laptop(tmp_path, server)
    where.configure(
        RENDER_EXTERNAL_DB_URL=server.url(names["production"]),
        RENDER_DEV_EXTERNAL_DB_URL=server.url(names["development"]),
        DATABASE_TARGET="render_dev",
    )
    monkeypatch.setenv("RESTORED", server.url(names["restored"]))
    yield where
    for name in names.values():
        server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_every_command_of_the_page_does_what_it_says(
    laptop: Laptop, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first deployment to a restored production, as the page has it."""
    blueprint = yaml.safe_load((project / "render.yaml").read_text(encoding="utf-8"))
    web = next(service for service in blueprint["services"] if service["type"] == "web")
    *_, migrate, production, confirm, revision = shlex.split(web["preDeployCommand"])
    on_render = {"DATABASE_TARGET": "render_prod", "RENDER": "true"}
    assert laptop.dance((migrate, production, confirm, revision), on_render) == 0
    laptop.type(_lines(_section(project, "First deployment")))
    stamp = _stamp_in(laptop.said[-1])

    laptop.type(_lines(_section(project, "Roles")))
    laptop.type(_lines(_section(project, "Rotating credentials")))
    for file, works in (("urls.txt", False), ("new-urls.txt", True)):
        urls = (laptop.home / file).read_text(encoding="utf-8").splitlines()
        reader = {"RENDER_READER_DB_URL": urls[urls.index("# RENDER_READER_DB_URL") + 1]}
        assert (laptop.dance(["check"], reader) == 0) is works, laptop.said[-1]

    laptop.type(_lines(_section(project, "Promoting by hand")))
    assert "1  " in laptop.said[-1]
    laptop.type(_lines(_section(project, "Rolling back")))
    assert "undone by 2" in laptop.said[-1]

    _restore(laptop, project, monkeypatch, stamp)


def _restore(laptop: Laptop, project: Path, monkeypatch: pytest.MonkeyPatch, stamp: str) -> None:
    dump, restore, look, *declare = _lines(_section(project, "Restoring"))
    before = dict(line.split("=", 1) for line in (laptop.home / ".env").read_text().splitlines())
    monkeypatch.setenv("RENDER_EXTERNAL_DB_URL", before["RENDER_EXTERNAL_DB_URL"])
    laptop.type([dump, restore])
    monkeypatch.delenv("RENDER_EXTERNAL_DB_URL")
    laptop.configure(**before | {"RENDER_EXTERNAL_DB_URL": os.environ["RESTORED"]})

    assert look == "dance check"
    assert laptop.dance(["check"]) != 0
    assert "wrong database" in laptop.said[-1]
    shown: list[tuple[int, int]] = []

    def serve_once(application: FastAPI, **_: Any) -> None:
        with TestClient(application) as visitor:
            report = visitor.post("/api/events/any/reports", json={"kind": "wrong"})
            shown.append((visitor.get("/").status_code, report.status_code))

    monkeypatch.setattr(uvicorn, "run", serve_once)
    laptop.type(declare)
    assert shown == [(200, 503)]
    laptop.dance(["stamp", "--production"])
    assert _stamp_in(laptop.said[-1]) != stamp


def _stamp_in(said: str) -> str:
    found = re.search(r"Its stamp says.*?([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})", said)
    assert found is not None, said
    return found[1]


def test_the_changes_of_the_blueprint_are_ones_that_render_would_take(project: Path) -> None:
    """The standby, the replica and its variable fit into render.yaml where the page puts them."""
    blueprint = yaml.safe_load((project / "render.yaml").read_text(encoding="utf-8"))
    schema = json.loads((project / "tests/blueprint.schema.json").read_text(encoding="utf-8"))
    parts = re.findall(r"```yaml\n(.*?)```", _section(project, "The standby and replicas"), re.DOTALL)
    standby, replica, (variable,) = map(yaml.safe_load, parts)
    database = next(place for place in blueprint["databases"] if place["name"] == "dance-production")
    database.update(standby | replica)
    blueprint["services"][0]["envVars"].append(variable)
    jsonschema.validate(blueprint, schema)
    assert database["highAvailability"] == {"enabled": True}
    assert database["diskSizeGB"] >= 10
    assert variable["fromDatabase"]["name"] in {place["name"] for place in database["readReplicas"]}
    assert variable["key"] in Settings.known

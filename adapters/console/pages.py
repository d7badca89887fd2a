"""The routes of the pages. Each reads, renders and responds; a form changes something.

A page needs no script: with it, parts of a page are replaced instead of the whole.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from adapters.console import views
from adapters.console.load import LoadMeter
from adapters.console.trying import Answer, Asked, try_text
from adapters.console.views import Stores
from adapters.label_studio.routes import Page, project_in
from adapters.learning.coordinator import Coordinator
from adapters.observability.exposition import registry_of_all
from adapters.observability.metrics import Metrics
from adapters.server.classify import Runner
from adapters.server.requests import TRY_PATH
from model_store.errors import DatabaseError, ModelNotReadyError, ModelStoreError
from model_store.serving import versions
from model_store.serving.deployments import Entry

logger = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'{styles}; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY.format(styles=""),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_MARGIN_SECONDS = 0.3
"""Workers follow the log that often, or oftener."""
_NOT_SAME_ORIGIN = "This form was sent from another site, so nothing was changed."
_NO_PROJECT = "No project has such a name: a project is its number, a point, and a Unix time."
_NO_DATABASE = "The database cannot be used right now: see the server log for the reason."


@dataclass(frozen=True)
class Console:
    """What the pages need of the server."""

    stores: Stores
    coordinator: Coordinator
    runner: Runner
    metrics: Metrics
    workers: int | None
    deadline: float
    prefix: str = ""
    """The path prefix that a proxy in front of the server keeps."""


def console_routes(console: Console) -> tuple[Page, list[Route | Mount]]:
    """Return the page for `/`, and the other routes of the pages."""
    pages = _Pages(console)
    static = StaticFiles(directory=_FOLDER / "static")
    return pages.guarded(pages.home), [
        Route("/docs", pages.guarded(pages.docs), methods=["GET"]),
        Route(TRY_PATH, pages.guarded(pages.trying), methods=["POST"]),
        Route("/console/load", pages.guarded(pages.load), methods=["GET"]),
        Route("/console/projects/{key}", pages.guarded(pages.project), methods=["GET"]),
        Route("/console/projects/{key}/jobs", pages.guarded(pages.jobs), methods=["GET"]),
        Route("/console/projects/{key}/train", pages.guarded(pages.train), methods=["POST"]),
        Route("/console/projects/{key}/promote", pages.guarded(pages.promote), methods=["POST"]),
        Route("/console/projects/{key}/rollback", pages.guarded(pages.roll_back), methods=["POST"]),
        Mount("/console/static", static),
    ]


class _NotFoundError(Exception):
    """No project can have the name in the path."""


class _Pages:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._stores = console.stores
        self._meter = LoadMeter()
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"day": _day, "percent": _percent}

    def guarded(self, page: Page) -> Page:
        """Return a page that refuses forms of other sites, and answers errors with a sentence."""

        async def respond(request: Request) -> Response:
            if request.method == "POST" and not _is_same_origin(request):
                return self._render("error.html", 403, error=_NOT_SAME_ORIGIN)
            try:
                return await page(request)
            except _NotFoundError:
                return self._render("error.html", 404, error=_NO_PROJECT)
            except DatabaseError as error:
                logger.warning("A page was answered with 503: %s", error)
                return self._render("error.html", 503, error=_NO_DATABASE)
            except ModelNotReadyError as error:
                return self._render("error.html", 503, error=str(error))
            except ModelStoreError as error:
                return self._render("error.html", 409, error=str(error))

        return respond

    async def home(self, request: Request) -> Response:
        """`GET /` for browsers."""
        return await self._home(request, Asked("", self._default, ""), ())

    async def _home(self, request: Request, asked: Asked, answers: Sequence[Answer]) -> Response:
        lines, names, load = await asyncio.gather(
            asyncio.to_thread(views.project_lines, self._stores),
            asyncio.to_thread(self._versions),
            self._load(),
        )
        return self._render(
            "home.html",
            address=str(request.base_url).rstrip("/") + self._console.prefix,
            lines=lines,
            versions=names,
            asked=asked,
            answers=answers,
            load=load,
            workers=self._console.workers,
        )

    async def docs(self, _: Request) -> Response:
        """`GET /docs`: the OpenAPI document, shown by the Swagger UI that BentoML serves."""
        page = self._render("docs.html")
        page.headers["Content-Security-Policy"] = _POLICY.format(styles=" 'unsafe-inline'")
        return page

    async def trying(self, request: Request) -> Response:
        """`POST` to TRY_PATH: classify a text by one or two versions."""
        form = await _form(request)
        version = form.get("version", self._default)
        asked = Asked(form.get("text", ""), version, form.get("other", ""))
        deadline = asyncio.get_running_loop().time() + self._console.deadline
        answers = await try_text(
            asked, self._stores.registry, self._console.runner, deadline=deadline
        )
        return await self._home(request, asked, answers)

    async def load(self, _: Request) -> Response:
        """`GET /console/load`: the part of `/` with the load."""
        return self._render("load.html", load=await self._load(), workers=self._console.workers)

    async def project(self, request: Request) -> Response:
        """`GET /console/projects/{key}`."""
        key = _key(request)
        page, load = await asyncio.gather(
            asyncio.to_thread(views.project_page, self._stores, key), self._load()
        )
        return self._render("project.html", page=page, jobs=page.jobs, key=key, load=load)

    async def jobs(self, request: Request) -> Response:
        """`GET /console/projects/{key}/jobs`: the part of a project's page that changes."""
        key = _key(request)
        found = await asyncio.to_thread(views.jobs_of, self._stores, key)
        return self._render("jobs.html", jobs=found, key=key)

    async def train(self, request: Request) -> Response:
        """Queue a training."""
        await self._console.coordinator.train(_key(request))
        return self._back(request)

    async def promote(self, request: Request) -> Response:
        """Let a version serve the project."""
        version = (await _form(request)).get("version", "")
        entry = await asyncio.to_thread(
            versions.promote, self._stores.deployments, version, _key(request), by="console"
        )
        return await self._back_when_in_effect(request, entry)

    async def roll_back(self, request: Request) -> Response:
        """Let the version before serve the project again."""
        entry = await asyncio.to_thread(
            versions.rollback, self._stores.deployments, _key(request), by="console"
        )
        return await self._back_when_in_effect(request, entry)

    async def _back_when_in_effect(self, request: Request, entry: Entry) -> Response:
        """Wait for a change, so that the page that follows shows it."""
        await asyncio.sleep(max(entry.effective_at - time.time(), 0.0) + _MARGIN_SECONDS)
        return self._back(request)

    def _back(self, request: Request) -> Response:
        page = f"{self._console.prefix}/console/projects/{_key(request)}"
        return RedirectResponse(page, 303, _HEADERS)

    @property
    def _default(self) -> str:
        return self._stores.registry.deployment(None).name

    def _versions(self) -> list[str]:
        serving = self._stores.registry.names()
        stored = [row.version for row in versions.table(self._stores.deployments)]
        return list(dict.fromkeys([*serving, *reversed(stored)]))

    async def _load(self) -> Any:
        self._console.metrics.flush()
        return await asyncio.to_thread(lambda: self._meter.read(registry_of_all().collect()))

    def _render(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        template = self._templates.get_template(name)
        content = template.render(prefix=self._console.prefix, **values)
        return HTMLResponse(content, status, _HEADERS)


async def _form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; of a repeated one, the last."""
    content = (await request.body()).decode(errors="replace")
    return {name: values[-1] for name, values in parse_qs(content).items()}


def _key(request: Request) -> str:
    """Return the project in the path; raise _NotFoundError if it cannot be one."""
    key = project_in(request)
    if key is None:
        raise _NotFoundError
    return key


def _is_same_origin(request: Request) -> bool:
    """Return whether a form was sent by a page of this server, as far as the browser says."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host", "-")


def _day(seconds: float | None) -> str:
    """Return a time, in seconds since the epoch, to the minute."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"

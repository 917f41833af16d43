"""The web application: serves the page of each study and handles the messages that it sends."""

from __future__ import annotations

import asyncio
import hashlib
import html
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from posterity.study.served.desk import Desk
from posterity.study.served.guard import Bucket, Refused, message

__all__ = ["application"]

_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}
_WAIT = 15.0
"""Seconds within which a message must have arrived."""
_REQUESTS = (20.0, 100.0)
"""Requests per address: rate per second, and burst. A laboratory behind one address stays far below."""
_NEWCOMERS = (1 / 20, 60.0)
"""The same limits for new participants."""


def application(desks: Sequence[Desk], requests: Bucket | None = None, newcomers: Bucket | None = None) -> Starlette:
    """Return the application that serves the studies, each at ``/NAME/``.

    Arguments:
        desks: the studies.
        requests, newcomers: limits of messages and of new participants per address.
    """
    many, new = requests or Bucket(*_REQUESTS), newcomers or Bucket(*_NEWCOMERS)
    mounts = [Mount(f"/{desk.name}", routes=_routes(desk, many, new)) for desk in desks]
    names = [desk.name for desk in desks]

    async def first(request: Request) -> Response:
        if len(names) == 1:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{names[0]}/{query}", headers=_HEADERS)
        links = "".join(f'<li><a href="{name}/">{html.escape(name)}</a></li>' for name in names)
        return HTMLResponse(f"<!doctype html><title>Picture studies</title><ul>{links}</ul>", headers=_HEADERS)

    return Starlette(routes=[Route("/", first), *mounts])


def _routes(desk: Desk, requests: Bucket, newcomers: Bucket) -> list[Route]:
    tag = f'"{hashlib.sha256(desk.page).hexdigest()[:32]}"'

    async def page(request: Request) -> Response:
        headers = _HEADERS | {"ETag": tag, "Cache-Control": "no-cache"}
        try:
            requests.take(_address(request))
        except Refused as refused:
            return _refusal(refused)
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(desk.page, headers=headers)

    return [
        Route("/", page),
        _post("begin", desk.begin, requests, newcomers),
        _post("answer", desk.answer, requests),
        _post("finish", desk.finish, requests),
    ]


def _post(name: str, act: Callable[[Mapping[str, Any]], dict[str, Any]], *buckets: Bucket) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            for bucket in buckets:
                bucket.take(_address(request))
            told = await asyncio.wait_for(message(request), _WAIT)
            return JSONResponse(await run_in_threadpool(act, told), headers=_HEADERS)
        except Refused as refused:
            return _refusal(refused)
        except (TimeoutError, ClientDisconnect):
            return _refusal(Refused(408, "this message did not arrive in time"))

    handler: Callable[[Request], Awaitable[Response]] = endpoint
    return Route(f"/{name}", handler, methods=["POST"])


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _refusal(refused: Refused) -> Response:
    headers = _HEADERS | ({"Retry-After": "2"} if refused.status == 429 else {})
    return JSONResponse({"error": refused.reason}, refused.status, headers)

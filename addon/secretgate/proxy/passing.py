"""Passes answers through mitmproxy: whether and how they are processed, and their headers."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from urllib.parse import urljoin, urlsplit

from mitmproxy import ctx, http

from secretgate.hosts import Treatment
from secretgate.inbound import locations
from secretgate.inbound.responses import Readers, Response, respond
from secretgate.inbound.written import Recorder
from secretgate.outbound import references, refusals
from secretgate.outbound.heads import folded
from secretgate.outbound.requests import Verdict
from secretgate.outbound.resuming import answer_of, note
from secretgate.policy.answers import judging
from secretgate.policy.judged import Judging
from secretgate.proxy.exchange import FAILED, Exchange, passage
from secretgate.proxy.reporting import Reporter
from secretgate.views.stored import KeptAnswer

_STREAMS = re.compile(r"(?i)stream[^/]*\Z")
"""Paths whose answers arrive event by event, whatever their content type says."""
_FILES = re.compile(r"/(?:content|results)\Z")
"""Paths whose answers are files, whose content types say little."""
_EMPTY = frozenset((204, 205, 304))
"""Status codes of answers without a body."""
_A_PART = 206
"""Status code of a byte range. The client counts the bytes of a range it asked for."""
_IDS = 2
"""Under how many ids of an answer the numbers of our events are noted: the first ones are its own."""
_AWAY = (
    "secretgate did not pass on a redirect to {host}: your client would send the request there again, "
    "with the secrets that were taken out of it. If that is as it should be, let secretgate cover that "
    "host too (`hosts`, `base_urls` in secretgate.yaml), or use its address directly."
)
_OF_THE_BYTES: tuple[bytes, ...] = (b"content-length", b"content-encoding")


LeadsBack = Callable[[str], str | None]
"""Returns the URL by which a client reaches a URL of its provider through us, if it can."""


def through(
    exchange: Exchange,
    reporter: Reporter,
    response: http.Response,
    chunked: bool,
    leads_back: LeadsBack | None = None,
) -> Callable[[bytes], list[bytes]] | None:
    """Return the function that mitmproxy streams an answer through, or None to leave it alone.

    `leads_back`: for a client that sends only its requests to a base URL to us.
    """
    request, mode = exchange.request, exchange.engine.settings.mode
    if request.route.treatment is Treatment.PASS:
        return None
    headers = folded(response.headers.fields)
    if host := _leads_away(exchange, response.status_code, headers, leads_back):
        return _stopped(exchange, response, chunked, host)
    if leads_back is not None:
        _lead_back(request.url, response, leads_back)
    if mode == "redact":
        _locate(exchange, headers)
    if request.method == "HEAD" or response.status_code < 200 or response.status_code in _EMPTY:
        return None
    judge = judge_of(exchange, reporter)
    if judge is None and response.status_code == _A_PART and "range" in request.headers:
        exchange.warn("a byte range was requested, and is passed on unchanged")
        return None
    if judge is None and mode == "audit":
        return None
    if request.route.treatment is Treatment.CONTENT and mode == "redact":
        _record(exchange)
    exchange.response = _processing(exchange, headers, judge)
    if exchange.response is None:
        return None
    if exchange.response.rewrites:
        _rewritten(exchange, response, chunked)
    _watch(exchange)
    return passage(exchange, headers.get("content-type", ""))


def _record(exchange: Exchange) -> None:
    """Have the answer's own texts recorded, and what other requests to the same things issue."""
    engine, request = exchange.engine, exchange.request
    recorder = Recorder(exchange.dialect, engine.redactor, engine.ledger, request.scope)
    recorder.postpone(exchange.soon)
    exchange.recorder = exchange.collects(recorder)
    if links := references.awaited(request):
        issued = exchange.decision.issued
        exchange.meanwhile = engine.requests.meanwhile(request, links, issued)


def _processing(
    exchange: Exchange, headers: Mapping[str, str], judge: Judging | None
) -> Response | None:
    """Return the processing for an answer with these headers, or None if there is nothing to do."""
    request = exchange.request
    path = request.path.partition("?")[0]
    if link := answer_of(request):
        exchange.links.append(link)
    readers = Readers(
        exchange.dialect,
        exchange.issued,
        exchange.warn,
        recorder=exchange.recorder,
        later=(lambda: exchange.issued) if exchange.call or exchange.meanwhile else None,
        judge=judge,
        inserted=exchange.inserted,
        told=functools.partial(_note_inserted, exchange),
    )
    stream = (
        exchange.decision.streams
        or "text/event-stream" in request.headers.get("accept", "")
        or _STREAMS.search(path) is not None
    )
    return respond(headers, readers, stream=stream, file=_FILES.search(path) is not None)


def _note_inserted(exchange: Exchange) -> None:
    """Note the numbers of our events under the ids of the answer, once both are known."""
    links = exchange.links[:_IDS]
    if links and len(exchange.inserted) > len(exchange.decision.inserted):
        note(exchange.engine.vault, exchange.request.scope, links, exchange.inserted)


def nothing(data: bytes) -> list[bytes]:
    """Drop every chunk of an answer."""
    return []


def failed(exchange: Exchange, response: http.Response, chunked: bool) -> None:
    """Replace the whole answer by an error, unless the mode is audit."""
    audit = exchange.engine.settings.mode == "audit"
    response.stream = audit or _error(exchange, response, chunked, FAILED)


def _error(
    exchange: Exchange, response: http.Response, chunked: bool, message: str
) -> Callable[[bytes], list[bytes]]:
    kind = response.headers.get("content-type", "")
    said = iter([refusals.event(exchange.dialect, kind, 502, message, False)])
    _unmeasured(response, chunked)
    response.status_code, response.reason = 502, "Bad Gateway"
    return lambda data: list(said)


def _leads_away(
    exchange: Exchange, status: int, headers: Mapping[str, str], leads_back: LeadsBack | None
) -> str:
    """Return the host of a redirect that would take along, unread, what was redacted in the request."""
    request = exchange.request
    if exchange.decision.verdict is not Verdict.REDACTED:
        return ""
    url = locations.sent_again(status, request.method, headers, request.url)
    if url is None:
        return ""
    to = urlsplit(url)
    if leads_back is not None:
        read = leads_back(url) is not None
    else:
        route = exchange.engine.hosts.route([to.hostname or ""], to.path)
        read = route is not None and route.treatment is not Treatment.PASS
    return "" if read else to.hostname or "an unknown host"


def _lead_back(asked: str, response: http.Response, leads_back: LeadsBack) -> None:
    """Have the client go on through us: redirects, uploads and operations name the provider."""
    fields = list(response.headers.fields)
    for at, (name, value) in enumerate(fields):
        if name.lower() in locations.NAMES:
            url = urljoin(asked, value.decode("utf-8", "surrogateescape").strip())
            if ours := leads_back(url):
                fields[at] = name, ours.encode("utf-8", "surrogateescape")
    response.headers.fields = tuple(fields)


def _stopped(
    exchange: Exchange, response: http.Response, chunked: bool, host: str
) -> Callable[[bytes], list[bytes]]:
    """Replace a redirect by an error."""
    exchange.log.warning("refused: a redirect to a host that is not covered", to=host)
    del response.headers["location"]
    response.headers["content-type"] = "application/json"
    return _error(exchange, response, chunked, _AWAY.format(host=host))


def judge_of(exchange: Exchange, reporter: Reporter) -> Judging | None:
    """Return what judges the answer, or every answer of a WebSocket; None if no rule applies."""
    requests = exchange.engine.requests
    if exchange.request.route.dialect.name == "mcp":
        return requests.mcp.judge(
            exchange.request,
            lambda operation, tool, ruled: reporter.ruled(exchange, operation, ruled),
        )
    own = requests.policies.of(exchange.request, exchange.request.content)
    if own is None or exchange.request.route.treatment is Treatment.PASS:
        return None
    context = {**own.context, "model": exchange.decision.model or own.context["model"]}
    return judging(
        own.policy,
        context,
        exchange.dialect,
        lambda operation, ruled: reporter.ruled(exchange, operation, ruled),
    )


def _rewritten(exchange: Exchange, response: http.Response, chunked: bool) -> None:
    if getattr(ctx.options, "store_streamed_bodies", False):  # not in mitmproxy 11.0
        exchange.kept = KeptAnswer(response.headers.get("content-encoding"))
    _unmeasured(response, chunked)


def _unmeasured(response: http.Response, chunked: bool) -> None:
    """Remove headers that describe the original bytes, since the length is no longer known."""
    gone, framing = _OF_THE_BYTES, tuple[tuple[bytes, bytes], ...]()
    if chunked:
        # The provider may have used HTTP/2.
        gone, framing = (*gone, b"transfer-encoding"), ((b"transfer-encoding", b"chunked"),)
        if response.is_http10:  # which knows no chunks
            response.http_version = "HTTP/1.1"
    kept = [each for each in response.headers.fields if each[0].lower() not in gone]
    response.headers.fields = (*kept, *framing)


def _locate(exchange: Exchange, headers: Mapping[str, str]) -> None:
    """Remember the URLs at which the client is told to go on, as written by the provider."""
    request, engine, issued = exchange.request, exchange.engine, exchange.decision.issued
    for url in locations.urls(headers):
        written = engine.redactor.written(locations.texts(url), request.scope)
        if written:
            engine.ledger.note_written(request.scope, written)
        for link in locations.ids(url, request.path) if issued else ():
            engine.vault.link(request.scope, link, issued)


def _watch(exchange: Exchange) -> None:
    """Remember of an answer what later requests refer to: what was issued, and which tool was called."""
    if exchange.recorder is None:
        return
    watching: list[Callable[[object], None]] = []
    if exchange.decision.issued and exchange.dialect.chain_out:
        watching.append(_linking(exchange))
    policies, scope = exchange.engine.requests.policies, exchange.request.scope
    if policies.policy is not None:
        watching.append(functools.partial(policies.called.see, scope, exchange.dialect.name))

    def seen(event: object) -> None:
        for see in watching:
            see(event)

    if watching:
        exchange.recorder.watch(seen)


def _linking(exchange: Exchange) -> Callable[[object], None]:
    """Return what links what was issued to the provider's ids in each event."""
    dialect, issued = exchange.dialect, exchange.decision.issued
    vault, scope = exchange.engine.vault, exchange.request.scope
    if references.uploads(exchange.request):
        vault.link(scope, references.FILES, exchange.engine.nothing_issued)

    known = set[str]()

    def seen(event: object) -> None:
        for link in dialect.links(event, exchange.decision.stored):
            if link not in known:
                if not known and dialect.chain_items:
                    vault.link(scope, references.ITEMS, exchange.engine.nothing_issued)
                known.add(link)
                vault.link(scope, link, issued)
                exchange.links.append(link)
                _note_inserted(exchange)

    return seen

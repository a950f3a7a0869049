"""optuna-dashboard on a store of ours, to be read.

One of its answers is made here: by itself it looks for the best trials without regard to
constraints, and where there are three objectives and more it compares all with all. Here the best
trials are those of our front.
"""

import json
import logging
import re
from urllib.parse import urlencode
from wsgiref.types import WSGIApplication

from optuna.trial import FrozenTrial
from optuna_dashboard import wsgi
from optuna_dashboard._serializer import serialize_study_detail
from werkzeug.serving import BaseWSGIServer
from werkzeug.wrappers import Request, Response

from moopt.dashboard.access import (
    DAY,
    FOREIGN_NAME,
    Access,
    harden_headers,
    is_loopback,
    status_without_access,
)
from moopt.dashboard.optuna_view import OptunaView
from moopt.dashboard.serving import bound
from moopt.errors import SelectionError
from moopt.store.store import Store

READ_ONLY = "moopt shows its studies here and changes nothing; search them with `moopt run`"

_DETAIL = re.compile(r"/api/studies/(\d+)/?")
_API = "/api/"
# Its script compiles expressions and a module for figures; it is served from here.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def serve_optuna(store: Store, *, host: str, port: int | None, token: str | None = None) -> None:
    """Show all studies of a store in optuna-dashboard, until interrupted.

    Args:
        store: What is shown.
        host: Address to listen at.
        port: Which. 0: any that is free. None: the first free one from 8050 on.
        token: What every request needs, as `?token=` or from then on as a cookie. None: nothing.

    Raises:
        SelectionError: Others than this machine could ask and there is no token, or nothing can
            listen there.
    """
    server = optuna_server(store, host=host, port=port, token=token)
    try:
        server.serve_forever()
    finally:
        server.server_close()


def optuna_server(
    store: Store, *, host: str, port: int | None, token: str | None = None
) -> BaseWSGIServer:
    """Return a server that listens; its `serve_forever` answers, `server_port` is its port.

    Raises:
        SelectionError: Others than this machine could ask and there is no token, or nothing can
            listen there.
    """
    if token is None and not is_loopback(host):
        raise SelectionError(
            f"whoever reaches {host} could read every study; give a token, or listen at 127.0.0.1 "
            "and forward the port with `ssh -L`"
        )
    # A line for every request is of no use to anybody.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = bound(host, port)
    server.app = optuna_pages(store, Access(host, server.server_port, token))
    return server


def optuna_pages(store: Store, access: Access) -> WSGIApplication:
    """Return the web application: optuna-dashboard, guarded and corrected.

    Args:
        store: What it shows.
        access: Who may look. A browser that comes with the token gets a cookie, and is sent on to
            the same address without it.
    """
    view = OptunaView(store)
    pages = wsgi(view)

    @Request.application
    def answer(request: Request) -> Response:
        response = _refusal(request, access) or _without_token(request, access)
        response = response or _page(view, pages, request)
        harden_headers(response.headers, _POLICY)
        return response

    return answer


def _page(view: OptunaView, pages: WSGIApplication, request: Request) -> Response:
    asked = _DETAIL.fullmatch(request.path)
    if asked is None:
        return Response.from_app(pages, request.environ)
    return _detail(view, int(asked[1]), request.args.get("after", 0, type=int))


def _without_token(request: Request, access: Access) -> Response | None:
    """Return the way to a page whose address does not show the token; None: it does not."""
    if access.token is None or "token" not in request.args or request.path.startswith(_API):
        return None
    others = [(k, v) for k, v in request.args.items(multi=True) if k != "token"]
    query = f"?{urlencode(others)}" if others else ""
    response = Response(status=303, headers={"Location": f"{request.base_url}{query}"})
    # Lax: whoever follows a link from another site is sent on too, and can only read.
    response.set_cookie(
        access.token_cookie, access.token, max_age=DAY, httponly=True, samesite="Lax"
    )
    return response


def _refusal(request: Request, access: Access) -> Response | None:
    """Return the answer to a request that may not pass; None: it may."""
    match status_without_access(request, access):
        case 403:
            return _without(403, FOREIGN_NAME)
        case 401:
            return _without(401, "this needs the token: open the address with ?token= at its end")
    return None if request.method in {"GET", "HEAD"} else _without(403, READ_ONLY)


def _detail(view: OptunaView, study_id: int, after: int) -> Response:
    """Return a study with its trials from a number on."""
    try:
        shown = view.shown(study_id)
    except KeyError:
        return _without(404, f"study_id={study_id} is not found")
    trials = list(shown.frozen.values())
    detail = serialize_study_detail(
        shown.export.frozen_study(study_id),
        shown.front(),
        trials[max(after, 0) :],
        sorted(shown.export.search_space(always_asked=True).items()),
        sorted(shown.export.search_space().items()),
        _attributes(trials),
        any(trial.intermediate_values for trial in trials),
        {},
        [],
    )
    return Response(json.dumps(detail), mimetype="application/json")


def _attributes(trials: list[FrozenTrial]) -> list[tuple[str, bool]]:
    """Return the attributes that trials have, and whether they are numbers to be sorted by."""
    found: dict[str, bool] = {}
    for trial in trials:
        for name, value in trial.user_attrs.items():
            found[name] = found.get(name, True) and isinstance(value, int | float)
    return sorted(found.items())


def _without(status: int, reason: str) -> Response:
    return Response(json.dumps({"reason": reason}), status, mimetype="application/json")

"""`moopt dashboard`: a web application that shows studies while they run."""

import importlib
import signal
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import quote

import typer
from werkzeug.serving import BaseWSGIServer

from moopt.cli.options import DEFAULT_STORE, StoreOption
from moopt.cli.sources import artifacts, existing_store, stored_study
from moopt.errors import MissingDependencyError, SelectionError
from moopt.store.store import Store

try:
    from moopt.dashboard.access import LEAST_TOKEN, is_loopback, new_secret
    from moopt.dashboard.app import CARDS, Dashboard
    from moopt.dashboard.card_desk import CardDesk
    from moopt.dashboard.exports import Exports
    from moopt.dashboard.live import LiveStudies
    from moopt.dashboard.serving import open_server
except ImportError as error:
    raise MissingDependencyError(
        f"the dashboard needs a package that is not installed ({error}); install it with: "
        "pip install 'moopt[dashboard]'"
    ) from error


EXPORT = "moopt.cli.export:export_named"
"""Imported where a model is written: it needs torch, and this command is to start at once."""


OneStudyArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[STUDY]",
        help="A study file or the name of a study. Without it: all studies of the store.",
        show_default=False,
    ),
]

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="N",
        min=0,
        max=65535,
        help="The port; 0: any that is free. Without it: the first free one from 8050 on.",
        show_default=False,
    ),
]

HostOption = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Where to listen. Any other than this machine itself needs a token.",
    ),
]

TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="MOOPT_TOKEN",
        metavar="TEXT",
        help="Ask for this token, of 16 characters or more. Without it, one is made and "
        "printed where the address needs one.",
        show_default=False,
    ),
]

AllowChangesOption = Annotated[
    bool, typer.Option("--allow-changes", help="Let the page write models to folders.")
]

OptunaOption = Annotated[
    bool,
    typer.Option(
        "--optuna", help="Show all studies of the store in optuna-dashboard, to be read only."
    ),
]

NoBrowserOption = Annotated[
    bool, typer.Option("--no-browser", help="Print the address, and open no browser.")
]


def dashboard(
    study: OneStudyArgument = None,
    *,
    port: PortOption = None,
    host: HostOption = "127.0.0.1",
    token: TokenOption = None,
    allow_changes: AllowChangesOption = False,
    no_browser: NoBrowserOption = False,
    optuna: OptunaOption = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show studies in a browser while they run: front, choice, trials, model.

    Example: moopt dashboard merge_minilm
    """
    if optuna and (study is not None or allow_changes):
        raise SelectionError(
            "--optuna shows all studies of the store, and changes nothing: leave out "
            + ("STUDY" if study is not None else "--allow-changes")
        )
    secret = access_token(host, token)
    with existing_store(store) as opened:
        name = None if study is None else stored_study(study, opened).study.name
        if optuna:
            with _signals_as_interrupts():
                server = _optuna_server(opened, host, port, secret)
                _serve(server, address_of(host, server.server_port, secret), no_browser=no_browser)
            return
        live = LiveStudies(opened, only=name)
        shown = Dashboard(
            live,
            CardDesk(CARDS),
            store,
            artifacts(store),
            Exports(EXPORT, store, live) if allow_changes else None,
        )
        with _signals_as_interrupts():
            try:
                server = open_server(shown, host=host, port=port, token=secret)
                _serve(server, address_of(host, server.server_port, secret), no_browser=no_browser)
            finally:
                shown.close()


def _serve(server: BaseWSGIServer, address: str, *, no_browser: bool) -> None:
    """Answer until Ctrl-C."""
    typer.echo(f"the dashboard is at {address}\nCtrl-C ends it")
    if not no_browser:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("ended", err=True)
    finally:
        server.server_close()


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Let a terminal that closes, and whoever ends the server, end it as Ctrl-C does."""
    earlier = {}
    # Handlers belong to the main thread; a hang-up that `nohup` lets pass stays ignored.
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(each) is not signal.SIG_IGN:
                earlier[each] = signal.signal(each, signal.default_int_handler)
    try:
        yield
    finally:
        for each, handler in earlier.items():
            signal.signal(each, handler)


def _optuna_server(store: Store, host: str, port: int | None, token: str | None) -> BaseWSGIServer:
    """Return optuna-dashboard as a server; Optuna is loaded for it alone."""
    try:
        pages = importlib.import_module("moopt.dashboard.optuna_server")
    except ImportError as error:
        raise MissingDependencyError(
            f"--optuna needs a package that is not installed ({error}); install it with: "
            "pip install 'moopt[dashboard]'"
        ) from error
    server: BaseWSGIServer = pages.optuna_server(store, host=host, port=port, token=token)
    return server


def access_token(host: str, given: str | None) -> str | None:
    """Return the token that a server asks for; None: it asks for none.

    Raises:
        SelectionError: The given token is too short to keep anybody out.
    """
    if given is not None and len(given) < LEAST_TOKEN:
        raise SelectionError(
            f"--token needs {LEAST_TOKEN} characters or more, got {len(given)}; leave it out to "
            "have one made"
        )
    return given or (None if is_loopback(host) else new_secret())


def address_of(host: str, port: int, token: str | None) -> str:
    """Return the address to open, with the token where there is one."""
    name = f"[{host}]" if ":" in host else host
    query = "" if token is None else f"/?token={quote(token)}"
    return f"http://{name}:{port}{query}"

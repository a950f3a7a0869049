"""Who answers at an address of Ray, and whether it takes our token: asked before Ray itself tries.

Ray tries for 20 to 30 s to reach what is not there or turns it away, and does not say which it was.
"""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

import grpc

from moopt.errors import ExecutorError

LOCAL = "local"
"""Stands for a cluster of one's own on this machine."""

ADDRESS_VARIABLE = "RAY_ADDRESS"
MODE_VARIABLE = "RAY_AUTH_MODE"
TOKEN, DISABLED = "token", "disabled"
_KEY_VARIABLE = "RAY_AUTH_TOKEN"
_KEY_FILE_VARIABLE = "RAY_AUTH_TOKEN_PATH"
_TLS_VARIABLE = "RAY_USE_TLS"
_CLIENT = "ray://"
_NUMBER_OF_CLUSTER = "/ray.rpc.NodeInfoGcsService/GetClusterId"
_NUMBER_OF_CLIENTS = "/ray.rpc.RayletDriver/ClusterInfo"
_ANSWER_SECONDS = 10.0


def resolved(address: str | None) -> str:
    """Return the address to connect to, `local` for a cluster of one's own.

    Args:
        address: As it was given, `auto` for the cluster that runs on this machine. None: what
            RAY_ADDRESS says, else `local`.

    Raises:
        ExecutorError: It has no port, or no cluster was started here.
    """
    given = address or os.environ.get(ADDRESS_VARIABLE) or LOCAL
    if given == "auto":
        given = os.environ.get(ADDRESS_VARIABLE) or _started_here()
    _, colon, port = given.removeprefix(_CLIENT).rpartition(":")
    if given != LOCAL and not (colon and port.isdigit()):
        raise ExecutorError(
            f"an address of Ray looks like 10.0.0.1:6379 or ray://10.0.0.1:10001, or is auto or "
            f"local; got {given!r}"
        )
    return given


def authentication(address: str) -> Mapping[str, str]:
    """Return the environment variables with which Ray gets in.

    For a cluster of one's own a token is made where there is none, so that nobody else gets in.

    Raises:
        ExecutorError: Nothing answers at the address, or it wants another token.
    """
    key, source = _key()
    if address == LOCAL:
        if os.environ.get(MODE_VARIABLE) == DISABLED:
            return {}
        return {MODE_VARIABLE: TOKEN} | ({} if key else {_KEY_VARIABLE: secrets.token_hex(32)})
    if os.environ.get(_TLS_VARIABLE, "0") not in {"", "0"}:
        return {}
    if _is_let_in(address, None):
        return {MODE_VARIABLE: DISABLED}
    if not key:
        raise ExecutorError(
            f"the Ray cluster at {address} wants a token, and there is none in {_KEY_VARIABLE}, "
            f"{_KEY_FILE_VARIABLE} or ~/.ray/auth_token; copy the file that its head was started "
            "with (`ray get-auth-token` prints it there)"
        )
    if not _is_let_in(address, key):
        raise ExecutorError(
            f"the Ray cluster at {address} refuses the token of {source}; copy the one that its "
            "head was started with (`ray get-auth-token` prints it there)"
        )
    return {MODE_VARIABLE: TOKEN}


def answers(address: str) -> bool:
    """Say whether a cluster answers at an address."""
    try:
        _is_let_in(address, None)
    except ExecutorError:
        return False
    return True


def _started_here() -> str:
    note = Path(os.environ.get("RAY_TMPDIR", tempfile.gettempdir())) / "ray" / "ray_current_cluster"
    if not note.is_file():
        raise ExecutorError(
            f"no Ray cluster was started on this machine ({note} is not there); start one with "
            "`ray start --head`, or give the address of its head, such as 10.0.0.1:6379"
        )
    return note.read_text(encoding="utf-8").strip()


def _key() -> tuple[str, str]:
    """Return the token, empty if there is none, and where it is from: where Ray looks for it."""
    if os.environ.get(_KEY_VARIABLE):
        return os.environ[_KEY_VARIABLE].strip(), _KEY_VARIABLE
    file = Path(os.environ.get(_KEY_FILE_VARIABLE) or Path.home() / ".ray" / "auth_token")
    return (file.read_text(encoding="utf-8").strip() if file.is_file() else ""), str(file)


def _is_let_in(address: str, key: str | None) -> bool:
    """Say whether a cluster answers to this token, or to none.

    Raises:
        ExecutorError: Nothing answers.
    """
    method = _NUMBER_OF_CLIENTS if address.startswith(_CLIENT) else _NUMBER_OF_CLUSTER
    target = address.removeprefix(_CLIENT)
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        metadata = [("authorization", f"Bearer {key}")] if key else []
        try:
            channel.unary_unary(method)(b"", timeout=_ANSWER_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            match error.code():
                case grpc.StatusCode.UNAUTHENTICATED:
                    return False
                case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise ExecutorError(
                        f"no Ray cluster answers at {address}; see whether its head runs (`ray "
                        "status` on that machine) and whether this machine may reach the port"
                    ) from error
                case _:
                    # It is there and did not turn us away; of other versions Ray itself tells.
                    return True
    return True

"""A Ray cluster: connecting to it, and how many trials it has places for."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from warmstart.basics import InputError, require

from ._execution import RAY_LOCAL, Execution, check_ray_address

_ADDRESS_VARIABLE = "RAY_ADDRESS"
_SECONDS_TO_ANSWER = 10.0
# Ray itself looks for the token of a cluster that it has found or started, but not of one at a given address.
_TOKEN_VARIABLE, _TOKEN_HINT = "RAY_AUTH_MODE", "; if the cluster asks for a token, set RAY_AUTH_MODE=token"

Node = dict[str, Any]


def ray_module() -> Any:
    """Return Ray, imported.

    Raises:
        InputError: If it is not installed.
    """
    return require("ray", extra="ray", purpose="executor=ray")


def connect(address: str | None) -> bool:
    """Connect this process to a cluster, or start one; return whether the connection is ours to end.

    A process that is connected already stays as it is.

    Args:
        address: HOST:PORT of its head, "local" to start one; None: what RAY_ADDRESS names, else the one that this
            machine is in, else one that is started.

    Raises:
        InputError: If Ray is not installed, or no cluster answers at the address.
    """
    ray = ray_module()
    if ray.is_initialized():
        return False
    if address is None and (found := os.environ.get(_ADDRESS_VARIABLE)) not in (None, "", "auto"):
        check_ray_address(str(found), name=_ADDRESS_VARIABLE)
        address = found
    try:
        if address is not None and address != RAY_LOCAL:
            # Ray itself would try for more than a minute.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
        # A dashboard is a server that nobody asked for, and what nodes print would break the lines of progress.
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (Exception, SystemExit) as error:  # Ray exits where what answers is not Ray
        raise _unreachable(address, error) from error
    return True


def _unreachable(address: str | None, error: BaseException) -> InputError:
    where = f"at {address}" if address else "here"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    hint = "" if isinstance(error, ConnectionRefusedError) or _TOKEN_VARIABLE in os.environ else _TOKEN_HINT
    return InputError(
        f"executor must name a running Ray cluster that this machine is part of, but none can be used {where} "
        f"({lines[0].rstrip('.')}){hint}."
    )


def resolved(execution: Execution) -> Execution:
    """Return an execution with what only the cluster knows: the device, and how many trials run side by side.

    Raises:
        InputError: If no node of the cluster has what a single trial needs.
    """
    nodes = alive()
    has_gpu = max((_amount(node, "GPU") for node in nodes), default=0) >= 1
    if execution.device == "cuda" and not has_gpu:
        raise InputError("device must be cpu or auto where no node of the Ray cluster has a GPU, got cuda.")
    device = ("cuda" if has_gpu else "cpu") if execution.device == "auto" else execution.device
    found = replace(execution, device=device)
    count = places(nodes, found)
    if not count:
        most = int(max(_amount(node, "CPU") for node in nodes if device == "cpu" or _amount(node, "GPU") >= 1))
        raise InputError(
            f"threads must be at most the cores that a node of the Ray cluster gives to trials, {most}, "
            f"got {execution.threads}."
        )
    return replace(found, workers=execution.workers or count)


def alive() -> list[Node]:
    """Return the nodes of the cluster that are there now."""
    return [node for node in ray_module().nodes() if node["Alive"]]


def needs(execution: Execution) -> dict[str, int]:
    """Return what a trial takes of a node, in Ray's names."""
    return {"CPU": execution.threads} | ({"GPU": 1} if execution.device == "cuda" else {})


def places(nodes: Sequence[Node], execution: Execution) -> int:
    """Return how many trials the nodes take side by side.

    Example:
        >>> two_nodes = [{"Resources": {"CPU": 8.0}}, {"Resources": {"CPU": 3.0}}]
        >>> places(two_nodes, Execution(threads=2, device="cpu", executor="ray"))
        5
    """
    wanted = needs(execution).items()
    return sum(min(int(_amount(node, name) // count) for name, count in wanted) for node in nodes)


def _amount(node: Node, resource: str) -> float:
    return node["Resources"].get(resource, 0.0)

"""Real processes on this machine that are the ranks of one command."""

import os
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

TIMEOUT_S = 120
"""No test is to wait for ranks that wait for each other; their start may be slow."""


class Died(Exception):
    """A rank is no more."""


class Ranks:
    """Processes that do the same work; `Ranks.start` makes them.

    A function that they call is of a module they can import, so not of a test file.
    """

    def __init__(self, pipes: list[Connection], processes: list[SpawnProcess]) -> None:
        self.pipes, self.processes = pipes, processes

    @classmethod
    @contextmanager
    def start(cls, size: int) -> Iterator["Ranks"]:
        spawn, port = get_context("spawn"), free_port()
        pairs = [spawn.Pipe() for _ in range(size)]
        processes = [
            spawn.Process(target=_serve, args=(far, environment(rank, size, port)), daemon=True)
            for rank, (_, far) in enumerate(pairs)
        ]
        for process, (_, far) in zip(processes, pairs, strict=True):
            process.start()
            far.close()  # so that a process that died is seen
        try:
            yield cls([near for near, _ in pairs], processes)
        finally:
            for near, _ in pairs:
                near.close()
            for process in processes:
                process.join(5)
                process.kill()

    def __call__(self, function: Callable[..., Any], *args: object) -> list[Any]:
        """What each rank returned or raised, or `Died`."""
        for pipe in self.pipes:
            pipe.send((function, args))
        return [self._answer(pipe) for pipe in self.pipes]

    def _answer(self, pipe: Connection) -> object:
        try:
            if pipe.poll(TIMEOUT_S):
                return pipe.recv()
        except (EOFError, ConnectionError):
            return Died()
        for process in self.processes:  # the next test is not to wait as long
            process.kill()
        raise TimeoutError(f"a rank does not answer for {TIMEOUT_S} s")


def environment(rank: int, size: int, port: int) -> dict[str, str]:
    """What `torchrun` sets."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _serve(pipe: Connection, variables: dict[str, str]) -> None:
    os.environ.update(variables)
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            function, args = pipe.recv()
        except EOFError:
            return
        try:
            answer = function(*args)
        except Exception as error:
            traceback.print_exc()
            answer = error
        pipe.send(answer)

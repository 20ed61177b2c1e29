"""A process of a data-parallel group that is not the first: it trains its part of what process 0 tells, and writes nothing."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from engine.errors import EngineError


def serve() -> NoReturn:
    """Follow process 0 to its end, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is process 0's to answer
    from engine.executors.data_parallel.executor import ALIVE, local
    from engine.training.data.splits import training_part
    from engine.training.data_parallel import end, join, leave, tell
    from engine.training.device import same_bits_anywhere

    same_bits_anywhere()
    join()
    try:
        task = tell()
        executor = local(task, training_part(task.protocol.data, task.data))
        while (job := tell()) is not None:
            if job != ALIVE:
                for _ in executor.run([job]):
                    pass
        leave()
    except EngineError as error:
        print(f"error in a process of the group: {error}", file=sys.stderr)
        end(2)
    except RuntimeError:  # the connection is gone: process 0 has ended, and has said why
        end(1)
    end(0)


if __name__ == "__main__":
    serve()

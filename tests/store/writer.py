"""A process that writes to a run: `writer.py FOLDER COUNT [compact]`; prints each number once it is acknowledged.

Goes on where the folder stands. With `compact` the files are compacted after every 50 trials.
"""

from __future__ import annotations

import sys
from pathlib import Path

from records import curve, run_info, training, trial

from engine.store.run import Run


def main(folder: Path, count: int, compact: bool) -> None:
    run = Run.open(folder) if (folder / "run.json").exists() else Run.create(folder, run_info(total=count))
    with run:
        done = {t.number for t in run.trials()}
        for number in sorted(set(range(count)) - done):
            run.add([trial(number)], [training(number)], [curve(number)])
            print(number, flush=True)
            if compact and number % 50 == 49:
                run.compact()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), "compact" in sys.argv)

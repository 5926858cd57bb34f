"""One thin file per DVC stage: parse paths, load one params section, call one function, write whole files."""

import sys
from collections.abc import Callable

from pipeline.errors import InputError, one_line
from pipeline.terminated import terminable


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; a user's mistake ends it with one line and exit code 1, anything else with its traceback."""
    try:
        with terminable():
            main()
    except InputError as error:
        sys.exit(f"headway: {one_line(str(error))}")

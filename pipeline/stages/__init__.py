"""One thin file per DVC stage: parse paths, load one params section, call one function, write whole files."""

import sys
from collections.abc import Callable

from pipeline.errors import InputError


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; a user's mistake ends it with one line and exit code 1, anything else with its traceback."""
    try:
        main()
    except InputError as error:
        sys.exit(f"headway: {error}")

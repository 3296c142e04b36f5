"""The demonstration: a broadcast and a predictive campaign over loopback, judged by the carrier's truth.

--once runs both to their end, prints a JSON summary and exits non-zero unless all books agree; without it they go on
with new leads until Ctrl-C. --once --calls N places N single calls instead, without campaigns."""

import argparse
import random
import signal
import sys

import campaign_demo
import single_calls
from process import ProcessError


def stop(*_):
    raise KeyboardInterrupt  # leaves every `with` and so ends what was started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="run to the end, print a JSON summary, exit")
    parser.add_argument("--calls", type=int, metavar="N", help="with --once: N single calls and no campaign")
    parser.add_argument("--broadcast-leads", type=int, default=200)
    parser.add_argument("--predictive-leads", type=int, default=500)
    parser.add_argument("--agents", type=int, default=10)
    parser.add_argument("--seed", type=int, help="default: drawn and printed")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--keep", metavar="FOLDER", help="work in FOLDER and leave it")
    arguments = parser.parse_args()
    if arguments.calls is not None and not arguments.once:
        parser.error("--calls goes with --once")
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1, 10 ** 6)
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, stop)
    try:
        if arguments.calls is not None:
            return single_calls.run_once(arguments, seed)
        return (campaign_demo.run_once if arguments.once else campaign_demo.run_on)(arguments, seed)
    except KeyboardInterrupt:
        return 130
    except ProcessError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

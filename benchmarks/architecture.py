"""Small networks found for quantization beside the hand-made samples: accuracy, bytes, latency and time.

``python benchmarks/architecture.py [--only NAME ...] [--networks 16] [--seed 0] [--json FILE]``. In a workspace that
knows them already, networks are not trained again and seconds mean nothing: give a fresh one (QEXPLORER_WORKSPACE).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import qexplorer as qx
from qexplorer.machine.description import describe_machine
from qexplorer.report.network_charts.network_words import networks_sentence, rounds_sentence

SAMPLES = ("digits_cnn", "glyphs_mobilenet", "fashion_dscnn")


def main() -> None:
    """Searches and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(SAMPLES))
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = {}
    for name in given.only:
        report = qx.design(name, networks=given.networks, seed=given.seed)
        rows[name] = report.to_json() | {"as_accurate": [each.name for each in report.as_accurate]}
        print(name, f"{report.seconds:.0f} s", rounds_sentence(report), networks_sentence(report), flush=True)
    if given.json:
        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

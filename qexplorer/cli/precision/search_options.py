"""Options of ``qexplorer search``, ``tune``, ``design``, of a cluster, and of how much ``sensitivity`` evaluates."""

from __future__ import annotations

import argparse
import math

__all__ = [
    "add_cluster",
    "add_design_options",
    "add_search_options",
    "add_training",
    "add_tune_options",
    "add_work",
]

_SPACE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("--formats", ("int8", "int4"), "number formats of weights to choose among"),
    ("--granularities", (), "how many weights share a scale: channel, tensor, b32"),
    ("--activations", (), "number formats of activations"),
    ("--weight-calibrators", ("minmax", "mse"), "how ranges of weights are chosen"),
    ("--activation-calibrators", ("minmax", "percentile", "mse"), "how ranges of activations are chosen"),
    ("--algorithms", ("equalize", "bias_correction"), "each of which may work or not"),
)


_NETWORKS = (
    ("--networks", 16, "shapes in the first round, of which each round keeps half; 2 to 128"),
    ("--rounds", 3, "rounds; each trains twice as long as the one before, until one network is left"),
    ("--pictures", 16384, "that are drawn from those that there are, moved and blended, to learn from"),
    ("--epochs", 8, "of float training in the last round; each sees all of these pictures"),
    ("--rounded-epochs", 4, "of training with rounding in the way in the last round"),
    ("--judged", 5, "found networks that are judged and timed, at most"),
    ("--seed", 0, "of every draw"),
)


_CLUSTER = "Dask cluster that does the work, such as tcp://192.168.1.5:8786 (docs/cluster.md); off: this machine"

_TRAIN_EACH = "train every recipe that is measured, where --recipe trains; else what is found is to be trained"


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names who does a sweep."""
    parser.add_argument("--scheduler", default=None, metavar="ADDRESS", help=_CLUSTER)


def add_training(parser: argparse.ArgumentParser) -> None:
    """Adds the option that trains what is measured."""
    parser.add_argument("--train-each", action="store_true", help=_TRAIN_EACH)


def add_work(parser: argparse.ArgumentParser) -> None:
    """Adds how much ``sensitivity`` evaluates, said once."""
    work = parser.add_mutually_exclusive_group()
    spent = "work that evaluating may cost, in float passes over the samples (3.5 for large networks)"
    work.add_argument("--passes", type=_passes, default=None, metavar="P", help=spent)
    work.add_argument("--all-samples", action="store_true", help="evaluate every layer on all samples")
    work.add_argument("--gradient-only", action="store_true", help="foretell alone, evaluate nothing")


def _passes(text: str) -> float:
    try:
        passes = float(text)
    except ValueError:
        passes = math.nan
    if not 0 <= passes < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of passes; allowed: 0 or more")
    return passes


def add_design_options(parser: argparse.ArgumentParser) -> None:
    """Adds those of ``design``."""
    for option, default, words in _NETWORKS:
        parser.add_argument(option, type=int, default=default, metavar="N", help=f"{words} ({default})")
    add_cluster(parser)


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Adds those of ``search``."""
    shared = "what all layers share: algorithms, calibrators, what choices leave as it is"
    parser.add_argument("--recipe", default="w8a8", metavar="R", help=f"{shared} (w8a8)")
    budget = "most of a cost, as a fraction of int8's: weight_bytes, bit_operations, latency or energy; several "
    budget += "hold at once (weight_bytes=0.6 if nothing else is asked for)"
    parser.add_argument("--budget", action="extend", nargs="+", default=[], metavar="B", help=budget)
    drop = "look for the mix with the least cost whose metric drops by no more, such as 0.01"
    parser.add_argument("--most-drop", type=float, default=None, metavar="D", help=drop)
    parser.add_argument("--as-float", action="store_true", help="the same, for one that no test tells from float")
    least = "the cost that is made least, and that the front is over (the first budget's, else weight_bytes)"
    parser.add_argument("--least", default=None, metavar="COST", help=least)
    choose = "for a layer: formats of weights (int4), short names (w4a8, w8a16, fp16), float (int8 int4)"
    parser.add_argument("--choices", nargs="+", default=["int8", "int4"], metavar="C", help=choose)
    where = "where latency and energy are measured, and measured mixes timed"
    parser.add_argument("--backend", default=None, metavar="B", help=where)
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of one operator, when timed (1)")
    again = "latencies of layers are measured again, whatever is kept of this machine, backend and kernels"
    parser.add_argument("--measure-again", action="store_true", help=again)
    only = "only choices that the backend has integer kernels for, and float"
    parser.add_argument("--hardware-aware", action="store_true", help=only)
    parser.add_argument("-o", "--output", default=None, metavar="OUT.yaml", help="file for the found recipe")
    add_training(parser)
    add_cluster(parser)


def add_tune_options(parser: argparse.ArgumentParser) -> None:
    """Adds those of ``tune``."""
    parser.add_argument("--recipe", default="w8a8", metavar="R", help="what is not chosen is as this says (w8a8)")
    for option, default, words in _SPACE:
        usual = " ".join(default) or "as the recipe says"
        parser.add_argument(option, nargs="*", default=list(default), metavar="X", help=f"{words} ({usual})")
    parser.add_argument("--same-for-all", action="store_true", help="all layers share format and granularity")
    quality = "loss (the default), or metric: by how much the task's metric is worse than float's"
    parser.add_argument("--quality", choices=("loss", "metric"), default="loss", help=quality)
    costs = ("weight_bytes", "bit_operations")
    parser.add_argument("--cost", choices=costs, default=costs[0], help=f"the other objective ({costs[0]})")
    counted = "different recipes in the study, at most; those of an earlier call with the same question count (60)"
    parser.add_argument("--trials", type=int, default=60, metavar="N", help=counted)
    parser.add_argument("--seconds", type=float, default=None, metavar="S", help="no trial begins later")
    drawn = "near the front (local, the default), or over the whole space (nsga2, tpe)"
    parser.add_argument("--sampler", choices=("local", "nsga2", "tpe"), default="local", help=drawn)
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of every draw (0)")
    parser.add_argument("-o", "--output", default=None, metavar="OUT.yaml", help="file for the chosen recipe")
    add_training(parser)
    add_cluster(parser)

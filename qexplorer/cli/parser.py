"""The commands and their options. Nothing heavy is imported before a command runs, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import takewhile
from typing import Any, NoReturn

from qexplorer import __version__
from qexplorer.cli.precision.search_options import (
    add_cluster,
    add_design_options,
    add_search_options,
    add_training,
    add_tune_options,
    add_work,
)
from qexplorer.cli.terminal import fail

__all__ = ["build_parser"]

_BACKEND = "one or more, by default the reference; see 'qexplorer doctor'"
_RECIPE = "a short name (w8a8, w4a8, w8a8-dynamic, w8, w4-b32, fp16, ...), or the path of a .yaml file"
_MODEL = "a sample's name (see 'qexplorer samples'), or the path of an .onnx file"
_ARCHITECTURE = "what the weights are of, where MODEL is a .safetensors file or a state_dict: resnet18, resnet50, "
_ARCHITECTURE += "mobilenet_v2, or timm:NAME and transformers:MODEL_TYPE where those packages are installed"
_EFFORT = "how long timing may take on each backend, for a small model: quick (10 s), standard (60 s, the default), "
_EFFORT += "report (600 s); longer means narrower intervals"
_DATA = "a sample's name, or the path of %(readable)s; samples have their own"
_OPTION = "further options of qat, such as optimizer=sgd; see docs/algorithms/qat.md"
_REQUIRED, _UNKNOWN = "the following arguments are required: ", "unrecognized arguments: "  # argparse's own words
_SHARED = "for several people: nobody sees files of this machine, and everybody has a workspace of their own"
_SITE = "name under which others reach it, such as qexplorer.example.org; no other name is then answered"
_ROUNDED = ("weights", "activations", "both")
_ROUNDED_HELP = "what of a layer is rounded when it is evaluated alone (both)"
_SETUPS = ("alone", "all_but_one", "cumulative")
_SETUP_HELP = "which other layers are rounded meanwhile: none (alone, the default), all, or all up to it in graph order"
_TASK = "what the labels are for (see below); what the file says, or what its labels mean, by default"
_CLASSES = "list of the classes' names, one a line in the model's order, for data that names its classes"


class _Parser(argparse.ArgumentParser):
    """Reports a usage error on one line, like any other error; may say at the end of its help what is registered."""

    registered: Callable[[], str] | None = None
    given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does; what was given is kept for the words of an error."""
        self.given = tuple(args or ())
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        """The help, with what is registered: only who asks for it waits for that."""
        if self.registered is not None:
            self.epilog = self.registered().replace("%", "%%")  # argparse fills in what follows a per cent sign
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        fail(f"{self._meant(message)}; see '{self.prog} --help'")
        self.exit(2)

    def _meant(self, message: str) -> str:
        """What argparse says, in words that say what to do."""
        words = list(takewhile(lambda each: not each.startswith("-"), self.given))
        if message.startswith(_REQUIRED) and "--recipe" in message and len(words) > 1:
            end = " -o out.onnx" if "-o" in message else ""
            return f"a recipe is named with --recipe: {self.prog} {words[0]} --recipe {' '.join(words[1:])}{end}"
        for theirs, ours in ((_REQUIRED, "missing"), (_UNKNOWN, "not understood")):
            if message.startswith(theirs):
                return f"{ours}: {message.removeprefix(theirs)}"
        return message


class _Whole(argparse.HelpFormatter):
    """Breaks lines between words alone: names have hyphens, and are to be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = textwrap.wrap(" ".join(text.split()), width - len(indent), break_on_hyphens=False)
        return "\n".join(f"{indent}{line}" for line in lines)


class _Commands(argparse.HelpFormatter):
    """Keeps every command and its help on one line: argparse does not count how far commands are indented."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 15


class _Verb:
    """A command's function, imported when it is called."""

    def __init__(self, module: str) -> None:
        self.module = module

    def __call__(self, order: argparse.Namespace) -> int:
        return int(import_module(f"qexplorer.cli.{self.module}").run(order))


class _Readable:
    """What data can be read, asked when help is printed: finding the readers takes longer than parsing."""

    def __str__(self) -> str:
        from qexplorer.load.readers.registry import readable

        return readable()


def build_parser() -> argparse.ArgumentParser:
    """The parser; what it returns has a ``run`` that takes it and returns an exit code."""
    about = "Explore quantization of neural networks."
    parser = _Parser(prog="qexplorer", description=about, formatter_class=_Commands)
    parser.add_argument("--version", action="version", version=f"qexplorer {__version__}")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    _add_app(verbs)
    _add(verbs, "doctor", "what this machine has: backends, power meters, and how to get what is missing")
    _add(verbs, "samples", "the sample models and their data")
    _add(verbs, "formats", "number formats: bits, levels, and which backends compute on them")
    inspect = _add(verbs, "inspect", "a model's layers, and which of them can be quantized")
    _add_model(inspect)
    _add_quantize(verbs)
    _add_qat(verbs)
    _add_compare(verbs)
    _add_generate(verbs)
    _add_sensitivity(verbs)
    _add_search(verbs)
    _add_tune(verbs)
    _add_repair(verbs)
    _add_design(verbs)
    return parser


def _short_names() -> str:
    """What may follow in a short name, calibrators and their options included."""
    from qexplorer.core.plugin_kinds.calibrator_choice import by_default_first, option_names, short_calibrators
    from qexplorer.core.plugins import ALGORITHMS
    from qexplorer.core.short_names import OPTIONS, examples, grammar_examples

    fixed = [f"-{option} ({meaning})" for option, meaning in OPTIONS.items()]
    calibrators = [f"-{name} ({_title(name)})" for name in short_calibrators()]
    only = [each.name for each in by_default_first() if each.name not in short_calibrators()]
    brought = [f"{name} ({meaning})" for name, meaning in examples().items() if name not in grammar_examples()]
    text = f"Number formats bring short names of their own: {', '.join(brought)}. " if brought else ""
    text += f"Short names may end in {', '.join(fixed)}, or in a calibrator: {', '.join(calibrators)}."
    text += f" Only in a .yaml file, as their options must be given: {', '.join(only)}." if only else ""
    options = [f"{name} of {each.name}" for each in by_default_first() for name in option_names(each.name)]
    text += f" Options beside 'calibrator' in a .yaml file: {', '.join(options)}." if options else ""
    algorithms = [f"-{each.name} ({each.title})" for each in ALGORITHMS]
    return text + (f" Last come algorithms: {', '.join(algorithms)}." if algorithms else "")


def _title(calibrator: str) -> str:
    from qexplorer.core.plugins import CALIBRATORS

    return CALIBRATORS.get(calibrator).title


def _add(verbs: Any, name: str, summary: str, module: str | None = None) -> _Parser:
    sentence = f"{summary[0].upper()}{summary[1:]}."
    parser: _Parser = verbs.add_parser(name, help=summary, description=sentence, formatter_class=_Whole)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    parser.set_defaults(run=_Verb(module or name))
    return parser


def _add_app(verbs: Any) -> None:
    app = verbs.add_parser("app", help="open the app in a browser", description="Open the app, on 127.0.0.1.")
    app.add_argument("--port", type=_port, default=None, help="port to serve on; 8501 or the next free one by default")
    app.add_argument("--address", default=None, metavar="A", help="address to answer on; 127.0.0.1 by default")
    app.add_argument("--shared", action="store_true", help=_SHARED)
    app.add_argument("--site", action="extend", nargs="+", default=[], metavar="NAME", help=_SITE)
    app.add_argument("--no-browser", action="store_true", help="do not open a browser")
    app.set_defaults(run=_Verb("app"))


def _add_quantize(verbs: Any) -> None:
    parser = _add(verbs, "quantize", "quantize a model by a recipe and write it as ONNX")
    _add_model(parser)
    parser.add_argument("--recipe", required=True, metavar="R", help=_RECIPE)
    parser.add_argument("-o", "--output", required=True, metavar="OUT.onnx", help="file to write")
    parser.add_argument("--samples", type=_count, default=512, metavar="N", help="calibration samples (512)")
    parser.add_argument("--explain", action="store_true", help="tell what each algorithm changed, layer by layer")
    parser.registered = _registered
    _add_data(parser)


def _add_qat(verbs: Any) -> None:
    parser = _add(verbs, "qat", "train a model with a recipe's rounding in the way and write it as ONNX")
    parser.add_argument("model", metavar="MODEL", help=_MODEL)
    parser.add_argument("--recipe", required=True, metavar="R", help=_RECIPE)
    parser.add_argument("-o", "--output", metavar="OUT.onnx", help="file to write")
    parser.add_argument("--epochs", type=_count, metavar="N", help="times that all calibration samples are seen (20)")
    parser.add_argument("--rate", type=float, metavar="R", help="learning rate of weights")
    parser.add_argument("--batch", type=_count, metavar="N", help="samples of one step")
    parser.add_argument("--seed", type=int, metavar="N", help="of the order of samples")
    parser.add_argument("--until", type=_count, metavar="N", help="stop after this epoch, on the way to all of them")
    parser.add_argument("--option", action="extend", nargs="+", default=[], metavar="NAME=VALUE", help=_OPTION)
    parser.add_argument("--estimate", action="store_true", help="measure a few steps, tell time and memory, and stop")
    parser.add_argument("--keep-best", action="store_true", help="write the best state that an ended training came to")
    parser.registered = _registered
    _add_data(parser)


def _add_compare(verbs: Any) -> None:
    parser = _add(verbs, "compare", "run recipes on backends and compare them with the float model")
    _add_model(parser)
    several: dict[str, Any] = {"action": "extend", "nargs": "+"}
    parser.add_argument("--recipe", required=True, **several, metavar="R", help=f"one or more: {_RECIPE}")
    parser.add_argument("--backend", **several, metavar="B", help=_BACKEND)
    parser.add_argument("--samples", type=_count, default=None, metavar="N", help="evaluation samples (all)")
    efforts = parser.add_mutually_exclusive_group()
    efforts.add_argument("--effort", choices=("quick", "standard", "report"), default=None, help=_EFFORT)
    efforts.add_argument("--quick", action="store_true", help="the same as --effort quick")
    add_cluster(parser)
    parser.registered = _registered
    _add_data(parser)


def _add_sensitivity(verbs: Any) -> None:
    parser = _add(verbs, "sensitivity", "what rounding each layer costs: foretold for all, and evaluated one by one")
    _add_model(parser)
    parser.add_argument("--recipe", default="w8a8", metavar="R", help=f"by which layers are rounded (w8a8): {_RECIPE}")
    parser.add_argument("--format", default=None, metavar="F", help="number format of the weights, in place of R's")
    parser.add_argument("--samples", type=_count, default=128, metavar="N", help="calibration samples looked at (128)")
    parser.add_argument("--rounded", action="extend", nargs="+", default=[], choices=_ROUNDED, help=_ROUNDED_HELP)
    parser.add_argument("--setup", action="extend", nargs="+", default=[], choices=_SETUPS, help=_SETUP_HELP)
    add_work(parser)
    add_cluster(parser)
    parser.registered = _registered
    _add_data(parser)


def _add_repair(verbs: Any) -> None:
    parser = _add(
        verbs,
        "repair",
        "what is wrong with a quantized model, and the recipe in which it is mended",
        "precision.repair",
    )
    _add_model(parser)
    parser.add_argument("--recipe", default="w8a8", metavar="R", help=f"by which it is quantized (w8a8): {_RECIPE}")
    parser.add_argument("-o", "--output", default=None, metavar="OUT.yaml", help="file for the repaired recipe")
    add_training(parser)
    add_cluster(parser)
    parser.registered = _registered
    _add_data(parser)


def _add_search(verbs: Any) -> None:
    parser = _add(verbs, "search", "the best mix of precisions under budgets, found and measured", "precision.search")
    _add_model(parser)
    add_search_options(parser)
    parser.registered = _registered
    _add_data(parser)


def _add_tune(verbs: Any) -> None:
    parser = _add(verbs, "tune", "formats, calibrators and algorithms chosen together, with Optuna", "precision.tune")
    _add_model(parser)
    add_tune_options(parser)
    parser.registered = _registered
    _add_data(parser)


def _add_design(verbs: Any) -> None:
    parser = _add(verbs, "design", "small networks made for few bits, beside a sample", "precision.design")
    parser.add_argument("model", metavar="MODEL", help="a sample that sorts pictures into classes, such as digits_cnn")
    add_design_options(parser)
    _add_data(parser)


def _add_generate(verbs: Any) -> None:
    parser = _add(verbs, "generate", "have a language model and its quantized variants write on from a prompt")
    _add_model(parser)
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="the beginning")
    parser.add_argument("--recipe", action="extend", nargs="+", default=[], metavar="R", help=f"any number: {_RECIPE}")
    parser.add_argument("--backend", default=None, metavar="B", help="where all of them run; the reference by default")
    parser.add_argument("--tokens", type=_count, default=64, metavar="N", help="tokens to write, at most 256 (64)")
    cold = "0 (the default): the most likely token each time; above: drawn, with the same draws for all"
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help=cold)
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the draws (0)")
    listed = "JSON list with the text of each token; samples have their own, and 256 tokens are taken for bytes"
    parser.add_argument("--vocabulary", default=None, metavar="FILE", help=listed)
    parser.registered = _registered
    _add_data(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help=_MODEL)
    parser.add_argument("--architecture", default=None, metavar="A", help=_ARCHITECTURE)


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument("--data", default=None, metavar="D", help=_DATA)
    vars(data)["readable"] = _Readable()  # argparse fills help from its attributes
    parser.add_argument("--task", default=None, metavar="T", help=_TASK)
    parser.add_argument("--classes", default=None, metavar="FILE", help=_CLASSES)
    group = parser.add_argument_group("preprocessing of the data: y = (x * scale - mean) / std")
    group.add_argument("--layout", default=None, metavar="L", help="as_is, add_channel, nhwc_to_nchw or nchw_to_nhwc")
    group.add_argument("--scale", type=float, default=None, metavar="S", help="factor, such as 0.00392157 for bytes")
    group.add_argument("--mean", type=float, nargs="+", default=None, metavar="M", help="one value, or one per channel")
    group.add_argument("--std", type=float, nargs="+", default=None, metavar="S", help="one value, or one per channel")
    group.add_argument("--size", type=int, nargs=2, default=None, metavar=("H", "W"), help="resize images to this")


def _registered() -> str:
    """What may follow in a short name, and the tasks."""
    return f"{_short_names()} {_tasks()}"


def _tasks() -> str:
    """Each task: the labels that it takes, and its metrics, the primary one first."""
    from qexplorer.core.plugins import METRICS, TASKS

    found = []
    for task in TASKS:
        names = dict.fromkeys([*task.metrics, *(metric.name for metric in METRICS if task.name in metric.tasks)])
        titles = ", ".join(METRICS.get(name).title for name in names)
        found.append(f"{task.name} (takes {task.takes}: {titles})")
    return f"Tasks: {'; '.join(found)}."


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port; allowed: 1 to 65535")
    return int(text)

"""The study in Optuna's own storage: the one place that knows Optuna.

The storage is Optuna's journal: a file that is only appended to, so that a kill can damage no trial that is done, a
sixth of the time of its SQLite storage, and opened by optuna-dashboard all the same.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qexplorer.core.disk.contents import used
from qexplorer.core.errors import QExplorerError
from qexplorer.core.files import one_at_a_time
from qexplorer.core.workspace import workspace
from qexplorer.search.joint.space_types import JointParameter

if TYPE_CHECKING:
    import optuna

__all__ = ["ENABLE", "OBJECTIVES", "AskedTrial", "Study", "is_installed", "opened", "storage_path"]

ENABLE = "pip install 'qexplorer[tune]'"
OBJECTIVES = ("quality", "cost")

_POPULATION = 16
_STARTUP = 10
_ENDS = {"measured": "COMPLETE", "stopped": "PRUNED", "refused": "FAIL"}
"""What Optuna calls the states of trials that have ended."""


def is_installed() -> bool:
    """Whether Optuna is there."""
    return find_spec("optuna") is not None


def storage_path(name: str) -> Path:
    """Where the study's journal is, or would be."""
    return workspace("studies", name) / "journal.log"


@dataclass(frozen=True, slots=True)
class AskedTrial:
    """A trial that was begun.

    Attributes:
        number: in the study.
        choice: position of each parameter's choice.
        why: where the choice is from.
    """

    number: int
    choice: tuple[int, ...]
    why: str


@dataclass(slots=True, eq=False)
class Study:
    """A study that is open.

    Sampling depends on the seed, on the trials that have ended and on how many are at work, and on nothing else, so
    that a search that was killed goes on as if it had not been.

    Attributes:
        name: in the storage.
        path: of the journal.
        sampler: ``nsga2`` or ``tpe``.
        seed: of all draws.
    """

    name: str
    path: Path
    sampler: str
    seed: int
    _study: optuna.Study
    _parameters: tuple[JointParameter, ...] = ()
    _open: dict[int, optuna.Trial] = field(default_factory=dict)
    _ended: int = 0

    @property
    def kept(self) -> dict[str, Any]:
        """What was kept with the study; empty for a new one."""
        return dict(self._study.user_attrs)

    def keep(self, key: str, value: Any) -> None:
        """Keeps plain data with the study."""
        self._study.set_user_attr(key, value)

    def begin(self, parameters: Sequence[JointParameter]) -> None:
        """Says what is chosen. Trials that were at work when an earlier search was killed are put back in the line."""
        from optuna.trial import TrialState

        self._parameters = tuple(parameters)
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)
                asked = trial.system_attrs.get("fixed_params") or trial.params  # parameters are named one by one
                if asked:
                    self._study.enqueue_trial(dict(asked), {"why": trial.user_attrs.get("why", "the search")})
        self._ended = sum(_has_ended(trial) for trial in trials)

    def enqueue(self, choice: Sequence[int], why: str, *, again: bool = False) -> None:
        """Puts a choice in the line; one that was there before only if asked to."""
        self._study.enqueue_trial(self._words(choice), {"why": why}, skip_if_exists=not again)

    def _waits(self) -> bool:
        from optuna.trial import TrialState

        return bool(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def ask(self, drawn: Callable[[random.Random], tuple[int, ...] | None] | None = None) -> AskedTrial:
        """The next choice: what waits in the line, else what ``drawn`` gives, or the sampler where that gives none."""
        draw = random.Random(f"{self.seed} {self._ended + len(self._open)}")  # noqa: S311 - a draw, and no secret
        own = drawn(draw) if drawn is not None and not self._waits() else None
        if own is not None:
            self.enqueue(own, "the search", again=True)
        self._study.sampler = self._seeded(draw.randrange(2**31))
        trial = self._study.ask()
        chosen = [(each, trial.suggest_categorical(each.name, list(each.choices))) for each in self._parameters]
        choice = tuple(each.choices.index(str(word)) for each, word in chosen)
        if "why" not in trial.user_attrs:
            trial.set_user_attr("why", "the search")
        self._open[trial.number] = trial
        return AskedTrial(trial.number, choice, str(trial.user_attrs["why"]))

    def tell(self, number: int, values: Sequence[float] | None, facts: Mapping[str, Any]) -> None:
        """Ends a trial.

        Args:
            number: of it.
            values: of the objectives; None where it was stopped or refused.
            facts: plain data that is kept with it; ``state`` decides what Optuna calls it.
        """
        from optuna.trial import TrialState

        trial = self._open.pop(number)
        for key, value in sorted(facts.items(), key=lambda each: each[0] == "state"):  # last: then all are there
            trial.set_user_attr(key, value)
        if values is None:
            self._study.tell(trial, state=TrialState[_ENDS[str(facts["state"])]])
        else:
            self._study.tell(trial, list(values))
        self._ended += 1
        used(self.path.parent)

    def ended(self) -> Iterator[tuple[int, tuple[int, ...], dict[str, Any]]]:
        """Number, choice and facts of every trial that has ended here."""
        for trial in self._study.get_trials(deepcopy=False):
            if _has_ended(trial):
                choice = tuple(each.choices.index(str(trial.params[each.name])) for each in self._parameters)
                yield trial.number, choice, dict(trial.user_attrs)

    def importances(self) -> dict[str, dict[str, float]]:
        """The share of each parameter in each objective, by PED-ANOVA; empty while there are too few trials.

        Watanabe, Bansal and Hutter 2023, PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
        Subspaces.
        """
        from optuna.importance import get_param_importances

        def target(at: int) -> Callable[[optuna.trial.FrozenTrial], float]:
            return lambda trial: float(trial.values[at])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it reminds that low values are good, which they are
            try:
                return {
                    objective: get_param_importances(self._study, target=target(at))
                    for at, objective in enumerate(OBJECTIVES)
                }
            except (ValueError, RuntimeError):  # fewer than two trials
                return {}

    def _words(self, choice: Sequence[int]) -> dict[str, str]:
        return {each.name: each.choices[at] for each, at in zip(self._parameters, choice, strict=True)}

    def _seeded(self, seed: int) -> optuna.samplers.BaseSampler:
        from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler

        if self.sampler == "tpe":
            return TPESampler(seed=seed, multivariate=True, n_startup_trials=_STARTUP)
        if self.sampler == "nsga2":
            return NSGAIISampler(seed=seed, population_size=_POPULATION)
        return RandomSampler(seed=seed)


def _has_ended(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether all of a trial was told: one that was killed on the way has failed, whatever its facts say."""
    return trial.state.name == _ENDS.get(str(trial.user_attrs.get("state")))


def _mend(path: Path) -> None:
    """Removes what a kill or a full disk left of a journal that nobody writes: Optuna's lock, for which it would wait
    half a minute, and a last line that is not whole, behind which no other could be read."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    if path.is_file():
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


@contextmanager
def opened(name: str, sampler: str, seed: int) -> Iterator[Study]:
    """The study called ``name``, a new one or one that goes on; nobody else has it meanwhile.

    Raises:
        QExplorerError: Optuna is not installed.
    """
    if not is_installed():
        raise QExplorerError("a joint search needs the package optuna, which is not installed", do=ENABLE)
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = storage_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(path.with_name("lock")), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        _mend(path)
        storage = JournalStorage(JournalFileBackend(str(path)))
        directions: list[Literal["minimize", "maximize"]] = ["minimize"] * len(OBJECTIVES)
        study = optuna.create_study(storage=storage, study_name=name, directions=directions, load_if_exists=True)
        study.set_metric_names(list(OBJECTIVES))
        yield Study(name, path, sampler, seed, study)

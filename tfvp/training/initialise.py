"""Reads a training run's first weights from a run, a weights file or another program's file."""

from collections.abc import Callable
from pathlib import Path

import keras

from tfvp.config.experiment import Experiment
from tfvp.config.training import InitConfig
from tfvp.errors import WeightsError, first_line
from tfvp.models.base import VideoPredictor
from tfvp.models.build import load_network
from tfvp.porting.own_program import programs_of
from tfvp.porting.program import AVERAGED, OPTIMIZER, OptimizerState, Program
from tfvp.porting.read import check_no_folder, format_of, program_of
from tfvp.presets.find import FORMS, find_preset, is_preset
from tfvp.runs.folder import Run, open_run
from tfvp.sections import PretrainedFile
from tfvp.training.checkpoints import Checkpoints, State, assign, read_state, restore, weights_of
from tfvp.training.trainer import Trainer


def initialise(trainer: Trainer, init: InitConfig) -> str:
    """Load the weights that `init` names into a trainer; returns one sentence that says what.

    With `init.optimizer` the optimizer's moments and step and the weight average come too, as when
    the released program restored a whole checkpoint; else the average starts at the new weights.

    Raises:
        WeightsError: nothing is there, it cannot be read, or it does not fit.
    """
    source = str(init.source)
    if is_preset(source):
        init = init.model_copy(update={"source": str(find_preset(source).weights_path)})
    file = str(init.source)
    kind = format_of(file)
    if kind:
        _from_program(trainer, init, program_of(programs_of(trainer.predictor), file, kind))
    elif file.endswith((".keras", ".weights.h5")):
        _from_keras(trainer, init, Path(file))
    else:
        _from_state(trainer, init, *_find_state(Path(file)))
    if not init.optimizer:
        trainer.average.restart()
    what = "averaged weights" if init.weights == "averaged" else "weights"
    return f"{what}{' and optimizer state' if init.optimizer else ''} from {source}"


def load_weights(predictor: keras.Model, state: State, kind: str = "weights") -> None:
    """Put the "weights" or the "average" of a checkpoint into a network.

    Raises:
        WeightsError: they do not fit; nothing was assigned.
    """
    assign({weight.path: weight for weight in predictor.weights}, {**weights_of(state, kind)})


def read_pretrained(file: PretrainedFile, config: str) -> State:
    """Read the weights of a part of a network that another program trained.

    Args:
        file: the file.
        config: the name of the configuration, for the command that makes the file.

    Raises:
        WeightsError: it is missing or damaged; says how it is made.
    """
    command = f"tfvp import {file.original} --config {config} --part {file.part} --out {file.path}"
    if not file.path.is_file():
        raise WeightsError(
            f"{file.key}: {file.path} does not exist; get {file.source}, then: {command}"
        )
    try:
        return read_state(file.path)
    except WeightsError as error:
        raise WeightsError(f"{file.key}: {error}; expected what this makes: {command}") from None


def load_pretrained(
    predictor: VideoPredictor, experiment: Experiment, report: Callable[[str], None]
) -> None:
    """Put the weights that an experiment's pretrained files hold into the parts of its network.

    Raises:
        WeightsError: one is missing, damaged, or does not fit.
    """
    for file in experiment.model.pretrained_files:
        state = read_pretrained(file, experiment.config)
        weights = predictor.core.pretrained_parts()[file.part].weights
        try:
            assign({weight.path: weight for weight in weights}, {**weights_of(state, "weights")})
        except WeightsError as error:
            raise WeightsError(f"{file.key}: {file.path}: {error}") from None
        report(f"weights of {file.part}, which stay as they are, from {file.path}")


def _find_state(source: Path) -> tuple[Path, State]:
    """Find the checkpoint of a run (its best, else its newest), or a checkpoint file."""
    if source.is_dir():
        if not Run(source).config_path.is_file():
            check_no_folder(str(source))
        checkpoints = Checkpoints(open_run(source).checkpoints)
        if checkpoints.best:
            step = checkpoints.best["step"]
            return checkpoints.path(step), checkpoints.load(step)
        step, state = checkpoints.load_latest()
        return checkpoints.path(step), state
    if source.suffix == ".npz" and source.is_file():
        return source, read_state(source)
    found = "is not one of these" if source.exists() else "does not exist"
    raise WeightsError(
        f"--init-from {source}: {found}; expected a run's folder, {FORMS}, a .keras, "
        ".weights.h5, .npz or .safetensors file, or another program's: the prefix of a TF1 "
        "checkpoint (model.ckpt-80000 beside model.ckpt-80000.index), a Keras 2 file (.hdf5) or a "
        "PyTorch file (.pt, .pth)"
    )


def _from_state(trainer: Trainer, init: InitConfig, path: Path, state: State) -> None:
    has_optimizer = any(name.startswith("optimizer/") for name in state)
    if init.optimizer and not has_optimizer:
        raise WeightsError(f"{path} holds no optimizer state, but {OPTIMIZER} asks for it")
    if init.optimizer:
        restore(state, trainer.predictor, trainer.average, trainer.optimizer)
    load_weights(trainer.predictor, state, "average" if init.weights == "averaged" else "weights")


def _from_keras(trainer: Trainer, init: InitConfig, path: Path) -> None:
    if init.optimizer or init.weights == "averaged":
        raise WeightsError(
            f"{path}: such a file holds the weights alone, but "
            f"{OPTIMIZER if init.optimizer else AVERAGED} asks for more; use a run's folder or a "
            "TF1 checkpoint"
        )
    if not path.is_file():
        raise WeightsError(f"--init-from {path}: does not exist")
    if path.suffix == ".keras":
        source = load_network(path)
        values = {w.path: keras.ops.convert_to_numpy(w) for w in source.weights}
        assign({weight.path: weight for weight in trainer.predictor.weights}, {**values})
        return
    try:
        trainer.predictor.load_weights(path)
    except Exception as error:  # Keras raises whatever its readers do
        raise WeightsError(
            f"{path}: cannot be loaded into this network: {first_line(error)}"
        ) from None


def _from_program(trainer: Trainer, init: InitConfig, program: Program) -> None:
    """Take another program's weights, and the optimizer's state where its files hold one."""
    source = str(init.source)
    averaged = init.weights == "averaged"
    names = program.variables
    optimizer = None
    if init.optimizer:
        trained = {id(variable) for variable in trainer.trainable_variables}
        optimizer = program.optimizer_state(
            source, [name for name, variable in names.items() if id(variable) in trained]
        )
    for variable, value in program.weights(source, averaged=averaged, kernels=init.kernels):
        variable.assign(value)
    if optimizer:
        _resume_optimizer(trainer, names, optimizer)


def _resume_optimizer(
    trainer: Trainer, names: dict[str, keras.Variable], state: OptimizerState
) -> None:
    """Take over moments, step and weight average of the released program."""
    adam = trainer.optimizer
    adam.iterations.assign(state.steps_done)
    index = {id(variable): i for i, variable in enumerate(trainer.trainable_variables)}
    for name, first in state.first_moments.items():
        i = index[id(names[name])]
        adam.first_moments[i].assign(first)
        adam.second_moments[i].assign(state.second_moments[name])
        trainer.average.averages[i].assign(state.averages[name])

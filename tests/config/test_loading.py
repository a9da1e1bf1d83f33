"""Configurations: who wins, what is refused and in which words, nothing lost on paper."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tfvp.config import extends as config_chain
from tfvp.config import yaml as yaml_files
from tfvp.config.experiment import Experiment
from tfvp.config.loading import config_hash, dump, explain, load_config, load_resolved
from tfvp.config.messages import known_keys
from tfvp.errors import ConfigError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write configs into an empty folder that is also the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def refusal(*args, **kwargs) -> list[str]:
    """The lines of the error that loading gives."""
    with pytest.raises(ConfigError) as caught:
        load_config(*args, **kwargs)
    return str(caught.value).splitlines()


# --- who wins ---


def origins(*args, **kwargs) -> dict[str, tuple[object, str]]:
    return {s.key: (s.value, s.origin) for s in explain(*args, **kwargs)}


def test_precedence_default_parent_config_preset_set(write):
    write(
        parent="""
            training: {steps: 1, global_batch: 2, micro_batch: 1, seed: 1, log_every: 1}
            presets:
              small: {training: {seed: 3, log_every: 3, keep_checkpoints: 3}}
            """,
        child="""
            extends: parent
            training: {global_batch: 4, seed: 2, log_every: 2}
            presets:
              small: {training: {log_every: 4, keep_checkpoints: 4}}
            """,
    )
    found = origins("child", preset="small", overrides=["training.keep_checkpoints=5"])
    assert found["training.validate_every"] == (500, "default")
    assert found["training.steps"] == (1, "parent.yaml")
    assert found["training.global_batch"] == (4, "child.yaml")
    assert found["training.seed"] == (3, "parent.yaml preset small")
    assert found["training.log_every"] == (4, "child.yaml preset small")
    assert found["training.keep_checkpoints"] == (5, "--set")
    assert found["preset"] == ("small", "--preset")
    experiment = load_config("child", preset="small", overrides=["training.keep_checkpoints=5"])
    assert experiment.training.log_every == 4
    assert load_config("child").training.log_every == 2


def test_explain_lists_every_key_once(write):
    write(a="")
    (write() / "a.yaml").write_text("title: x\n")
    keys = [setting.key for setting in explain("a")]
    assert len(keys) == len(set(keys))
    sections = {key.rpartition(".")[0] for key in known_keys()}
    there = set(known_keys()) - sections
    experiment = load_config("a")
    for union, chosen in (  # keys of the sections that another `dataset` or `kind` would choose
        ("data", experiment.data),
        ("model", experiment.model),
        ("training.optimizer", experiment.training.optimizer),
        ("training.loss", experiment.training.loss),
        ("training.schedule", experiment.training.schedule),
        ("training.clip", experiment.training.clip),
        ("training.scheduled_sampling", experiment.training.scheduled_sampling),
        ("training.early_stopping", experiment.training.early_stopping),
        ("training.augmentation", experiment.training.augmentation),
    ):
        there = {key for key in there if not key.startswith(f"{union}.")}
        if chosen is None:
            there.add(union)
            continue
        mine = set(known_keys([type(chosen)], f"{union}."))
        there |= mine - {key.rpartition(".")[0] for key in mine}
    assert set(keys) == there


def test_name_and_title_are_a_files_own(write):
    write(
        parent="name: p\ntitle: P\nlabel: L\npresets: {small: {title: small P}}",
        child="extends: parent",
        other="extends: parent\nname: o\ntitle: O",
    )
    parent, child = load_config("parent"), load_config("child", preset="small")
    assert (parent.name, parent.title) == ("p", "P")
    assert load_config("parent", preset="small").title == "small P"
    assert (child.name, child.title, child.label) == ("child-small", "child", "L")
    assert origins("child")["name"] == ("child", "file name")
    assert load_config("other").title == "O"
    assert load_config("other", name="mine").name == "mine"
    assert origins("other", name="mine")["name"] == ("mine", "--name")


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("training.loss.l1=0", lambda e: e.training.loss.l1, 0.0),
        ("training.scheduled_sampling=null", lambda e: e.training.scheduled_sampling, None),
        ("training.scheduled_sampling=", lambda e: e.training.scheduled_sampling, None),
        ("data.seed=0", lambda e: e.data.seed, 0),
        ("training.init.required=false", lambda e: e.training.init.required, False),
        ("label=''", lambda e: e.label, ""),
        ("data.frame_px=[32, 48]", lambda e: e.data.frame_px, (32, 48)),
        (
            "training.optimizer.learning_rate=1e-3",
            lambda e: e.training.optimizer.learning_rate,
            1e-3,
        ),
        ("training.loss={l1: 0}", lambda e: (e.training.loss.l1, e.training.loss.l2), (0.0, 2.0)),
        ("data.root=a=b", lambda e: e.data.root, Path("a=b")),
        ("data.prepared=~/x", lambda e: e.data.prepared, Path.home() / "x"),
    ],
)
def test_overrides_are_yaml_and_falsy_ones_count(write, override, read, value):
    write(
        a="""
            label: something
            data: {seed: 3}
            training: {loss: {l1: 2, l2: 2}, init: {required: true}}
            """
    )
    assert read(load_config("a", overrides=[override])) == value


def test_a_section_that_was_null_can_be_set_again(write):
    write(
        root="training: {scheduled_sampling: {stop_step: 5}}",
        parent="extends: root\ntraining: {scheduled_sampling: null}",
        child="extends: parent",
    )
    assert load_config("child").training.scheduled_sampling is None
    again = load_config("child", overrides=["training.scheduled_sampling.start=0.5"])
    assert again.training.scheduled_sampling is not None
    assert again.training.scheduled_sampling.start == 0.5
    assert again.training.scheduled_sampling.stop_step == 50_000
    found = origins("child", overrides=["training.scheduled_sampling.start=0.5"])
    assert found["training.scheduled_sampling.start"] == (0.5, "--set")
    assert found["training.scheduled_sampling.stop_step"] == (50_000, "default")
    assert origins("child")["training.scheduled_sampling"] == (None, "parent.yaml")


# --- where configs are found ---


def test_bare_names_paths_and_parents(write, monkeypatch):
    here = write(mine="extends: e3d", e3d="extends: e3d\ntraining: {seed: 7}")
    (here / "configs").mkdir()
    (here / "configs" / "e2d.yaml").write_text("title: in ./configs")
    (here / "deep").mkdir()
    (here / "deep" / "a.yaml").write_text("extends: ../mine.yaml")
    assert load_config("e2d").title == "in ./configs"
    assert load_config("e2d.yaml").title == "in ./configs"
    assert load_config("e3d_residual").title == "E3D-LSTM with Residuals"  # beside the package
    # A file that extends its own name means the one that comes with tfvp.
    assert load_config("./e3d.yaml").training.optimizer.learning_rate == 1e-3
    assert load_config(here / "deep" / "a").training.seed == 7
    monkeypatch.chdir(here / "deep")
    assert load_config("../mine").training.seed == 7


def test_configs_inside_the_package_are_found_too(write, monkeypatch):
    here = write()
    (here / "site" / "tfvp" / "configs").mkdir(parents=True)
    (here / "site" / "tfvp" / "configs" / "only_here.yaml").write_text("title: wheel")
    monkeypatch.setattr(config_chain, "__file__", str(here / "site" / "tfvp" / "config" / "x.py"))
    assert load_config("only_here").title == "wheel"


def test_a_config_that_is_not_found(write):
    here = write(a="extends: e3d_residul")
    for name in ("e3d_residul", "e3d_residul.yaml"):
        (line,) = refusal(name)
        assert line.startswith(f"config {name} not found; looked for e3d_residul.yaml in ., /")
        assert line.endswith("/configs; did you mean e3d_residual?")
    assert refusal("nope/b.yaml") == ["config nope/b.yaml not found; looked for b.yaml in nope"]
    (line,) = refusal("a")
    assert line.startswith("a.yaml: extends: config e3d_residul not found")
    (here / "folder").mkdir()
    assert refusal("folder") == ["config folder is a folder; give a YAML file"]


@pytest.mark.parametrize("files", [{"a": "b", "b": "c", "c": "./b.yaml"}, {"a": "a"}])
def test_a_circle_of_parents(write, files):
    write(**{name: f"extends: {parent}" for name, parent in files.items()})
    (line,) = refusal("a")
    circle = "a.yaml -> b.yaml -> c.yaml -> b.yaml" if len(files) > 1 else "a.yaml -> a.yaml"
    assert line == f"a.yaml: extends goes in a circle: {circle}"


# --- what is refused, word by word ---

MESSAGES = {
    "training: {step: 500}": "training.step: unknown key (got 500); did you mean training.steps?",
    "trainin: {}": "trainin: unknown key (got {}); did you mean training?",
    "training: {learning_rate: 1}": "training.learning_rate: unknown key (got 1); "
    "did you mean training.optimizer.learning_rate?",
    "training.steps: 5": "training.steps: unknown key (got 5); "
    "in a file write it nested, one key below the other",
    "training: {loss: {x: 1}}": "training.loss.x: unknown key (got 1); "
    "known keys: training.loss.kind, training.loss.reduction, training.loss.frames, "
    "training.loss.network, training.loss.l1, training.loss.l2",
    "training: {loss: {kind: cross_entropy, l1: 1}}": "training.loss.l1: unknown key (got 1); "
    "cross_entropy has no such key; known keys: training.loss.kind, training.loss.reduction, "
    "training.loss.frames, training.loss.network, training.loss.epsilon",
    "training: {loss: {kind: cross-entropy}}": "training.loss.kind: expected 'absolute_square' or "
    "'cross_entropy', got \"cross-entropy\"; did you mean cross_entropy?",
    "training: {optimizer: {kind: rmsprop, decay: 1}}": "training.optimizer.decay: expected less "
    "than 1, got 1",
    "model: {network: predrnn, hidden: [8, 16]}": "model.hidden: one memory goes "
    "through all layers of predrnn",
    "model: {network: predrnn_pp, hidden: [8]}": "model.hidden: expected a list of at least 2",
    "model: {network: predrnn, cell: {kernel: 4}}": "model.cell.kernel: expected an odd "
    "number, got 4",
    "model: {network: prednet, channels: [4, 4, 4, 4, 4, 4, 4]}": "model.channels: 7 layers "
    "above the lowest halve the frame as often, so 128 must divide the frame, got data.frame_px "
    "64x64",
    "model: {network: prednet, error_weights: [1]}": "model.error_weights: expected one "
    "for each of 4 layers",
    "training: {loss: {network: 1}}": "training.loss.network: model.network eidetic_stack with "
    "these settings has no auxiliary loss, so its weight must be 0, got 1",
    "model: {network: predrnn, decouple: true}": "model.decouple: true adds weights that only "
    "training.loss.network trains",
    "model: {network: [1]}": "model.network: expected 'eidetic_stack'",
    "model: 3": "model: expected a section of keys, got 3",
    "model: {network: conv_lstm_stack, wiring: plain}": 'model.wiring: unknown key (got "plain"); '
    "conv_lstm_stack has no such key; known keys: model.network, model.cell",
    "training: {steps: lots}": 'training.steps: expected a whole number, got "lots"',
    "training: {steps: 5.0}": "training.steps: expected a whole number, got 5.0",
    "training: {steps: true}": "training.steps: expected a whole number, got true",
    "training: {steps: '5'}": 'training.steps: expected a whole number, got "5"',
    "training: {steps: 0}": "training.steps: expected at least 1, got 0",
    "training: 3": "training: expected a section of keys, got 3",
    "training: {micro_batch: some}": "training.micro_batch: expected a whole number or 'auto', "
    'got "some"',
    "training: {freeze_decoder: 1}": "training.freeze_decoder: expected true or false, got 1",
    "training: {seed: 4294967296}": "training.seed: expected less than 4294967296, got 4294967296",
    "training: {average_decay: 1}": "training.average_decay: expected less than 1, got 1",
    "training: {optimizer: {learning_rate: .nan}}": "training.optimizer.learning_rate: "
    "expected a finite number, got NaN",
    "training: {optimizer: {learning_rate: .inf}}": "training.optimizer.learning_rate: "
    "expected a finite number, got Infinity",
    "training: {scheduled_sampling: {start: 2}}": "training.scheduled_sampling.start: "
    "expected at most 1, got 2",
    "data: {frame_px: [64]}": "data.frame_px: expected a list of at least 2, got [64]",
    "data: {frame_px: [64, 64, 3]}": "data.frame_px: expected a list of at most 2, got [64, 64, 3]",
    "data: {frame_px: [64, 6.5]}": "data.frame_px: expected a whole number, got 6.5",
    "data: {root: 5}": "data.root: expected a path, got 5",
    "data: {digits: minst}": "data.digits: expected 'auto', 'mnist', 'sklearn', 'emnist_balanced', "
    "'emnist_byclass', 'emnist_letters', 'kmnist' or 'omniglot', got \"minst\"; did you mean "
    "mnist?",
    "data: 3": "data: expected a section of keys, got 3",
    "data: {dataset: khh}": "data.dataset: expected 'moving_mnist', 'kth', 'kitti' or 'clips', "
    'got "khh"; did you mean kth?',
    "data: {dataset: 5}": "data.dataset: expected 'moving_mnist', 'kth', 'kitti' or 'clips', got 5",
    "data: {dataset: kth, windows: 3}": "data.windows: expected 'released' or 'sliding', got 3",
    "data: {dataset: kth, widnows: 3}": "data.widnows: unknown key (got 3); "
    "did you mean data.windows?",
    "data: {dataset: kth, digits: mnist}": 'data.digits: unknown key (got "mnist"); kth has no '
    "such key; known keys: data.root, data.prepared, data.frame_px, data.context_frames, "
    "data.predict_frames, data.dataset, data.channels, data.windows, data.stride",
    "evaluation: {metrics: [mse, psnr]}": "evaluation.metrics: expected 'mse', 'mae', "
    "'ssim_thesis', 'ssim_range1', 'ssim_uint8', 'ssim_gaussian', 'psnr_uint8', 'psnr_float' or "
    "'cross_entropy', got \"psnr\"",
    "name: a b": 'name: expected text that matches ^[A-Za-z0-9][A-Za-z0-9._-]*$, got "a b"',
    "title: on": "title: expected text, got true",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_one_line_names_file_key_value_and_what_is_allowed(write, text):
    write(a=text)
    (line,) = refusal("a")
    assert line.startswith(f"a.yaml: {MESSAGES[text]}"), line


COMBINATIONS = {
    "model: {patch_px: 5}": "model.patch_px: 5 must divide the frame, got data.frame_px 64x64; "
    "allowed: 1, 2, 4, 8, 16, 32, 64 (data.frame_px: default; model.patch_px: a.yaml)",
    "model: {wiring: residual, hidden: [64]}": "model.wiring: residual joins pairs of layers and "
    "needs an even number of them, got 1 in model.hidden; set model.wiring: plain or add a layer "
    "(model.hidden: a.yaml; model.wiring: a.yaml)",
    "model: {wiring: residual, hidden: [8, 16]}": "model.wiring: residual adds",
    "model: {cell: {carry_memory: true}, hidden: [8, 16]}": "model.cell.carry_memory: true hands",
    "training: {loss: {l1: 0, l2: 0}}": "training.loss: l1 and l2 are both 0, so nothing would be "
    "learned (training.loss: a.yaml)",
    "training: {micro_batch: 3}": "training.micro_batch: 3 must divide training.global_batch, "
    "got 16 (training.global_batch: default; training.micro_batch: a.yaml)",
    "data: {digit_px: 64}": "data.digit_px: 64 must be smaller than the frame",
    "data: {frame_px: [8, 6], digit_px: 4}\nmodel: {patch_px: 2}": "evaluation.metrics: "
    "ssim_thesis has a window of 7x7 pixels, got data.frame_px 8x6",
    "data: {validation_sequences: 100}": "training.validation_clips: 200 is more than there are, "
    "got data.validation_sequences 100",
    "evaluation: {sequences: 6000}": "evaluation.sequences: 6000 is more than there are, got "
    "data.test_sequences 5000",
    "data: {test_sequences: 4}": "evaluation.samples: 5 is more than there are",
    "data: {dataset: kth, stride: 3}": "data.stride: 3, but data.windows is released; give",
    "data: {dataset: kth, windows: sliding}": "data.stride: missing, but data.windows is sliding",
    "data: {dataset: kth, validation_persons: [3, 17]}": "data.validation_persons: [3, 17] must be",
    "data: {dataset: kitti, train_drives: [x], test_drives: [x]}": "data.test_drives, "
    "data.validation_drives, data.train_drives: x is listed twice",
    "data: {dataset: kitti, validation_frames: 5}": "data.validation_frames: 5 must be more than "
    "data.context_frames 5 and at most data.context_frames + data.predict_frames = 10",
    "data: {dataset: kitti, validation_last_frames: 8}": "data.validation_last_frames: 8 frames "
    "hold no sequence of 10 (data.validation_frames, else data.context_frames + data.predict",
    "data: {dataset: kitti, validation_drives: []}": "data.validation_drives: none, and data.",
    "data: {train_sequences: 8}": "training.global_batch: 16 is more than there are",
}


@pytest.mark.parametrize("text", COMBINATIONS)
def test_combinations_that_cannot_be_say_where_each_half_came_from(write, text):
    write(a=text)
    (line,) = refusal("a")
    assert line.startswith(f"a.yaml: {COMBINATIONS[text]}"), line


def test_endless_data_may_have_fewer_sequences_than_a_batch(write):
    write(a="data: {train_sequences: 8, train_source: generated}")
    assert load_config("a").data.train_sequences == 8


def test_several_problems_are_several_lines_each_with_its_own_origin(write):
    write(
        parent="training: {step: 1}\npresets: {small: {data: {seed: -1}}}",
        child="extends: parent\nmodel: {wiring: residul}",
    )
    lines = refusal("child", preset="small", overrides=["evaluation.batch=x"], name="a/b")
    assert [line.split(": expected")[0].split(": unknown")[0] for line in lines] == [
        "--name: name",
        "parent.yaml preset small: data.seed",
        "child.yaml: model.wiring",
        "parent.yaml: training.step",
        "--set: evaluation.batch",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "a.yaml:1:6: not valid YAML: expected ',' or ']'"),
        ("title: x\ntitle: y", "a.yaml:2:1: not valid YAML: the key title comes twice"),
        ("data: {seed: 1, seed: 2}", "a.yaml:1:17: not valid YAML: the key seed comes twice"),
        ("a: &x {b: *x}", "a.yaml:1:4: not valid YAML: found unconstructable recursive node"),
        ("1: x", "a.yaml:1:1: not valid YAML: a key must be text, got 1; quote it"),
        ("a: !!python/object/apply:os.getcwd []", "a.yaml:1:4: not valid YAML: could not"),
        ("", "a.yaml: expected keys and values, got nothing"),
        ("- a", "a.yaml: expected keys and values, got a list"),
        ("extends: [b]", "a.yaml: extends: expected a config's name or path, got ['b']"),
        ("presets: [b]", "a.yaml: presets: expected preset names and keys, got ['b']"),
        ("presets: {b: }", "a.yaml: presets.b: expected keys, got None"),
        ("preset: b\npresets: {b: {}}", "a.yaml: preset: is chosen on the command line"),
    ],
)
def test_files_that_are_not_configurations(write, text, said):
    write(a=text)
    (line,) = refusal("a")
    assert line.startswith(said), line


@pytest.mark.parametrize("kind", ["lists", "mappings", "merges"])
def test_aliases_of_aliases_are_refused_at_once(write, kind):
    """Ten lines that stand for ten billion values."""
    lines = ["a0: &a0 [1]" if kind == "lists" else "a0: &a0 {x: 1}"]
    for level in range(1, 11):
        aliases = [f"*a{level - 1}"] * 10
        listed = {
            "lists": f"[{', '.join(aliases)}]",
            "mappings": "{" + ", ".join(f"k{n}: {alias}" for n, alias in enumerate(aliases)) + "}",
            "merges": "{<<: [" + ", ".join(aliases) + "]}",
        }[kind]
        lines.append(f"a{level}: &a{level} {listed}")
    write(a="\n".join(lines))
    (line,) = refusal("a")
    assert line.startswith("a.yaml: its aliases (*name) stand for more than 100,000 values")
    assert load_config("e3d", overrides=["data={seed: &s 7, test_sequences: *s}"]).data.seed == 7


def test_a_file_that_is_not_text_or_cannot_be_read(write):
    here = write()
    (here / "a.yaml").write_bytes(b"title: \xff")
    assert refusal("a") == ["a.yaml: not UTF-8 text (byte 7)"]
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read: No such file"):
        load_resolved(here / "gone.yaml")


def test_a_section_of_another_kind_inherits_nothing(write):
    write(
        parent="""
            data: {dataset: moving_mnist, digit_count: 1, context_frames: 3}
            training:
              optimizer: {kind: adam_tf1, beta_1: 0.5, learning_rate: 0.5}
              loss: {network: 1.0, l2: 0.0}
            """,
        child="""
            extends: parent
            data: {dataset: kth, predict_frames: 4}
            training: {optimizer: {kind: adam_tf1, beta_2: 0.5}, loss: {network: 0.0}}
            """,
    )
    child = load_config("child")
    assert (child.data.context_frames, child.data.predict_frames) == (10, 4)
    assert (child.training.optimizer.beta_1, child.training.optimizer.beta_2) == (0.5, 0.5)
    for order in (1, -1):  # what is set beside a kind stays, whichever comes first
        changes = ["training.optimizer.kind=adam", "training.optimizer.beta_1=0.75"][::order]
        optimizer = load_config("child", overrides=changes).training.optimizer
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.learning_rate) == (0.75, 0.999, 1e-3)
    assert child.training.loss.l2 == 0.0  # its network is a weight and chooses nothing


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.steps", "--set training.steps: expected KEY=VALUE, e.g. "),
        ("=5", "--set =5: expected KEY=VALUE, e.g. "),
        ("a..b=5", "--set a..b=5: expected KEY=VALUE, e.g. "),
        ("data.frame_px=[64", "--set data.frame_px:1:4: not valid YAML"),
        ("training.steps.x=5", '--set: training.steps: expected a whole number, got {"x": 5}'),
        ("preset=quick", "--set preset=quick: a preset is chosen with --preset quick"),
        ("extends=e2d", '--set: extends: unknown key (got "e2d")'),
    ],
)
def test_overrides_that_cannot_be(write, override, said):
    write(a="title: x")
    (line,) = refusal("a", overrides=[override])
    assert line.startswith(said), line


def test_an_unknown_preset_names_those_there_are(write):
    write(a="presets: {quick: {}, long: {}}", b="title: x")
    assert refusal("a", preset="quik") == [
        "a.yaml: no preset quik; there are: quick, long; did you mean quick?"
    ]
    assert refusal("b", preset="quick") == ["b.yaml: no preset quick; it has no presets"]


# --- on paper and back ---

SHIPPED = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("preset", [None, "quick"])
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_dump_and_load_resolved_give_the_same_experiment(path, preset, tmp_path):
    experiment = load_config(path, preset=preset)
    copy = tmp_path / "config.yaml"
    copy.write_text(dump(experiment), encoding="utf-8")
    assert load_resolved(copy) == experiment
    assert load_config(copy) == experiment  # a run's config.yaml can be run again
    assert config_hash(load_resolved(copy)) == config_hash(experiment)


def test_dump_keeps_a_null_that_is_not_the_default(tmp_path):
    experiment = load_config("e3d", overrides=["training.scheduled_sampling=null"])
    (tmp_path / "a.yaml").write_text(dump(experiment), encoding="utf-8")
    assert load_resolved(tmp_path / "a.yaml").training.scheduled_sampling is None


def test_dump_keeps_numbers_exact_and_odd_texts_whole(tmp_path):
    rng = random.Random(0)
    for text in ("1e-3", "on", "a: b #c", "é\n\t", "null", "~", "0x10", "2024-01-01", "'\"", ""):
        rate = rng.random() * 10.0 ** rng.randint(-300, 300) or 1.0
        experiment = Experiment.model_validate(
            {"name": "a", "title": text, "training": {"optimizer": {"learning_rate": rate}}}
        )
        (tmp_path / "a.yaml").write_text(dump(experiment), encoding="utf-8")
        assert load_resolved(tmp_path / "a.yaml") == experiment


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", "0.1e-2", "1.e-3", ".1e-2", "0.001"])
def test_floats_as_people_write_them(text):
    assert yaml_files.parse(f"a: {text}", "x") == {"a": 0.001}


@pytest.mark.parametrize("text", ["e3", "1e", "1e3x", "1-e3", "e3d_residual", "."])
def test_what_only_looks_like_a_float_is_text(text):
    assert yaml_files.parse(f"a: '{text}'", "x") == yaml_files.parse(f"a: {text}", "x")


def test_the_hash_is_of_what_decides_the_numbers(root):
    base = load_config("e3d")
    same = ["title=x", "label=x", "results=x", "data.root=x", "data.prepared=x"]
    assert config_hash(load_config("e3d", overrides=same, name="other")) == config_hash(base)
    for change in ("training.seed=1", "model.hidden=[8, 8]", "evaluation.batch=8", "data.seed=1"):
        assert config_hash(load_config("e3d", overrides=[change])) != config_hash(base)
    code = "from tfvp.config.loading import *; print(config_hash(load_config('e3d')))"
    again = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert again.stdout.strip() == config_hash(base)

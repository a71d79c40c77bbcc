"""Weights without a model: read, put into an architecture, exported, checked; and what is refused."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

import qexplorer as qx
from qexplorer.core.errors import ModelError, QExplorerError, UnknownName
from qexplorer.load.safety.sniff import refuse_other_formats
from qexplorer.load.samples.architectures.protocol import Architecture
from qexplorer.load.samples.architectures.registry import ARCHITECTURES
from qexplorer.load.samples.modules.mobilenet import MobileNetV2
from qexplorer.load.samples.modules.resnet import ResNet
from qexplorer.load.weights.child import export_weights
from qexplorer.load.weights.fill import fill
from qexplorer.load.weights.networks import build_network
from qexplorer.load.weights.reading import read_weights


class Small(nn.Module):
    """(n, 3, 224, 224) to classes, with a BatchNorm, in a moment."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 7, 16), nn.BatchNorm2d(4), nn.Linear(4, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        result: torch.Tensor = self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))
        return result


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """An architecture ``small`` in the list, for a child that runs in this process, and trained weights of it."""
    entry = Architecture("small", "Small", "", 0, 0, lambda _, __: ("", 0), module=Small)
    monkeypatch.setitem(ARCHITECTURES._entries if len(ARCHITECTURES) else {}, "small", entry)
    torch.manual_seed(3)
    module = Small(5).eval()
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.1 if "var" in name else torch.randn_like(value))
    return module


def exported(path: Path, folder: Path, architecture: str = "small") -> np.ndarray:
    """What the exported file answers to a fixed picture."""
    arguments = {"path": str(path), "out": str(folder / "out.onnx"), "architecture": architecture, "where": path.name}
    assert export_weights(arguments, lambda _: None)["difference"] < 1e-4
    session = onnxruntime.InferenceSession(str(folder / "out.onnx"), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {session.get_inputs()[0].name: picture().numpy()})[0]
    return found


def picture() -> torch.Tensor:
    """Two pictures of noise."""
    return torch.randn((2, 3, 224, 224), generator=torch.Generator().manual_seed(1))


def write_safetensors(state: dict[str, torch.Tensor], path: Path) -> None:
    """As the library writes it."""
    save_file(state, path)


def write_torch(state: dict[str, torch.Tensor], path: Path) -> None:
    """As ``torch.save`` writes it today."""
    torch.save(state, path)


def write_old(state: dict[str, torch.Tensor], path: Path) -> None:
    """As ``torch.save`` wrote it before it made archives."""
    torch.save(state, path, _use_new_zipfile_serialization=False)


def write_checkpoint(state: dict[str, torch.Tensor], path: Path) -> None:
    """Among other things, from data-parallel training."""
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}, path)


def write_half(state: dict[str, torch.Tensor], path: Path) -> None:
    """In half precision, without the counters of BatchNorm."""
    save_file({n: v.half() for n, v in state.items() if not n.endswith("tracked")}, path)


WRITERS = (write_safetensors, write_torch, write_old, write_checkpoint, write_half)


@pytest.mark.parametrize("write", WRITERS, ids=[each.__name__ for each in WRITERS])
def test_the_file_answers_as_the_module(write: Callable[..., None], small: nn.Module, tmp_path: Path) -> None:
    """Whatever way the weights were saved, the exported graph gives the trained module's answers."""
    write(small.state_dict(), tmp_path / "weights.bin")
    if write is write_half:
        small = small.half().float()
    with torch.no_grad():
        expected = small(picture()).numpy()
    assert exported(tmp_path / "weights.bin", tmp_path) == pytest.approx(expected, abs=1e-4)


def test_a_model_of_the_list_is_loaded_whole(tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """Through the child with limits: resnet18 with 7 classes has their number, and a free batch."""
    module = ResNet((2, 2, 2, 2), bottleneck=False, classes=7)
    save_file(module.state_dict(), tmp_path / "mine.safetensors")
    model = qx.load(tmp_path / "mine.safetensors", architecture="resnet18")
    assert model.name == "mine"
    assert isinstance(model.inputs[0].shape[0], str)
    assert (model.inputs[0].shape[1:], model.outputs[0].shape[1:]) == ((3, 224, 224), (7,))
    assert not model.untrained


@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        (ResNet((2, 2, 2, 2), bottleneck=False, classes=1000), 11_689_512),
        (ResNet((3, 4, 6, 3), bottleneck=True, classes=1000), 25_557_032),
        (MobileNetV2(1000), 3_504_872),
    ],
    ids=["resnet18", "resnet50", "mobilenet_v2"],
)
def test_modules_have_the_published_parameters(module: nn.Module, parameters: int) -> None:
    """As many as torchvision's documentation gives, BatchNorm included."""
    assert sum(each.numel() for each in module.parameters()) == parameters


def test_published_names_are_those_of_the_modules() -> None:
    """First, inner and last tensors are called as in published files of weights."""
    resnet = ResNet((3, 4, 6, 3), bottleneck=True, classes=9).state_dict()
    assert resnet["layer2.0.downsample.1.running_var"].shape == (512,)
    assert resnet["layer4.2.conv3.weight"].shape == (2048, 512, 1, 1)
    assert resnet["fc.weight"].shape == (9, 2048)
    mobile = MobileNetV2(9).state_dict()
    assert mobile["features.1.conv.0.0.weight"].shape == (32, 1, 3, 3)
    assert mobile["features.17.conv.3.running_mean"].shape == (320,)
    assert mobile["classifier.1.bias"].shape == (9,)


def test_weights_of_another_architecture_are_named(small: nn.Module) -> None:
    """One sentence says what is missing, what is foreign and which shape differs."""
    state = small.state_dict()
    state["conv.weight"], state["other"] = torch.zeros(4, 3, 5, 5), state.pop("norm.weight")
    with pytest.raises(ModelError) as caught:
        fill(Small(5), state, "small", "w.pt")
    assert "it lacks 'norm.weight'" in str(caught.value)
    assert "'other' in it is not of small" in str(caught.value)
    assert "'conv.weight' has shape (4, 3, 5, 5) and not (4, 3, 7, 7)" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet19", "did you mean 'resnet18'"),
        ("timmm:vit", "there is no list of architectures called 'timmm'"),
    ],
)
def test_unknown_architectures_get_one_sentence(name: str, said: str) -> None:
    """A mistyped name is answered with what there is."""
    with pytest.raises(UnknownName, match=said):
        build_network(name, {}, None, "w.pt")


def test_a_package_that_is_missing_is_said_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """An architecture of timm, where timm is not installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"needs the package timm, which is not installed here.*pip install timm"):
        build_network("timm:resnet18", {}, None, "w.pt")


def test_timm_is_asked_for_as_many_classes_as_the_weights_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name goes to timm, the head's size is the file's, and the picture's size is timm's default."""
    calls = []

    def create_model(name: str, *, pretrained: bool, num_classes: int = 1000) -> nn.Module:
        calls.append((name, pretrained, num_classes))
        module = Small(num_classes)
        module.default_cfg = {"classifier": "fc", "input_size": (3, 96, 96)}
        return module

    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(create_model=create_model, __spec__=object()))
    found = build_network("timm:small", {"fc.weight": (6, 4)}, None, "w.pt")
    assert calls == [("small", False, 1000), ("small", False, 6)]
    assert found.example.shape == (1, 3, 96, 96)


CONFIG = """{"model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": 16,
"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 120, "num_labels": 3,
"max_position_embeddings": 12, "auto_map": {"AutoModel": "evil--code.Evil"}}"""


def test_a_model_of_transformers_is_built_from_its_config(tmp_path: Path) -> None:
    """The config.json beside the weights says what they are; what it names of its own code is not looked at."""
    transformers = pytest.importorskip("transformers")
    settings = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(**settings, vocab_size=120, num_labels=3, max_position_embeddings=12)
    torch.manual_seed(2)
    module = transformers.BertForSequenceClassification(config).eval()
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    arguments = {"path": str(tmp_path / "model.safetensors"), "out": str(tmp_path / "out.onnx"), "where": "w"}
    arguments |= {"architecture": "transformers:bert", "config": CONFIG}
    export_weights(arguments, lambda _: None)
    session = onnxruntime.InferenceSession(str(tmp_path / "out.onnx"), providers=["CPUExecutionProvider"])
    tokens = torch.randint(0, 120, (2, 12))
    with torch.no_grad():
        expected = module(tokens).logits.numpy()
    (given,) = session.run(None, {session.get_inputs()[0].name: tokens.numpy()})
    assert given == pytest.approx(expected, abs=1e-4)


class Runs:
    """A pickle of this writes a file when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.target,))


def _archive(**entries: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, inside in entries.items():
            archive.writestr(f"x/{name.replace('__', '.')}", inside)
    return data.getvalue()


@pytest.mark.parametrize("archive", [False, True], ids=["pickle", "archive"])
def test_a_pickle_with_code_is_refused_without_running_it(archive: bool, tmp_path: Path) -> None:
    """The file that it would write is not there, and the sentence has the two lines that export it at home."""
    written = tmp_path / "written"
    inside = pickle.dumps({"conv.weight": Runs(written)}, protocol=2)
    path = tmp_path / "evil.pt"
    path.write_bytes(_archive(data__pkl=inside, version=b"3", byteorder=b"little") if archive else inside)
    with pytest.raises(ModelError) as caught:
        read_weights(path, "evil.pt")
    assert not written.exists()
    if archive:
        assert "is not opened here" in str(caught.value)


def test_programs_are_refused_with_the_lines_that_export_them(tmp_path: Path) -> None:
    """TorchScript, an exported program and a pickled module: each with what opens it at home, and the export."""
    module = nn.Sequential(nn.Linear(4, 3))
    torch.jit.script(module).save(tmp_path / "script.pt")
    torch.export.save(torch.export.export(module, (torch.zeros(1, 4),)), tmp_path / "program.pt2")
    torch.save(module, tmp_path / "module.pth")
    opens = {"script.pt": "torch.jit.load", "program.pt2": "torch.export.load", "module.pth": "weights_only=False"}
    for name, opening in opens.items():
        for refuse in (lambda at: read_weights(at, at.name), lambda at: refuse_other_formats(at.read_bytes(), at.name)):
            with pytest.raises(ModelError) as caught:
                refuse(tmp_path / name)
            assert all(each in str(caught.value) for each in (opening, "torch.onnx.export("))
            assert name in str(caught.value.do)


def test_the_two_lines_work_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sentence tells to type makes an ONNX file."""
    monkeypatch.chdir(tmp_path)
    torch.save(nn.Sequential(nn.Conv2d(3, 2, 9, 50)), "module.pth")
    with pytest.raises(ModelError) as caught:
        read_weights(tmp_path / "module.pth", "module.pth")
    lines = str(caught.value.do).split("two lines of Python: ")[1].removesuffix(", with the shape of its own input")
    script = "import torch\n" + lines.replace(" and torch.onnx", "\ntorch.onnx")
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert (tmp_path / "net.onnx").stat().st_size > 100


def _safetensors() -> bytes:
    return save({"conv.weight": torch.ones(4, 3)})


def _longer_than_the_file() -> bytes:
    header = b'{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}'
    return struct.pack("<Q", len(header)) + header + bytes(8)


def _huge_header() -> bytes:
    return struct.pack("<Q", 2**60) + b"{" + bytes(100)


def _squeezed() -> bytes:
    data = io.BytesIO()
    torch.save({"a": torch.zeros(1000)}, data)
    with zipfile.ZipFile(data) as source:
        entries = {entry.filename: source.read(entry) for entry in source.infolist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inside in entries.items():
            archive.writestr(name, inside)
    return target.getvalue()


def _saved(value: object) -> bytes:
    data = io.BytesIO()
    torch.save(value, data)
    return data.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "the file is empty"),
    "text": (lambda: b"hello world", "no file of weights"),
    "safetensors cut short": (lambda: _safetensors()[:-9], "damaged"),
    "safetensors longer than the file": (_longer_than_the_file, "damaged"),
    "safetensors with a huge header": (_huge_header, "damaged"),
    "safetensors without tensors": (lambda: save({}), "no tensors in it"),
    "archive cut short": (lambda: _saved({"a": torch.ones(9)})[:-40], "damaged"),
    "archive of something else": (lambda: _archive(readme=b"x"), "archive without weights"),
    "compressed archive": (_squeezed, "compressed"),
    "old pickle cut short": (lambda: b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M", "damaged"),
    "a list": (lambda: _saved([torch.ones(3)]), "it holds a list"),
    "numbers": (lambda: _saved({"a": 3, "b": torch.ones(2)}), "more than tensors: Tensor, int"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_are_not_weights_get_one_sentence(name: str, tmp_path: Path) -> None:
    """Damaged, foreign and made-up files: what is wrong, and no traceback."""
    make, said = HOSTILE[name]
    (tmp_path / "given").write_bytes(make())
    with pytest.raises(ModelError, match=said):
        read_weights(tmp_path / "given", "given")


def test_a_child_reads_it_and_says_what_is_wrong(tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """The sentence of the child comes out of qx.load, and no file is left behind."""
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(QExplorerError, match="pickled module"):
        qx.load(tmp_path / "module.pt", architecture="resnet18")
    with pytest.raises(ModelError, match="no such file"):
        qx.load(tmp_path / "gone.pt", architecture="resnet18")


def test_weights_alone_ask_for_their_architecture(tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """Without an architecture, the refusal says how to name one."""
    save_file({"a": torch.ones(3)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="name the architecture that they are of"):
        qx.load(tmp_path / "w.safetensors")

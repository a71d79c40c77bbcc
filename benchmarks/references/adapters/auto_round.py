"""Intel's AutoRound of text_lm, written as the OPT of transformers that computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.references.protocol import Case, Job

__all__ = ["CASES", "PACKAGE", "WHAT", "as_opt", "quantized", "refuse_other", "written"]

PACKAGE = "auto_round"
WHAT = (
    "AutoRound with its own settings (200 steps a block) and ours, at 3 bits from ranges by mse; layers of the blocks "
    "alone, symmetric."
)

_KEPT = "layers: [{match: 'op:Gather', float: true}, {match: 'head', float: true}]"

CASES = tuple(
    Case("text_lm", f"int{bits}, blocks of 32, ranges by {ranges}, AutoRound",
         f"weights: {{format: int{bits}, granularity: block, block: 32, calibrator: {ranges}}}\n{_KEPT}", "[autoround]",
         {"bits": bits, "steps": 200}, {"bits": bits, "steps": 0})
    for bits, ranges in ((4, "minmax"), (3, "mse"))
)  # fmt: skip

_LAYERS = (
    ("attention.query", "self_attn.q_proj"),
    ("attention.key", "self_attn.k_proj"),
    ("attention.value", "self_attn.v_proj"),
    ("attention.together", "self_attn.out_proj"),
    ("up", "fc1"),
    ("down", "fc2"),
)


def quantized(job: Job) -> onnx.ModelProto:
    """The graph with the values that AutoRound's codes stand for."""
    import torch
    from auto_round import AutoRound

    stored = {item.name: numpy_helper.to_array(item) for item in job.model.graph.initializer}
    model, ids = as_opt(stored), torch.from_numpy(next(iter(job.calibration.values())).astype(np.int64))
    refuse_other(model, job)
    samples = [
        {"input_ids": ids[i : i + 1], "attention_mask": torch.ones_like(ids[i : i + 1])} for i in range(len(ids))
    ]
    rounds = AutoRound(
        model, tokenizer=_tokenizer(len(stored["words.input"])), bits=int(job.settings["bits"]), group_size=32,
        sym=True, iters=int(job.settings["steps"]),
        dataset=samples, seqlen=ids.shape[1], nsamples=len(ids), batch_size=8, device_map="cpu",
        enable_torch_compile=False,
    )  # fmt: skip
    done, _ = rounds.quantize()
    return written(job.model, done)


def written(model: onnx.ModelProto, module: Any) -> onnx.ModelProto:
    """A copy of the graph with the weights that the blocks of the OPT ``module`` have."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    held = {item.name: item for item in found.graph.initializer}
    for block, layer in enumerate(module.model.decoder.layers):
        for ours, theirs in _LAYERS:
            values = layer.get_submodule(theirs).weight.detach().float().numpy()
            item = held[f"block.{block}.{ours}.weight"]
            item.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values.T), item.name))
    return found


def _tokenizer(words: int) -> Any:
    """One that is asked for and not used: samples come as numbers."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {f"w{number}": number for number in range(words)}
    made: Any = PreTrainedTokenizerFast
    return made(tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="w0")))  # noqa: S106


def as_opt(stored: dict[str, Any]) -> Any:
    """The model of transformers with the graph's weights."""
    import torch
    from transformers import OPTConfig, OPTForCausalLM

    words, width = stored["words.input"].shape
    blocks = 1 + max(int(name.split(".")[1]) for name in stored if name.startswith("block."))
    config = OPTConfig(
        vocab_size=words, hidden_size=width, word_embed_proj_dim=width, num_hidden_layers=blocks, num_attention_heads=4,
        ffn_dim=4 * width, max_position_embeddings=len(stored["add.weight"]), dropout=0.0, attention_dropout=0.0,
        activation_function="gelu", tie_word_embeddings=False, pad_token_id=None, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    made: Any = OPTForCausalLM
    model = made(config).eval().float()
    values = {
        "model.decoder.embed_tokens.weight": stored["words.input"],
        "model.decoder.embed_positions.weight": np.concatenate([np.zeros((2, width)), stored["add.weight"]]),
        "model.decoder.final_layer_norm.weight": stored["norm.weight"],
        "model.decoder.final_layer_norm.bias": stored["norm.bias"],
        "lm_head.weight": stored["head.weight"].T,
    }
    for block in range(blocks):
        to, of = f"model.decoder.layers.{block}", f"block.{block}"
        for ours, theirs in (("norm1", "self_attn_layer_norm"), ("norm2", "final_layer_norm")):
            values |= {f"{to}.{theirs}.{kind}": stored[f"{of}.{ours}.{kind}"] for kind in ("weight", "bias")}
        for ours, theirs in _LAYERS:
            values[f"{to}.{theirs}.weight"] = stored[f"{of}.{ours}.weight"].T
            values[f"{to}.{theirs}.bias"] = stored[f"{of}.{ours}.add.weight"]
    model.load_state_dict({name: torch.tensor(np.ascontiguousarray(each, np.float32)) for name, each in values.items()})
    return model


def refuse_other(model: Any, job: Job) -> None:
    """Raises ValueError if the module does not compute what the graph computes."""
    import onnxruntime
    import torch

    name, ids = next((name, values[:4]) for name, values in job.evaluation.items())
    wanted = onnxruntime.InferenceSession(job.model.SerializeToString()).run(None, {name: ids})[0]
    with torch.no_grad():
        found = model(torch.from_numpy(ids.astype(np.int64))).logits.numpy()
    if np.abs(found - wanted).max() > 1e-3:
        raise ValueError(f"the module differs from the graph by {np.abs(found - wanted).max():.3g}")

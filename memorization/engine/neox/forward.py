"""A forward pass for GPT-NeoX over weights rearranged once for it, on any device and in any type of the protocol.

It differs from transformers' own pass in four ways. In float32 none of them changes more than the order of additions; in 16
bits they change where numbers are rounded.

* A norm's scale and shift are folded into the matrices that read it, in float64. Attention and feed-forward layer then read
  the same normalized states, once, and so does the output matrix.
* Rows of the query and key matrices are reordered within each head, alike in both, so that the two halves of a rotary
  pair lie side by side and one complex multiplication turns them.
* The last layer computes keys and values everywhere, and all else only where states are wanted: 14 % of a pass over
  prompts in a model of 6 layers.
* What the first layer makes of an id is looked up (`first_layer_cache`).

Keys and values are kept as the matrices give them, `[rows, ids, 2, heads, width]` for each layer.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakMethod

import torch
from torch.nn import functional

from seenat.memorization.engine.kernels.linear import Linear
from seenat.memorization.engine.neox.first_layer_cache import IdTable, WholeTable

__all__ = ["Body", "Keys", "NewKeys", "StoredKeys", "fold_norm", "is_supported"]


class Keys(typing.Protocol):
    """Keys and values of the rows of a pass."""

    def append(self, layer: int, new: torch.Tensor) -> torch.Tensor:
        """Take [rows, new ids, 2, heads, width] and return those of all ids so far."""


class NewKeys:
    """What a pass from the first id on gives, kept without a copy."""

    def __init__(self) -> None:
        self.layers: list[torch.Tensor] = []

    def append(self, layer: int, new: torch.Tensor) -> torch.Tensor:
        """Take the keys and values of a pass's first ids, and return them: nothing came before."""
        self.layers.append(new)
        return new


class StoredKeys:
    """Some rows of a store: tensors [rows, most ids, 2, heads, width], whose first `start` ids are filled."""

    def __init__(self, layers: list[torch.Tensor], start: int) -> None:
        self.layers = layers
        self._start = start

    def append(self, layer: int, new: torch.Tensor) -> torch.Tensor:
        """Copy the new ones to their place, and return a view of all ids so far."""
        stop = self._start + new.shape[1]
        store = self.layers[layer]
        store[:, self._start : stop] = new
        return store[:, :stop]


@dataclass(frozen=True, kw_only=True)
class _Layer:
    query: Linear
    key_value: Linear
    out: Linear
    up: Linear
    down: Linear


class Body:
    """A GPT-NeoX model without its output matrix, taken from transformers' module, whose tensors it does not change.

    `device` and `dtype` are where and in which type it computes; None means those of the module.
    """

    def __init__(
        self,
        module: Any,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        packed: bool | None = None,
    ) -> None:
        config = module.config
        self.device: torch.device = device or module.device
        self.dtype: torch.dtype = dtype or module.dtype
        self.layers = int(config.num_hidden_layers)
        self.heads = int(config.num_attention_heads)
        self.width = int(config.hidden_size)
        self._is_odd = self.width // self.heads % 2 == 1
        self._eps = float(config.layer_norm_eps)
        base = module.base_model
        self._embedding = self._own(base.embed_in.weight.detach())
        self._rotary = 2 * len(base.rotary_emb.inv_freq)
        self._turns = _turns(base.rotary_emb, int(config.max_position_embeddings)).to(self.device)
        self._layers = [self._rearranged(layer, packed) for layer in base.layers]
        self._by_id = self._table(len(self._embedding))
        self._masks: dict[tuple[int, int], torch.Tensor] = {}

    @property
    def key_bytes(self) -> int:
        """Bytes of the keys and values of one id of one row."""
        return self.layers * 2 * self.width * self.dtype.itemsize

    def store(self, rows: int, ids: int) -> list[torch.Tensor]:
        """Room for keys and values, a tensor a layer."""
        # In one piece: glibc returns more than 32 MB to the system when it is freed, but keeps smaller pieces, with holes
        # that the next ones do not fit: 0.4 GB at Pythia-70m's shape, after some calls.
        shape = (self.layers, rows, ids, 2, self.heads, self.width // self.heads)
        return list(torch.empty(shape, dtype=self.dtype, device=self.device))

    def states(self, ids: torch.Tensor, keys: Keys, *, start: int = 0, last: int | None = None) -> torch.Tensor:
        """Normalized states of the last `last` of int64 ids [rows, n], which follow `start` ids: [rows, last, width]."""
        span = start, start + ids.shape[1]
        last = last or ids.shape[1]
        parts, states = self._by_id.rows(ids.reshape(-1)), torch.empty(0)
        for number, layer in enumerate(self._layers):
            wanted = last if number == self.layers - 1 else ids.shape[1]
            if number:
                parts = self._read(layer, states, wanted, len(ids))
            states = self._mixed(number, parts, keys, span, wanted, len(ids))
        return self._normalized(states).view(len(ids), last, self.width)

    def _read(self, layer: _Layer, states: torch.Tensor, wanted: int, rows: int) -> list[torch.Tensor]:
        """A layer's work before ids are mixed: query, key with value, and states plus the feed-forward output."""
        read = self._normalized(states)
        key_value = layer.key_value(read)
        states, read = _last(states, rows, wanted), _last(read, rows, wanted)
        return [layer.query(read), key_value, layer.down.plus(layer.up.gelu(read), states)]

    def _mixed(
        self, number: int, parts: list[torch.Tensor], keys: Keys, span: tuple[int, int], wanted: int, rows: int
    ) -> torch.Tensor:
        """States [rows * wanted, width] after a layer, from its parts."""
        start, stop = span
        new = parts[1].view(rows, stop - start, 2, self.heads, -1)
        self._turn(new[:, :, 0], start, stop)
        query = _last(parts[0], rows, wanted).view(rows, wanted, self.heads, -1)
        self._turn(query, stop - wanted, stop)
        mixed = self._attend(query, keys.append(number, new)).reshape(-1, self.width)
        return self._layers[number].out.plus(mixed, _last(parts[2], rows, wanted))

    def _of_ids(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """What the first layer makes of ids before they are mixed."""
        return self._read(self._layers[0], functional.embedding(ids, self._embedding), 1, len(ids))

    def _normalized(self, states: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(states, (self.width,), None, None, self._eps)

    def _turn(self, vectors: torch.Tensor, start: int, stop: int) -> None:
        """Rotate the rotary part of [rows, ids, heads, width] in place, in float32."""
        turned = vectors[..., : self._rotary]
        single = turned.float()  # No copy where the type is float32 already.
        if self._is_odd:
            # view_as_complex needs pairs at even offsets; with an odd head width every other head begins at an odd one.
            single = single.contiguous()
        pairs = torch.view_as_complex(single.view(*turned.shape[:-1], -1, 2))
        pairs *= self._turns[start:stop]
        if single is not turned:
            turned.copy_(single)

    def _attend(self, query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        last, stop = query.shape[1], keys.shape[1]
        mask = None if last in (1, stop) else self._mask(last, stop)
        mixed = functional.scaled_dot_product_attention(
            query.transpose(1, 2),
            keys[:, :, 0].transpose(1, 2),
            keys[:, :, 1].transpose(1, 2),
            attn_mask=mask,
            is_causal=last == stop > 1,
        )
        return mixed.transpose(1, 2)

    def _mask(self, last: int, stop: int) -> torch.Tensor:
        """The causal mask of the last `last` of `stop` ids: minus infinity for ids that come later."""
        if (last, stop) not in self._masks:
            hidden = torch.full((last, stop), -torch.inf, dtype=self.dtype, device=self.device)
            self._masks[last, stop] = hidden.triu(stop - last + 1)
        return self._masks[last, stop]

    def _rearranged(self, layer: Any, packed: bool | None) -> _Layer:
        attention, mlp = layer.attention, layer.mlp
        weight, bias = fold_norm(attention.query_key_value, layer.input_layernorm, self.device, self.dtype)
        # transformers stores [head, (query, key, value), width of a head]; here [(query, key, value), head, ...].
        order = self._pairs_side_by_side().to(self.device)
        weight = weight.view(self.heads, 3, -1, self.width).transpose(0, 1).clone()
        bias = bias.view(self.heads, 3, -1).transpose(0, 1).clone()
        weight[:2], bias[:2] = weight[:2, :, order], bias[:2, :, order]
        up = fold_norm(mlp.dense_h_to_4h, layer.post_attention_layernorm, self.device, self.dtype)
        return _Layer(
            query=Linear(weight[0].reshape(-1, self.width), bias[0].reshape(-1), packed=packed),
            key_value=Linear(weight[1:].reshape(-1, self.width), bias[1:].reshape(-1), packed=packed),
            out=self._as_it_is(attention.dense, packed),
            up=Linear(*up, packed=packed),
            down=self._as_it_is(mlp.dense_4h_to_h, packed),
        )

    def _as_it_is(self, linear: Any, packed: bool | None) -> Linear:
        bias = None if linear.bias is None else self._own(linear.bias.detach())
        return Linear(self._own(linear.weight.detach()), bias, packed=packed)

    def _own(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(device=self.device, dtype=self.dtype)

    def _table(self, ids: int) -> IdTable | WholeTable:
        if self.device.type == "cpu":
            return IdTable(_unbound(self._of_ids), (self.width, 2 * self.width, self.width), ids, dtype=self.dtype)
        return WholeTable(self._of_ids, ids, self.device)

    def _pairs_side_by_side(self) -> torch.Tensor:
        """The order of a head's rows: 0, r/2, 1, r/2 + 1, ... and after the r rotary ones the others as they are."""
        rotary = torch.arange(self._rotary).view(2, -1).T.reshape(-1)
        return torch.cat([rotary, torch.arange(self._rotary, self.width // self.heads)])


def _unbound(method: Callable[[torch.Tensor], list[torch.Tensor]]) -> Callable[[torch.Tensor], list[torch.Tensor]]:
    """The method without a reference to its object."""
    # A table that refers to its body, which refers to the table, lives until Python collects cycles: a job over 20
    # checkpoints of Pythia-14m's shape grew by 26 MB with each.
    weak = WeakMethod(method)

    def called(ids: torch.Tensor) -> list[torch.Tensor]:
        alive = weak()
        assert alive is not None  # Only the object itself calls it.
        return alive(ids)

    return called


def is_supported(module: Any) -> bool:
    """Whether `Body` computes what this model of transformers does."""
    config = module.config
    return (
        type(module).__name__ == "GPTNeoXForCausalLM"
        and config.use_parallel_residual
        and config.hidden_act == "gelu"
        and config.rope_parameters["rope_type"] == "default"
        and module.base_model.rotary_emb.inv_freq.numel() > 0
    )


def fold_norm(
    linear: Any, norm: Any, device: torch.device | None = None, dtype: torch.dtype | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a layer with the scale and shift of the norm before it folded in.

    So they read states that are normalized only. `device` and `dtype` are those of the result; None means the layer's.
    """
    device, dtype = device or linear.weight.device, dtype or linear.weight.dtype
    place = "cpu" if device.type == "mps" else device  # mps has no float64.

    def exact(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(place).double()

    weight, bias = exact(linear.weight), exact(norm.bias)
    bias = weight @ bias if linear.bias is None else weight @ bias + exact(linear.bias)
    weight *= exact(norm.weight)
    return weight.to(device=device, dtype=dtype), bias.to(device=device, dtype=dtype)


def _last(states: torch.Tensor, rows: int, wanted: int) -> torch.Tensor:
    """The last `wanted` states of each row, of states [rows * n, width]: [rows * wanted, width]."""
    if len(states) == rows * wanted:
        return states
    return states.view(rows, -1, states.shape[-1])[:, -wanted:].reshape(rows * wanted, -1)


def _turns(rotary: Any, positions: int) -> torch.Tensor:
    """Rotations of every position, complex [positions, 1, pairs]."""
    angles = torch.arange(positions).float()[:, None] * rotary.inv_freq.float().cpu()
    return torch.polar(torch.full_like(angles, rotary.attention_scaling), angles)[:, None]

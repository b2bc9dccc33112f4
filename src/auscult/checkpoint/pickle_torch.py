"""What torch's pickles call, as descriptions: storages, tensors, parameters, quantised tensors.

The signatures are those of torch/_utils.py and torch/serialization.py, torch 0.4 to 2.13.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from auscult.checkpoint.contents import Leaf, Opaque
from auscult.checkpoint.pickle_machine import Builder, Machine
from auscult.checkpoint.pickle_values import Global, Malformed
from auscult.checkpoint.torch_tensors import (
    DTYPES,
    STORAGES,
    Places,
    StorageRef,
    TensorNode,
    UnreadableNode,
)

MAX_RANK = 64
MAX_ELEMENTS = 1 << 60
SCHEMES = (
    "per_tensor_affine",
    "per_channel_affine",
    "per_tensor_symmetric",
    "per_channel_symmetric",
)


def load_persistent(places: Places) -> Callable[[Machine, Any], Any]:
    """The meaning of a persistent id in a torch file: a storage, or (before 0.4) a module class with its source text."""
    known: dict[str, StorageRef] = {}

    def load(_: Machine, identity: Any) -> Any:
        if (
            not isinstance(identity, tuple)
            or len(identity) < 2
            or identity[0] not in ("storage", "module")
        ):
            return Opaque("persistent id")
        if identity[0] == "module":
            return identity[1]
        if len(identity) < 5:
            raise Malformed("refers to a storage with too few details")
        _, kind, key, _, count, *view = identity
        if (
            not isinstance(kind, Global)
            or not isinstance(key, str | int)
            or type(count) is not int
            or count < 0
        ):
            raise Malformed("refers to a storage in a way that torch does not")
        base = view[0][1] if view and isinstance(view[0], tuple) and len(view[0]) == 3 else 0
        if type(base) is not int or base < 0:
            raise Malformed("refers to a part of a storage in a way that torch does not")
        ref = known.get(f"{key}")
        if ref is None or (ref.kind, ref.count, ref.base) != (kind.name, count, base):
            ref = StorageRef(places, f"{key}", kind.name, STORAGES.get(kind.name), count, base)
            known[f"{key}"] = ref
            places.met(ref)
        return ref

    return load


def _counts(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) > MAX_RANK:
        raise Malformed("has a tensor whose shape is none")
    for side in value:
        if type(side) is not int or not 0 <= side <= MAX_ELEMENTS:
            raise Malformed("has a tensor whose shape or strides are no counts")
    return tuple(value)


def _node(storage: Any, first: Any, size: Any, stride: Any, dtype: str | None = None) -> TensorNode:
    if not isinstance(storage, StorageRef):
        raise Malformed("has a tensor without a storage")
    shape, strides = _counts(size), _counts(stride)
    if len(shape) != len(strides) or type(first) is not int or not 0 <= first <= MAX_ELEMENTS:
        raise Malformed("has a tensor whose strides do not fit its shape")
    if 0 not in shape and prod(shape) > MAX_ELEMENTS:
        raise Malformed("has a tensor of impossible size")
    return TensorNode(storage, dtype or storage.dtype, first, shape, strides)


def _need(arguments: tuple[Any, ...], count: int) -> None:
    if len(arguments) < count:
        raise Malformed("builds a tensor from too few details")


def _tensor(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata)`, and v1 and v3."""
    _need(arguments, 4)
    node = _node(*arguments[:4])
    if len(arguments) > 4 and arguments[4] is True:
        node.trainable = True
    return _with_metadata(node, arguments[6] if len(arguments) > 6 else None)


def _tensor_v3(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata)`: types without storage class."""
    _need(arguments, 7)
    dtype = arguments[6]
    name = dtype.name if isinstance(dtype, Global) else "?"
    if name not in DTYPES:
        return UnreadableNode(
            _counts(arguments[2]), f"elements of type {name[:60]}, which numpy cannot hold"
        )
    storage, first, size, stride = arguments[:4]
    node = _node(storage, first, size, stride, DTYPES[name])
    return _with_metadata(node, arguments[7] if len(arguments) > 7 else None)


def _with_metadata(node: TensorNode, metadata: Any) -> TensorNode:
    if isinstance(metadata, dict):
        node.conjugate, node.negative = metadata.get("conj") is True, metadata.get("neg") is True
    return node


def _parameter(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Any:
    """`_rebuild_parameter(data, requires_grad, hooks)`; also with state."""
    _need(arguments, 2)
    data, trainable = arguments[0], arguments[1]
    if isinstance(data, TensorNode):
        data.trainable = bool(trainable) if isinstance(trainable, bool | int) else None
    return data


def _quantized(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks)`."""
    _need(arguments, 5)
    quantizer = arguments[4]
    scheme = (
        quantizer[0].name
        if isinstance(quantizer, tuple) and quantizer and isinstance(quantizer[0], Global)
        else "?"
    )
    if scheme not in SCHEMES or not isinstance(quantizer, tuple):
        return UnreadableNode(_counts(arguments[2]), f"quantised by the scheme {scheme[:60]}")
    node = _node(*arguments[:4])
    node.quantizer = (scheme, *quantizer[1:])
    return node


def _sparse(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_sparse_tensor(layout, (indices, values, size, ...))`."""
    _need(arguments, 2)
    data = arguments[1]
    sizes = [part for part in data if isinstance(part, tuple)] if isinstance(data, tuple) else []
    return UnreadableNode(_counts(sizes[0]) if sizes else (), "a sparse tensor")


def _meta(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)`."""
    _need(arguments, 2)
    return UnreadableNode(_counts(arguments[1]), "a meta tensor: a shape without values")


def _of_subclass(machine: Machine, _: Global, arguments: tuple[Any, ...]) -> Any:
    """`_rebuild_from_type_v2(function, type, arguments, state)`: a subclass of Tensor, or one with attributes."""
    _need(arguments, 3)
    return machine.call(arguments[0], arguments[2])


def _from_numpy(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Any:
    """`_rebuild_device_tensor_from_numpy(array, dtype, device, requires_grad)`: the array, as it is."""
    _need(arguments, 1)
    return arguments[0]


def _unsupported(what: str) -> Builder:
    return lambda _, __, ___: UnreadableNode((), what)


def _layout(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Any:
    return arguments[0] if arguments else None


def _script_list(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Any:
    return arguments[0] if arguments else []


TORCH_BUILDERS: dict[str, Builder] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_qtensor": _quantized,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _sparse,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._utils._rebuild_device_tensor_from_numpy": _from_numpy,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _from_numpy,
    "torch._utils._rebuild_xla_tensor": _from_numpy,
    "torch._utils._rebuild_nested_tensor": _unsupported("a nested tensor"),
    "torch._utils._rebuild_wrapper_subclass": _unsupported(
        "a tensor of a wrapper class, without values of its own"
    ),
    "torch._tensor._rebuild_from_type_v2": _of_subclass,
    "torch._tensor._rebuild_from_type": _of_subclass,
    "torch.serialization._get_layout": _layout,
    **{
        f"torch.jit._pickle.{name}": _script_list
        for name in (
            "build_intlist",
            "build_tensorlist",
            "build_doublelist",
            "build_boollist",
            "restore_type_tag",
        )
    },
}
TORCH_NAMES = frozenset(
    (
        *(f"torch.{name}" for name in STORAGES),
        *(
            f"torch.storage.{name}"
            for name in ("UntypedStorage", "_UntypedStorage", "TypedStorage", "_TypedStorage")
        ),
        *(f"torch.{name}" for name in DTYPES),
        *(f"torch.{name}" for name in SCHEMES),
        *(
            "torch.Tensor",
            "torch.nn.parameter.Parameter",
            "torch.strided",
            "torch.sparse_coo",
            "torch.contiguous_format",
        ),
        *(
            "torch.complex32",
            "torch.QUInt4x2Storage",
            "torch.QUInt2x4Storage",
            "torch.quint4x2",
            "torch.quint2x4",
        ),
        *("torch.per_channel_affine_float_qparams", "torch.channels_last", "torch.preserve_format"),
        *(f"torch.float{rest}" for rest in ("4_e2m1fn_x2", "8_e4m3fn")),
    )
)
"""Names of torch that a tensor's description refers to without calling them."""

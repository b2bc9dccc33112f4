"""What torch's pickles call, as descriptions: storages, tensors, parameters, quantised tensors.

The signatures are those of torch/_utils.py and torch/serialization.py, torch 0.4 to 2.13.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from auscult.checkpoint.contents import Leaf, Opaque
from auscult.checkpoint.pickle_machine import GlobalBuilder, PickleMachine
from auscult.checkpoint.pickle_values import GlobalName, MalformedPickle
from auscult.checkpoint.torch_tensors import (
    STORAGE_DTYPES,
    TORCH_DTYPES,
    StorageLocator,
    StorageRef,
    TensorNode,
    UnreadableNode,
)

MAX_RANK = 64
MAX_ELEMENTS = 1 << 60
WRAPPER_FUNCTION = "_rebuild_wrapper_subclass"
RANK_PART = (
    "one rank's part of a tensor that is split over several ranks (DTensor): load the checkpoint"
    " of all ranks, or save it with full_state_dict=True"
)
SCHEMES = (
    "per_tensor_affine",
    "per_channel_affine",
    "per_tensor_symmetric",
    "per_channel_symmetric",
)


def make_persistent_loader(locator: StorageLocator) -> Callable[[PickleMachine, Any], Any]:
    """The meaning of a persistent id in a torch file: a storage, or (before 0.4) a module class with its source text."""
    storage_refs: dict[str, StorageRef] = {}

    def load_storage(_: PickleMachine, identity: Any) -> Any:
        if (
            not isinstance(identity, tuple)
            or len(identity) < 2
            or identity[0] not in ("storage", "module")
        ):
            return Opaque("persistent id")
        if identity[0] == "module":
            return identity[1]
        if len(identity) < 5:
            raise MalformedPickle("refers to a storage with too few details")
        _, kind, key, _, count, *view = identity
        if (
            not isinstance(kind, GlobalName)
            or not isinstance(key, str | int)
            or type(count) is not int
            or count < 0
        ):
            raise MalformedPickle("refers to a storage in a way that torch does not")
        if view and isinstance(view[0], tuple) and len(view[0]) == 3:
            base = view[0][1]
        else:
            base = 0
        if type(base) is not int or base < 0:
            raise MalformedPickle("refers to a part of a storage in a way that torch does not")
        ref = storage_refs.get(f"{key}")
        if ref is None or (ref.kind, ref.count, ref.base) != (kind.name, count, base):
            ref = StorageRef(
                locator, f"{key}", kind.name, STORAGE_DTYPES.get(kind.name), count, base
            )
            storage_refs[f"{key}"] = ref
            locator.note_storage(ref)
        return ref

    return load_storage


def _check_counts(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) > MAX_RANK:
        raise MalformedPickle("has a tensor whose shape is none")
    for side in value:
        if type(side) is not int or not 0 <= side <= MAX_ELEMENTS:
            raise MalformedPickle("has a tensor whose shape or strides are no counts")
    return tuple(value)


def _make_node(
    storage: Any, first: Any, size: Any, stride: Any, dtype: str | None = None
) -> TensorNode:
    if not isinstance(storage, StorageRef):
        raise MalformedPickle("has a tensor without a storage")
    shape, strides = _check_counts(size), _check_counts(stride)
    if len(shape) != len(strides) or type(first) is not int or not 0 <= first <= MAX_ELEMENTS:
        raise MalformedPickle("has a tensor whose strides do not fit its shape")
    if 0 not in shape and prod(shape) > MAX_ELEMENTS:
        raise MalformedPickle("has a tensor of impossible size")
    return TensorNode(storage, dtype or storage.dtype, first, shape, strides)


def _require_arguments(arguments: tuple[Any, ...], count: int) -> None:
    if len(arguments) < count:
        raise MalformedPickle("builds a tensor from too few details")


def _build_tensor(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata)`, and v1 and v3."""
    _require_arguments(arguments, 4)
    node = _make_node(*arguments[:4])
    if len(arguments) > 4 and arguments[4] is True:
        node.trainable = True
    return _apply_metadata(node, arguments[6] if len(arguments) > 6 else None)


def _build_tensor_v3(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata)`: types without storage class."""
    _require_arguments(arguments, 7)
    dtype = arguments[6]
    name = dtype.name if isinstance(dtype, GlobalName) else "?"
    if name not in TORCH_DTYPES:
        return UnreadableNode(
            _check_counts(arguments[2]), f"elements of type {name[:60]}, which numpy cannot hold"
        )
    storage, first, size, stride = arguments[:4]
    node = _make_node(storage, first, size, stride, TORCH_DTYPES[name])
    return _apply_metadata(node, arguments[7] if len(arguments) > 7 else None)


def _apply_metadata(node: TensorNode, metadata: Any) -> TensorNode:
    if isinstance(metadata, dict):
        node.conjugate, node.negative = metadata.get("conj") is True, metadata.get("neg") is True
    return node


def _build_parameter(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Any:
    """`_rebuild_parameter(data, requires_grad, hooks)`; also with state."""
    _require_arguments(arguments, 2)
    data, trainable = arguments[0], arguments[1]
    if isinstance(data, TensorNode):
        data.trainable = bool(trainable) if isinstance(trainable, bool | int) else None
    return data


def _build_quantized(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks)`."""
    _require_arguments(arguments, 5)
    quantizer = arguments[4]
    if isinstance(quantizer, tuple) and quantizer and isinstance(quantizer[0], GlobalName):
        scheme = quantizer[0].name
    else:
        scheme = "?"
    if scheme not in SCHEMES or not isinstance(quantizer, tuple):
        return UnreadableNode(_check_counts(arguments[2]), f"quantised by the scheme {scheme[:60]}")
    node = _make_node(*arguments[:4])
    node.quantizer = (scheme, *quantizer[1:])
    return node


def _build_sparse(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_sparse_tensor(layout, (indices, values, size, ...))`."""
    _require_arguments(arguments, 2)
    data = arguments[1]
    if isinstance(data, tuple):
        sizes = [part for part in data if isinstance(part, tuple)]
    else:
        sizes = []
    return UnreadableNode(_check_counts(sizes[0]) if sizes else (), "a sparse tensor")


def _build_meta(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Leaf:
    """`_rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)`."""
    _require_arguments(arguments, 2)
    return UnreadableNode(
        _check_counts(arguments[1]), "a meta tensor: a shape without values", holds_no_values=True
    )


def _build_subclass(machine: PickleMachine, _: GlobalName, arguments: tuple[Any, ...]) -> Any:
    """`_rebuild_from_type_v2(function, type, arguments, state)`: a subclass of Tensor, or one with attributes.

    A wrapper (torchao's quantised tensors, DTensor) has no values of its own: its parts are in the state.
    """
    _require_arguments(arguments, 3)
    function, kind = arguments[0], arguments[1]
    is_wrapper = isinstance(function, GlobalName) and function.name == WRAPPER_FUNCTION
    state = arguments[3] if len(arguments) > 3 else None
    if is_wrapper and isinstance(kind, GlobalName) and kind.name == "DTensor":
        return UnreadableNode(_find_wrapper_shape(arguments[2]), RANK_PART)
    if is_wrapper and isinstance(kind, GlobalName) and isinstance(state, dict):
        return Opaque(f"{kind.module}.{kind.name}", state=state)
    return machine.call(function, arguments[2])


def _find_wrapper_shape(arguments: Any) -> tuple[int, ...]:
    """Of `_rebuild_wrapper_subclass(class, dtype, size, ...)`."""
    if isinstance(arguments, tuple) and len(arguments) > 2:
        return _check_counts(arguments[2])
    return ()


def _build_from_numpy(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Any:
    """`_rebuild_device_tensor_from_numpy(array, dtype, device, requires_grad)`: the array, as it is."""
    _require_arguments(arguments, 1)
    return arguments[0]


def _make_unsupported_builder(reason: str) -> GlobalBuilder:
    return lambda _, __, ___: UnreadableNode((), reason)


def _build_layout(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Any:
    if arguments:
        return arguments[0]
    return None


def _build_script_list(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Any:
    if arguments:
        return arguments[0]
    return []


TORCH_BUILDERS: dict[str, GlobalBuilder] = {
    "torch._utils._rebuild_tensor": _build_tensor,
    "torch._utils._rebuild_tensor_v2": _build_tensor,
    "torch._utils._rebuild_tensor_v3": _build_tensor_v3,
    "torch._utils._rebuild_parameter": _build_parameter,
    "torch._utils._rebuild_parameter_with_state": _build_parameter,
    "torch._utils._rebuild_qtensor": _build_quantized,
    "torch._utils._rebuild_sparse_tensor": _build_sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _build_sparse,
    "torch._utils._rebuild_meta_tensor_no_storage": _build_meta,
    "torch._utils._rebuild_device_tensor_from_numpy": _build_from_numpy,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _build_from_numpy,
    "torch._utils._rebuild_xla_tensor": _build_from_numpy,
    "torch._utils._rebuild_nested_tensor": _make_unsupported_builder("a nested tensor"),
    "torch._utils._rebuild_wrapper_subclass": _make_unsupported_builder(
        "a tensor of a wrapper class, without values of its own"
    ),
    "torch._tensor._rebuild_from_type_v2": _build_subclass,
    "torch._tensor._rebuild_from_type": _build_subclass,
    "torch.serialization._get_layout": _build_layout,
    **{
        f"torch.jit._pickle.{name}": _build_script_list
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
        *(f"torch.{name}" for name in STORAGE_DTYPES),
        *(
            f"torch.storage.{name}"
            for name in ("UntypedStorage", "_UntypedStorage", "TypedStorage", "_TypedStorage")
        ),
        *(f"torch.{name}" for name in TORCH_DTYPES),
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

"""A net to export, and what a form of it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.properties.checked_networks import ConvVocoder

MEL = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 8, 32)).astype(np.float32))


def make_network() -> ConvVocoder:
    return ConvVocoder().eval()


def assert_same_output(form: Any, folder: Path) -> None:
    """The form as a module gives what the net gives, by position and by name."""
    net = make_network()
    with torch.no_grad():
        whole = net(MEL)
        by_position = form.make_export(net, [MEL], {}, folder)(MEL)
        by_name = form.make_export(net, [], {"mel": MEL}, folder)(mel=MEL)
    torch.testing.assert_close(by_position, whole)
    torch.testing.assert_close(by_name, whole)

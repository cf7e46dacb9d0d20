"""A comm without a kernel: it records what a widget sends, and hands it what a front end would send."""

from collections.abc import Iterator
from typing import Any

import comm
import pytest


class FakeComm(comm.base_comm.BaseComm):
    """Keeps every message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        self.messages.append((msg_type, data))

    def updates(self) -> dict[str, Any]:
        """The newest value of each trait that was sent since the last call."""
        sent = [data["state"] for _, data in self.messages if data and data.get("method") == "update"]
        self.messages.clear()
        return {name: value for state in sent for name, value in state.items()}

    def receive(self, **state: Any) -> None:
        """What the front end does when somebody clicks."""
        self.handle_msg({"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []})


@pytest.fixture(autouse=True)
def fake_comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(comm, "create_comm", FakeComm)
    yield
    import ipywidgets

    ipywidgets.Widget.close_all()

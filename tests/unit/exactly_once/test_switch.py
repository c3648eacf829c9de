"""Switch a dataflow: act once, and read its state before and after."""

from __future__ import annotations

import pytest

from airflow_provider_aep.exactly_once import switch_once
from airflow_provider_aep.flow_service.errors import AepAuthError, AepError, AepServerError

LOST = AepServerError("lost", status=503)
OLD_TOKEN = AepAuthError("old", status=401)
REFUSED = AepAuthError("refused", status=403)


class Flow:
    """One that is off; `acts` says of each action whether it has its effect, and how it is answered."""

    def __init__(self, *acts: tuple[bool, AepError | None], on: bool = False) -> None:
        self.acts = list(acts)
        self.on = on
        self.acted = 0

    def act(self) -> None:
        effect, error = self.acts.pop(0)
        self.acted += 1
        self.on = self.on or effect
        if error is not None:
            raise error

    def switch(self) -> bool:
        return switch_once(lambda: self.on, self.act)


def test_what_is_so_already_is_left_alone() -> None:
    """The service would refuse to enable what is enabled."""
    flow = Flow(on=True)
    assert flow.switch() is False
    assert flow.acted == 0


@pytest.mark.parametrize("answer", [None, LOST, REFUSED])
def test_an_effect_counts_however_it_was_answered(answer: AepError | None) -> None:
    """A reply that is lost fails no task."""
    flow = Flow((True, answer))
    assert flow.switch() is True
    assert flow.acted == 1


@pytest.mark.parametrize("answer", [LOST, REFUSED])
def test_a_failure_is_the_callers(answer: AepError) -> None:
    """It acted in vain, and does not act again by itself."""
    flow = Flow((False, answer))
    with pytest.raises(AepError) as caught:
        flow.switch()
    assert caught.value is answer
    assert flow.acted == 1


def test_a_refused_token_is_renewed_once() -> None:
    """The second time it is the credential that is refused."""
    flow = Flow((False, OLD_TOKEN), (True, None))
    assert flow.switch() is True
    flow = Flow((False, OLD_TOKEN), (False, OLD_TOKEN))
    with pytest.raises(AepAuthError) as caught:
        flow.switch()
    assert caught.value is OLD_TOKEN
    assert flow.acted == 2

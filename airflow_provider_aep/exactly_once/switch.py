"""Bringing a dataflow into a state by an action, which the service refuses where it is so already."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.retry import is_refused_token


def switch_once(is_so: Callable[[], bool], act: Callable[[], object]) -> bool:
    """Act unless it is so already; after a failure look whether it is so by now. Returns whether it acted.

    A refused token is renewed once. Whatever else leaves it as it was is for the caller's next try.
    """
    if is_so():
        return False
    failure: AepError | None = None
    for _ in range(2):
        try:
            act()
        except AepError as error:
            failure = error
        else:
            return True
        if is_so():
            return True
        if not is_refused_token(failure):
            break
    assert failure is not None
    raise failure

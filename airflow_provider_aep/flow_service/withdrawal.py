"""A source that the platform does not offer, or not any more: what is known of it, and the way on."""

from __future__ import annotations

from airflow_provider_aep.flow_service.errors import SourceWithdrawnError
from airflow_provider_aep.flow_service.sources import Source, catalogue


def withdrawn(source: Source, sandbox: str) -> SourceWithdrawnError:
    """That the platform does not offer the source: what is known, and where to go from here."""
    end = f" Of its end: {source.deprecated.partition(';')[0]}." if source.deprecated else ""
    return SourceWithdrawnError(
        f"The platform does not offer the source {source} (connection spec {source.connection_spec_id}) in "
        f"sandbox {sandbox!r}, or not to this credential.{end}{_way_on(source)}"
    )


def _way_on(source: Source) -> str:
    heir = nearest_living(source)
    if heir is None:
        return " `python -m airflow_provider_aep sources --live` lists what it offers: use another source."
    how = "the same" if _overlap(source, heir) == 1 else "a similar"
    kin = [one.title for one in _living(source) if one.category == source.category and one != heir]
    also = f"; in its category, {source.category}, there are {', '.join(kin[:3])}" if kin else ""
    return (
        f" The nearest source that goes on, with {how} authentication, is {heir.title}{also}. In the DAG, "
        f"write `source={heir.key!r}` in a CreateBaseConnectionOperator in place of {source.key!r}, and let "
        "`source_conn_id` name an Airflow connection with its credentials."
    )


def nearest_living(source: Source) -> Source | None:
    """The source, not known to end, that asks most nearly the same of its user; None where none is near."""

    def nearness(other: Source) -> float:
        same_way = {auth.name for auth in source.auth} & {auth.name for auth in other.auth}
        return _overlap(source, other) + (other.category == source.category) / 4 + bool(same_way) / 20

    best = max(_living(source), key=nearness)
    return best if _overlap(source, best) >= 0.5 else None


def _overlap(source: Source, other: Source) -> float:
    """How much of two sources' parameters is the same, at best."""
    pairs = [(set(one.parameters), set(two.parameters)) for one in source.auth for two in other.auth]
    return max((len(a & b) / len(a | b) for a, b in pairs if a | b), default=0.0)


def _living(source: Source) -> list[Source]:
    """All others that are certain, and not known to end."""
    return [
        one
        for one in catalogue().values()
        if one.auth
        and not (one.deprecated or one.uncertain)
        and one.connection_spec_id != source.connection_spec_id
    ]

"""The event about an endpoint, made from its row."""

from contracts.notify import EndpointDisabled
from notify.endpoints.model import Endpoint


def endpoint_disabled(endpoint: Endpoint) -> EndpointDisabled:
    """Make the event for an endpoint that was disabled."""
    assert endpoint.disabled_at
    return EndpointDisabled(
        version=endpoint.version,
        endpoint_id=endpoint.id,
        held_by="account" if endpoint.region is None else "office",
        owner_id=endpoint.owner_id,
        region=endpoint.region or "",
        channel=endpoint.channel,
        disabled_at=endpoint.disabled_at,
    )

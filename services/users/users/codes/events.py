"""Events of one-time codes, made from their rows."""

from contracts.users import CodeRequested
from users.codes.model import CodeRequest


def code_requested(request: CodeRequest) -> CodeRequested:
    """Make the event of a request. It holds neither phone nor code."""
    return CodeRequested(version=request.version, code_id=request.id, purpose=request.purpose, expires_at=request.expires_at)

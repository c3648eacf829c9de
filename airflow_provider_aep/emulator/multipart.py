"""Form fields of a multipart body, by the standard library's mail parser."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP


def read_multipart(content_type: str, raw: bytes) -> list[tuple[str, str]] | None:
    """The fields in order; None when the body is no multipart (no boundary, for one)."""
    try:
        head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
        message = BytesParser(policy=HTTP).parsebytes(head + raw)
        if not message.get_boundary() or not message.is_multipart():
            return None
        fields = []
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if isinstance(name, str) and isinstance(content, bytes):
                fields.append((name, content.decode("utf-8", "replace")))
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return None  # the mail parser has many ways to stumble over hostile headers
    return fields

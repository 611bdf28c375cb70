"""The ASGI application."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mcp_site.settings")
django_application = get_asgi_application()

from mcp_site.serving.admission import Admission, Application  # noqa: E402 - Django has to be set up first

http_application = Admission(cast(Application, django_application))


async def application(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Serve HTTP; there is no WebSocket yet, so one is refused without a traceback."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4404, "reason": ""})
        return
    await http_application(scope, receive, send)

"""Whether the hub can be asked, told within a second or so."""

import socket
import threading
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


def why_unreachable(*, timeout_s: float = 1.0) -> str | None:
    """Why the hub cannot be asked now, in a few words; None if it can.

    A connection to it, or to the proxy on the way, is opened and closed. That it answers as a hub
    does is not looked at.

    Args:
        timeout_s: so long it is tried, the resolution of names included.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "switched off (offline mode)"
    endpoint = urlsplit(constants.ENDPOINT)
    through = _proxy_of(endpoint) or endpoint
    outcome: list[str | None] = []
    # Names are resolved without a time limit of their own.
    attempt = threading.Thread(
        target=lambda: outcome.append(_failure(through, timeout_s)), daemon=True
    )
    attempt.start()
    attempt.join(timeout_s)
    return outcome[0] if outcome else "not reachable: no answer"


def _proxy_of(endpoint: SplitResult) -> SplitResult | None:
    from urllib.request import getproxies, proxy_bypass  # 40 ms that nobody else needs

    proxies = getproxies()
    proxy = proxies.get(endpoint.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(endpoint.hostname or ""):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _failure(server: SplitResult, timeout_s: float) -> str | None:
    try:
        port = server.port or _PORTS.get(server.scheme, 443)
        socket.create_connection((server.hostname or "", port), timeout_s).close()
    except (OSError, ValueError) as error:
        return f"not reachable: {getattr(error, 'strerror', None) or error}"
    return None

"""How many bytes proxies hold in memory, as Dask asks for it.

Dask finds this module by the entry point ``dask.sizeof``, in processes too that import nothing else of the plugin.
"""

from __future__ import annotations

from typing import Any

BARE_PROXY_BYTES = 512
"""What a proxy counts that holds no value."""


def register(sizeof: Any) -> None:
    """Teach ``dask.sizeof`` about proxies as soon as it meets something of `provenance`."""

    def register_proxies() -> None:
        from provenance.engine import ArtifactProxy, plain_value  # noqa: PLC0415  not before Dask meets one

        def size_of_proxy(proxy: ArtifactProxy) -> int:
            # Asking the proxy itself would load its value.
            size: int = sizeof(plain_value(proxy)) if proxy.is_loaded else BARE_PROXY_BYTES
            return size

        sizeof.register(ArtifactProxy, size_of_proxy)

    sizeof.register_lazy("provenance", register_proxies)

"""The same prior and the same measurement behind the interfaces of the peers, azula and deepinv.

Both are installed for development only. The adapters hand our prior to their samplers on our time
grid; nothing of theirs is changed. The tests in ``tests/peers`` and the ratios of ``benchmarks``
use the same adapters.
"""

"""Retrain neural networks as data arrive: warm starts, shrink-perturb, and honest comparisons with cold starts.

Names are imported when they are first used; ``import warmstart`` alone does not import PyTorch.
"""


def _version() -> str:
    import importlib.metadata

    return importlib.metadata.version("warmstart")


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    # To read the list of names takes longer than all else: the command line, which has its own, is there before it.
    import lazy_loader

    found, listed, names = lazy_loader.attach_stub(__name__, __file__)

    def with_version(name: str) -> object:
        return _version() if name == "__version__" else found(name)

    globals().update(__getattr__=with_version, __dir__=lambda: [*listed(), "__version__"], __all__=names)
    return names if name == "__all__" else found(name)


def __dir__() -> list[str]:
    names = __getattr__("__all__")
    assert isinstance(names, list), "lazy_loader lists them"
    return [*names, "__version__"]  # pyright: ignore[reportArgumentType]

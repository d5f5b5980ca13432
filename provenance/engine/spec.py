"""A decorated function: the function, its options, and what is derived from both once."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provenance._util.deferred import Deferred
from provenance.engine.bind import Binder, compile_binder
from provenance.engine.familiar import FamiliarCalls
from provenance.engine.options import Options
from provenance.engine.signature import is_generator_function
from provenance.engine.templates import CallKeys
from provenance.errors import UsageError
from provenance.hashing import digest_of
from provenance.types import Kargs

if TYPE_CHECKING:
    import inspect
else:
    inspect = Deferred("inspect")


class FunctionSpec:
    """A function with its validated options.

    Pickles as a reference where the function can be imported by name, else by value.
    """

    def __init__(self, fn: Callable[..., Any], options: Options) -> None:
        self.fn = fn
        self.options = options
        refuse_generators(self.fn)
        if self.options.name is None and not hasattr(self.fn, "__qualname__"):
            msg = f"{self.fn!r:.80} has no name of its own to be keyed by; pass name="
            raise UsageError(msg)
        known = self.binder.named | {self.binder.var_positional, self.binder.var_keyword}
        if self.binder.var_keyword is None:
            for option in ("ignore", "remove"):
                unknown = sorted(getattr(self.options, option) - known)
                if unknown:
                    msg = f"{option} names {unknown!r}, but {self.label} has only {sorted(filter(None, known))}"
                    raise UsageError(msg)
        for name in self.merged_names:
            if not isinstance(self.binder.defaults.get(name), dict):
                msg = f"merge_defaults names {name!r}, but {self.label} has no such parameter with a dict as default"
                raise UsageError(msg)

    @cached_property
    def binder(self) -> Binder:
        """Turns arguments into inputs."""
        return compile_binder(self.fn)

    @cached_property
    def name(self) -> str:
        """The artifact name."""
        return self.options.name or str(getattr(self.fn, "__name__", type(self.fn).__name__))

    @cached_property
    def module(self) -> str:
        """Module of the function."""
        return str(getattr(self.fn, "__module__", ""))

    @cached_property
    def qualname(self) -> str:
        """Qualified name of the function inside its module."""
        return str(getattr(self.fn, "__qualname__", self.name))

    @cached_property
    def label(self) -> str:
        """How messages name the function."""
        return f"{self.module}.{self.qualname}"

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """What keys are made of besides inputs: the given name alone, else module and qualified name; and version."""
        given = self.options.name
        version = self.options.version
        if given is not None:
            return "name", given, version
        if "<lambda>" in self.qualname:
            # All lambdas of a scope share their qualified name; the code tells them apart.
            return "lambda", self.module, self.qualname, self.code_id, version
        return "function", self.module, self.qualname, version

    @cached_property
    def merged_names(self) -> tuple[str, ...]:
        """Parameters whose given dict is merged over the default one."""
        chosen = self.options.merge_defaults
        if chosen is True:
            return tuple(name for name, value in self.binder.defaults.items() if isinstance(value, dict))
        return chosen or ()

    @cached_property
    def unhashed(self) -> frozenset[str]:
        """Parameters that are not hashed."""
        return self.options.ignore | self.options.remove

    @cached_property
    def has_plain_inputs(self) -> bool:
        """Whether every bound argument is hashed and recorded as it is: nothing to drop, process or rewrite."""
        options = self.options
        return not (options.ignore or options.remove or options.input_process_fn or options.input_hash_fn)

    @cached_property
    def paths(self) -> dict[str, str]:
        """How messages and records name each parameter."""
        return {name: f"kargs[{name!r}]" for name in self.binder.named}

    @cached_property
    def familiar(self) -> FamiliarCalls:
        """Calls of the function that this process has seen."""
        return FamiliarCalls()

    @cached_property
    def keys(self) -> CallKeys | None:
        """Keys of calls by the hashes of their arguments; None where other than the named parameters make them."""
        binder = self.binder
        if not self.has_plain_inputs or binder.var_positional is not None or binder.var_keyword is not None:
            return None
        return CallKeys(self.identity, tuple(sorted(binder.named)))

    @cached_property
    def code_id(self) -> str | None:
        """Digest of the function's byte code, constants and names: tells whether the code changed between calls."""
        code = getattr(inspect.unwrap(self.fn), "__code__", None)
        return None if code is None else digest_of("code", _code_parts(code))

    def bind(self, args: tuple[object, ...], kwargs: Kargs) -> tuple[Kargs, tuple[object, ...]]:
        """Inputs of a call: defaults applied, dicts merged over their defaults where asked for."""
        kargs, varargs = self.binder.bind(*args, **kwargs)
        for name in self.merged_names:
            given = kargs[name]
            if isinstance(given, dict):
                kargs[name] = {**self.binder.defaults[name], **given}  # type: ignore[dict-item]
        return kargs, varargs

    def call(self, kargs: Kargs, varargs: tuple[object, ...]) -> Any:
        """Call the function with these inputs."""
        args, keywords = self.binder.arguments(kargs, varargs)
        return self.fn(*args, **keywords)

    def __reduce__(self) -> tuple[object, ...]:
        if self.module != "__main__" and _lookup(self.module, self.qualname) is self:
            return _lookup, (self.module, self.qualname)
        return FunctionSpec, (self.fn, self.options)


def refuse_generators(fn: object) -> None:
    """Refuse functions whose results are used up by reading them."""
    if is_generator_function(fn):
        name = getattr(fn, "__qualname__", repr(fn))
        msg = (
            f"{name} is a generator function: its result is used up by reading it, so it cannot be stored; "
            "return a list, or decorate a function that does"
        )
        raise UsageError(msg)


def attach(spec: FunctionSpec, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the callable that takes a function's place be known by its spec: by `spec_of`, and when it is hashed.

    As an argument it counts as what its own calls are keyed by, so that another version is another argument.
    """
    function.__provenance_spec__ = spec  # type: ignore[attr-defined]
    function.__provenance_identity__ = lambda: spec.identity  # type: ignore[attr-defined]
    return function


def spec_of(obj: object) -> FunctionSpec | None:
    """The spec behind a decorated function, None for anything else."""
    spec = getattr(obj, "__provenance_spec__", None)
    return spec if isinstance(spec, FunctionSpec) else None


def _lookup(module: str, qualname: str) -> FunctionSpec | None:
    found: object = importlib.import_module(module)  # also waits for another thread that imports it
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return spec_of(found)


def _code_parts(code: Any) -> tuple[object, ...]:
    constants = tuple(
        _code_parts(constant) if hasattr(constant, "co_code") else repr(constant) for constant in code.co_consts
    )
    return code.co_code, constants, code.co_names

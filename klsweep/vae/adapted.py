"""A module of any kind as a network of klsweep's: the user's own, its shapes checked, or one that reads sentences.

A module that `vmap` can take runs as a stacked fleet. Any other (an LSTM, batch norm with running statistics, dropout,
a branch on data) runs without `vmap`, as a fleet of one.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from klsweep.errors import Problem, SpecError
from klsweep.vae.models import Shape
from klsweep.vae.networks import Vae
from klsweep.vae.targets import raised

TRIED = 3  # data in the batch on which a module is tried: enough for batch norm, and no size of anything else
Call = Callable[..., Any]  # of a module and its inputs


class Adapted(Vae):
    """The user's module. Inputs may carry a leading member axis; then so do the parameters it holds."""

    member_axis = True

    def __init__(
        self, module: nn.Module, input_shape: Shape, *, stacks: bool, draws: bool, sees: bool = False
    ) -> None:
        super().__init__()
        self.module = module
        self.input_axes = len(input_shape)
        self.stacks = stacks
        self.sees = sees  # what comes before each value, by a `decode_given` of the module's own
        self.draws, self.seed = draws, torch.initial_seed()
        if draws:
            self.register_buffer("passes", torch.zeros((), dtype=torch.int64))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Vae.encode`."""
        mean, logvar = self._call(_encode, x, one=x.dim() == self.input_axes + 1)
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        """See `Vae.decode`."""
        params: Tensor = self._call(_decode, z, one=z.dim() == 2)
        return params

    def decode_given(self, z: Tensor, x: Tensor) -> Tensor:
        """See `Vae.decode_given`."""
        if not self.sees:
            return self.decode(z)
        params: Tensor = self._call(_decode_given, z, x, one=z.dim() == 2)
        return params

    def _call(self, call: Call, *inputs: Tensor, one: bool) -> Any:
        # Training passes carry gradients, measuring ones do not: that is the mode of batch norm and dropout.
        self.module.train(torch.is_grad_enabled())
        if not self.draws:
            return self._members(call, inputs, one=one)
        with torch.random.fork_rng(devices=[inputs[0].device] if inputs[0].is_cuda else []):
            torch.manual_seed(self._key())
            return self._members(call, inputs, one=one)

    def _key(self) -> int:
        """Of the random numbers that the module draws itself: another one for every training pass."""
        count = self.get_buffer("passes")
        if torch.is_grad_enabled():
            count += 1
        return (
            self.seed + int(count) * torch.is_grad_enabled() * 0x9E3779B97F4A7C15
        ) % 2**63  # a Weyl sequence

    def _members(self, call: Call, inputs: tuple[Tensor, ...], *, one: bool) -> Any:
        if one:
            return call(self.module, *inputs)
        stacked = dict(self.module.named_parameters())
        if self.stacks:
            return vmap(lambda each, *each_input: _with(self.module, each, call, *each_input))(
                stacked, *inputs
            )
        if len(inputs[0]) > 1:
            members = len(inputs[0])
            raise SpecError([_cannot(f"it cannot be stacked, and {members} members were put together")])
        own = {name: value.squeeze(0) for name, value in stacked.items()}  # whose gradient is no copy
        outputs = _with(self.module, own, call, *(each.squeeze(0) for each in inputs))
        return tuple(each[None] for each in outputs) if isinstance(outputs, tuple) else outputs[None]


def adapted(module: nn.Module, shapes: tuple[Shape, int, int]) -> Adapted:
    """The module as a network; `SpecError` where what it gives is not of `shapes`.

    `shapes` is (input_shape, latent_dim, params_per_value).
    """
    draws = check(module, shapes)
    return Adapted(module, shapes[0], stacks=not unstackable(module, shapes), draws=draws)


def check(module: nn.Module, shapes: tuple[Shape, int, int]) -> bool:
    """Try the module on a few made-up data; `SpecError` says what it gives and what it should give.

    Returns whether it draws random numbers itself, as dropout does.
    """
    input_shape, latent_dim, params_per_value = shapes
    code = (TRIED, latent_dim)
    values = (TRIED, *input_shape) if params_per_value == 1 else (TRIED, *input_shape, params_per_value)
    x, z = torch.full((TRIED, *input_shape), 0.5), torch.zeros(code)
    tried = _copied(module)
    with torch.random.fork_rng(devices=[]):
        before = torch.get_rng_state()
        coded = _tried("encode", lambda: _encode(tried, x))
        if not isinstance(coded, tuple) or len(coded) != 2:
            raise SpecError([_cannot(f"encode gives {_shape(coded)}", "a tuple (mean, logvar)")])
        for name, given in zip(("the mean", "the logvar"), coded, strict=True):
            if not isinstance(given, Tensor) or given.shape != code:
                what = f"{name} that encode gives for {TRIED} data is {_shape(given)}"
                raise SpecError([_cannot(what, f"[batch, latent_dim] = {list(code)}")])
        params = _tried("decode", lambda: _decode(tried, z))
        draws = not torch.equal(before, torch.get_rng_state())
    if not isinstance(params, Tensor) or params.shape != values:
        wanted = "[batch, *input_shape" + (", params_per_value]" if params_per_value > 1 else "]")
        what = f"decode gives {_shape(params)} for {TRIED} codes"
        raise SpecError([_cannot(what, f"{wanted} = {list(values)}")])
    return draws


def misfit(make: Callable[[], nn.Module], shapes: tuple[Shape, int, int]) -> str:
    """Why a module cannot be made, or what it gives of another shape than `shapes` ask for; empty where neither."""
    with torch.random.fork_rng(devices=[]):
        try:
            check(make(), shapes)
        except SpecError as error:
            return "; ".join(f"{p.what}: {p.allowed}" if p.allowed else p.what for p in error.problems)
    return ""


def unstackable(module: nn.Module, shapes: tuple[Shape, int, int]) -> str:
    """Why `vmap` cannot take the module, in torch's words; empty where it can, running two copies side by side."""
    input_shape, latent_dim, _ = shapes
    tried = _copied(module).train()
    stacked = {name: torch.stack([value.detach()] * 2) for name, value in tried.named_parameters()}
    if not stacked:
        return "it has no parameters"
    x, z = torch.full((2, TRIED, *input_shape), 0.5), torch.zeros(2, TRIED, latent_dim)
    before = {name: value.clone() for name, value in tried.named_buffers()}
    try:
        for call, inputs in ((_encode, x), (_decode, z)):
            vmap(lambda each, x, call=call: _with(tried, each, call, x))(stacked, inputs)
    except Exception as error:  # of torch, or of the module, which ran without `vmap`
        return " ".join(str(error).split())[:200]
    changed = [name for name, value in tried.named_buffers() if not torch.equal(value, before[name])]
    return f"it changes its buffers {', '.join(changed)}" if changed else ""


def _encode(module: nn.Module, x: Tensor) -> Any:
    return module.encode(x)  # type: ignore[operator]


def _decode(module: nn.Module, z: Tensor) -> Any:
    return module.decode(z)  # type: ignore[operator]


def _decode_given(module: nn.Module, z: Tensor, x: Tensor) -> Any:
    return module.decode_given(z, x)  # type: ignore[operator]


class _Entry(nn.Module):
    """`functional_call` goes through `forward`; this one goes on to the method that is asked for."""

    def __init__(self, module: nn.Module, call: Call) -> None:
        super().__init__()
        self.module, self.call = module, call

    def forward(self, *inputs: Tensor) -> Any:
        return self.call(self.module, *inputs)


def _with(module: nn.Module, parameters: dict[str, Tensor], call: Call, *inputs: Tensor) -> Any:
    """A method of the module under other parameters."""
    named = {f"module.{name}": value for name, value in parameters.items()}
    return functional_call(_Entry(module, call), named, inputs)


def _copied(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:  # of the user's code: a lock, a file, a generator
        raise SpecError(
            [_cannot(f"it cannot be copied: {raised(error)}", "what copy.deepcopy can copy")]
        ) from error


def _tried(method: str, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception as error:  # this is the user's code, which may raise anything
        raise SpecError([_cannot(f"{method} failed on {TRIED} made-up data: {raised(error)}")]) from error


def _shape(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(list(value.shape))
    return (
        f"a {type(value).__name__} of {len(value)}"
        if isinstance(value, tuple | list)
        else type(value).__name__
    )


def _cannot(what: str, allowed: str = "") -> Problem:
    return Problem("model.target", what, allowed and f"allowed: {allowed}", "change the module")

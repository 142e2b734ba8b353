# SPDX-License-Identifier: Apache-2.0
"""quadcone behind cvxpylayers' own layers.

>>> from cvxpylayers.torch import CvxpyLayer
>>> layer = CvxpyLayer(problem, parameters, variables, solver=quadcone.cvxpylayers.backend())

`quadcone.torch.CvxpyLayer` does more, and faster: cvxpylayers repeats for every problem what a
batch shares.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from cvxpylayers.interfaces.base import SolverInterface

from ._problem import Problem
from ._solution import Solution
from .cvxpy._solver import cone_dictionary


def backend(**settings: Any) -> Backend:
    """What cvxpylayers takes as `solver`; one serves any number of layers.

    settings: see `quadcone.Settings`.  A layer's solver_args override them.
    """
    return Backend(settings)


class Structure(NamedTuple):
    """What the problems of a layer have in common."""

    problem: Problem
    dims: Any  # kept, so that no other layer's are at the same address
    has_P: bool
    constant: tuple[bool, bool]  # P and A do not depend on parameters
    split: int  # of the constraint values: where A ends and b begins
    b_rows: Any  # which numbers of b those are


class State(NamedTuple):
    """What the derivative of a solve needs."""

    structure: Structure
    solution: Solution


class Backend(SolverInterface):  # type: ignore[misc]
    """cvxpylayers' interface; see `backend`.

    It hands over values of P, q with the constant of the objective, and of [-A, b] column after
    column, each with the batch in front.
    """

    # SCS, like quadcone, takes the lower triangle, and cones in this order.
    canon_solver = "SCS"
    supports_quad_obj = True

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._structures: dict[int, Structure] = {}

    def setup(self, ctx: Any) -> None:
        """Called by a layer when it is made."""
        self._structures[id(ctx.cone_dims)] = _read_structure(ctx, self.settings)
        if ctx.solver_ctx is None:
            ctx.solver_ctx = JaxContext(self, ctx.cone_dims)

    def solve_numpy_batch(
        self, P: Any, q: Any, A: Any, dims: Any, solver_args: dict[str, Any], needs_grad: bool
    ) -> tuple[Any, Any, Any]:
        """x and y, (batch, n) and (batch, m), and the state for `derivative_numpy_batch`."""
        structure = self._structures[id(dims)]
        problem = structure.problem
        b = np.zeros((len(q), problem.m))
        b[:, structure.b_rows] = A[:, structure.split :]
        P_constant, A_constant = structure.constant
        solution = problem.solve(
            np.asarray(q[:, :-1], np.float64),
            b,
            P=None if P is None or P_constant else np.asarray(P, np.float64),
            A=None if A_constant else -np.asarray(A[:, : structure.split], np.float64),
            **{**solver_args, "derivatives": needs_grad},
        )
        # Certificates of what has no solution would pass for values of the variables.
        solved = np.asarray(solution.solved)[:, None]
        x, y = (np.where(solved, value, np.nan) for value in (solution.x, solution.y))
        return x, y, State(structure, solution)

    def derivative_numpy_batch(
        self, dprimal: Any, ddual: Any, saved_state: Any
    ) -> tuple[Any, Any, Any]:
        """Gradients of what `solve_numpy_batch` took; zero for what no parameter has a part in."""
        # cvxpylayers' default wraps a state in a list, one for each problem.
        state = saved_state[0] if isinstance(saved_state, list) else saved_state
        structure, solution = state
        P_constant, A_constant = structure.constant
        gradients = solution.vjp(dprimal, ddual)
        batch = len(dprimal)
        dA = np.zeros((batch, structure.split + len(structure.b_rows)))
        if not A_constant:
            dA[:, : structure.split] = -gradients.A
        dA[:, structure.split :] = gradients.b[:, structure.b_rows]
        dq = np.concatenate([gradients.q, np.zeros((batch, 1))], axis=1)
        dP = np.zeros((batch, structure.problem.P.nnz)) if P_constant else gradients.P
        return dP if structure.has_P else None, dq, dA

    def solve_torch_batch(
        self, P: Any, q: Any, A: Any, dims: Any, solver_args: dict[str, Any], needs_grad: bool
    ) -> tuple[Any, Any, Any]:
        """The same, of tensors."""
        values = (_read_tensor(P), _read_tensor(q), _read_tensor(A))
        x, y, state = self.solve_numpy_batch(*values, dims, solver_args, needs_grad)
        return q.new_tensor(x), q.new_tensor(y), state

    def derivative_torch_batch(
        self, dprimal: Any, ddual: Any, saved_state: Any
    ) -> tuple[Any, Any, Any]:
        """The same, of tensors."""
        cotangents = (_read_tensor(dprimal), _read_tensor(ddual))
        dP, dq, dA = self.derivative_numpy_batch(*cotangents, saved_state)
        return (
            None if dP is None else dprimal.new_tensor(dP),
            dprimal.new_tensor(dq),
            dprimal.new_tensor(dA),
        )

    def solve_jax_batch(
        self, P: Any, q: Any, A: Any, dims: Any, solver_args: dict[str, Any], needs_grad: bool
    ) -> tuple[Any, Any, Any]:
        """The same, of JAX arrays."""
        jnp = import_module("jax.numpy")
        values = (None if P is None else np.asarray(P), np.asarray(q), np.asarray(A))
        x, y, state = self.solve_numpy_batch(*values, dims, solver_args, needs_grad)
        return jnp.asarray(x, q.dtype), jnp.asarray(y, q.dtype), state

    def derivative_jax_batch(
        self, dprimal: Any, ddual: Any, saved_state: Any
    ) -> tuple[Any, Any, Any]:
        """The same, of JAX arrays."""
        jnp = import_module("jax.numpy")
        cotangents = (np.asarray(dprimal), np.asarray(ddual))
        dP, dq, dA = self.derivative_numpy_batch(*cotangents, saved_state)
        return (
            None if dP is None else jnp.asarray(dP, dprimal.dtype),
            jnp.asarray(dq, dprimal.dtype),
            jnp.asarray(dA, dprimal.dtype),
        )


class JaxContext:
    """What cvxpylayers' layer for JAX asks, up to its version 1.2, instead of the solver itself."""

    def __init__(self, solver: Backend, dims: Any) -> None:
        self.solver = solver
        self.dims = dims

    def jax_to_data(self, P: Any, q: Any, A: Any) -> JaxData:
        """Values with the batch last, or without one."""
        return JaxData(self, P, q, A)


class JaxData(NamedTuple):
    """The values of one call."""

    context: JaxContext
    P: Any
    q: Any
    A: Any

    def jax_solve(self, solver_args: dict[str, Any], needs_grad: bool = True) -> tuple[Any, ...]:
        """x, y, each (batch, length), and the state."""
        solver, dims = self.context.solver, self.context.dims
        P, q, A = (
            values if values is None else values.reshape(len(values), -1).T
            for values in (self.P, self.q, self.A)
        )
        return solver.solve_jax_batch(P, q, A, dims, solver_args, needs_grad)

    def jax_solve_only(self, solver_args: dict[str, Any]) -> tuple[Any, Any]:
        """x and y."""
        x, y, _ = self.jax_solve(solver_args, needs_grad=False)
        return x, y

    def jax_derivative(self, dprimal: Any, ddual: Any, state: Any) -> tuple[Any, ...]:
        """Gradients in the shapes of the values."""
        gradients = self.context.solver.derivative_jax_batch(dprimal, ddual, state)
        return tuple(
            gradient if gradient is None else gradient.T.reshape(values.shape)
            for gradient, values in zip(gradients, (self.P, self.q, self.A), strict=True)
        )


def _read_tensor(tensor: Any) -> Any:
    return None if tensor is None else tensor.detach().cpu().numpy()


def _read_structure(ctx: Any, settings: dict[str, Any]) -> Structure:
    indices, start, (m, columns) = ctx.reduced_A.problem_data_index
    n = columns - 1
    split = int(start[n])
    A_values = -_constants(ctx.reduced_A.reduced_mat)[:split]
    A = sp.csc_array((A_values, indices[:split], start[:columns]), shape=(m, n))
    P_map = ctx.reduced_P.reduced_mat
    if P_map is None:
        P = sp.csc_array((n, n))
    else:
        rows, P_start, _ = ctx.reduced_P.problem_data_index
        P = sp.csc_array((_constants(P_map), rows, P_start), shape=(n, n))
    constant = (
        P_map is None or _is_constant(P_map),
        _is_constant(ctx.reduced_A.reduced_mat[:split]),
    )
    problem = Problem(P, A if m else None, cone_dictionary(ctx.cone_dims), **settings)
    return Structure(problem, ctx.cone_dims, P_map is not None, constant, split, indices[split:])


def _constants(whole: Any) -> Any:
    """The values where all parameters are 0."""
    return whole[:, [-1]].toarray().ravel()


def _is_constant(whole: Any) -> bool:
    return bool(np.all(whole.tocoo().col == whole.shape[1] - 1))

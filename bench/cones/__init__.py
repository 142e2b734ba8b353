# SPDX-License-Identifier: Apache-2.0
"""Conic programs: families, exact references, peers, and their measurement."""

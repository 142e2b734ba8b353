# SPDX-License-Identifier: Apache-2.0
"""A network that learns the rules of 4x4 Sudoku from solved boards alone (OptNet, section 4.4)."""

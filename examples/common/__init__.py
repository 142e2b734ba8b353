# SPDX-License-Identifier: Apache-2.0
"""What all experiments share: sizes, seeds, checkpoints, results, pictures and the page."""

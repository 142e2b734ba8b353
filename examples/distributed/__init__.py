# SPDX-License-Identifier: Apache-2.0
"""A model with an optimization layer, trained by several processes: DistributedDataParallel."""

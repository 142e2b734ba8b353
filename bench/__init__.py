# SPDX-License-Identifier: Apache-2.0
"""quadcone measured beside its peers: `python -m bench`."""

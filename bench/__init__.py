"""The bench: greenload and its peers under the same load, in pairs, as real processes. No test depends on it."""

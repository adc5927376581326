"""The lab: lessons about green threads and load that are measured on the reader's own machine."""

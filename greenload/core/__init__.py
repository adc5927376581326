"""The ground floor: values and arithmetic. It computes and never waits: no clock, no I/O, no green thread."""

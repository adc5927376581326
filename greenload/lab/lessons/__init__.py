"""One lesson a file; greenload/lab/catalogue.py lists them."""

"""The page: a finished run as one HTML file that needs nothing else. It computes nothing that core has not computed."""

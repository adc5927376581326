"""HTTP for virtual users: a session like a browser's, over an engine that sends what it is given, once."""

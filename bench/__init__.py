"""The bench: greenload and its peers in pairs, a master and its workers, a plan of users. No test needs it."""

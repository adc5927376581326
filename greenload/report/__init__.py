"""Reports: Results in the forms people and programs read. They compute nothing that core has not computed."""

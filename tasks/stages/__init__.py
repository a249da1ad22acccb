"""One folder per stage, named by its verb, in the order of the paper. A stage imports no other stage."""

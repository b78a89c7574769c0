"""`--cluster`: the work of one command on many machines, through Ray, with the same results."""

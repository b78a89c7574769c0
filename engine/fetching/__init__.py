"""Files over HTTP and out of archives, each complete and checked or not there."""

"""The mode `bench`: what each step costs, beside a baseline measured in the same run."""

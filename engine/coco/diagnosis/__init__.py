"""Error diagnosis: every person and every keypoint sorted by kind of error.

The kinds follow Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance Pose
Estimation", ICCV 2017. Numbers come out of here, pictures are made in `app.evaluation.report`.
"""

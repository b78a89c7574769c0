"""The live window. The only package that knows Qt; it never imports torch, OpenCV or PyAV."""

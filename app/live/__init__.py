"""The mode `live`: cameras and streams to a window, or to lines without one; no Qt."""

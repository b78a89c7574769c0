"""User-fixable errors.

    PoseError
    ├── SettingsError     a value or a key in a setting, an option or a settings file
    ├── SourceError       a camera, stream, video or image that cannot be opened or read
    ├── WeightsError      a checkpoint that is missing, damaged or of another network
    ├── DownloadError     a file that cannot be fetched
    ├── DeviceError       a device or precision this machine does not offer, or that failed
    ├── DataError         annotations or data sets that cannot be used
    └── OutputError       a file, folder or socket that cannot be written

The command line prints a PoseError as one line and exits with 1. Anything else is a bug.
A message says what is wrong, which value, and what to do.
"""


class PoseError(Exception):
    """An error the user can fix."""


class SettingsError(PoseError):
    """A setting has an unknown name or an impossible value."""


class SourceError(PoseError):
    """A source cannot be opened or read."""


class WeightsError(PoseError):
    """A checkpoint is missing, damaged or does not fit the network."""


class DownloadError(PoseError):
    """A file cannot be fetched, or is not the one expected."""


class DeviceError(PoseError):
    """The requested device or precision is not available, or failed."""


class DataError(PoseError):
    """Annotations or a data set cannot be used as they are."""


class OutputError(PoseError):
    """Results cannot be written."""

"""Checksums of what components save, so that damage is noticed before anything is read."""

from hashlib import sha256

LENGTH = sha256().digest_size


def sealed(data: bytes) -> bytes:
    """RETURNS (bytes): The data after its checksum."""
    return sha256(data).digest() + data


def unsealed(saved: bytes, where: str) -> bytes:
    """Check what `sealed` gave, and take off the checksum.

    saved (bytes): The data after its checksum.
    where (str): What to call the data in the message: the file, or the component.
    RETURNS (bytes): The data.
    RAISES (ValueError): If the checksum is that of other data; the message says what to do.
    """
    checksum, data = saved[:LENGTH], saved[LENGTH:]
    if sha256(data).digest() != checksum:
        raise ValueError(damage(where))
    return data


def damage(where: str) -> str:
    """RETURNS (str): The message that some data is not what was saved."""
    return (
        f"{where} is damaged, or another version of music-ner saved it: install the package "
        "again, copy the pipeline again, or save it with this version"
    )


def checksum_line(name: str, data: bytes) -> str:
    """RETURNS (str): The line of a file in the format of the command `sha256sum`."""
    return f"{sha256(data).hexdigest()}  {name}"

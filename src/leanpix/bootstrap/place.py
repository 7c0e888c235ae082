"""Which folder and which database the settings name, for the commands and in words."""

from __future__ import annotations

from contextlib import AbstractContextManager

from leanpix.settings import Settings
from leanpix.stores.data_folder import DataFolder
from leanpix.stores.sql.database_url import database_named, told_where


def folder_of(settings: Settings) -> DataFolder:
    """The data folder, by its whole path."""
    return DataFolder(settings.data_dir.resolve())


def rows_named(settings: Settings) -> str:
    """Which database it is, for people; without passwords."""
    if settings.database_url is not None:
        return f"the {database_named(settings.database_url)}"
    return str(folder_of(settings).database)


def told(settings: Settings) -> AbstractContextManager[None]:
    """Failures of whichever database it is within the block, as a SetupError of one line."""
    if settings.database_url is not None:
        return told_where(settings.database_url)
    return folder_of(settings).told()

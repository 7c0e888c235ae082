"""Locked, killable processes: forked, fed, watched, ended."""

"""File endings that may hold picture or sound; what a file really is, only opening it tells."""

ENDINGS = {
    "video": ("mp4", "mov", "avi", "mkv", "webm", "mpg", "mpeg", "m4v", "3gp", "ts", "wmv", "flv"),
    "audio": ("wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "aif", "aiff", "wma"),
}
"""Kind of media -> file endings, in any case."""

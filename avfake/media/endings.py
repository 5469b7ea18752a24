"""File endings that may hold picture or sound; what a file really is, only opening it tells."""

ENDINGS: dict[str, tuple[str, ...]] = {
    "video": (
        *("mp4", "mov", "avi", "mkv", "webm", "mpg", "mpeg", "m4v", "3gp", "ts", "wmv", "flv"),
        *("mts", "m2ts", "m2t", "trp", "tp", "vob", "evo", "vro", "tod", "m2p", "m1v", "m2v"),
        *("mpe", "mpv", "mp4v", "3g2", "3gpp", "3gp2", "f4v", "asf", "wtv", "dvr-ms", "ogv"),
        *("ogm", "mxf", "gxf", "mk3d", "qt", "divx", "rm", "rmvb", "nut", "ivf", "obu", "dv"),
        *("y4m", "mjpeg", "mjpg", "h264", "264", "avc", "hevc", "h265", "265", "h266", "266"),
        *("vvc", "vc1", "h263", "h261", "amv", "dav", "nsv", "lrv", "insv", "ismv", "mj2"),
    ),
    "audio": (
        *("wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "aif", "aiff", "wma"),
        *("aifc", "caf", "au", "snd", "amr", "awb", "3ga", "ac3", "eac3", "ec3", "dts", "dtshd"),
        *("mlp", "thd", "wv", "ape", "tta", "tak", "mpc", "shn", "mka", "oga", "ogx", "spx"),
        *("weba", "gsm", "g722", "mp2", "mp1", "mpa", "m4b", "m4r", "w64", "rf64", "bwf", "wave"),
        *("voc", "ra", "adts", "loas", "latm", "dsf", "dff", "sph", "nist", "qcp", "aa3", "oma"),
    ),
    "picture": (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "tif", "tiff", "gif", "apng"),
        *("jp2", "avif"),
    ),
}
"""Kind of media -> file endings, in any case: those that ffmpeg, as PyAV brings it, can take apart
and decode."""
UNREAD_ENDINGS = (
    *("braw", "r3d", "ari", "swf", "bik", "smk", "mod", "m4p", "aax", "wvm", "raw", "pcm", "sln"),
    *("mid", "midi", "heic", "heif", "jxl", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2"),
    *("raf", "psd", "rar", "7z", "tar", "tgz", "zip"),
)
"""What may be media, or hold some, and is not read: encrypted, without a header, not decoded here,
of an ending that other files have more often, or packed in another way than in one zip archive."""
